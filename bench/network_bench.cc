// SPDX-License-Identifier: Apache-2.0
// All-to-alls by the flow solver: explicit flows, classes, faster modes, a whole decode step; the
// plain solver, and SimGrid where it is installed, beside them in the same run.
//
// Counters: flows, makespan_us, error (of the makespan, against the exact one).
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "sim/base/rng.h"
#include "sim/engine/flow_fabric.h"
#include "sim/engine/flow_reference.h"
#include "sim/engine/flow_times.h"

namespace moeplan {

#ifdef MOEPLAN_SIMGRID
std::vector<double> simgrid_times(const FlowSet& set);  // tests/engines/simgrid_times.cc, no floor of ours
#endif

namespace {

FlowFabric rack(Count gpus) { return star_fabric(gpus, 900e9, 1e-6); }

ByteMatrix uniform(Count gpus) {
  ByteMatrix matrix(gpus);
  std::fill(matrix.bytes.begin(), matrix.bytes.end(), 1e6);
  return matrix;
}

ByteMatrix random_sizes(Count gpus) {
  ByteMatrix matrix(gpus);
  CounterRng random(1, 0);
  for (double& bytes : matrix.bytes) bytes = std::floor(1 + 2e6 * random.uniform());
  return matrix;
}

// Copies of tokens of DeepSeek-V3 from 72 ranks of 128 tokens each, top-8, on ranks whose popularity
// is log-normal, sigma 0.5: 7,408 bytes a copy, with some noise of single tokens.
ByteMatrix skewed_layer(std::uint64_t layer) {
  constexpr Count kRanks = 72;
  CounterRng random(7, layer);
  const auto normal = [&random] {
    return std::sqrt(-2 * std::log(1 - random.uniform())) * std::cos(2 * 3.141592653589793 * random.uniform());
  };
  std::vector<double> popularity(kRanks);
  double sum = 0;
  for (double& p : popularity) sum += p = std::exp(0.5 * normal());
  ByteMatrix matrix(kRanks);
  for (Count i = 0; i < kRanks; ++i)
    for (Count j = 0; j < kRanks; ++j) {
      const double copies = 128 * 8 * popularity[static_cast<std::size_t>(j)] / sum;
      matrix.at(i, j) = std::floor(7408 * std::max(0.5, copies + std::sqrt(copies) * normal()));
    }
  return matrix;
}

void report(benchmark::State& state, const FlowSet& set, double makespan, double exact) {
  Count flows = 0;
  for (const Flow& flow : set.flows) flows += flow.like;
  state.counters["flows"] = static_cast<double>(flows);
  state.counters["makespan_us"] = 1e6 * makespan;
  state.counters["error"] = std::abs(makespan / exact - 1);
}

// ---- uniform ----

void UniformFlows(benchmark::State& state) {
  const FlowFabric fabric = rack(state.range(0));
  const ByteMatrix matrix = uniform(state.range(0));
  double makespan = 0;
  for (auto _ : state) makespan = run_flows(flows_over(fabric, matrix)).makespan;
  report(state, flows_over(fabric, matrix), makespan, 1e-6 + static_cast<double>(state.range(0) - 1) * 1e6 / 900e9);
}
BENCHMARK(UniformFlows)->Arg(72)->Arg(256)->Unit(benchmark::kMillisecond);

void UniformClasses(benchmark::State& state) {
  double makespan = 0;
  for (auto _ : state) makespan = run_flows(*uniform_classes(rack(state.range(0)), 1e6)).makespan;
  report(state, *uniform_classes(rack(state.range(0)), 1e6), makespan,
         1e-6 + static_cast<double>(state.range(0) - 1) * 1e6 / 900e9);
}
BENCHMARK(UniformClasses)->Arg(72)->Arg(256)->Unit(benchmark::kMicrosecond);

void TwoLevelClasses(benchmark::State& state) {
  const Count groups = state.range(0) / 8;
  const auto fabric = [groups] { return two_level_fabric(groups, 8, 450e9, 1e-6, 50e9, 5e-6, 200e9); };
  double makespan = 0;
  for (auto _ : state) makespan = run_flows(*uniform_classes(fabric(), 1e6)).makespan;
  report(state, *uniform_classes(fabric(), 1e6), makespan,
         5e-6 + 8 * static_cast<double>(state.range(0) - 8) * 1e6 / 200e9);
}
BENCHMARK(TwoLevelClasses)->Arg(72)->Arg(256)->Unit(benchmark::kMicrosecond);

// ---- every flow of its own size ----

template <FlowMode mode>
void RandomSizes(benchmark::State& state) {
  const FlowSet set = flows_over(rack(state.range(0)), random_sizes(state.range(0)));
  double makespan = 0;
  for (auto _ : state) makespan = run_flows(set, mode).makespan;
  report(state, set, makespan, run_flows(set).makespan);
}
BENCHMARK(RandomSizes<FlowMode::Exact>)->Arg(32)->Arg(72)->Arg(128)->Unit(benchmark::kMillisecond);
BENCHMARK(RandomSizes<FlowMode::Quantised>)->Arg(32)->Arg(72)->Arg(128)->Unit(benchmark::kMillisecond);
BENCHMARK(RandomSizes<FlowMode::Ports>)->Arg(32)->Arg(72)->Arg(128)->Unit(benchmark::kMillisecond);

void RandomSizesPlainly(benchmark::State& state) {
  const FlowSet set = flows_over(rack(state.range(0)), random_sizes(state.range(0)));
  double makespan = 0;
  for (auto _ : state) makespan = run_flows_plainly(set).makespan;
  report(state, set, makespan, run_flows(set).makespan);
}
BENCHMARK(RandomSizesPlainly)->Arg(32)->Unit(benchmark::kMillisecond)->Iterations(1);

// ---- one decode step of DeepSeek-V3: dispatch and combine of 58 layers ----

constexpr std::uint64_t kAllToAlls = 116;

template <FlowMode mode>
void SkewedDecodeStep(benchmark::State& state) {
  std::vector<ByteMatrix> layers;
  for (std::uint64_t l = 0; l < kAllToAlls; ++l) layers.push_back(skewed_layer(l));
  FlowSet set = flows_of_all_pairs(rack(72), 72);
  double step = 0;
  for (auto _ : state) {
    step = 0;
    for (const ByteMatrix& layer : layers) {
      set_bytes(set, layer);
      step += run_flows(set, mode).makespan;
    }
  }
  // Every tenth layer exactly: how far off the mode is.
  double exact = 0;
  double found = 0;
  for (std::size_t l = 0; l < layers.size(); l += 10) {
    set_bytes(set, layers[l]);
    exact += run_flows(set).makespan;
    found += run_flows(set, mode).makespan;
  }
  state.counters["step_us"] = 1e6 * step;
  state.counters["error"] = std::abs(found / exact - 1);
}
BENCHMARK(SkewedDecodeStep<FlowMode::Ports>)->Unit(benchmark::kMillisecond);
BENCHMARK(SkewedDecodeStep<FlowMode::Quantised>)->Unit(benchmark::kMillisecond)->Iterations(1);
BENCHMARK(SkewedDecodeStep<FlowMode::Exact>)->Unit(benchmark::kMillisecond)->Iterations(1);

#ifdef MOEPLAN_SIMGRID
// A process of its own for each run: its start is in the time, a few milliseconds.
void SimGridUniform(benchmark::State& state) {
  const FlowSet set = flows_over(rack(state.range(0)), uniform(state.range(0)));
  double makespan = 0;
  for (auto _ : state) {
    const std::vector<double> ends = simgrid_times(set);
    makespan = *std::max_element(ends.begin(), ends.end());
  }
  report(state, set, makespan, run_flows(set).makespan);
}
BENCHMARK(SimGridUniform)->Arg(72)->Unit(benchmark::kMillisecond)->UseRealTime()->Iterations(1);

void SimGridRandomSizes(benchmark::State& state) {
  const FlowSet set = flows_over(rack(state.range(0)), random_sizes(state.range(0)));
  double makespan = 0;
  for (auto _ : state) {
    const std::vector<double> ends = simgrid_times(set);
    makespan = *std::max_element(ends.begin(), ends.end());
  }
  report(state, set, makespan, run_flows(set).makespan);
}
BENCHMARK(SimGridRandomSizes)->Arg(32)->Arg(72)->Unit(benchmark::kMillisecond)->UseRealTime()->Iterations(1);
#endif

}  // namespace
}  // namespace moeplan

BENCHMARK_MAIN();
