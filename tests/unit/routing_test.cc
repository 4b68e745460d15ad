// SPDX-License-Identifier: Apache-2.0
#include "sim/program/routing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "sim/program/eplb.h"
#include "sim/program/group_limited.h"
#include "sim/program/popularity.h"
#include "sim/program/power_law.h"
#include "sim/program/token_sampler.h"
#include "sim/program/work.h"

namespace moeplan {
namespace {

ExpertGroup group_of(Count experts, Count top_k, Count ranks = 1) {
  return {.choices = experts, .experts = experts, .top_k = top_k, .ranks = ranks};
}

double sum_of(const std::vector<double>& v) { return std::accumulate(v.begin(), v.end(), 0.0); }

TEST(CounterRng, DrawsAreEqualInAnyOrder) {
  CounterRng first(3, 4);
  CounterRng other(3, 5);
  const std::uint64_t a = first.next();
  other.next();
  EXPECT_EQ(CounterRng(3, 4).next(), a);
  EXPECT_NE(CounterRng(3, 5).next(), a);
}

TEST(CounterRng, UniformHasItsMeanAndVariance) {
  CounterRng rng(1, 1);
  constexpr int kN = 100000;
  double mean = 0;
  double square = 0;
  for (int i = 0; i < kN; ++i) {
    const double u = rng.uniform();
    mean += u / kN;
    square += u * u / kN;
  }
  EXPECT_NEAR(mean, 0.5, 0.004);  // 4 sigma of 1 / sqrt(12 n)
  EXPECT_NEAR(square - mean * mean, 1.0 / 12, 0.001);
}

TEST(InclusionProbabilities, SumToTopK) {
  for (const double s : {0.0, 0.3, 1.0, 2.0})
    EXPECT_NEAR(sum_of(inclusion_probabilities(zipf_weights(128, s), 6)), 6.0, 1e-9) << s;
}

TEST(InclusionProbabilities, OfOneChoiceAreTheWeights) {
  const Weights w = {4, 3, 2, 1};
  const std::vector<double> pi = inclusion_probabilities(w, 1);
  for (std::size_t i = 0; i < w.size(); ++i) EXPECT_NEAR(pi[i], w[i] / 10, 1e-7);
}

TEST(InclusionProbabilities, OfTwoOfThreeByHand) {
  // Weights 2, 1, 1. First taken, or second after one of the others:
  // 1/2 + 2 x (1/4) x (2/3) = 5/6; the others (2 - 5/6) / 2 = 7/12.
  const std::vector<double> pi = inclusion_probabilities(Weights{2, 1, 1}, 2);
  EXPECT_NEAR(pi[0], 5.0 / 6, 1e-7);
  EXPECT_NEAR(pi[1], 7.0 / 12, 1e-7);
}

TEST(InclusionProbabilities, AreWhatTheSamplerDraws) {
  const Weights w = zipf_weights(32, 1.0);
  const std::vector<double> pi = inclusion_probabilities(w, 4);
  const Routing routing{.skew = Skew::Zipf, .parameter = 1.0};
  TokenSampler sampler(routing, w, 4);
  CounterRng rng(5, 0);
  std::vector<double> seen(32, 0.0);
  constexpr int kTokens = 40000;
  for (int t = 0; t < kTokens; ++t)
    for (const std::uint32_t e : sampler.next(rng)) seen[e] += 1.0 / kTokens;
  for (std::size_t e = 0; e < pi.size(); ++e) EXPECT_NEAR(seen[e], pi[e], 0.011) << e;  // 4 sigma
}

TEST(TokenSampler, NeverTakesAnExpertTwice) {
  const Weights steep = zipf_weights(16, 6.0);
  const Routing routing{.skew = Skew::Zipf, .parameter = 6.0};
  TokenSampler sampler(routing, steep, 8);
  CounterRng rng(1, 0);
  for (int t = 0; t < 200; ++t) {
    const auto chosen = sampler.next(rng);
    EXPECT_EQ(std::set<std::uint32_t>(chosen.begin(), chosen.end()).size(), 8U);
  }
}

TEST(TokenSampler, GroupLimitedTokensStayInTheKeptGroups) {
  const Weights even(64, 1.0);
  const Routing routing{.groups = 8, .kept_groups = 2};
  TokenSampler sampler(routing, even, 4);
  CounterRng rng(1, 0);
  for (int t = 0; t < 200; ++t) {
    std::set<std::uint32_t> groups;
    for (const std::uint32_t e : sampler.next(rng)) groups.insert(e / 8);
    EXPECT_LE(groups.size(), 2U);
  }
}

// Every score drawn, the best groups and experts sorted out: what the sampler takes a short cut to.
std::vector<double> grouped_by_sorting(const Weights& w, std::size_t size, std::size_t kept, std::size_t top_k,
                                       int tokens) {
  CounterRng rng(11, 0);
  std::vector<double> seen(w.size(), 0.0);
  for (int t = 0; t < tokens; ++t) {
    std::vector<std::pair<double, std::size_t>> scores;
    for (std::size_t i = 0; i < w.size(); ++i) scores.emplace_back(std::pow(1 - rng.uniform(), 1 / w[i]), i);
    std::vector<std::pair<double, std::size_t>> groups;
    for (std::size_t g = 0; g < w.size() / size; ++g) {
      std::vector<std::pair<double, std::size_t>> own(&scores[g * size], &scores[g * size] + size);
      std::sort(own.rbegin(), own.rend());
      groups.emplace_back(own[0].first + own[1].first, g);
    }
    std::sort(groups.rbegin(), groups.rend());
    std::vector<std::pair<double, std::size_t>> open;
    for (std::size_t i = 0; i < kept; ++i)
      open.insert(open.end(), &scores[groups[i].second * size], &scores[groups[i].second * size] + size);
    std::sort(open.rbegin(), open.rend());
    for (std::size_t i = 0; i < top_k; ++i) seen[open[i].second] += 1.0 / tokens;
  }
  return seen;
}

TEST(TokenSampler, GroupLimitedTokensTakeExpertsAsOftenAsSortingSaysSo) {
  Weights w = zipf_weights(24, 0.8);
  std::rotate(w.begin(), w.begin() + 5, w.end());
  const Routing routing{.skew = Skew::Zipf, .parameter = 0.8, .groups = 6, .kept_groups = 3};
  TokenSampler sampler(routing, w, 4);
  CounterRng rng(5, 0);
  constexpr int kTokens = 40000;
  std::vector<double> seen(24, 0.0);
  for (int t = 0; t < kTokens; ++t)
    for (const std::uint32_t e : sampler.next(rng)) seen[e] += 1.0 / kTokens;
  const std::vector<double> sorted = grouped_by_sorting(w, 4, 3, 4, kTokens);
  // Four standard errors of a difference: 4 sqrt(2 x 0.25 / 40,000).
  for (std::size_t e = 0; e < w.size(); ++e) EXPECT_NEAR(seen[e], sorted[e], 0.0142) << e;
}

TEST(TokenSampler, GroupsWithoutWeightFillLastPlaces) {
  Weights w(16, 0.0);
  w[3] = 1;
  const Routing routing{.skew = Skew::Histogram, .histogram = w, .groups = 4, .kept_groups = 1};
  TokenSampler sampler(routing, w, 4);
  CounterRng rng(1, 0);
  for (int t = 0; t < 50; ++t) {
    const auto chosen = sampler.next(rng);
    EXPECT_EQ(std::set<std::uint32_t>(chosen.begin(), chosen.end()), (std::set<std::uint32_t>{0, 1, 2, 3}));
  }
}

// 256 experts in 8 groups of which a token keeps 4, in blocks of 3 or 4 on 72 ranks of 9 nodes:
// ranks lie across the borders of groups.
const ExpertGroup kRack{.choices = 256, .experts = 256, .top_k = 8, .ranks = 72, .nodes = 9};

TEST(GroupLimited, DestinationsAreThoseOfTokensDrawnOneByOne) {
  const Weights even(256, 1.0);
  const Routing routing{.groups = 8, .kept_groups = 4};
  TokenSampler sampler(routing, even, 8);
  CounterRng rng(1, 0);
  constexpr int kTokens = 6'000;
  double ranks = 0;
  double nodes = 0;
  for (int t = 0; t < kTokens; ++t) {
    std::set<Count> reached;
    std::set<Count> near;
    for (const std::uint32_t e : sampler.next(rng)) {
      // The first 256 - 3 x 72 = 40 ranks hold 4 experts, the others 3.
      const Count rank = e < 160 ? e / 4 : 40 + (e - 160) / 3;
      reached.insert(rank);
      near.insert(rank / 8);
    }
    ranks += static_cast<double>(reached.size()) / kTokens;
    nodes += static_cast<double>(near.size()) / kTokens;
  }
  const Destinations d = group_limited_destinations(routing, kRack);
  EXPECT_NEAR(d.ranks, ranks, 0.04);  // three standard errors of either
  EXPECT_NEAR(d.nodes, nodes, 0.04);
}

TEST(GroupLimited, AnotherSeedChangesDestinationsByAThousandth) {
  constexpr int kSeeds = 10;
  double ranks = 0;
  double ranks_squared = 0;
  double nodes = 0;
  double nodes_squared = 0;
  for (int seed = 1; seed <= kSeeds; ++seed) {
    const Routing routing{.groups = 8, .kept_groups = 4, .seed = static_cast<std::uint64_t>(seed)};
    const Destinations d = group_limited_destinations(routing, kRack);
    ranks += d.ranks / kSeeds;
    ranks_squared += d.ranks * d.ranks / kSeeds;
    nodes += d.nodes / kSeeds;
    nodes_squared += d.nodes * d.nodes / kSeeds;
  }
  EXPECT_LT(std::sqrt(ranks_squared - ranks * ranks), 0.0015 * ranks);
  EXPECT_LT(std::sqrt(nodes_squared - nodes * nodes), 0.0015 * nodes);
}

TEST(GroupLimited, KeepingEveryGroupIsFreeRouting) {
  const Destinations d = group_limited_destinations({.groups = 4, .kept_groups = 4}, group_of(64, 6, 16));
  EXPECT_NEAR(d.ranks, free_destinations(64, 6, 16), 0.01);
}

TEST(Popularity, GiniLevelIsReached) {
  for (const double gini : {0.15, 0.28, 0.6})
    EXPECT_NEAR(gini_of(inclusion_probabilities(gini_weights(128, 8, gini), 8)), gini, 1e-4) << gini;
}

TEST(Popularity, HotExpertsTakeTheirShare) {
  const std::vector<double> pi = inclusion_probabilities(hot_weights(64, 4, 6, 0.5), 4);
  EXPECT_NEAR(std::accumulate(pi.begin(), pi.begin() + 6, 0.0), 0.5 * 4, 1e-4);
}

TEST(Popularity, HistogramIsReproduced) {
  const std::vector<double> counts = {50, 30, 30, 20, 20, 20, 20, 10};  // sums to 200, k = 2: pi = count / 100
  const std::vector<double> pi = inclusion_probabilities(histogram_weights(counts, 2), 2);
  for (std::size_t i = 0; i < counts.size(); ++i) EXPECT_NEAR(pi[i], counts[i] / 100, 1e-4);
}

TEST(Popularity, AnExpertOfAHistogramTakesATokenOnce) {
  const std::vector<double> counts = {97, 1, 1, 1};  // 2 x 97 % would be 1.94 per token
  const std::vector<double> pi = inclusion_probabilities(histogram_weights(counts, 2), 2);
  EXPECT_NEAR(pi[0], 1.0, 1e-4);
  EXPECT_NEAR(pi[1], 1.0 / 3, 1e-3);
}

TEST(LoadTable, BalancedIsTheClosedForm) {
  const LoadTable table({}, group_of(256, 8, 64));
  const ExpertLoad closed = balanced_load(256, 8, 4, 8192);
  EXPECT_EQ(table.at(8192).rows, closed.rows);
  EXPECT_EQ(table.at(8192).distinct, closed.distinct);
}

TEST(LoadTable, OneRankHoldsEveryRowAtAnySkew) {
  const LoadTable table({.skew = Skew::Zipf, .parameter = 1.0}, group_of(64, 4));
  for (const double tokens : {1.0, 3.0, 100.0, 1024.0, 5000.0, 1e6})
    EXPECT_NEAR(table.at(tokens).rows / tokens, 4.0, 1e-6);
}

TEST(LoadTable, MeanFiguresAreExact) {
  const LoadTable table({.skew = Skew::Gini, .parameter = 0.28}, group_of(128, 8, 8));
  const std::vector<double> pi = inclusion_probabilities(gini_weights(128, 8, 0.28), 8);
  for (const double tokens : {4.0, 64.0, 1024.0, 16384.0}) {
    EXPECT_NEAR(table.at(tokens).mean_rows, tokens, 1e-6 * tokens);  // tokens x 8 / 8 ranks
    EXPECT_NEAR(table.at(tokens).mean_distinct, distinct_of(pi, tokens) / 8, 1e-6 * tokens);
  }
}

TEST(LoadTable, BetweenKnotsWithinAThousandth) {
  const LoadTable table({.skew = Skew::Uniform}, group_of(256, 8, 1));
  for (const double tokens : {9.0, 11.0, 27.0, 43.0, 53.0, 91.0, 173.0})
    EXPECT_NEAR(table.at(tokens).distinct / balanced_load(256, 8, 256, static_cast<Count>(tokens)).distinct, 1.0, 0.001)
        << tokens;
}

TEST(LoadTable, MoreTokensAreNeverLessLoad) {
  for (const Skew skew : {Skew::Uniform, Skew::Gini, Skew::PowerLaw}) {
    const LoadTable table({.skew = skew, .parameter = skew == Skew::PowerLaw ? 1.2 : 0.3}, group_of(64, 6, 8));
    ExpertLoad before;
    for (double tokens = 0.5; tokens < 1e8; tokens *= 1.07) {
      const ExpertLoad now = table.at(tokens);
      EXPECT_GE(now.rows, before.rows);
      EXPECT_GE(now.distinct, before.distinct - 1e-9);
      EXPECT_GE(now.peak, before.peak);
      before = now;
    }
  }
}

TEST(LoadTable, SkewNeverLightensTheBusiestRank) {
  const LoadTable even({.skew = Skew::Uniform}, group_of(128, 8, 16));
  const LoadTable skewed({.skew = Skew::Gini, .parameter = 0.3}, group_of(128, 8, 16));
  for (const double tokens : {16.0, 256.0, 4096.0, 65536.0}) {
    EXPECT_GE(even.at(tokens).rows, even.at(tokens).mean_rows);
    EXPECT_GT(skewed.at(tokens).rows, even.at(tokens).rows);
  }
}

TEST(LoadTable, SystematicSkewDoesNotVanishWithTokens) {
  const LoadTable even({.skew = Skew::Uniform}, group_of(128, 8, 16));
  const LoadTable skewed({.skew = Skew::Gini, .parameter = 0.3}, group_of(128, 8, 16));
  EXPECT_NEAR(even.at(1e6).rows / even.at(1e6).mean_rows, 1.0, 0.01);
  EXPECT_GT(skewed.at(1e6).rows / skewed.at(1e6).mean_rows, 1.2);
}

TEST(LoadTable, HistogramStaysInPlace) {
  // Expert 0 takes every token; its rank (2 of 8 experts) the rest evenly: pi of others 1/7.
  Routing routing{.skew = Skew::Histogram};
  routing.histogram = {7e6, 1, 1, 1, 1, 1, 1, 1};
  const LoadTable table(routing, group_of(8, 2, 4));
  EXPECT_NEAR(table.at(4096).rows / 4096, 1.0 + 1.0 / 7, 0.01);
}

TEST(LoadTable, RedundantExpertsRelieveTheBusiestRank) {
  const Routing plain{.skew = Skew::Zipf, .parameter = 0.8};
  Routing relieved = plain;
  relieved.redundant = 32;
  const double before = LoadTable(plain, group_of(256, 8, 32)).at(8192).rows;
  const double after = LoadTable(relieved, group_of(256, 8, 32)).at(8192).rows;
  const double mean = 8192.0 * 8 / 32;
  EXPECT_GT(before, 1.8 * mean);
  EXPECT_LT(after, 1.15 * mean);
  EXPECT_GE(after, mean);
}

TEST(LoadTable, CapacityDropsAsTheClosedForm) {
  const LoadTable table({.skew = Skew::Uniform, .capacity_factor = 1.0}, group_of(64, 1, 8));
  const ExpertLoad load = table.at(1024);
  EXPECT_NEAR(load.dropped, 0.0984, 5e-5);
  EXPECT_NEAR(load.mean_rows, 1024.0 / 8 * (1 - load.dropped), 1e-6);
  EXPECT_LE(load.peak, 16.0 + 1e-9);  // ceil(1.0 x 1024 / 64)
}

TEST(LoadTable, ExpertChoiceIsEven) {
  const LoadTable table({.expert_choice = true}, group_of(64, 2, 8));
  EXPECT_DOUBLE_EQ(table.at(1024).rows, 1024.0 * 2 / 8);
  EXPECT_DOUBLE_EQ(table.at(1024).peak, 32.0);
  EXPECT_DOUBLE_EQ(table.at(1024).distinct, 8.0);
  EXPECT_NEAR(unchosen_share(64, 2, 1024), std::pow(1 - 2.0 / 64, 64), 1e-12);
}

TEST(LoadTable, ZeroComputationExpertsTakeTheirShare) {
  // LongCat: 512 experts with weights, 256 without, top-12.
  const LoadTable table({.skew = Skew::Uniform}, {.choices = 768, .experts = 512, .top_k = 12, .ranks = 8});
  EXPECT_NEAR(table.at(4096).mean_rows, 4096.0 * 12 * 512 / 768 / 8, 1e-6);
}

TEST(LoadTable, IsTheSameOnEveryRun) {
  const Routing routing{.skew = Skew::Gini, .parameter = 0.2};
  EXPECT_EQ(LoadTable(routing, group_of(64, 4, 8)).at(100).rows, LoadTable(routing, group_of(64, 4, 8)).at(100).rows);
}

TEST(Routing, EveryWrongRequestIsNamed) {
  Routing routing{.skew = Skew::Gini, .parameter = 0.99, .redundant = 3};
  EXPECT_EQ(violations(routing, group_of(64, 8, 8)).size(), 2U);
  EXPECT_EQ(violations({.skew = Skew::Hot, .parameter = 0.9, .hot = 2}, group_of(64, 8)).size(), 1U);  // 2 of 8 at most
  EXPECT_TRUE(violations({.skew = Skew::Hot, .parameter = 0.2, .hot = 2}, group_of(64, 8)).empty());
  EXPECT_EQ(violations({.groups = 7, .kept_groups = 3}, group_of(64, 8)).size(), 1U);
  EXPECT_EQ(violations({.skew = Skew::Histogram}, group_of(64, 8)).size(), 2U);
}

TEST(PowerLaw, CountsSumToPairsAndNoneExceedsTheTokens) {
  for (const Count tokens : {1, 2, 3, 4, 5, 17, 512, 4096}) {
    CounterRng rng(2, static_cast<std::uint64_t>(tokens));
    const std::vector<Count> counts = power_law_counts(tokens, 64, 6, 64, 1.2, rng);
    EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), Count{0}), tokens * 6);
    EXPECT_LE(*std::max_element(counts.begin(), counts.end()), tokens);
    EXPECT_GE(*std::min_element(counts.begin(), counts.end()), 0);
  }
}

