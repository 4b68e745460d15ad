// SPDX-License-Identifier: Apache-2.0
// The laws against what their papers print beside the constants.
#include "sim/study/scaling_law.h"

#include <gtest/gtest.h>

#include <cmath>

namespace moeplan {
namespace {

// Table 2 of arXiv:2402.07871: sizes that are best for their compute. "64 x 7B" has 64 times the
// feed-forward layers of a transformer of 7e9, which are 2/3 of it (8 of 12 hidden^2 a layer).
double expanded(double parameters) { return parameters * (1.0 / 3 + 64 * 2.0 / 3); }

struct Best {
  double dense;
  double tokens;
  double granularity;
  double loss;
};

TEST(GranularityLaw, GivesTheLossesItsPaperPrints) {
  for (const Best& row : {Best{7e9, 137.60e9, 32, 2.076}, Best{1e12, 7.94e12, 64, 1.367}}) {
    const double loss = granularity_law().loss(expanded(row.dense), row.tokens, row.granularity);
    EXPECT_NEAR(loss / row.loss, 1, 0.01) << row.dense;  // constants of two or three digits
  }
}

TEST(GranularityLaw, FinerExpertsAreWorthAtMostTwoAndAHalfTimesTheParameters) {
  EXPECT_DOUBLE_EQ(granularity_law().effective_factor(1), 1);
  // ((2.1 + 18.1) / 18.1)^(1 / 0.115) = 1.11602^8.69565 = 2.598
  EXPECT_NEAR(granularity_law().effective_factor(1e30), std::pow(20.2 / 18.1, 1 / 0.115), 1e-9);
  // and the loss is the same by definition
  const GranularityLaw& law = granularity_law();
  EXPECT_NEAR(law.loss(1e9 * law.effective_factor(8), 50e9, 1), law.loss(1e9, 50e9, 8), 1e-12);
}

TEST(RoutedLaw, OneExpertIsTheDenseModel) {
  for (const Router router : {Router::SinkhornBase, Router::Reinforced, Router::Hash}) {
    const RoutedLaw& law = routed_law(router);
    EXPECT_NEAR(law.saturated(1), law.start, 1e-12);
    EXPECT_NEAR(law.effective_parameters(370e6, 1), 370e6, 1);
    EXPECT_LT(law.saturated(1e12), law.most);
  }
}

TEST(RoutedLaw, GivesTheEffectiveCountItsPaperPrints) {
  // Clark et al.: 5e6 parameters with 128 experts do as well as 55e6 (S-BASE).
  EXPECT_NEAR(routed_law(Router::SinkhornBase).effective_parameters(5e6, 128) / 55e6, 1, 0.1);
}

TEST(RoutedLaw, StopsHelpingWhereItsPaperSays) {
  // 937e9 parameters for S-BASE: 10^(0.108 / 0.009) = 1e12 by the rounded constants. The others' two
  // digits are too few: 10^10.5 and 10^11.3 for 85e9 and 83e9.
  const RoutedLaw& law = routed_law(Router::SinkhornBase);
  EXPECT_NEAR(std::log10(law.cutoff_parameters()), std::log10(937e9), 0.05);
  EXPECT_LT(law.loss(1e9, 64), law.loss(1e9, 8));
  EXPECT_GT(law.loss(1e13, 64), law.loss(1e13, 8));
}

TEST(ScalingLaws, SayWhereTheyWereNotFitted) {
  EXPECT_TRUE(outside(kRoutedRanges, std::array{1e9, 64.0}).empty());
  const std::vector<std::string> said = outside(kRoutedRanges, std::array{7e9, 1024.0});
  ASSERT_EQ(said.size(), 2u);
  EXPECT_EQ(said[0], "parameters of the dense model 7e+09 is beyond 1.3e+09");
  EXPECT_TRUE(outside(kRoutedRanges, std::array{1.3e9, 512.0}).empty());  // the ends belong to it
}

}  // namespace
}  // namespace moeplan
