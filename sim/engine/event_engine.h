// SPDX-License-Identifier: Apache-2.0
// The event engine: a step as tasks on lanes (step_schedule.h) instead of a sum. Without
// overlap and without differences between ranks its time equals the analytic one to the
// picosecond; it goes on where that ends: batches that overlap, micro-batches in a pipeline,
// ranks that wait for each other.
#pragma once

#include <array>
#include <vector>

#include "sim/engine/step_schedule.h"

namespace moeplan {

struct EventStep {
  StepResult step;                  // of one micro-batch; `shares` along the critical path, so they add up to its time
  Picoseconds interval;             // from the end of a sequence's step to the end of its next
  Picoseconds serial;               // the operators one after the other, every rank like its class
  std::vector<Picoseconds> layers;  // of one micro-batch: layer_times()
  // As it was played: one micro-batch, or in a pipeline several rounds of all.
  Count micro_batches = 1;
  StepSchedule schedule;
  Timeline timeline;
};

struct EventOptions {
  Overlap overlap = Overlap::None;
  Count waves = 1;       // micro-batches under way in a pipeline
  bool by_rank = false;  // an actor for each rank
  const DrawnStep* drawn = nullptr;
  std::vector<Count> rank_sequences{};  // by_rank, without overlap: of each data-parallel rank; empty: equal parts
};

EventStep event_step(const StepModel& model, const ModelPlan& plan, const Step& step, const EventOptions& options);

// Micro-batches that follow each other through the stages (chunks of prompts), each as often as
// it says.
struct RepeatedStep {
  Step step;
  Count times = 1;
};
// Time until the last of them is through, each as long as it is (the analytic engine reckons with their
// mean: within 1 % of this for chunks of prompts). Of a long run of one kind so many are played that
// every stage is busy; from there on each takes as long as the one before.
Picoseconds time_through_stages(const StepModel& model, const ModelPlan& plan, const std::vector<RepeatedStep>& steps,
                                const EventOptions& options);

// Of a schedule that holds one micro-batch: time of each decoder layer of the model, from its first task to the first
// of the next layer of its stage (the stage's last: to its end).
std::vector<Picoseconds> layer_times(const StepSchedule& schedule, const Timeline& timeline);

}  // namespace moeplan