TEST(Eplb, NoPlacementBeatsItsBound) {
  const std::vector<double> loads = {10, 1, 1, 1, 1, 1, 1, 1};
  const ReplicaPlan plan = place_replicas(loads, 12, 1, 1, 4);
  EXPECT_GE(imbalance_of(plan, loads, 4), imbalance_bound(plan, loads, 4));
  EXPECT_EQ(std::accumulate(plan.replicas.begin(), plan.replicas.end(), Count{0}), 12);
  EXPECT_EQ(plan.replicas[0], 5);  // 10 is split until 10 / 5 = 2 ... 1 is next
}

// A router that spaces a token's experts E/k apart and starts at the token's number fills
// every second rank of 16 when tokens are few: loads must come from independent draws.
TEST(Routing, DrawnLoadsAreNotStriped) {
  const LoadTable table({.skew = Skew::Uniform}, group_of(256, 8, 16));
  std::vector<double> striped(16, 0.0);
  for (int token = 0; token < 8; ++token)
    for (int i = 0; i < 8; ++i) striped[static_cast<std::size_t>((token + i * 32) / 16)] += 1;
  EXPECT_EQ(striped[0], 8);
  EXPECT_EQ(striped[1], 0);
  // Independent draws: 64 pairs on 16 ranks, mean 4; all ranks are reached in expectation.
  const ExpertLoad load = table.at(8);
  EXPECT_DOUBLE_EQ(load.mean_rows, 4.0);
  EXPECT_NEAR(load.mean_distinct, balanced_load(256, 8, 16, 8).distinct, 1e-9);
  EXPECT_GT(load.rows, 6.0);
  EXPECT_LT(load.rows, 9.5);
}

TEST(Binding, ASkewedLoadReachesTheWorkOfAnOp) {
  Op op;
  op.kind = OpKind::Moe;
  op.rows = Rows::Routed;
  op.choices = 64;
  op.b = 4;
  op.a = 8;
  Binding binding;
  binding.group_tokens = 512;
  const ExpertLoad balanced = load_of(op, binding);
  LoadTables tables;
  tables.add(LoadTable({.skew = Skew::Gini, .parameter = 0.3}, group_of(64, 4, 8)));
  binding.loads = &tables;
  const ExpertLoad skewed = load_of(op, binding);
  EXPECT_GT(skewed.rows, 1.1 * balanced.rows);
  EXPECT_NEAR(skewed.mean_rows, balanced.rows, 1e-6);
  op.a = 4;  // half the rank's experts
  EXPECT_NEAR(load_of(op, binding).rows, skewed.rows / 2, 1e-9);
  op.choices = 128;  // a layer the tables do not know
  EXPECT_EQ(load_of(op, binding).rows, balanced_load(128, 4, 4, 512).rows);
}

}  // namespace
}  // namespace moeplan
