// SPDX-License-Identifier: Apache-2.0
#include "validate/csv_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moeplan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(CsvTable, CellsAreFoundByColumnName) {
  const CsvTable table("a,b\n1,2\n3,4\n", "x.csv");
  EXPECT_THAT(table.columns(), ElementsAre("a", "b"));
  ASSERT_EQ(table.rows(), 2U);
  EXPECT_EQ(table.cell(1, static_cast<std::size_t>(table.column("b"))), "4");
  EXPECT_EQ(table.column("c"), -1);
}

TEST(CsvTable, QuotesHoldCommasQuotesAndLineEnds) {
  const CsvTable table("a,b\n\"x, \"\"y\"\"\nz\",2\n", "x.csv");
  ASSERT_EQ(table.rows(), 1U);
  EXPECT_EQ(table.cell(0, 0), "x, \"y\"\nz");
}

TEST(CsvTable, ARowIsGivenBackAsItWasWritten) {
  const CsvTable table("a,b\r\n\"1,0\", 2\r\n", "x.csv");
  EXPECT_EQ(table.raw_header(), "a,b");
  EXPECT_EQ(table.raw(0), "\"1,0\", 2");
}

TEST(CsvTable, BlankLinesAreNoRows) { EXPECT_EQ(CsvTable("a,b\n\n1,2\n\n", "x.csv").rows(), 1U); }

TEST(CsvTable, ARowOfAnotherWidthIsNamedByItsLine) {
  try {
    CsvTable("a,b\n1,2\n3\n", "x.csv");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("x.csv:3: found 1 fields, expected 2"));
  }
}

TEST(CsvTable, QuotesThatNeverCloseAreAnError) { EXPECT_THROW(CsvTable("a\n\"x\n", "x.csv"), InputError); }

TEST(CsvTable, AnEmptyFileIsAnError) { EXPECT_THROW(CsvTable("", "x.csv"), InputError); }

TEST(CsvRow, WhatIsNoNumberIsComplainedAboutWithItsColumn) {
  const CsvTable table("m,n\n8,seven\n", "x.csv");
  std::vector<Problem> problems;
  const CsvRow row(table, 0, problems);
  EXPECT_EQ(row.number("m", 1), 8);
  row.number("n", 1);
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].path, "n");
  EXPECT_EQ(problems[0].line, 2);
}

}  // namespace
}  // namespace moeplan
