// SPDX-License-Identifier: Apache-2.0
// Points a second on one core. A point: one (model, hardware, layout, runtime, load) to
// fit verdict, prefill time, decode time, $ and J. Loads are distinct and random, so
// nothing is answered from the point before.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "sim/study/evaluator.h"
#include "sim/study/pricing.h"

namespace moeplan {
namespace {

struct Deployment {
  Deployment(const char* model, const char* device, const char* runtime, const Layout& layout)
      : catalog(Catalog::embedded()) {
    FitQuestion& d = question.deployment;
    d.model = catalog.model(model);
    d.formats = catalog.formats();
    d.runtime = catalog.runtime(runtime);
    const ClusterSpec cluster = usual_cluster(catalog, device);
    const DeviceSpec& spec = cluster.devices.front();
    d.device.device = spec.id;
    d.device.capacity = spec.memory.value - spec.unallocatable.value;
    d.layout = layout;
    d.workload = {.context = 8192, .sequences = 1};
    plan = plan_model(d.model, d.formats, "native");
    pricing = pricing_of(catalog, cluster, d.runtime, d.formats);
  }
  Catalog catalog;
  SimulateQuestion question;
  ModelPlan plan;
  Pricing pricing;
};

Layout eight_experts_wide() { return {.tp = 1, .dp = 8, .moe_tp = 1, .ep = 8, .pp = 1, .replicas = 1}; }
Layout one_device() { return {}; }

constexpr std::size_t kPoints = 1 << 16;
constexpr Count kMostTokens = 1 << 17;

std::vector<PointLoad> random_loads(Count most_sequences) {
  std::mt19937_64 rng(20261122);
  std::vector<PointLoad> loads;
  for (std::size_t i = 0; i < kPoints; ++i)
    loads.push_back({.prompt = 1 + static_cast<Count>(rng() % 8192),
                     .context = 1 + static_cast<Count>(rng() % 32768),
                     .sequences = 1 + static_cast<Count>(rng() % static_cast<std::uint64_t>(most_sequences))});
  return loads;
}

void prepared(benchmark::State& state, const char* model, const char* device, const char* runtime, const Layout& layout,
              Count sequences) {
  const Deployment d(model, device, runtime, layout);
  const Evaluator evaluator(d.plan, d.question, d.pricing.kernels, d.pricing.rates, kMostTokens);
  // Loads that do not fit cost almost nothing: they are left out.
  std::vector<PointLoad> loads = random_loads(sequences);
  std::erase_if(loads, [&](const PointLoad& load) { return !evaluator.at(load).fits; });
  std::size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(evaluator.at(loads[i]));
    if (++i == loads.size()) i = 0;
  }
  state.SetItemsProcessed(state.iterations());
  state.counters["distinct"] = static_cast<double>(loads.size());

  // How far the tables are off, on the same points.
  double worst = 0;
  for (std::size_t p = 0; p < loads.size(); p += 17) {
    const PointResult fast = evaluator.at(loads[p]);
    const PointResult exact = evaluator.exactly_at(loads[p]);
    worst = std::max(
        {worst, std::fabs(fast.decode_s / exact.decode_s - 1), std::fabs(fast.prefill_s / exact.prefill_s - 1)});
  }
  state.counters["table_error"] = worst;
}

// Layout, batch and context of every point are drawn: lowered, planned and priced operator by
// operator.
void changing(benchmark::State& state, const char* model, const char* device, const char* runtime, Count gpus) {
  Deployment d(model, device, runtime, one_device());
  const std::vector<Layout> layouts = legal_layouts(d.question.deployment.model, d.question.deployment.runtime, gpus);
  QuickEvaluator quick(d.plan, d.question, d.pricing.kernels, d.pricing.rates);
  struct Point {
    Layout layout;
    PointLoad load;
  };
  std::vector<Point> points;
  std::mt19937_64 rng(20261123);
  for (const PointLoad& load : random_loads(512)) {
    const Point point{layouts[rng() % layouts.size()], load};
    if (quick.at(point.layout, load).fits) points.push_back(point);
    if (points.size() == 4096) break;
  }
  std::size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(quick.at(points[i].layout, points[i].load));
    if (++i == points.size()) i = 0;
  }
  state.SetItemsProcessed(state.iterations());
  state.counters["layouts"] = static_cast<double>(layouts.size());
}

void preparing(benchmark::State& state, const char* model, const char* device, const Layout& layout) {
  const Deployment d(model, device, "vllm", layout);
  for (auto _ : state) {
    const Evaluator evaluator(d.plan, d.question, d.pricing.kernels, d.pricing.rates, kMostTokens);
    benchmark::DoNotOptimize(evaluator.at({.prompt = 1, .context = 1, .sequences = 1}));
  }
}

}  // namespace

// SGLang reads the prompts of eight data-parallel ranks in chunks of 1,024: 5.5 steps a point
// where vLLM, the default, has two.
BENCHMARK_CAPTURE(prepared, deepseek_v3_8xh200, "deepseek-v3", "h200", "vllm", eight_experts_wide(), 2048);
BENCHMARK_CAPTURE(prepared, deepseek_v3_8xh200_sglang, "deepseek-v3", "h200", "sglang", eight_experts_wide(), 2048);
BENCHMARK_CAPTURE(prepared, gpt_oss_120b_h200, "gpt-oss-120b", "h200", "vllm", one_device(), 256);
BENCHMARK_CAPTURE(prepared, mixtral_h200, "mixtral-8x7b", "h200", "vllm", one_device(), 64);
BENCHMARK_CAPTURE(changing, deepseek_v3_8xh200, "deepseek-v3", "h200", "vllm", 8);
BENCHMARK_CAPTURE(changing, deepseek_v3_8xh200_sglang, "deepseek-v3", "h200", "sglang", 8);
BENCHMARK_CAPTURE(changing, qwen3_235b_8xh200, "qwen3-235b-a22b", "h200", "vllm", 8);
BENCHMARK_CAPTURE(preparing, deepseek_v3_8xh200, "deepseek-v3", "h200", eight_experts_wide())
    ->Unit(benchmark::kMillisecond);

}  // namespace moeplan

BENCHMARK_MAIN();
