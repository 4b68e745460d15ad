// SPDX-License-Identifier: Apache-2.0
// Figures of routing that others printed or derived: the DeepSeek-V3 paper's layout,
// DODOCO's Gini range (arXiv 2605.20982), EPLB's example, and closed forms checked by
// independent simulation.
#include "sim/program/routing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sim/program/eplb.h"
#include "sim/program/place_experts.h"
#include "sim/program/popularity.h"
#include "sim/program/power_law.h"

namespace moeplan {
namespace {

ExpertGroup group_of(Count experts, Count top_k, Count ranks = 1) {
  return {.choices = experts, .experts = experts, .top_k = top_k, .ranks = ranks};
}

TEST(DistinctExperts, Balanced) {
  const LoadTable v3({}, group_of(256, 8));
  EXPECT_NEAR(v3.at(1).distinct, 8.0, 1e-9);
  EXPECT_NEAR(v3.at(8).distinct, 57.4, 0.05);
  EXPECT_NEAR(v3.at(32).distinct, 163.3, 0.05);
  EXPECT_NEAR(v3.at(128).distinct, 251.6, 0.05);
  EXPECT_NEAR(LoadTable({}, group_of(128, 4)).at(32).distinct, 81.7, 0.05);   // gpt-oss-120b
  EXPECT_NEAR(LoadTable({}, group_of(384, 8)).at(32).distinct, 188.2, 0.05);  // Kimi-K2
  EXPECT_NEAR(LoadTable({}, group_of(384, 8)).at(128).distinct, 358.1, 0.05);
}

// Printed from simulations of a few hundred draws.
TEST(DistinctExperts, Zipf) {
  const std::vector<double> mild = inclusion_probabilities(zipf_weights(256, 0.6), 8);
  EXPECT_NEAR(distinct_of(mild, 8), 52.9, 0.15);
  EXPECT_NEAR(distinct_of(mild, 32), 141, 0.6);
  EXPECT_NEAR(distinct_of(mild, 128), 239, 1.0);
  const std::vector<double> steep = inclusion_probabilities(zipf_weights(256, 1.0), 8);
  EXPECT_NEAR(distinct_of(steep, 8), 42, 0.6);
  EXPECT_NEAR(distinct_of(steep, 32), 106, 0.6);
  EXPECT_NEAR(distinct_of(steep, 128), 202, 1.0);
}

TEST(Gini, OfZipfWeights) {
  struct Row {
    double s, gini, max_over_mean;
  };
  for (const Row& row : {Row{0.2, 0.107, 2.4}, Row{0.3, 0.168, 3.7}, Row{0.4, 0.234, 5.7}, Row{0.5, 0.304, 8.4},
                         Row{0.6, 0.378, 12.2}, Row{1.0, 0.677, 41.8}}) {
    const Weights w = zipf_weights(256, row.s);
    EXPECT_NEAR(gini_of(w), row.gini, 0.0006) << row.s;
    EXPECT_NEAR(w[0] * 256 / std::accumulate(w.begin(), w.end(), 0.0), row.max_over_mean, 0.06) << row.s;
  }
}

// Mean over `draws` of the Gini coefficient, and of the busiest expert and rank over the mean.
struct PowerLawFigures {
  double gini = 0, expert = 0, rank = 0;
};
PowerLawFigures power_law_figures(double alpha, Count tokens) {
  constexpr int kDraws = 200;
  PowerLawFigures f;
  for (int d = 0; d < kDraws; ++d) {
    CounterRng rng(7, static_cast<std::uint64_t>(d));
    const std::vector<Count> counts = power_law_counts(tokens, 256, 8, 8, alpha, rng);
    f.gini += gini_of(std::vector<double>(counts.begin(), counts.end())) / kDraws;
    const double mean = static_cast<double>(tokens) * 8 / 256;
    f.expert += static_cast<double>(*std::max_element(counts.begin(), counts.end())) / mean / kDraws;
    double busiest = 0;
    for (auto r = counts.begin(); r != counts.end(); r += 32)
      busiest = std::max(busiest, static_cast<double>(std::accumulate(r, r + 32, Count{0})));
    f.rank += busiest / (32 * mean) / kDraws;
  }
  return f;
}

TEST(PowerLaw, SkewOfTheMeasuredRows) {
  const PowerLawFigures mild = power_law_figures(1.01, 4096);
  EXPECT_NEAR(mild.gini, 0.75, 0.01);
  EXPECT_NEAR(mild.expert, 8.1, 0.4);
  EXPECT_NEAR(mild.rank, 1.47, 0.03);
  const PowerLawFigures steep = power_law_figures(1.2, 4096);
  EXPECT_NEAR(steep.gini, 0.84, 0.01);
  EXPECT_NEAR(steep.expert, 15.1, 0.8);
  EXPECT_NEAR(steep.rank, 1.70, 0.04);
}

TEST(PowerLaw, SkewGrowsWithTokens) {
  EXPECT_NEAR(power_law_figures(1.01, 256).gini, 0.63, 0.01);
  EXPECT_NEAR(power_law_figures(1.01, 32768).gini, 0.81, 0.01);
}

TEST(Capacity, DropsOfBalancedRouting) {
  const auto dropped = [](Count tokens, Count experts, Count k, double factor) {
    const auto capacity =
        static_cast<Count>(std::ceil(factor * static_cast<double>(tokens * k) / static_cast<double>(experts)));
    const std::vector<double> pi(static_cast<std::size_t>(experts),
                                 static_cast<double>(k) / static_cast<double>(experts));
    return 100 * dropped_share(pi, k, tokens, capacity);
  };
  EXPECT_NEAR(dropped(1024, 64, 1, 1.0), 9.84, 0.005);
  EXPECT_NEAR(dropped(1024, 64, 1, 1.25), 2.24, 0.005);
  EXPECT_NEAR(dropped(1024, 64, 1, 1.5), 0.31, 0.006);
  EXPECT_NEAR(dropped(4096, 128, 1, 1.0), 7.01, 0.005);
  EXPECT_NEAR(dropped(4096, 128, 1, 1.25), 0.72, 0.005);
  EXPECT_NEAR(dropped(4096, 128, 1, 1.5), 0.024, 0.0005);
  EXPECT_NEAR(dropped(2048, 8, 2, 1.0), 1.53, 0.005);
  EXPECT_LT(dropped(2048, 8, 2, 1.25), 0.001);
}

TEST(Straggler, OfChanceAlone) {
  const LoadTable experts({.skew = Skew::Uniform}, group_of(256, 8));
  EXPECT_NEAR(experts.at(128).peak / 4, 2.63, 0.08);  // mean 128 x 8 / 256 = 4 pairs
  EXPECT_NEAR(experts.at(512).peak / 16, 1.80, 0.08);
  constexpr int kSeeds = 8;  // each of them 0.3 % off
  double eight = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed)
    eight += LoadTable({.skew = Skew::Uniform, .seed = seed}, group_of(256, 8, 8)).at(512).rows / 512 / kSeeds;
  EXPECT_NEAR(eight, 1.07, 0.01);
  const LoadTable many({.skew = Skew::Uniform}, group_of(256, 8, 32));
  EXPECT_NEAR(many.at(128).rows / 32, 1.36, 0.03);
}

TEST(Destinations, OfFreeRouting) {
  EXPECT_NEAR(free_destinations(256, 8, 8), 5.295, 0.0005);
  EXPECT_NEAR(free_destinations(256, 8, 16), 6.523, 0.0005);
  EXPECT_NEAR(free_destinations(256, 8, 32), 7.267, 0.0005);
  EXPECT_NEAR(free_destinations(256, 8, 64), 7.676, 0.0005);
  EXPECT_NEAR(free_destinations(128, 4, 8), 3.343, 0.0006);
  EXPECT_NEAR(free_destinations(384, 8, 16), 6.499, 0.0005);
  EXPECT_NEAR(free_destinations(8, 2, 4), 1.857, 0.0005);
}

TEST(Destinations, OfDeepSeekV3GroupLimitedRouting) {
  const Routing limited{.groups = 8, .kept_groups = 4};
  const auto ranks = [&](Count n) { return LoadTable(limited, group_of(256, 8, n)).destinations().ranks; };
  EXPECT_NEAR(ranks(8), 3.95, 0.01);
  EXPECT_NEAR(ranks(16), 5.73, 0.015);
  EXPECT_NEAR(ranks(32), 6.86, 0.015);
  EXPECT_NEAR(ranks(64), 7.49, 0.015);
}

// The example of deepseek-ai/EPLB's README: 12 experts, 16 slots, 4 groups, 2 nodes, 8 GPUs.
const std::vector<double> kFirstLayer = {90, 132, 40, 61, 104, 165, 39, 4, 73, 56, 183, 86};
const std::vector<double> kSecondLayer = {20, 107, 104, 64, 19, 197, 187, 157, 172, 86, 16, 27};

TEST(Eplb, PlacesReplicasAsItsReadmeShows) {
  EXPECT_EQ(place_replicas(kFirstLayer, 16, 4, 2, 8).expert_of_slot,
            (std::vector<Count>{5, 6, 5, 7, 8, 4, 3, 4, 10, 9, 10, 2, 0, 1, 11, 1}));
  EXPECT_EQ(place_replicas(kSecondLayer, 16, 4, 2, 8).expert_of_slot,
            (std::vector<Count>{7, 10, 6, 8, 6, 11, 8, 9, 2, 4, 5, 1, 5, 0, 3, 1}));
}

TEST(Eplb, TheSearchGoesBelowItsReadme) {
  EXPECT_LT(place_experts(kFirstLayer, 16, 8, 2).imbalance, 1.08);
  EXPECT_LT(place_experts(kSecondLayer, 16, 8, 2).imbalance, 1.2);
  // With whole groups in a node, as there, nothing is left to win.
  const PlacementSearch grouped{.whole_groups = true, .groups = 4};
  EXPECT_NEAR(place_experts(kFirstLayer, 16, 8, 2, grouped).imbalance, 1.2081, 5e-5);
  EXPECT_NEAR(place_experts(kSecondLayer, 16, 8, 2, grouped).imbalance, 1.2422, 5e-5);
}

TEST(Eplb, BusiestRankOfItsReadme) {
  EXPECT_NEAR(imbalance_of(place_replicas(kFirstLayer, 16, 4, 2, 8), kFirstLayer, 8), 1.2081, 5e-5);
  EXPECT_NEAR(imbalance_of(place_replicas(kSecondLayer, 16, 4, 2, 8), kSecondLayer, 8), 1.2422, 5e-5);
}

}  // namespace
}  // namespace moeplan
