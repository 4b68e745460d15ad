// SPDX-License-Identifier: Apache-2.0
#include "reports/chart_tables.h"

#include <gtest/gtest.h>

#include "reports/render.h"

namespace moeplan {
namespace {

Chart memory_bars() {
  Chart chart;
  chart.title = "memory";
  chart.kind = ChartKind::StackedBar;
  chart.x.title = "device";
  chart.y.unit = in_bytes();
  chart.categories = {"gpu0", "gpu1"};
  chart.series = {{"experts", {{.y = 1 << 30}, {.y = 1 << 29}}}, {"kv cache", {{.y = 0}, {.y = 1 << 30}}}};
  chart.references = {{"budget", 3.0 * (1 << 30), std::nullopt}};
  return chart;
}

DataTable two_points() {
  return {.title = "points",
          .name = "points",
          .columns = {{.key = "gpus", .title = "GPUs", .numbers = {8, 16}},
                      {.key = "status", .title = "status", .is_text = true, .texts = {"ok", "no, \"fit\""}},
                      {.key = "time_s",
                       .title = "time",
                       .unit = {"ms", 1e3},
                       .numbers = {0.0345678, kNoValue},
                       .low = "low_s",
                       .high = "high_s"},
                      {.key = "low_s", .title = "low", .numbers = {0.031, kNoValue}},
                      {.key = "high_s", .title = "high", .numbers = {0.039, kNoValue}}}};
}

TEST(FigureText, HasFourSignificantDigitsAndGroupsOfThousands) {
  EXPECT_EQ(figure_text(1234567), "1,234,567");
  EXPECT_EQ(figure_text(999.96), "1,000");
  EXPECT_EQ(figure_text(999.94), "999.9");
  EXPECT_EQ(figure_text(12.3456), "12.35");
  EXPECT_EQ(figure_text(-0.00012346), "-0.0001235");
  EXPECT_EQ(figure_text(1.23456e-9), "1.235e-09");
  EXPECT_EQ(figure_text(0), "0");
  EXPECT_EQ(figure_text(kNoValue), "");
}

TEST(ChartTables, BarsGiveARowPerCategoryWithTheReferenceLast) {
  const Table table = table_of(memory_bars(), 10);
  ASSERT_EQ(table.columns.size(), 4U);  // device, experts, kv cache, budget
  EXPECT_EQ(table.columns[3].title, "budget");
  ASSERT_EQ(table.rows.size(), 2U);
  EXPECT_EQ(phrase_text(table.rows[1].cells[1], ByteUnit{}, Setting::Table), "0.50");
  EXPECT_EQ(phrase_text(table.rows[1].cells[3], ByteUnit{}, Setting::Table), "3.00");
}

TEST(ChartTables, ABandIsOneColumnBesideItsValue) {
  const Table table = table_of(two_points(), 10);
  ASSERT_EQ(table.columns.size(), 4U);  // gpus, status, time, band
  EXPECT_EQ(table.columns[2].title, "time (ms)");
  EXPECT_EQ(phrase_text(table.rows[0].cells[2], ByteUnit{}, Setting::Table), "34.57");
  EXPECT_EQ(phrase_text(table.rows[0].cells[3], ByteUnit{}, Setting::Table), "31..39");
  EXPECT_EQ(phrase_text(table.rows[1].cells[2], ByteUnit{}, Setting::Table), "");
}

TEST(ChartTables, TextShowsTheFirstRowsAndCountsTheRest) {
  DataTable data{.title = "many", .name = "many", .columns = {{.key = "i", .title = "i"}}};
  for (int i = 0; i < 1000; ++i) data.columns[0].numbers.push_back(i);
  Document document;
  document.add(data);
  const std::string text = render_text(document, {});
  EXPECT_NE(text.find("19\n  (and 980 more rows; --format csv shows all)"), std::string::npos) << text;
}

TEST(ChartTables, TextLeavesOutAChartWhoseNumbersStandBesideIt) {
  Document document;
  document.add(memory_bars());
  EXPECT_EQ(render_text(document, {}), "");
}

TEST(ChartTables, CsvHasEveryColumnRawAndQuoted) {
  Document document;
  document.add(two_points());
  EXPECT_EQ(render_csv(document),
            "gpus,status,time_s,low_s,high_s\r\n"
            "8,ok,0.0345678,0.031,0.039\r\n"
            "16,\"no, \"\"fit\"\"\",,,\r\n");
}

TEST(ChartTables, CsvOfAHeatMapHasALinePerPair) {
  HeatMap map{.title = "speed", .row_axis = "experts", .column_axis = "top_k", .rows = {"8", "16"}, .columns = {"2"}};
  map.values = {1.5, kNoValue};
  map.value = "tokens_per_s";
  Document document;
  document.add(map);
  EXPECT_EQ(render_csv(document), "experts,top_k,tokens_per_s\r\n8,2,1.5\r\n16,2,\r\n");
}

}  // namespace
}  // namespace moeplan
