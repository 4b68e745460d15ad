// SPDX-License-Identifier: Apache-2.0
#include "sim/program/routed_draw.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "sim/program/power_law.h"

namespace moeplan {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

double sum_of(const std::vector<double>& v) { return std::accumulate(v.begin(), v.end(), 0.0); }

double sent_by(const ByteMatrix& m, Count source) {
  double sum = 0;
  for (Count d = 0; d < m.ranks; ++d) sum += m.at(source, d);
  return sum;
}
double received_by(const ByteMatrix& m, Count destination) {
  double sum = 0;
  for (Count s = 0; s < m.ranks; ++s) sum += m.at(s, destination);
  return sum;
}
double between_nodes(const ByteMatrix& m, Count nodes) {
  const Count near = m.ranks / nodes;
  double sum = 0;
  for (Count s = 0; s < m.ranks; ++s)
    for (Count d = 0; d < m.ranks; ++d)
      if (s / near != d / near) sum += m.at(s, d);
  return sum;
}

const Routing kZipf{.skew = Skew::Zipf, .parameter = 0.6};
const Routing kUniform{.skew = Skew::Uniform};
constexpr Dispatch kLowLatency{.kind = CopyKind::PerExpert, .there_bytes = 7408, .back_bytes = 14336};

ExpertGroup v3(Count ranks, Count nodes = 1) {
  return {.choices = 256, .experts = 256, .top_k = 8, .ranks = ranks, .nodes = nodes};
}

// Attention-DP ranks with batches of their own.
std::vector<Count> uneven_tokens(Count ranks) {
  std::vector<Count> tokens;
  for (Count r = 0; r < ranks; ++r) tokens.push_back(r * 7 % 5 * 20);
  return tokens;
}

TEST(RoutedLayers, ADrawDependsOnSeedLayerAndStepAlone) {
  const std::vector<Count> tokens(16, 32);
  RoutedLayers straight(kZipf, v3(16), {});
  const LayerDraw one = straight.draw(3, 5, tokens, kLowLatency);
  RoutedLayers around(kZipf, v3(16), {});
  around.draw(9, 0, tokens, kLowLatency);
  around.draw(3, 4, tokens, kLowLatency);
  EXPECT_EQ(around.draw(3, 5, tokens, kLowLatency).dispatch.bytes, one.dispatch.bytes);
  EXPECT_NE(around.draw(3, 6, tokens, kLowLatency).dispatch.bytes, one.dispatch.bytes);
}

TEST(RoutedLayers, HotExpertsStayFromStepToStepAndChangeFromLayerToLayer) {
  RoutedLayers layers(kZipf, v3(16), {});
  const auto first = layers.inclusion(0);
  const std::vector<double> before(first.begin(), first.end());
  const auto other = layers.inclusion(1);
  EXPECT_NE(std::vector<double>(other.begin(), other.end()), before);
  const auto again = layers.inclusion(0);
  EXPECT_EQ(std::vector<double>(again.begin(), again.end()), before);
}

TEST(RoutedLayers, LowLatencySendsACopyPerExpert) {
  RoutedLayers layers(kZipf, v3(16), {});
  const std::vector<Count> tokens = uneven_tokens(16);
  const LayerDraw& draw = layers.draw(0, 0, tokens, kLowLatency);
  for (Count r = 0; r < 16; ++r) {
    // h + 4 h / 128 + 16 = 7,408 B for each of 8 experts
    EXPECT_EQ(sent_by(draw.dispatch, r), static_cast<double>(tokens[static_cast<std::size_t>(r)]) * 8 * 7408);
    EXPECT_EQ(received_by(draw.dispatch, r), draw.rows[static_cast<std::size_t>(r)] * 7408);
  }
}

TEST(RoutedLayers, DeepEpsTestOfLowLatencyDispatch) {
  // 128 tokens, top-8: 128 x 8 x 7,408 B = 7,585,792 B with all slots used.
  RoutedLayers layers(kUniform, v3(8), {});
  const LayerDraw& draw = layers.draw(0, 0, std::vector<Count>(8, 128), kLowLatency);
  EXPECT_EQ(sent_by(draw.dispatch, 0), 7'585'792);
}

TEST(RoutedLayers, WhatGoesThereComesBack) {
  RoutedLayers layers(kZipf, v3(16, 2), {});
  for (const CopyKind kind : {CopyKind::PerExpert, CopyKind::PerRank, CopyKind::PerNode, CopyKind::Gathered}) {
    const LayerDraw& draw = layers.draw(0, 0, uneven_tokens(16), {.kind = kind, .there_bytes = 2, .back_bytes = 6});
    for (Count s = 0; s < 16; ++s)
      for (Count d = 0; d < 16; ++d) EXPECT_EQ(draw.combine.at(d, s), 3 * draw.dispatch.at(s, d));
  }
}

// A token that takes all experts goes everywhere once: nothing is left to chance.
TEST(RoutedLayers, CopiesOfATokenThatTakesEveryExpert) {
  const ExpertGroup group{.choices = 8, .experts = 8, .top_k = 8, .ranks = 4, .nodes = 2};
  RoutedLayers layers(kUniform, group, {});
  const std::vector<Count> tokens = {1, 0, 0, 0};
  const auto copies = [&](CopyKind kind) {
    return layers.draw(0, 0, tokens, {.kind = kind, .there_bytes = 1, .back_bytes = 1}).dispatch.bytes;
  };
  EXPECT_THAT(copies(CopyKind::PerExpert), ElementsAre(2, 2, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
  EXPECT_THAT(copies(CopyKind::PerRank), ElementsAre(1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
  // Rank 0 of node 0 to rank 2, its like in node 1, and from there to rank 3.
  EXPECT_THAT(copies(CopyKind::PerNode), ElementsAre(1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0));
  EXPECT_THAT(copies(CopyKind::Gathered), ElementsAre(1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
}

TEST(RoutedLayers, NormalKernelsSendACopyPerRank) {
  RoutedLayers layers(kUniform, v3(16), {});
  const LayerDraw& draw = layers.draw(0, 0, std::vector<Count>(16, 512), {.kind = CopyKind::PerRank, .there_bytes = 1});
  // 16 (1 - C(240, 8) / C(256, 8)) = 6.51 a token; 8,192 tokens, deviation below 1.2: 4 sigma
  EXPECT_NEAR(sum_of(draw.dispatch.bytes) / 8192, free_destinations(256, 8, 16), 4 * 1.2 / std::sqrt(8192.0));
}

TEST(RoutedLayers, TwoHopsCrossTheNetworkOncePerNode) {
  RoutedLayers layers(kUniform, v3(64, 8), {});
  const LayerDraw& draw = layers.draw(0, 0, std::vector<Count>(64, 128), {.kind = CopyKind::PerNode, .there_bytes = 1});
  // 5.295 of 8 nodes, of which 7 / 8 are others
  EXPECT_NEAR(between_nodes(draw.dispatch, 8) / 8192, 5.295 * 7 / 8, 4 / std::sqrt(8192.0));
}

TEST(RoutedLayers, TwoHopsKeptToFourGroupsReachFewerNodes) {
  const Routing limited{.skew = Skew::Uniform, .groups = 8, .kept_groups = 4};
  RoutedLayers layers(limited, v3(64, 8), {});
  const LayerDraw& draw = layers.draw(0, 0, std::vector<Count>(64, 128), {.kind = CopyKind::PerNode, .there_bytes = 1});
  EXPECT_NEAR(between_nodes(draw.dispatch, 8) / 8192, 3.95 * 7 / 8, 4 / std::sqrt(8192.0));
}

TEST(RoutedLayers, BalancedRoutingIsTheClosedForm) {
  for (const CopyKind kind : {CopyKind::PerExpert, CopyKind::PerRank, CopyKind::PerNode}) {
    RoutedLayers layers({}, v3(64, 8), {});
    const LayerDraw& draw = layers.draw(0, 0, std::vector<Count>(64, 128), {.kind = kind, .there_bytes = 1});
    const ExpertLoad load = balanced_load(256, 8, 4, 8192);
    EXPECT_DOUBLE_EQ(draw.rows[17], load.rows);
    EXPECT_DOUBLE_EQ(draw.distinct[17], load.distinct);
    const double nodes = free_destinations(256, 8, 8);
    const double ranks = free_destinations(256, 8, 64);
    // Over the network a token goes 8 x 7/8 times, to 7/8 of its ranks, to 7/8 of its nodes.
    const double reached = kind == CopyKind::PerExpert ? 8 : kind == CopyKind::PerRank ? ranks : nodes;
    EXPECT_NEAR(between_nodes(draw.dispatch, 8) / 8192, reached * 7 / 8, 1e-9);
    // In two hops relays of other nodes serve their own experts with the copy from the network.
    if (kind == CopyKind::PerNode) {
      EXPECT_NEAR(sum_of(draw.dispatch.bytes) / 8192, nodes * 7 / 8 + ranks / 8 + ranks * 7 / 8 * 7 / 8, 1e-9);
    }
  }
}

TEST(RoutedLayers, BalancedRoutingIsTheMeanOfDraws) {
  const std::vector<Count> tokens = uneven_tokens(16);
  for (const CopyKind kind : {CopyKind::PerExpert, CopyKind::PerRank, CopyKind::PerNode}) {
    RoutedLayers drawn(kUniform, v3(16, 4), {});
    RoutedLayers even({}, v3(16, 4), {});
    const Dispatch dispatch{.kind = kind, .there_bytes = 1};
    constexpr int kDraws = 200;
    ByteMatrix mean(16);
    for (int i = 0; i < kDraws; ++i) {
      const LayerDraw& draw = drawn.draw(0, static_cast<std::uint64_t>(i), tokens, dispatch);
      for (std::size_t x = 0; x < mean.bytes.size(); ++x) mean.bytes[x] += draw.dispatch.bytes[x] / kDraws;
    }
    const LayerDraw& expected = even.draw(0, 0, tokens, dispatch);
    // Counts of up to 320 tokens: the mean of 200 is off by sqrt(320 / 200) at most.
    for (std::size_t x = 0; x < mean.bytes.size(); ++x) EXPECT_NEAR(mean.bytes[x], expected.dispatch.bytes[x], 5) << x;
  }
}

TEST(RoutedLayers, BalancedGroupLimitedRoutingReachesTheMeanNumberOfNodes) {
  const Routing limited{.groups = 8, .kept_groups = 4};
  RoutedLayers layers(limited, v3(64, 8), {});
  const LayerDraw& draw = layers.draw(0, 0, std::vector<Count>(64, 128), {.kind = CopyKind::PerNode, .there_bytes = 1});
  EXPECT_NEAR(between_nodes(draw.dispatch, 8) / 8192, LoadTable(limited, v3(64, 8)).destinations().nodes * 7 / 8, 1e-9);
}

TEST(RoutedLayers, ExpertChoiceGivesEveryExpertItsShare) {
  Routing choice;
  choice.expert_choice = true;
  RoutedLayers layers(choice, v3(8), {});
  const LayerDraw& draw = layers.draw(0, 0, std::vector<Count>(8, 64), {.kind = CopyKind::PerRank, .there_bytes = 1});
  EXPECT_DOUBLE_EQ(draw.rows[5], 512 * 8 / 8.0);
  EXPECT_DOUBLE_EQ(draw.peak[5], 512 * 8 / 256.0);
  // Each of 32 experts there takes a token with 8 / 256.
  EXPECT_NEAR(draw.dispatch.at(2, 5), 64 * (1 - std::pow(1 - 8.0 / 256, 32)), 1e-9);
}

TEST(RoutedLayers, AFullExpertDropsWhatComesLater) {
  Routing limited{.skew = Skew::Uniform};
  limited.capacity_factor = 0.5;
  const ExpertGroup group{.choices = 4, .experts = 4, .top_k = 4, .ranks = 2};
  RoutedLayers layers(limited, group, {});
  // Every token takes every expert; each has room for ceil(0.5 x 8 x 4 / 4) = 4 of 8: those of
  // the first two tokens of both ranks.
  const LayerDraw& draw = layers.draw(0, 0, std::vector<Count>{4, 4}, {.kind = CopyKind::PerExpert, .there_bytes = 1});
  EXPECT_THAT(draw.rows, ElementsAre(8, 8));
  EXPECT_THAT(draw.dispatch.bytes, ElementsAre(4, 4, 4, 4));
  EXPECT_DOUBLE_EQ(draw.dropped, 0.5);
}

TEST(RoutedLayers, ExpertsWithoutWeightsTakeTokensNowhere) {
  const ExpertGroup group{.choices = 12, .experts = 8, .top_k = 12, .ranks = 2};
  RoutedLayers layers(kUniform, group, {});
  const LayerDraw& draw = layers.draw(0, 0, std::vector<Count>{5, 0}, {.kind = CopyKind::PerExpert, .there_bytes = 1});
  EXPECT_THAT(draw.rows, ElementsAre(20, 20));  // 5 tokens x 4 experts there
}

TEST(RoutedLayers, APowerLawMeetsItsCounts) {
  const Routing law{.skew = Skew::PowerLaw, .parameter = 1.2};
  RoutedLayers layers(law, v3(16), {});
  const LayerDraw& draw = layers.draw(0, 0, uneven_tokens(16), {.kind = CopyKind::PerExpert, .there_bytes = 1});
  const Count tokens = 600;  // (0 + 40 + 80 + 20 + 60) x 3, and rank 15 has none
  CounterRng rng(1, 0);
  const std::vector<Count> pairs = power_law_counts(tokens, 256, 8, 16, 1.2, rng);
  std::vector<double> rows;
  for (std::size_t r = 0; r < 16; ++r)
    rows.push_back(static_cast<double>(std::accumulate(&pairs[16 * r], &pairs[16 * r] + 16, Count{0})));
  // The law settles its rounding rank after rank; which rank comes first is the layer's.
  const auto first = std::find(rows.begin(), rows.end(), draw.rows[0]);
  std::rotate(rows.begin(), first, rows.end());
  EXPECT_EQ(draw.rows, rows);
  for (Count r = 0; r < 16; ++r)
    EXPECT_EQ(sent_by(draw.dispatch, r), static_cast<double>(8 * uneven_tokens(16)[static_cast<std::size_t>(r)]));
}

// Two ranks in each of two nodes; experts 0 and 3 lie on ranks 1 and 2, the others on 0 and 3. A
// token takes all four.
const PlacementRule kTwice{.way = PlacementWay::Custom, .layers = {{1, 2, 0, 3, 0, 3, 1, 2}}};
const ExpertGroup kPair{.choices = 4, .experts = 4, .top_k = 4, .ranks = 4, .nodes = 2};
constexpr Dispatch kOneByte{.kind = CopyKind::PerExpert, .there_bytes = 1};

TEST(ReplicaRule, NearestStaysOnTheRankThenOnTheNode) {
  RoutedLayers layers(kUniform, kPair, kTwice, ReplicaRule::Nearest);
  const LayerDraw& draw = layers.draw(0, 0, std::vector<Count>{3, 3, 3, 3}, kOneByte);
  EXPECT_THAT(draw.dispatch.bytes, ElementsAre(6, 6, 0, 0, 6, 6, 0, 0, 0, 0, 6, 6, 0, 0, 6, 6));
}

TEST(ReplicaRule, InTurnSharesEqually) {
  RoutedLayers layers(kUniform, kPair, kTwice, ReplicaRule::InTurn);
  const LayerDraw& draw = layers.draw(0, 0, std::vector<Count>{4, 0, 0, 0}, kOneByte);
  EXPECT_THAT(draw.dispatch.bytes, ElementsAre(4, 4, 4, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
}

TEST(ReplicaRule, WithoutAReplicaNearTokensTakeTurns) {
  const PlacementRule apart{.way = PlacementWay::Custom, .layers = {{1, 2, 1, 2, 0, 3, 0, 3}}};
  RoutedLayers layers(kUniform, kPair, apart, ReplicaRule::Nearest);
  const LayerDraw& draw = layers.draw(0, 0, std::vector<Count>{4, 0, 0, 0}, kOneByte);
  // Experts 1 and 2 at home; 0 and 3 in turn on ranks 2 and 3.
  EXPECT_THAT(draw.dispatch.bytes, ElementsAre(8, 0, 4, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
}

TEST(RoutedLayers, ManyTokensKeepTheirSum) {
  RoutedLayers layers(kZipf, v3(16), {});
  constexpr Count kEach = RoutedLayers::kMostDrawn;  // 16 times what is drawn
  const LayerDraw& draw =
      layers.draw(0, 0, std::vector<Count>(16, kEach), {.kind = CopyKind::PerExpert, .there_bytes = 1});
  const double pairs = 16.0 * kEach * 8;
  EXPECT_NEAR(sum_of(draw.rows) / pairs, 1, 1e-6);
  for (Count r = 0; r < 16; ++r)
    EXPECT_NEAR(received_by(draw.dispatch, r) / draw.rows[static_cast<std::size_t>(r)], 1, 1e-9);
}

TEST(RoutedLayers, ManyTokensDeviateAsTheirNumberSays) {
  RoutedLayers layers(kUniform, v3(16), {});
  constexpr Count kEach = RoutedLayers::kMostDrawn;
  double square = 0;
  for (std::uint64_t step = 0; step < 8; ++step) {
    const LayerDraw& draw = layers.draw(0, step, std::vector<Count>(16, kEach), {.kind = CopyKind::PerExpert});
    const double mean = 16.0 * kEach * 8 / 16;
    for (const double rows : draw.rows) square += (rows / mean - 1) * (rows / mean - 1) / (8 * 16);
  }
  // About binomial: 1 / sqrt(rows of a rank) = 1 / sqrt(2^20); 128 samples, a fifth either way.
  EXPECT_NEAR(std::sqrt(square) * 1024, 1, 0.25);
}

TEST(DrawViolations, SayWhatIsWrong) {
  EXPECT_THAT(draw_violations(kUniform, v3(16), {.way = PlacementWay::Custom, .layers = {}}),
              ElementsAre(HasSubstr("needs the expert of each slot")));
  Routing spare = kUniform;
  spare.redundant = 16;
  EXPECT_THAT(draw_violations(spare, v3(16), {.way = PlacementWay::RoundRobin}), ElementsAre(HasSubstr("round-robin")));
  EXPECT_THAT(draw_violations({.skew = Skew::PowerLaw, .parameter = 1.2}, v3(16), {.way = PlacementWay::Balanced}),
              ElementsAre(HasSubstr("knows no loads")));
  EXPECT_TRUE(draw_violations(spare, v3(16), {.way = PlacementWay::Balanced}).empty());
}

// A router that takes experts E / k apart, token after token the next ones: 8 tokens over 16 ranks
// of 16 experts load ranks 8, 0, 8, 0, ... in blocks, and 8 ranks of 16 dealt in turn.
bool half_idle(const std::vector<double>& rows) {
  return std::all_of(rows.begin(), rows.end(), [](double x) { return x == 0 || x == 8; });
}

TEST(StrideRouter, IsTheTrapThatTheTestsSee) {
  for (const ExpertPlacement& placement : {contiguous_placement(256, 256, 16, 1), round_robin_placement(256, 16, 1)}) {
    std::vector<double> rows(16, 0.0);
    for (Count token = 0; token < 8; ++token)
      for (Count i = 0; i < 8; ++i)
        rows[static_cast<std::size_t>(placement.rank_of(placement.slots_of(i * 32 + token).front()))] += 1;
    EXPECT_TRUE(half_idle(rows));
  }
}

struct Router {
  const char* name;
  Routing routing;
};

class NoStrideRouter : public testing::TestWithParam<Router> {};

TEST_P(NoStrideRouter, LoadsEveryRankInTheMean) {
  for (const PlacementWay way : {PlacementWay::Contiguous, PlacementWay::RoundRobin}) {
    RoutedLayers layers(GetParam().routing, v3(16), {.way = way});
    std::vector<double> mean(16, 0.0);
    constexpr int kLayers = 400;
    for (int layer = 0; layer < kLayers; ++layer) {
      std::vector<Count> tokens(16, 0);
      tokens[static_cast<std::size_t>(layer % 16)] = 8;
      const LayerDraw& draw = layers.draw(layer, 0, tokens, {.kind = CopyKind::PerExpert, .there_bytes = 1});
      EXPECT_EQ(sum_of(draw.rows), 64);  // 8 tokens x 8
      EXPECT_FALSE(half_idle(draw.rows));
      for (std::size_t r = 0; r < 16; ++r) mean[r] += draw.rows[r] / kLayers;
    }
    // 64 / 16 = 4; the most skewed rank deviates by 5: 4 sigma of the mean of 400 are 1.
    for (std::size_t r = 0; r < 16; ++r) EXPECT_NEAR(mean[r], 4, 1) << r;
  }
}

INSTANTIATE_TEST_SUITE_P(Routers, NoStrideRouter,
                         testing::Values(Router{"Balanced", {}}, Router{"Uniform", kUniform},
                                         Router{"Gini", {.skew = Skew::Gini, .parameter = 0.3}}, Router{"Zipf", kZipf},
                                         Router{"PowerLaw", {.skew = Skew::PowerLaw, .parameter = 1.2}},
                                         Router{"Hot", {.skew = Skew::Hot, .parameter = 0.3, .hot = 16}},
                                         Router{"Histogram",
                                                {.skew = Skew::Histogram, .histogram = std::vector<double>(256, 1.0)}},
                                         Router{"GroupLimited", {.skew = Skew::Uniform, .groups = 8, .kept_groups = 4}},
                                         Router{"SkewedGroupLimited",
                                                {.skew = Skew::Zipf, .parameter = 0.6, .groups = 8, .kept_groups = 4}}),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace moeplan
