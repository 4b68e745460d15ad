// SPDX-License-Identifier: Apache-2.0
#include "reports/sweep_analysis.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "reports/expert_count.h"
#include "reports/render.h"

namespace moeplan {
namespace {

SweepTable grid() {
  SweepTableBuilder b({{.name = "hardware", .is_text = true, .is_axis = true},
                       {.name = "batch", .is_axis = true},
                       {.name = "step_time_s"}});
  for (const char* hardware : {"h200", "gb200"})
    for (const double batch : {1.0, 4.0, 16.0}) {
      b.set(0, hardware);
      b.set(1, batch);
      b.set(2, (hardware[0] == 'h' ? 0.02 : 0.01) * batch);
      b.finish_row(batch == 16 && hardware[0] == 'h' ? PointStatus::NoFit : PointStatus::Ok);
    }
  return b.take();
}

std::string notes_of(const Document& document) {
  std::string text;
  for (const Section& section : document.sections)
    if (const auto* note = std::get_if<Note>(&section)) text += note->text + "\n";
  return text;
}

const Table& table_of(const Document& document) {
  for (const Section& section : document.sections)
    if (const auto* table = std::get_if<Table>(&section)) return *table;
  static const Table kNone;
  return kNone;
}

TEST(SweepReport, NamesTheAxisThatMattersMostAndWhatIsMissing) {
  Document document;
  add_axis_effects(document, grid(), "step_time_s");
  EXPECT_NE(notes_of(document).find("batch explains"), std::string::npos);
  EXPECT_NE(notes_of(document).find("5 of 6 points"), std::string::npos);
  EXPECT_NE(notes_of(document).find("Points are missing from the grid"), std::string::npos);
}

TEST(SweepReport, SaysThatAPowerLawHasNoKnee) {
  Document document;
  add_elasticities(document, grid(), "step_time_s");
  EXPECT_NE(notes_of(document).find("step_time_s has no knee along batch."), std::string::npos);
  // 1 to 4 on both devices, 4 to 16 on one
  ASSERT_EQ(table_of(document).rows.size(), 2u);
  EXPECT_EQ(std::get<Count>(table_of(document).rows[0].cells.back().front()), 2);
  EXPECT_EQ(std::get<Count>(table_of(document).rows[1].cells.back().front()), 1);
}

TEST(SweepReport, TheBestOfEachGroupSaysHowManyFit) {
  Document document;
  add_best_per_group(document, grid(), {"hardware"}, {"step_time_s", Sense::Less});
  ASSERT_EQ(table_of(document).rows.size(), 2u);
  EXPECT_EQ(std::get<std::string>(table_of(document).rows[0].cells.back().front()), "2 of 3");
}

TEST(SweepReport, AFrontIsThinnedEvenlyAndSaysSo) {
  SweepTableBuilder b({{.name = "x", .is_axis = true}, {.name = "a"}, {.name = "b"}});
  for (int i = 0; i < 50; ++i) {
    b.set(0, i);
    b.set(1, i);
    b.set(2, 50 - i);
    b.finish_row(PointStatus::Ok);
  }
  Document document;
  add_pareto(document, b.take(), {{"a", Sense::Less}, {"b", Sense::Less}}, 8);
  const Table& table = table_of(document);
  ASSERT_EQ(table.rows.size(), 8u);
  EXPECT_EQ(std::get<std::string>(table.rows.front().cells[0].front()), "0");
  EXPECT_EQ(std::get<std::string>(table.rows.back().cells[0].front()), "49");
  EXPECT_NE(notes_of(document).find("8 of the 50 points"), std::string::npos);
}

TEST(ExpertCountReport, AnswersFirstAndListsEverySize) {
  static const Catalog catalog = Catalog::embedded();
  ExpertCountAsk ask;
  ask.skew = Skew::Balanced;
  ask.law = true;
  ask.experts = {8, 64, 8192};
  const std::vector<ExpertCountCurve> curves = {ExpertCountStudy(catalog).curve(ask)};
  const Document document = describe_expert_counts(curves);
  const auto* summary = std::get_if<ItemList>(&document.sections[1]);
  ASSERT_NE(summary, nullptr);
  ASSERT_EQ(summary->items.size(), 1u);
  EXPECT_NE(std::get<std::string>(summary->items[0].front()).find("experts"), std::string::npos);
  const Document rows = expert_count_rows(curves);
  const Table& all = table_of(rows);
  ASSERT_EQ(all.rows.size(), 3u);
  for (const Row& row : all.rows) EXPECT_EQ(row.cells.size(), all.columns.size());
}

}  // namespace
}  // namespace moeplan
