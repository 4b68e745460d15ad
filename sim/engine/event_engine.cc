// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/event_engine.h"

#include <algorithm>
#include <cmath>

#include "sim/base/error.h"

namespace moeplan {
namespace {

StepShare share_of_piece(const Piece& piece, const StepModel::RankModel& model) {
  if (piece.op == kNone) return StepShare::Engine;
  return share_of(model.program.op_array[model.ops.ops[piece.op].op]);
}

// Where the time of a played schedule goes: what held up its end, task by task.
void set_shares(StepResult& result, const StepModel& model, const StepSchedule& plan, const Timeline& timeline) {
  for (ShareTime& share : result.shares) share.time = Picoseconds();
  for (const std::uint32_t t : timeline.critical_path()) {
    const Task& task = plan.schedule.tasks[t];
    const StepModel::RankModel& own = model.rank_models()[plan.actors[task.actor].model];
    for_each_piece(plan.schedule, task, timeline.spans[t].end - timeline.spans[t].begin,
                   [&](const Piece& piece, Picoseconds, Picoseconds time) {
                     result.shares[static_cast<std::size_t>(share_of_piece(piece, own))].time += time;
                   });
  }
}

// `result` holds the work and the serial time; the schedule says how long it takes.
void set_times(StepResult& result, const StepModel& model, const StepSchedule& plan, const Timeline& timeline) {
  const Picoseconds serial = result.time;
  const double part =
      serial.count() == 0 ? 1 : static_cast<double>(timeline.end.count()) / static_cast<double>(serial.count());
  if (timeline.end != serial) {
    const auto scaled = [part](Picoseconds time) { return picoseconds_of(time.seconds().base() * part); };
    result.low = scaled(result.low);
    result.high = scaled(result.high);
    result.slowest_stage = scaled(result.slowest_stage);
    for (Picoseconds& tier : result.by_tier) tier = scaled(tier);
    result.joules += model.kernels().power.floor * (timeline.end - serial).seconds().base();
  }
  result.time = timeline.end;
  set_shares(result, model, plan, timeline);
  result.hidden = Picoseconds();
}

struct Played {
  StepResult step;
  StepSchedule schedule;
  Timeline timeline;
  Picoseconds serial;
};

Played played(const StepModel& model, const ModelPlan& plan, const Step& step, bool halves,
              const EventOptions& options) {
  StepScheduler scheduler(model, plan, options.by_rank);
  if (!options.rank_sequences.empty()) scheduler.set_rank_sequences(options.rank_sequences);
  scheduler.add_pass(step, halves, std::nullopt, options.drawn);
  Played result;
  const StepResult one = model.step(step);
  add(result.step, one, halves ? 2 : 1);
  result.step.slowest_stage = halves ? one.slowest_stage * 2 : one.slowest_stage;
  result.serial = result.step.time;
  result.schedule = scheduler.result();
  result.timeline = play(result.schedule.schedule);
  set_times(result.step, model, result.schedule, result.timeline);
  return result;
}

Picoseconds end_of(const Timeline& timeline, const std::vector<std::uint32_t>& tasks) {
  Picoseconds end;
  for (const std::uint32_t t : tasks) end = std::max(end, timeline.spans[t].end);
  return end;
}

// Every micro-batch goes through the stages again and again.
EventStep in_pipeline(EventStep result, const StepModel& model, const ModelPlan& plan, const Step& step, bool halves,
                      const EventOptions& options) {
  constexpr Count kRounds = 4;
  StepScheduler scheduler(model, plan, options.by_rank);
  std::vector<std::size_t> passes;
  for (Count round = 0; round < kRounds; ++round)
    for (Count wave = 0; wave < options.waves; ++wave) {
      std::optional<std::size_t> after;
      if (round > 0) after = passes[passes.size() - static_cast<std::size_t>(options.waves)];
      passes.push_back(scheduler.add_pass(step, halves, after, options.drawn));
    }
  result.micro_batches = static_cast<Count>(passes.size());
  result.schedule = scheduler.result();
  result.timeline = play(result.schedule.schedule);
  const std::size_t last = passes.back();
  const std::size_t before = last - static_cast<std::size_t>(options.waves);
  result.interval =
      end_of(result.timeline, scheduler.last_tasks(last)) - end_of(result.timeline, scheduler.last_tasks(before));
  return result;
}

}  // namespace

EventStep event_step(const StepModel& model, const ModelPlan& plan, const Step& step, const EventOptions& options) {
  const std::optional<Step> half =
      options.overlap == Overlap::None || exchanging_layers(model) == 0 ? std::nullopt : half_of(step, model.dp());
  bool halves = half.has_value();
  Played one = played(model, plan, half.value_or(step), halves, options);
  if (half && options.overlap == Overlap::Faster) {
    Played whole = played(model, plan, step, false, options);
    if (whole.timeline.end <= one.timeline.end) {
      one = std::move(whole);
      halves = false;
    }
  }
  EventStep result{.step = one.step,
                   .interval = one.step.time,
                   .serial = one.serial,
                   .layers = layer_times(one.schedule, one.timeline),
                   .schedule = std::move(one.schedule),
                   .timeline = std::move(one.timeline)};
  if (model.stages() == 1) return result;
  return in_pipeline(std::move(result), model, plan, halves ? *half : step, halves, options);
}

Picoseconds time_through_stages(const StepModel& model, const ModelPlan& plan, const std::vector<RepeatedStep>& steps,
                                const EventOptions& options) {
  const Count most = 2 * model.stages() + 2;
  StepScheduler scheduler(model, plan, options.by_rank);
  std::vector<std::pair<std::size_t, Count>> cut;  // runs too long to play: their last pass, and how many are left
  for (const RepeatedStep& run : steps) {
    const bool overlaps = options.overlap != Overlap::None && exchanging_layers(model) > 0;
    const std::optional<Step> half = overlaps ? half_of(run.step, model.dp()) : std::nullopt;
    const Count played = std::min(run.times, most);
    std::size_t last = 0;
    for (Count i = 0; i < played; ++i)
      last = scheduler.add_pass(half.value_or(run.step), half.has_value(), std::nullopt, options.drawn);
    if (run.times > played) cut.emplace_back(last, run.times - played);
  }
  const Timeline timeline = play(scheduler.result().schedule);
  Picoseconds time = timeline.end;
  for (const auto& [last, left] : cut) {
    const Picoseconds each =
        end_of(timeline, scheduler.last_tasks(last)) - end_of(timeline, scheduler.last_tasks(last - 1));
    time += each * left;
  }
  return time;
}

std::vector<Picoseconds> layer_times(const StepSchedule& plan, const Timeline& timeline) {
  struct Bounds {
    Count stage = -1;
    Picoseconds begin, end;
  };
  std::vector<Bounds> layers;
  for (std::size_t t = 0; t < plan.schedule.tasks.size(); ++t) {
    const Task& task = plan.schedule.tasks[t];
    const Span& span = timeline.spans[t];
    if (task.layer == kNoLayer) continue;
    if (task.layer >= layers.size()) layers.resize(task.layer + std::size_t{1});
    Bounds& layer = layers[task.layer];
    if (layer.stage < 0) layer = {.stage = plan.actors[task.actor].stage, .begin = span.begin, .end = span.end};
    layer.begin = std::min(layer.begin, span.begin);
    layer.end = std::max(layer.end, span.end);
  }
  std::vector<Picoseconds> times;
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const bool goes_on = l + 1 < layers.size() && layers[l + 1].stage == layers[l].stage;
    times.push_back((goes_on ? layers[l + 1].begin : layers[l].end) - layers[l].begin);
  }
  return times;
}

}  // namespace moeplan
