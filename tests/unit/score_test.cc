// SPDX-License-Identifier: Apache-2.0
#include "validate/score.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace moeplan {
namespace {

TEST(Score, ErrorsAreSharesOfTheMeasurement) {
  // Predictions of 110, 100 and 50 for 100: errors 10 %, 0 and 50 %.
  const std::vector<double> ratios = {std::log(1.1), 0.0, std::log(0.5)};
  const FitError error = error_of(ratios);
  EXPECT_EQ(error.rows, 3);
  EXPECT_NEAR(error.median, 0.1, 1e-12);
  EXPECT_NEAR(error.mean, 0.6 / 3, 1e-12);
  EXPECT_NEAR(error.p90, 0.1 + 0.8 * 0.4, 1e-12);  // place 1.8 of the sorted three
}

TEST(Score, BiasIsTheMedianOfTheLogRatio) {
  const std::vector<double> ratios = {-0.3, 0.2, 0.1};
  EXPECT_DOUBLE_EQ(error_of(ratios).bias, 0.1);
}

TEST(Score, NothingToScoreIsZero) { EXPECT_EQ(error_of({}), FitError{}); }

TEST(Score, QuantilesInterpolateBetweenOrderStatistics) {
  const std::vector<double> values = {4, 1, 3, 2};
  EXPECT_DOUBLE_EQ(quantile_of(values, 0), 1);
  EXPECT_DOUBLE_EQ(quantile_of(values, 0.5), 2.5);
  EXPECT_DOUBLE_EQ(quantile_of(values, 1), 4);
}

}  // namespace
}  // namespace moeplan
