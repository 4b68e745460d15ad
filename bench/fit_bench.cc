// SPDX-License-Identifier: Apache-2.0
// How many verdicts and lowerings a core makes per second. A counting allocator
// proves that neither loop touches the heap: a benchmark that allocates fails.
#include <benchmark/benchmark.h>

#include <array>
#include <random>

#include "sim/study/fit.h"
#include "validate/counting_allocator.h"

namespace moeplan {
namespace {

struct Setup {
  ModelPlan plan;
  RuntimeSpec runtime;
  LowerOptions options;
  RankClass rank_class;
};

Setup make_setup(const char* model, const Layout& layout) {
  const Catalog catalog = Catalog::embedded();
  Setup s;
  s.plan = plan_model(catalog.model(model), catalog.formats(), "native");
  s.runtime = catalog.runtime("vllm");
  s.options.layout = layout;
  s.options.kv_format = default_kv_format(s.plan, s.runtime);
  s.options.dispatch_tokens = s.runtime.dispatch_tokens;
  s.rank_class = rank_classes(s.plan, layout).front();
  return s;
}

// Fails the benchmark if the timed loop allocated.
class NoAllocation {
 public:
  explicit NoAllocation(benchmark::State& state) : state_(state), before_(allocations.load()) {}
  void check() {
    const long made = allocations.load() - before_;
    state_.counters["allocations"] = static_cast<double>(made);
    if (made != 0) state_.SkipWithError("the loop allocated");
  }

 private:
  benchmark::State& state_;
  long before_;
};

struct Point {
  Count context, sequences;
  Bytes budget;
};

constexpr std::size_t kPoints = 4096;

std::array<Point, kPoints> random_points() {
  std::mt19937_64 rng(20261121);
  std::array<Point, kPoints> points{};
  for (Point& p : points) {
    p.context = 1 + static_cast<Count>(rng() % 163840);
    p.sequences = 1 + static_cast<Count>(rng() % 512);
    p.budget = Bytes(static_cast<Count>(rng() % (std::uint64_t{200} << 30)));
  }
  return points;
}

FoldedLedger folded_of(const Setup& s) {
  const Program p = lower(s.plan, s.runtime, s.options, s.rank_class, Phase::Prefill);
  return fold(p, {.kv_block = 16, .chunk = 8192, .row_limit = 1024}, {});
}

// One verdict: total, upper bound and margin at a random load and budget.
void verdict(benchmark::State& state, const char* model, Layout layout) {
  const FoldedLedger folded = folded_of(make_setup(model, layout));
  const std::array<Point, kPoints> points = random_points();
  std::size_t i = 0;
  Count fitting = 0;
  NoAllocation guard(state);
  for (auto _ : state) {
    const Point& p = points[i++ % kPoints];
    const Bytes total = total_at(folded, p.context, p.sequences);
    const Bytes high = high_at(folded, p.context, p.sequences);
    fitting += total <= p.budget ? (high <= p.budget ? 2 : 1) : 0;
  }
  benchmark::DoNotOptimize(fitting);
  guard.check();
  state.SetItemsProcessed(state.iterations());
}

// A verdict with both headrooms solved.
void verdict_with_headroom(benchmark::State& state, const char* model, Layout layout) {
  const FoldedLedger folded = folded_of(make_setup(model, layout));
  const std::array<Point, kPoints> points = random_points();
  std::size_t i = 0;
  NoAllocation guard(state);
  for (auto _ : state) {
    const Point& p = points[i++ % kPoints];
    benchmark::DoNotOptimize(total_at(folded, p.context, p.sequences));
    benchmark::DoNotOptimize(max_context(folded, p.budget, p.sequences, 163840));
    benchmark::DoNotOptimize(max_sequences(folded, p.budget, p.context, 1 << 20));
  }
  guard.check();
  state.SetItemsProcessed(state.iterations());
}

void lowering(benchmark::State& state, const char* model, Layout layout) {
  const Setup s = make_setup(model, layout);
  NoAllocation guard(state);
  for (auto _ : state) {
    const Program p = lower(s.plan, s.runtime, s.options, s.rank_class, Phase::Decode);
    benchmark::DoNotOptimize(p.op_count);
    benchmark::ClobberMemory();
  }
  guard.check();
  state.SetItemsProcessed(state.iterations());
}

constexpr Layout kTp8{.tp = 8, .dp = 1, .moe_tp = 8, .ep = 1};
constexpr Layout kDp8Ep8{.tp = 1, .dp = 8, .moe_tp = 1, .ep = 8};
constexpr Layout kSingle{};

BENCHMARK_CAPTURE(verdict, deepseek_v3_dp8_ep8, "deepseek-v3", kDp8Ep8);
BENCHMARK_CAPTURE(verdict, gpt_oss_120b, "gpt-oss-120b", kSingle);
BENCHMARK_CAPTURE(verdict_with_headroom, deepseek_v3_dp8_ep8, "deepseek-v3", kDp8Ep8);
BENCHMARK_CAPTURE(verdict_with_headroom, gpt_oss_120b, "gpt-oss-120b", kSingle);
BENCHMARK_CAPTURE(lowering, deepseek_v3_tp8, "deepseek-v3", kTp8);
BENCHMARK_CAPTURE(lowering, deepseek_v3_dp8_ep8, "deepseek-v3", kDp8Ep8);
BENCHMARK_CAPTURE(lowering, gpt_oss_120b, "gpt-oss-120b", kSingle);
BENCHMARK_CAPTURE(lowering, mixtral_8x7b, "mixtral-8x7b", kSingle);
BENCHMARK_CAPTURE(lowering, llama_4_maverick_tp8, "llama-4-maverick", kTp8);

}  // namespace
}  // namespace moeplan

BENCHMARK_MAIN();
