// SPDX-License-Identifier: Apache-2.0
// The books of the event engine: B5 equal to the analytic one where nothing overlaps, between
// its bounds where something does; B10 the same every time.
#include <gtest/gtest.h>

#include <map>

#include "sim/engine/event_engine.h"
#include "sim/study/event_run.h"
#include "sim/study/pricing.h"
#include "tests/books/books_support.h"

namespace moeplan {
namespace {

const Kernels& kernels_for(const std::string& runtime) {
  static std::map<std::string, Pricing> known;
  const auto found = known.find(runtime);
  if (found != known.end()) return found->second.kernels;
  Pricing pricing =
      pricing_of(catalog(), usual_cluster(catalog(), "h200"), catalog().runtime(runtime), catalog().formats());
  return known.emplace(runtime, std::move(pricing)).first->second.kernels;
}

// Calls fn(case, plan, runtime, options) for every `stride`-th preset x runtime x layout.
template <class Fn>
void for_some_cases(std::size_t stride, Fn fn) {
  std::size_t n = 0;
  for_each_case([&](const Case& c, const ModelPlan& plan, const RuntimeSpec& runtime) {
    if (n++ % stride != 0) return;
    LowerOptions options = options_for(plan, runtime, c.layout);
    options.for_steps = true;
    options.load_mtp = true;
    fn(c, plan, runtime, options);
  });
}

Step decoding(const Layout& layout, Count new_tokens = 1) {
  return Step{{.sequences = 24 * layout.token_groups(), .new_tokens = new_tokens, .context = 3000}};
}

void expect_equal(const StepResult& event, const StepResult& analytic, const std::string& what) {
  EXPECT_EQ(event.time.count(), analytic.time.count()) << what;
  EXPECT_EQ(event.hidden.count(), 0) << what;
  for (std::size_t i = 0; i < kStepShares; ++i)
    EXPECT_EQ(event.shares[i].time.count(), analytic.shares[i].time.count())
        << what << ": " << word_of(static_cast<StepShare>(i));
}

TEST(EventBooks, B5ADecodeStepTakesTheAnalyticTimeToThePicosecond) {
  std::size_t cases = 0;
  for_some_cases(19,
                 [&](const Case& c, const ModelPlan& plan, const RuntimeSpec& runtime, const LowerOptions& options) {
                   const StepModel model(plan, runtime, options, kernels_for(c.runtime), Phase::Decode);
                   for (const Count drafts : {0, 3}) {
                     const Step step = decoding(c.layout, 1 + drafts);
                     expect_equal(event_step(model, plan, step, {}).step, model.step(step), label(c));
                   }
                   ++cases;
                 });
  EXPECT_GT(cases, 300u);
}

TEST(EventBooks, B5APromptTakesTheAnalyticTimeToThePicosecond) {
  for_some_cases(41, [](const Case& c, const ModelPlan& plan, const RuntimeSpec& runtime, const LowerOptions& options) {
    const StepModel model(plan, runtime, options, kernels_for(c.runtime), Phase::Prefill);
    const Step step{{.sequences = c.layout.dp, .new_tokens = 1500, .context = 700},
                    {.sequences = 5 * c.layout.dp, .new_tokens = 1, .context = 2000}};
    expect_equal(event_step(model, plan, step, {}).step, model.step(step), label(c));
  });
}

// Equal ranks that are played one by one.
TEST(EventBooks, B5RanksThatDoTheSameTakeTheTimeOfTheirClass) {
  for_some_cases(67, [](const Case& c, const ModelPlan& plan, const RuntimeSpec& runtime, const LowerOptions& options) {
    const StepModel model(plan, runtime, options, kernels_for(c.runtime), Phase::Decode);
    const Step step = decoding(c.layout);
    EXPECT_EQ(event_step(model, plan, step, {.by_rank = true}).step.time.count(), model.step(step).time.count())
        << label(c);
  });
}

// max(busiest lane, critical path) <= time <= all one after the other; the path has no gaps.
TEST(EventBooks, B5OverlappedStepsLieBetweenTheBusiestLaneAndTheSum) {
  std::size_t cases = 0;
  for_some_cases(
      23, [&](const Case& c, const ModelPlan& plan, const RuntimeSpec& runtime, const LowerOptions& options) {
        if (c.layout.token_groups() == 1 || c.layout.pp > 1) return;
        const StepModel model(plan, runtime, options, kernels_for(c.runtime), Phase::Decode);
        if (exchanging_layers(model) == 0) return;
        const EventStep event = event_step(model, plan, decoding(c.layout), {.overlap = Overlap::TwoBatches});
        // Messages that take units from what is computed beside them lengthen it: of every task its span.
        Count serial = 0;
        Count busiest = 0;
        for (const auto& lanes : busy_times(event.schedule.schedule, event.timeline)) {
          Count sum = 0;
          for (const Picoseconds lane : lanes) {
            busiest = std::max(busiest, lane.count());
            sum += lane.count();
          }
          serial = std::max(serial, sum);
        }
        EXPECT_GE(event.step.time.count(), busiest) << label(c);
        EXPECT_LE(event.step.time.count(), serial) << label(c);
        Picoseconds at;
        for (const std::uint32_t t : event.timeline.critical_path()) {
          EXPECT_EQ(event.timeline.spans[t].begin.count(), at.count()) << label(c);
          at = event.timeline.spans[t].end;
        }
        EXPECT_EQ(at.count(), event.step.time.count()) << label(c);
        ++cases;
      });
  EXPECT_GT(cases, 20u);
}

// w micro-batches over stages that take t_s: the next token of a sequence comes after
// max(sum of t_s, w max t_s).
TEST(EventBooks, MicroBatchesInAPipelineTakeTheClosedForm) {
  std::size_t cases = 0;
  for_some_cases(29,
                 [&](const Case& c, const ModelPlan& plan, const RuntimeSpec& runtime, const LowerOptions& options) {
                   if (c.layout.pp == 1) return;
                   const StepModel model(plan, runtime, options, kernels_for(c.runtime), Phase::Decode);
                   const Step step = decoding(c.layout);
                   const StepResult analytic = model.step(step);
                   for (const Count waves : {Count{1}, c.layout.pp, 2 * c.layout.pp}) {
                     const EventStep event = event_step(model, plan, step, {.waves = waves});
                     EXPECT_EQ(event.interval.count(), std::max(analytic.time, analytic.slowest_stage * waves).count())
                         << label(c) << " waves " << waves;
                   }
                   ++cases;
                 });
  EXPECT_GT(cases, 20u);
}

// A stage passes on what it made: no layer takes longer than the step.
TEST(EventBooks, LayersOfAPipelineAreThoseOfOneMicroBatch) {
  const ModelPlan plan = plan_model(catalog().model("deepseek-v3"), catalog().formats(), "native");
  const RuntimeSpec runtime = catalog().runtime("sglang");
  LowerOptions options = options_for(plan, runtime, {.tp = 8, .dp = 1, .moe_tp = 8, .ep = 1, .pp = 2, .replicas = 1});
  options.for_steps = true;
  const StepModel model(plan, runtime, options, kernels_for("sglang"), Phase::Decode);
  const EventStep event = event_step(model, plan, decoding(options.layout), {.waves = 2});
  ASSERT_EQ(event.layers.size(), 61u);
  Picoseconds sum;
  for (const Picoseconds layer : event.layers) {
    EXPECT_GT(layer.count(), 0);
    sum += layer;
  }
  EXPECT_LT(sum, event.step.time);  // beside embedding, head and what the engine adds
  EXPECT_GT(sum.seconds().base(), 0.8 * event.step.time.seconds().base());
}

Layout experts_over(Count n) { return {.tp = 1, .dp = n, .moe_tp = 1, .ep = n, .pp = 1, .replicas = 1}; }

// One deployment whose tokens are drawn.
struct Drawn {
  ModelPlan plan;
  RuntimeSpec runtime;
  LowerOptions options;
  LoadTables loads;
  StepModel model;
  Step step;

