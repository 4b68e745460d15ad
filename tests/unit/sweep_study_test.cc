// SPDX-License-Identifier: Apache-2.0
#include "sim/study/sweep_study.h"

#include <gmock/gmock.h>

#include "sim/base/error.h"
#include "sim/study/sweep_grid.h"

namespace moeplan {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

SweepStudy read(const std::string& text) { return read_sweep_study(parse_json(text, "study.json")); }

std::string complaints(const std::string& text) {
  try {
    read(text);
  } catch (const InputError& error) {
    std::string all;
    for (const Problem& problem : error.problems()) all += describe(problem) + "\n";
    return all;
  }
  return "";
}

std::string axis_refused(const std::string& text) {
  try {
    parse_axis(text);
  } catch (const InputError& error) {
    return describe(error.problems().front());
  }
  return "";
}

TEST(SweepStudy, ReadsWhatItWrites) {
  const SweepStudy study =
      read(R"({"id": "s", "question": "q?", "base": {"model": "mixtral-8x7b", "gpus": 8, "mtp": true},
    "axes": [{"path": "load.batch", "values": "1:4:*2"},
             {"zip": [{"path": "hardware", "values": ["h200", "b200"]}, {"path": "layout.dp", "values": [1, 2]}]},
             {"path": "model.moe.experts@active", "values": [8, 16]}],
    "where": ["batch < 4"], "metrics": ["tpot_s"], "front": ["tpot_s"], "view": {"x": "batch", "y": ["tpot_s"]}})");
  EXPECT_EQ(study.base[1], (OptionWord{"gpus", "8"}));
  EXPECT_EQ(study.base[2], (OptionWord{"mtp", ""}));
  EXPECT_EQ(study.axes[1].variables[1].name, "attention-dp");
  EXPECT_EQ(study.axes[2].variables[0].keep, "active");
  EXPECT_EQ(write_sweep_study(read(write_sweep_study(study))), write_sweep_study(study));
}

TEST(SweepStudy, NamesEveryProblemOfAFile) {
  const std::string text = complaints(R"({"id": "s", "base": {"gpus": [8]}, "axes": [
    {"path": "batch", "values": "4:1"},
    {"path": "weights@active", "values": ["a", "a"]},
    {"zip": [{"path": "tp", "values": [1]}, {"path": "ep", "values": [1, 2]}]}], "colour": "red"})");
  for (const char* part : {"base.gpus", "reaches its end", "behind a size of the model", "as many of each", "colour"})
    EXPECT_THAT(text, HasSubstr(part));
}

TEST(SweepStudy, AxesOfTheCommandLine) {
  const SweepAxis axis = parse_axis("hardware=h200,b200+gpus=8,4");
  ASSERT_EQ(axis.variables.size(), 2U);
  EXPECT_THAT(axis.variables[1].values, ElementsAre("8", "4"));
  // A plus inside a value is one: two kinds of cards in a machine.
  EXPECT_THAT(parse_axis("hardware=rtx-4090+rtx-3090,h200").variables[0].values,
              ElementsAre("rtx-4090+rtx-3090", "h200"));
  EXPECT_THAT(axis_refused("batch"), HasSubstr("NAME=VALUES"));
  EXPECT_THAT(axis_refused("=1,2"), HasSubstr("no name"));
  EXPECT_THAT(axis_refused("batch=1,2,1:3"), HasSubstr("\"1\" twice"));
  EXPECT_THAT(axis_refused("batch=1,1+context=1,1"), HasSubstr("\"1, 1\" twice"));
  EXPECT_EQ(parse_axis("batch=1,1+context=1,2").size(), 2U);  // each pair once
  EXPECT_THAT(axis_refused("batch=1,2+context=1"), HasSubstr("2 values of batch and 1 of context"));
  EXPECT_THAT(axis_refused("model.moe.experts@most=1"), HasSubstr("active, total or both"));
}

TEST(SweepStudy, AnAxisReplacesItsNamesake) {
  SweepStudy study = read(R"({"id": "s", "base": {}, "axes": [{"path": "batch", "values": [1, 2]},
                                                               {"path": "context", "values": [1024]}]})");
  set_axis(study, parse_axis("load.batch=7"));
  set_axis(study, parse_axis("weights=fp8"));
  ASSERT_EQ(study.axes.size(), 3U);
  EXPECT_THAT(study.axes[0].variables[0].values, ElementsAre("7"));
  EXPECT_EQ(study.axes[2].variables[0].name, "weights");
}

TEST(SweepGrid, DeploymentsStandOutsideLayoutsOutsideLoads) {
  const SweepGrid grid(read(R"({"id": "s", "base": {}, "axes": [{"path": "batch", "values": [1, 2, 4]},
    {"path": "weights", "values": ["fp8", "bf16"]}, {"path": "tp", "values": [1, 2]}]})"));
  EXPECT_EQ(grid.points(), 12);
  EXPECT_EQ(grid.deployments(), 2);
  EXPECT_EQ(grid.layouts(), 2);
  EXPECT_EQ(grid.loads(), 3);
  // Columns as the study has them; the batch varies fastest all the same.
  EXPECT_EQ(grid.variable(grid.columns()[0]).name, "batch");
  EXPECT_EQ(grid.word(1, grid.columns()[0]), "2");
  EXPECT_EQ(grid.word(3, grid.columns()[2]), "2");
  EXPECT_EQ(grid.word(6, grid.columns()[1]), "bf16");
}

TEST(SweepGrid, ALoadThatMovesWithHardwareBelongsToIt) {
  const SweepGrid grid(read(R"({"id": "s", "base": {"batch": 3}, "axes": [{"zip": [
    {"path": "hardware", "values": ["h200", "b200"]}, {"path": "batch", "values": [1, 2]}]}]})"));
  EXPECT_EQ(grid.deployments(), 2);
  EXPECT_EQ(grid.loads(), 1);
}

TEST(SweepGrid, ConstraintsForbidPoints) {
  const SweepGrid grid(read(R"({"id": "s", "base": {}, "axes": [{"path": "batch", "values": "1:10"},
    {"path": "context", "values": "1:10"}], "where": ["batch * context <= 10"]})"));
  int allowed = 0;
  for (Count point = 0; point < grid.points(); ++point) allowed += grid.allows(point) ? 1 : 0;
  // Pairs with a product of at most 10: 10 + 5 + 3 + 2 + 2 + 1 + 1 + 1 + 1 + 1
  EXPECT_EQ(allowed, 27);
}

TEST(SweepGrid, CountsWhatHasNoRoomIn64Bits) {
  SweepStudy study = read(R"({"id": "s", "base": {}, "axes": []})");
  for (const char* name : {"batch", "context", "prompt", "isl"})
    set_axis(study, parse_axis(std::string(name) + "=1:1000000"));
  EXPECT_EQ(SweepGrid(study).size(), 1e24);
}

}  // namespace
}  // namespace moeplan
