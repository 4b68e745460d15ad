// SPDX-License-Identifier: Apache-2.0
// What drawing a layer's tokens and placing its experts cost: 72 ranks of 128 tokens, top-8 of
// 256 experts, beside a plain draw (std::mt19937_64, std::discrete_distribution, a set of the
// experts taken) and EPLB's placement of the same loads.
#include <benchmark/benchmark.h>

#include <array>
#include <random>

#include "sim/program/place_experts.h"
#include "sim/program/routed_draw.h"

namespace moeplan {
namespace {

constexpr Count kRanks = 72;
constexpr Count kTokens = 128;
const ExpertGroup kRack{.choices = 256, .experts = 256, .top_k = 8, .ranks = kRanks, .nodes = 9};
Routing routing_of(Skew skew, double parameter = 0) {
  Routing r;
  r.skew = skew;
  r.parameter = parameter;
  return r;
}
const Routing kSkewed = routing_of(Skew::Gini, 0.3);

void draw(benchmark::State& state, const Routing& routing, CopyKind kind, PlacementWay way = PlacementWay::Contiguous) {
  RoutedLayers layers(routing, kRack, {.way = way, .layers = {}});
  const std::vector<Count> tokens(kRanks, kTokens);
  const Dispatch dispatch{.kind = kind, .there_bytes = 7408, .back_bytes = 14336};
  std::uint64_t step = 0;
  for (auto unused : state) {
    static_cast<void>(unused);
    benchmark::DoNotOptimize(layers.draw(0, step++, tokens, dispatch).rows.data());
  }
  state.SetItemsProcessed(state.iterations() * kRanks * kTokens * kRack.top_k);
}

Routing group_limited(Skew skew) {
  Routing r = routing_of(skew, 0.3);
  r.groups = 8;
  r.kept_groups = 4;
  return r;
}
Routing replicated() {
  Routing r = kSkewed;
  r.redundant = 32;
  return r;
}

BENCHMARK_CAPTURE(draw, balanced, Routing{}, CopyKind::PerRank);
BENCHMARK_CAPTURE(draw, uniform_per_expert, routing_of(Skew::Uniform), CopyKind::PerExpert);
BENCHMARK_CAPTURE(draw, gini_per_expert, kSkewed, CopyKind::PerExpert);
BENCHMARK_CAPTURE(draw, gini_per_rank, kSkewed, CopyKind::PerRank);
BENCHMARK_CAPTURE(draw, gini_per_node, kSkewed, CopyKind::PerNode);
BENCHMARK_CAPTURE(draw, gini_eplb_per_rank, replicated(), CopyKind::PerRank, PlacementWay::Balanced);
BENCHMARK_CAPTURE(draw, group_limited_per_node, group_limited(Skew::Uniform), CopyKind::PerNode);
BENCHMARK_CAPTURE(draw, group_limited_gini_per_node, group_limited(Skew::Gini), CopyKind::PerNode);

void plain_draw(benchmark::State& state) {
  const Weights weights = weights_of(kSkewed, kRack);
  std::mt19937_64 random(1);
  std::discrete_distribution<int> expert(weights.begin(), weights.end());
  for (auto unused : state) {
    static_cast<void>(unused);
    std::vector<double> copies(static_cast<std::size_t>(kRanks * kRanks), 0.0);
    for (Count source = 0; source < kRanks; ++source) {
      for (Count token = 0; token < kTokens; ++token) {
        std::array<bool, 256> taken{};
        for (Count i = 0; i < kRack.top_k; ++i) {
          int e = expert(random);
          while (taken[static_cast<std::size_t>(e)]) e = expert(random);
          taken[static_cast<std::size_t>(e)] = true;
          copies[static_cast<std::size_t>(source * kRanks + e * kRanks / 256)] += 7408;
        }
      }
    }
    benchmark::DoNotOptimize(copies.data());
  }
  state.SetItemsProcessed(state.iterations() * kRanks * kTokens * kRack.top_k);
}
BENCHMARK(plain_draw);

std::vector<double> loads_of(double gini) {
  RoutedLayers layers(routing_of(Skew::Gini, gini), kRack, {});
  const auto inclusion = layers.inclusion(0);  // of layer 0: in its own order
  return {inclusion.begin(), inclusion.end()};
}

void eplb(benchmark::State& state, double gini, Count slots) {
  const std::vector<double> loads = loads_of(gini);
  double imbalance = 0;
  for (auto unused : state) {
    static_cast<void>(unused);
    imbalance = imbalance_of(balanced_placement(loads, slots, 1, kRanks, 1), loads);
  }
  state.counters["max_over_mean"] = imbalance;
}
void searched(benchmark::State& state, double gini, Count slots) {
  const std::vector<double> loads = loads_of(gini);
  SearchedPlacement found = place_experts(loads, slots, kRanks, 1);
  for (auto unused : state) {
    static_cast<void>(unused);
    found = place_experts(loads, slots, kRanks, 1);
  }
  state.counters["max_over_mean"] = found.imbalance;
  state.counters["bound"] = found.bound;
}
BENCHMARK_CAPTURE(eplb, gini_20, 0.2, 288);
BENCHMARK_CAPTURE(searched, gini_20, 0.2, 288);
BENCHMARK_CAPTURE(eplb, gini_40, 0.4, 288);
BENCHMARK_CAPTURE(searched, gini_40, 0.4, 288);
BENCHMARK_CAPTURE(eplb, gini_60, 0.6, 288);
BENCHMARK_CAPTURE(searched, gini_60, 0.6, 288);
BENCHMARK_CAPTURE(searched, gini_40_without_redundant_slots, 0.4, 256);

}  // namespace
}  // namespace moeplan

BENCHMARK_MAIN();
