// SPDX-License-Identifier: Apache-2.0
#include "sim/study/sweep_table.h"

#include <gtest/gtest.h>

#include <cmath>

namespace moeplan {
namespace {

SweepTableBuilder builder() {
  return SweepTableBuilder({{.name = "hardware", .is_text = true, .is_axis = true},
                            {.name = "batch", .is_axis = true},
                            {.name = "step_time_s"}});
}

TEST(SweepTable, HoldsWhatWasSetRowByRow) {
  SweepTableBuilder b = builder();
  b.set(0, "h200");
  b.set(1, 8);
  b.set(2, 0.25);
  b.finish_row(PointStatus::Ok);
  b.set(0, "laptop");
  b.set(1, 16);
  b.finish_row(PointStatus::NoFit, "short by 3 GiB");
  const SweepTable table = b.take();
  ASSERT_EQ(table.rows(), 2u);
  EXPECT_EQ(cell_text(table.columns[0], 1), "laptop");
  EXPECT_EQ(table.find("batch")->numbers, (std::vector<double>{8, 16}));
  EXPECT_EQ(table.status[1], PointStatus::NoFit);
  EXPECT_EQ(table.reasons[table.reason[1]], "short by 3 GiB");
  EXPECT_EQ(table.reasons[table.reason[0]], "");
}

TEST(SweepTable, ACellThatWasNotSetIsNone) {
  SweepTableBuilder b = builder();
  b.set(2, 1.0);
  b.finish_row(PointStatus::Ok);
  b.finish_row(PointStatus::Error, "no such model");
  const SweepTable table = b.take();
  EXPECT_TRUE(std::isnan(table.columns[0].numbers[0]));
  EXPECT_TRUE(std::isnan(table.columns[2].numbers[1]));  // nothing of the row before stays
  EXPECT_EQ(cell_text(table.columns[0], 0), "");
}

TEST(SweepTable, WordsAndReasonsAreKeptOnce) {
  SweepTableBuilder b = builder();
  for (int i = 0; i < 1000; ++i) {
    b.set(0, i % 2 == 0 ? "h200" : "gb200");
    b.finish_row(PointStatus::Invalid, "experts not divisible by ep");
  }
  const SweepTable table = b.take();
  EXPECT_EQ(table.columns[0].words, (std::vector<std::string>{"h200", "gb200"}));
  EXPECT_EQ(table.reasons.size(), 2u);  // "" and the one
}

TEST(SweepTable, ABuilderIsEmptyOnceItsTableIsTaken) {
  SweepTableBuilder b = builder();
  b.set(0, "h200");
  b.finish_row(PointStatus::Ok);
  b.take();
  b.set(0, "gb200");
  b.finish_row(PointStatus::Ok);
  const SweepTable table = b.take();
  EXPECT_EQ(table.rows(), 1u);
  EXPECT_EQ(cell_text(table.columns[0], 0), "gb200");
}

TEST(SweepTable, NumbersAreWrittenAsShortAsTheyReadBack) {
  SweepTableBuilder b = builder();
  b.set(1, 16384);
  b.set(2, 0.1);
  b.finish_row(PointStatus::Ok);
  const SweepTable table = b.take();
  EXPECT_EQ(cell_text(table.columns[1], 0), "16384");
  EXPECT_EQ(cell_text(table.columns[2], 0), "0.1");
}

TEST(SweepTable, AxesAreFoundByPlaceAndColumnsByName) {
  const SweepTable table = builder().take();
  EXPECT_EQ(table.axes(), (std::vector<std::size_t>{0, 1}));
  EXPECT_EQ(table.find("tokens_per_s"), nullptr);
}

}  // namespace
}  // namespace moeplan
