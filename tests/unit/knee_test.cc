// SPDX-License-Identifier: Apache-2.0
#include "sim/study/knee.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <vector>

namespace moeplan {
namespace {

std::optional<Knee> knee_of(const std::vector<double>& x, const std::function<double(double)>& f) {
  std::vector<double> y;
  for (const double at : x) y.push_back(f(at));
  return find_knee(x, y);
}

std::vector<double> doublings(double from, int count) {
  std::vector<double> x;
  for (int i = 0; i < count; ++i) x.push_back(from * std::pow(2, i));
  return x;
}

TEST(Knee, OfAFloorPlusALineIsWhereBothAreEqual) {
  // y = 1 + x from 2^-8 to 2^8: d log y / d log x = x / (1 + x) is the chord's 1/2 at x = 1.
  const std::vector<double> x = doublings(1.0 / 256, 17);
  const std::optional<Knee> knee = knee_of(x, [](double at) { return 1 + at; });
  ASSERT_TRUE(knee);
  EXPECT_DOUBLE_EQ(x[knee->at], 1);
  EXPECT_GT(knee->distance, 0);  // below the chord
  // ln(2 / (1 + 2^-8)) / ln(2^8), and the rest of ln 2^8: the slopes add up to 1
  EXPECT_NEAR(knee->slope_before, std::log(2 / (1 + 1.0 / 256)) / std::log(256), 1e-12);
  EXPECT_NEAR(knee->slope_before + knee->slope_after, 1, 1e-12);
}

TEST(Knee, OfSaturationLiesAboveTheChord) {
  const std::vector<double> x = doublings(1.0 / 256, 17);
  const std::optional<Knee> knee = knee_of(x, [](double at) { return at / (1 + at); });
  ASSERT_TRUE(knee);
  EXPECT_DOUBLE_EQ(x[knee->at], 1);
  EXPECT_LT(knee->distance, 0);
}

TEST(Knee, APowerLawHasNone) {
  for (const double power : {-1.0, 0.3, 2.0})
    EXPECT_FALSE(knee_of(doublings(8, 12), [power](double at) { return 5 * std::pow(at, power); }));
}

TEST(Knee, AConstantAndTwoPointsHaveNone) {
  EXPECT_FALSE(knee_of(doublings(8, 12), [](double) { return 3.0; }));
  EXPECT_FALSE(knee_of({1, 2}, [](double at) { return at * at; }));
}

TEST(Knee, WhatHasNoLogarithmHasNone) {
  EXPECT_FALSE(find_knee(std::vector<double>{0, 1, 2}, std::vector<double>{1, 2, 3}));
  EXPECT_FALSE(find_knee(std::vector<double>{1, 2, 3}, std::vector<double>{1, -2, 3}));
  EXPECT_FALSE(find_knee(std::vector<double>{1, 3, 2}, std::vector<double>{1, 2, 9}));
  EXPECT_FALSE(find_knee(std::vector<double>{1, 2, 4}, std::vector<double>{1, std::nan(""), 9}));
}

TEST(Knee, ElasticityIsTheExponentOfAPowerLaw) {
  EXPECT_NEAR(elasticity(3, 7 * std::pow(3, 0.4), 11, 7 * std::pow(11, 0.4)), 0.4, 1e-12);
}

}  // namespace
}  // namespace moeplan
