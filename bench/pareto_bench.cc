// SPDX-License-Identifier: Apache-2.0
// Points a second through a Pareto front and a list of the best. Counters: points/s, the size of the front.
#include <benchmark/benchmark.h>

#include <cmath>
#include <vector>

#include "sim/base/rng.h"
#include "sim/study/pareto.h"

namespace moeplan {
namespace {

constexpr std::size_t kPoints = 1 << 20;

// Metrics that pull against each other, as speed for a user, tokens per device and dollars do:
// near a simplex, off it by up to `depth`. The smaller, the larger the front.
std::vector<double> streamed(std::size_t metrics, double depth) {
  std::vector<double> values(kPoints * metrics);
  CounterRng random(1, metrics);
  for (std::size_t i = 0; i < kPoints; ++i) {
    double sum = 0;
    double* point = values.data() + i * metrics;
    for (std::size_t m = 0; m < metrics; ++m) sum += point[m] = -std::log(1 - random.uniform());
    const double away = 1 + depth * random.uniform();
    for (std::size_t m = 0; m < metrics; ++m) point[m] *= away / sum;
  }
  return values;
}

void front(benchmark::State& state) {
  const std::size_t metrics = static_cast<std::size_t>(state.range(0));
  const std::vector<double> values = streamed(metrics, static_cast<double>(state.range(1)));
  std::size_t size = 0;
  for (auto _ : state) {
    ParetoFront front(std::vector<Sense>(metrics, Sense::Less));
    for (std::size_t i = 0; i < kPoints; ++i) front.insert({values.data() + i * metrics, metrics}, i);
    size = front.size();
  }
  state.counters["front"] = static_cast<double>(size);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kPoints));
}
BENCHMARK(front)->Args({2, 1})->Args({2, 100})->Args({3, 1})->Args({3, 10})->Args({3, 100})->Unit(
    benchmark::kMillisecond);

void best(benchmark::State& state) {
  const std::vector<double> values = streamed(2, 10);
  for (auto _ : state) {
    BestN best(Sense::Less, static_cast<std::size_t>(state.range(0)));
    for (std::size_t i = 0; i < kPoints; ++i) best.insert(values[2 * i], i);
    benchmark::DoNotOptimize(best.entries().size());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kPoints));
}
BENCHMARK(best)->Arg(100)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace moeplan

BENCHMARK_MAIN();
