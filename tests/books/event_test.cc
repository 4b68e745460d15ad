// SPDX-License-Identifier: Apache-2.0
// The books of the event engine: B5 equal to the analytic one where nothing overlaps, between
// its bounds where something does; B10 the same every time.
#include <gtest/gtest.h>

#include <map>

#include "sim/engine/event_engine.h"
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

}  // namespace
}  // namespace moeplan
