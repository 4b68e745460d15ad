// SPDX-License-Identifier: Apache-2.0
#include "sim/study/sweep_analysis.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

namespace moeplan {
namespace {

using Metric = std::function<double(double, double)>;

// Two axes, a full grid.
SweepTable grid(const std::vector<double>& xs, const std::vector<double>& ys, const Metric& f) {
  SweepTableBuilder b({{.name = "x", .is_axis = true}, {.name = "y", .is_axis = true}, {.name = "t_s"}});
  for (const double x : xs)
    for (const double y : ys) {
      b.set(0, x);
      b.set(1, y);
      b.set(2, f(x, y));
      b.finish_row(PointStatus::Ok);
    }
  return b.take();
}

const std::vector<double> kXs = {1, 2, 4, 8};
const std::vector<double> kYs = {1, 3, 9};

TEST(SweepAnalysis, ElasticityOfAProductOfPowersIsItsExponent) {
  const SweepTable table = grid(kXs, kYs, [](double x, double y) { return 5 * std::pow(x, 0.7) / (y * y); });
  const std::optional<AxisElasticity> x = elasticity_along(table, "x", "t_s");
  ASSERT_TRUE(x);
  ASSERT_EQ(x->steps.size(), 3u);
  for (const ElasticityStep& step : x->steps) {
    EXPECT_NEAR(step.median, 0.7, 1e-12);
    EXPECT_NEAR(step.low, step.high, 1e-12);
    EXPECT_EQ(step.settings, 3u);
  }
  EXPECT_FALSE(x->knee);  // a power law
  EXPECT_NEAR(elasticity_along(table, "y", "t_s")->steps.front().median, -2, 1e-12);
}

TEST(SweepAnalysis, TheKneeOfAFloorAndALineIsFound) {
  const std::vector<double> xs = {1.0 / 64, 1.0 / 16, 0.25, 1, 4, 16, 64};
  const std::optional<AxisElasticity> x =
      elasticity_along(grid(xs, {1, 2}, [](double at, double y) { return y * (1 + at); }), "x", "t_s");
  ASSERT_TRUE(x && x->knee);
  EXPECT_DOUBLE_EQ(x->knee_at, 1);  // knee_test.cc
}

TEST(SweepAnalysis, RowsThatDoNotFitAreLeftOutAndCounted) {
  SweepTable table = grid(kXs, kYs, [](double x, double y) { return x * y; });
  table.status[0] = PointStatus::NoFit;
  table.status[5] = PointStatus::Invalid;
  const std::optional<AxisElasticity> x = elasticity_along(table, "x", "t_s");
  EXPECT_EQ(x->coverage.rows, 12u);
  EXPECT_EQ(x->coverage.used, 10u);
  for (const ElasticityStep& step : x->steps) EXPECT_NEAR(step.median, 1, 1e-12);
}

TEST(SweepAnalysis, WordsHaveNoElasticity) {
  SweepTableBuilder b({{.name = "hardware", .is_text = true, .is_axis = true}, {.name = "t_s"}});
  b.set(0, "h200");
  b.set(1, 1.0);
  b.finish_row(PointStatus::Ok);
  EXPECT_FALSE(elasticity_along(b.take(), "hardware", "t_s"));
}

TEST(SweepAnalysis, SharesOfIndependentAxesAreTheirVariances) {
  // log t = a log x + b log y: var of log2 x over {0,1,2,3} is 5/4, of log3 y over {0,1,2} 2/3.
  const double lx = std::log(2.0);
  const double ly = std::log(3.0);
  const double vx = 4 * lx * lx * 5 / 4;  // a = 2
  const double vy = ly * ly * 2 / 3;      // b = 1
  const AxisEffects effects = axis_effects(grid(kXs, kYs, [](double x, double y) { return x * x * y; }), "t_s");
  ASSERT_EQ(effects.effects.size(), 2u);
  EXPECT_EQ(effects.effects[0].axis, "x");
  EXPECT_NEAR(effects.effects[0].share, vx / (vx + vy), 1e-12);
  EXPECT_NEAR(effects.effects[1].share, vy / (vx + vy), 1e-12);
  EXPECT_NEAR(effects.effects[0].factor, 64, 1e-9);  // 8^2 over 1^2
  EXPECT_NEAR(effects.interactions, 0, 1e-12);
  EXPECT_TRUE(effects.full_grid);
  EXPECT_NEAR(effects.spread, 64 * 9, 1e-9);
}

TEST(SweepAnalysis, WhatOnlyBothAxesTogetherDoIsInteraction) {
  // log t = +1 where both are at the same end, -1 elsewhere: means over either axis are 0.
  const SweepTable table = grid({1, 2}, {1, 2}, [](double x, double y) { return std::exp(x == y ? 1.0 : -1.0); });
  const AxisEffects effects = axis_effects(table, "t_s");
  EXPECT_NEAR(effects.effects[0].share, 0, 1e-12);
  EXPECT_NEAR(effects.effects[1].share, 0, 1e-12);
  EXPECT_NEAR(effects.interactions, 1, 1e-12);
}

TEST(SweepAnalysis, AGridWithHolesSaysSo) {
  SweepTable table = grid(kXs, kYs, [](double x, double y) { return x + y; });
  table.status[3] = PointStatus::NoFit;
  const AxisEffects effects = axis_effects(table, "t_s");
  EXPECT_FALSE(effects.full_grid);
  EXPECT_EQ(effects.coverage.used, 11u);
  EXPECT_GE(effects.interactions, 0);
}

TEST(SweepAnalysis, NothingThatFitsHasNoEffects) {
  SweepTable table = grid(kXs, kYs, [](double x, double) { return x; });
  for (PointStatus& status : table.status) status = PointStatus::NoFit;
  const AxisEffects effects = axis_effects(table, "t_s");
  EXPECT_TRUE(effects.effects.empty());
  EXPECT_EQ(effects.coverage.used, 0u);
  EXPECT_TRUE(best_per_group(table, {"x"}, "t_s", Sense::Less).empty());
  EXPECT_FALSE(elasticity_along(table, "x", "t_s"));
}

TEST(SweepAnalysis, TheBestOfEachGroupIsTheFirstOfEqualOnes) {
  // t = |y - 3|: 2, 0 is not above 0, 6.
  SweepTable table = grid({1, 2}, {1, 3, 9}, [](double, double y) { return std::abs(y - 3); });
  const std::vector<GroupBest> best = best_per_group(table, {"x"}, "t_s", Sense::Less);
  ASSERT_EQ(best.size(), 2u);
  EXPECT_EQ(best[0].row, 0u);
  EXPECT_EQ(best[1].row, 3u);
  EXPECT_EQ(best[0].used, 2u);
  EXPECT_EQ(best[0].rows, 3u);
  EXPECT_EQ(best_per_group(table, {"x"}, "t_s", Sense::More)[1].row, 5u);
  EXPECT_EQ(best_per_group(table, {}, "t_s", Sense::More).size(), 1u);  // no axis: one group
}

TEST(SweepAnalysis, TheFrontHoldsRowsThatFit) {
  SweepTable table = grid({1, 2, 3}, {1}, [](double x, double) { return 1 / x; });
  table.status[0] = PointStatus::NoFit;
  const std::vector<RankedPoint> front = pareto_of(table, {"x", "t_s"}, {Sense::Less, Sense::Less}).entries();
  ASSERT_EQ(front.size(), 2u);
  EXPECT_EQ(front[0].index, 1u);
}

}  // namespace
}  // namespace moeplan
