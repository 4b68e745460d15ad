// SPDX-License-Identifier: Apache-2.0
#include "sim/program/place_experts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "sim/base/rng.h"
#include "sim/program/popularity.h"

namespace moeplan {
namespace {

std::vector<double> shuffled(std::vector<double> loads) {
  CounterRng rng(7, 1);
  for (std::size_t i = loads.size(); i > 1; --i)
    std::swap(loads[i - 1], loads[rng.below(static_cast<std::uint32_t>(i))]);
  return loads;
}

std::vector<double> log_normal(double sigma) {
  CounterRng rng(3, 3);
  std::vector<double> loads;
  for (int i = 0; i < 256; ++i) {
    const double radius = std::sqrt(-2 * std::log(1 - rng.uniform()));
    loads.push_back(std::exp(sigma * radius * std::cos(2 * M_PI * rng.uniform())));
  }
  return loads;
}

struct Histogram {
  const char* name;
  std::vector<double> loads;
};

std::vector<double> gini(double g) { return shuffled(inclusion_probabilities(gini_weights(256, 8, g), 8)); }

class SkewedLoads : public testing::TestWithParam<Histogram> {};

TEST_P(SkewedLoads, WithRedundantSlotsBusiestRankIsBelowEplbs) {
  const SearchedPlacement found = place_experts(GetParam().loads, 288, 72, 1);
  EXPECT_LT(found.imbalance, found.eplb);
  EXPECT_GE(found.imbalance, found.bound * (1 - 1e-12));
  EXPECT_DOUBLE_EQ(found.imbalance, imbalance_of(found.placement, GetParam().loads));
}

TEST_P(SkewedLoads, WithoutRedundantSlotsTheBoundIsReached) {
  // 256 experts on 72 ranks, 3 or 4 each: one expert has more than a rank's share.
  const SearchedPlacement found = place_experts(GetParam().loads, 256, 72, 1);
  EXPECT_EQ(found.eplb, 0);  // 256 / 72 is no whole number
  EXPECT_NEAR(found.imbalance / found.bound, 1, 1e-3);
}

INSTANTIATE_TEST_SUITE_P(Histograms, SkewedLoads,
                         testing::Values(Histogram{"Zipf03", shuffled(zipf_weights(256, 0.3))},
                                         Histogram{"Zipf06", shuffled(zipf_weights(256, 0.6))},
                                         Histogram{"Zipf1", shuffled(zipf_weights(256, 1.0))},
                                         Histogram{"Gini02", gini(0.2)}, Histogram{"Gini03", gini(0.3)},
                                         Histogram{"Gini04", gini(0.4)}, Histogram{"Gini06", gini(0.6)},
                                         Histogram{"LogNormal", log_normal(0.8)}),
                         [](const auto& row) { return row.param.name; });

TEST(PlaceExperts, MildSkewEndsWithinAThousandthOfTheBound) {
  for (const double g : {0.2, 0.3, 0.4}) {
    const SearchedPlacement found = place_experts(gini(g), 288, 72, 1);
    EXPECT_LT(found.imbalance / found.bound, 1.001) << g;
  }
}

TEST(PlaceExperts, HotExpertsAreAsGoodAsTheyGet) {
  // 8 experts of 10 among 248 of 1, 32 redundant slots: five replicas of 2 with three others make
  // 5; one replica fewer would leave 2.5 + 3. Mean (80 + 248) / 72 = 4.56.
  std::vector<double> loads(256, 1.0);
  for (std::size_t e = 0; e < 8; ++e) loads[e * 31] = 10;
  EXPECT_NEAR(place_experts(loads, 288, 72, 1).imbalance, 5 * 72 / 328.0, 1e-9);
}

TEST(PlaceExperts, IsNeverAboveEplb) {
  CounterRng rng(9, 0);
  for (int trial = 0; trial < 200; ++trial) {
    const Count ranks = 2 + rng.below(7);
    const Count slots = ranks * (2 + rng.below(4));
    std::vector<double> loads(static_cast<std::size_t>(std::min(slots, std::max(Count{5}, ranks + rng.below(20)))));
    for (double& load : loads) load = std::exp(3 * rng.uniform());
    const SearchedPlacement found = place_experts(loads, slots, ranks, 1, {.kicks = 20});
    EXPECT_LE(found.imbalance, found.eplb * (1 + 1e-12)) << trial;
    EXPECT_GE(found.imbalance, found.bound * (1 - 1e-12)) << trial;
  }
}

TEST(PlaceExperts, IsDeterministic) {
  const std::vector<double> loads = gini(0.3);
  EXPECT_EQ(place_experts(loads, 288, 72, 1).placement, place_experts(loads, 288, 72, 1).placement);
}

TEST(PlaceExperts, KeepsWholeGroupsInANode) {
  const std::vector<double> loads = gini(0.3);
  const PlacementSearch search{.whole_groups = true, .groups = 8};
  const SearchedPlacement found = place_experts(loads, 288, 32, 4, search);
  std::vector<std::set<Count>> nodes_of_group(8);
  for (Count s = 0; s < 288; ++s)
    nodes_of_group[static_cast<std::size_t>(found.placement.expert_of_slot()[static_cast<std::size_t>(s)] / 32)].insert(
        found.placement.rank_of(s) / 8);
  for (const std::set<Count>& nodes : nodes_of_group) EXPECT_EQ(nodes.size(), 1U);
  EXPECT_LT(found.imbalance, found.eplb);  // whose hierarchical policy keeps them, too
}

TEST(PlaceExperts, NoLoadAtAllIsBalanced) {
  EXPECT_EQ(place_experts(std::vector<double>(8, 0.0), 8, 4, 1).imbalance, 1);
}

TEST(PlaceExperts, OneRankHoldsEverything) {
  EXPECT_EQ(place_experts(std::vector<double>{3, 1, 2}, 3, 1, 1).imbalance, 1);
}

TEST(PlaceExperts, FindsTheBestOfAllPlacements) {
  // Six experts on two ranks: of 10 ways to halve them 9 + 4 + 2 = 15 against 7 + 5 + 3 is the best.
  const SearchedPlacement found = place_experts(std::vector<double>{9, 7, 5, 4, 3, 2}, 6, 2, 1);
  EXPECT_DOUBLE_EQ(found.imbalance, 1);
}

TEST(PlacementBound, IsTheMeanWhereNothingIsLarge) {
  EXPECT_DOUBLE_EQ(placement_bound(std::vector<double>(64, 2.0), 64, 8), 1);
}

TEST(PlacementBound, CountsWhatLiesBesideTheLargestReplica) {
  // 10 with the smaller of 1 and 2 at best: 11 of a mean of 16 / 2.
  EXPECT_DOUBLE_EQ(placement_bound(std::vector<double>{10, 1, 2, 3}, 4, 2), 11.0 / 8);
  // A redundant pair of slots: 10 becomes 5 + 5; beside one of them a replica of 1, which takes
  // no slot, and one of the smallest two: 5 + 1 + 2 = 8 is the mean.
  EXPECT_DOUBLE_EQ(placement_bound(std::vector<double>{10, 1, 2, 3}, 6, 2), 1);
}

TEST(PlacementBound, HoldsForEveryPlacementOfAFewExperts) {
  // All 3^6 ways to fill six slots on three ranks with three experts.
  const std::vector<double> loads = {7, 2, 1};
  double least = 1e9;
  for (int code = 0; code < 729; ++code) {
    std::vector<Count> slots;
    for (int i = 0, rest = code; i < 6; ++i, rest /= 3) slots.push_back(rest % 3);
    if (placement_violations(slots, 3, 3).empty())
      least = std::min(least, imbalance_of(ExpertPlacement(3, 3, 1, slots), loads));
  }
  EXPECT_LE(placement_bound(loads, 6, 3), least + 1e-12);
  EXPECT_NEAR(place_experts(loads, 6, 3, 1).imbalance, least, 1e-12);
}

}  // namespace
}  // namespace moeplan