  Drawn(const std::string& id, Count ranks, Count sequences)
      : plan(plan_model(catalog().model(id), catalog().formats(), "native")),
        runtime(catalog().runtime("sglang")),
        options(options_for(plan, runtime, experts_over(ranks))),
        model(plan, runtime, options, kernels_for("sglang"), Phase::Decode),
        step{{.sequences = sequences, .new_tokens = 1, .context = 4096}} {}

  StepDrawer drawer(const Routing& routing, PlacementWay way = PlacementWay::Contiguous, Count redundant = 0) const {
    Layout layout = options.layout;
    layout.redundant = redundant;
    EventAsk ask;
    ask.placement.way = way;
    const Count nodes = domains_of(layout, kernels_for("sglang"));
    return {model, plan, routed_layers(plan.model, routing, layout, nodes, ask)};
  }
  EventStep play(const DrawnStep& drawn) const {
    return event_step(model, plan, step, {.by_rank = true, .drawn = &drawn});
  }
};

// Every rank at its expectation is no draw at all.
TEST(EventBooks, B5EvenDrawsTakeTheAnalyticTime) {
  for (const char* id : {"deepseek-v3", "qwen3-235b-a22b", "mixtral-8x7b"}) {
    const Drawn d(id, 8, 512);
    StepDrawer drawer = d.drawer({});
    const Count analytic = d.model.step(d.step).time.count();
    const Count played = d.play(drawer.draw(d.step, 0)).step.time.count();
    EXPECT_NEAR(static_cast<double>(played), static_cast<double>(analytic), 1e-6 * static_cast<double>(analytic)) << id;
  }
}

TEST(EventBooks, B10TheSameSeedDrawsTheSameStepAndAnotherAnother) {
  const Drawn d("qwen3-235b-a22b", 8, 512);
  Routing routing{.skew = Skew::Gini, .parameter = 0.3};
  const auto time = [&](std::uint64_t seed, std::uint64_t number) {
    routing.seed = seed;
    StepDrawer drawer = d.drawer(routing);
    return d.play(drawer.draw(d.step, number)).step.time.count();
  };
  EXPECT_EQ(time(1, 0), time(1, 0));
  EXPECT_NE(time(1, 0), time(1, 1));
  EXPECT_NE(time(1, 0), time(2, 0));
}

// Both draw the same thing in different words: the mean over played steps is what load tables say.
TEST(EventBooks, DrawnStepsTakeTheTimeOfTheLoadTablesOnAverage) {
  const Drawn d("qwen3-235b-a22b", 8, 1024);
  const Routing routing{.skew = Skew::Gini, .parameter = 0.3};
  StepDrawer drawer = d.drawer(routing);
  double played = 0;
  constexpr int kSteps = 12;
  for (std::uint64_t i = 0; i < kSteps; ++i)
    played += d.play(drawer.draw(d.step, i)).step.time.seconds().base() / kSteps;
  const LoadTables loads = load_tables(d.plan.model, routing, d.options.layout, 1);
  const StepModel tables(d.plan, d.runtime, d.options, kernels_for("sglang"), Phase::Decode, &loads);
  const double analytic = tables.step(d.step).time.seconds().base();
  EXPECT_NEAR(played / analytic, 1.0, 0.03);
}

TEST(EventBooks, SkewCostsTimeAndABalancerWinsSomeOfItBack) {
  const Drawn d("deepseek-v3", 32, 32 * 128);
  const auto time = [&](const Routing& routing, PlacementWay way) {
    StepDrawer drawer = d.drawer(routing, way);
    return d.play(drawer.draw(d.step, 0)).step.time.seconds().base();
  };
  const Routing skewed{.skew = Skew::Gini, .parameter = 0.4};
  const double even = time({.skew = Skew::Uniform}, PlacementWay::Contiguous);
  const double hot = time(skewed, PlacementWay::Contiguous);
  const double balanced = time(skewed, PlacementWay::Balanced);
  EXPECT_GT(hot, even);
  EXPECT_LT(balanced, hot);
}

// Tasks of a rank's lanes add up to what the trace shows and the breakdown says.
TEST(EventBooks, BusyLanesOfAStepWithoutOverlapAreItsBreakdown) {
  const Drawn d("deepseek-v3", 8, 512);
  const EventStep event = event_step(d.model, d.plan, d.step, {});
  const auto busy = busy_times(event.schedule.schedule, event.timeline);
  ASSERT_EQ(busy.size(), 1u);
  const auto share = [&](StepShare s) { return event.step.shares[static_cast<std::size_t>(s)].time; };
  const Picoseconds messages = share(StepShare::Exchange) + share(StepShare::Reduce) + share(StepShare::Pipeline);
  EXPECT_EQ(busy[0][static_cast<std::size_t>(Lane::Comm)].count(), messages.count());
  EXPECT_EQ((busy[0][static_cast<std::size_t>(Lane::Compute)] + messages).count(), event.step.time.count());
}

// Ranks in lockstep: a layer takes as long as the fullest rank attends and as its experts work for all.
TEST(EventBooks, UnevenBatchesLieBetweenEvenOnesAndTheFullestForAll) {
  const Drawn d("deepseek-v3", 8, 8 * 64);
  const auto time = [&](std::vector<Count> sequences) {
    return event_step(d.model, d.plan, d.step, {.by_rank = true, .rank_sequences = std::move(sequences)}).step.time;
  };
  const Picoseconds even = time({64, 64, 64, 64, 64, 64, 64, 64});
  const Picoseconds uneven = time({120, 0, 64, 64, 64, 64, 64, 72});
  const Step fullest{{.sequences = 8 * 120, .new_tokens = 1, .context = 4096}};
  EXPECT_EQ(even.count(), d.model.step(d.step).time.count());
  EXPECT_GT(uneven, even);
  EXPECT_LT(uneven, d.model.step(fullest).time);
}

// Experts in host memory, copied: with a share fetched while the layer before goes on a step takes less,
// and never less than the link needs for all of it.
TEST(EventBooks, FetchingExpertsAheadHidesCopiesBehindTheDevice) {
  const ModelPlan plan = plan_model(catalog().model("mixtral-8x7b"), catalog().formats(), "native");
  const RuntimeSpec runtime = catalog().runtime("llama.cpp");
  Kernels kernels = kernels_for("llama.cpp");
  kernels.host.use = HostUse::Stream;
  LowerOptions options = options_for(plan, runtime, {});
  options.for_steps = true;
  options.host_expert_layers = 32;
  const Step step{{.sequences = 1, .new_tokens = 1, .context = 2000}};
  const auto time = [&](double share) {
    kernels.host.fetched_ahead = share;
    const StepModel model(plan, runtime, options, kernels, Phase::Decode);
    return event_step(model, plan, step, {}).step.time.seconds().base();
  };
  const double none = time(0);
  const double half = time(0.5);
  const double all = time(1);
  EXPECT_LT(half, none);
  EXPECT_LT(all, half);
  // 32 layers x 2 of 8 experts x 3 x 4,096 x 14,336 x 2 B over the link.
  EXPECT_GT(all, 32.0 * 2 * 3 * 4096 * 14336 * 2 / kernels.host.link);
}

}  // namespace
}  // namespace moeplan
