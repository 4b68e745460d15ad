// SPDX-License-Identifier: Apache-2.0
// A trace says what the timeline says: it parses, its slices are those of the lanes, and the busy
// time of each thread is that of the breakdown.
#include "reports/trace.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "sim/study/pricing.h"
#include "tests/books/books_support.h"

namespace moeplan {
namespace {

EventRun run_of(const Routing& routing) {
  const ModelPlan plan = plan_model(catalog().model("qwen3-235b-a22b"), catalog().formats(), "native");
  const RuntimeSpec runtime = catalog().runtime("sglang");
  const Pricing pricing = pricing_of(catalog(), usual_cluster(catalog(), "h200"), runtime, catalog().formats());
  const Layout layout{.tp = 1, .dp = 8, .moe_tp = 1, .ep = 8, .pp = 1, .replicas = 1};
  LowerOptions options = options_for(plan, runtime, layout);
  options.for_steps = true;
  const StepModel model(plan, runtime, options, pricing.kernels, Phase::Decode);
  StepDrawer::Kinds kinds;
  if (routing.skew != Skew::Balanced) kinds = routed_layers(plan.model, routing, layout, 1, {});
  return run_events(model, plan, Step{{.sequences = 256, .new_tokens = 1, .context = 1000}},
                    {.overlap = Overlap::TwoBatches}, kinds, {.draws = 2});
}

// Slices by (process, thread).
using Slices = std::map<std::pair<int, int>, std::vector<std::pair<double, double>>>;

Slices slices_of(const nlohmann::json& trace) {
  Slices slices;
  for (const auto& event : trace.at("traceEvents")) {
    if (event.at("ph") == "M") continue;
    EXPECT_EQ(event.at("ph"), "X");
    EXPECT_FALSE(event.at("name").get<std::string>().empty());
    slices[{event.at("pid"), event.at("tid")}].emplace_back(event.at("ts"), event.at("dur"));
  }
  for (auto& [thread, own] : slices) std::sort(own.begin(), own.end());
  return slices;
}

void expect_lanes(const EventRun& run) {
  const Slices slices = slices_of(nlohmann::json::parse(trace_of(run, "a \"title\"")));
  const auto busy = busy_times(run.shown.schedule.schedule, run.shown.timeline);
  for (std::size_t actor = 0; actor < busy.size(); ++actor) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const auto found = slices.find({static_cast<int>(actor), static_cast<int>(lane)});
      double sum = 0;
      double at = 0;
      if (found != slices.end()) {
        for (const auto& [begin, time] : found->second) {
          EXPECT_GE(begin, at - 1e-5);  // microseconds: ten picoseconds of rounding
          at = begin + time;
          sum += time;
        }
      }
      EXPECT_NEAR(sum, static_cast<double>(busy[actor][lane].count()) / 1e6, 1e-2);
      EXPECT_LE(at, static_cast<double>(run.shown.timeline.end.count()) / 1e6 + 1e-5);
    }
  }
}

TEST(Trace, ThreadsOfAClassAreItsLanes) { expect_lanes(run_of({})); }

TEST(Trace, ThreadsOfDrawnRanksAreTheirLanes) {
  Routing routing;
  routing.skew = Skew::Gini;
  routing.parameter = 0.3;
  const EventRun run = run_of(routing);
  EXPECT_EQ(run.shown.schedule.actors.size(), 8u);
  expect_lanes(run);
}

}  // namespace
}  // namespace moeplan
