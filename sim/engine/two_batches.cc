// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/two_batches.h"

#include <algorithm>

#include "sim/base/error.h"

namespace moeplan {
namespace {

double seconds_of(const StepResult& step, StepShare share) {
  return step.shares[static_cast<std::size_t>(share)].time.seconds().base();
}

// Of the exchanges' time that of the dispatch, as of their bytes.
double dispatch_share(const Traffic& traffic) {
  const double both = traffic.dispatch.total() + traffic.combine.total();
  return both > 0 ? traffic.dispatch.total() / both : 0.5;
}

// Seconds of a stage: one half's matrix products and other operators beside the other's messages.
double stage(double products, double rest, double messages, const HeldUnits& held) {
  double operators = products + rest + held.share * messages;
  if (held.whole_step && products + rest > 0)
    operators = products / (1 - held.share) + rest + held.share * messages * rest / (products + rest);
  return std::max(operators, messages);
}

StepResult overlapped(const StepResult& half, Count layers, const HeldUnits& held) {
  StepResult step;
  add(step, half, 2);
  step.slowest_stage = half.slowest_stage * 2;
  const double serial = step.time.seconds().base();
  if (serial <= 0) return step;
  const double exchange = seconds_of(half, StepShare::Exchange);
  const double dispatch = dispatch_share(half.traffic) * exchange;
  const double combine = exchange - dispatch;
  const double experts = seconds_of(half, StepShare::Experts);
  const double products = seconds_of(half, StepShare::Projections) + seconds_of(half, StepShare::Dense);
  const double rest = serial / 2 - exchange - experts - products;
  const double both = stage(products, rest, dispatch, held) + stage(experts, 0, dispatch, held) +
                      stage(experts, 0, combine, held) + stage(products, rest, combine, held) +
                      exchange / static_cast<double>(layers);
  const double part = std::min(serial, both) / serial;
  const auto shortened = [part](Picoseconds time) { return picoseconds_of(time.seconds().base() * part); };
  step.hidden = step.time - shortened(step.time);
  step.time = step.time - step.hidden;
  step.low = shortened(step.low);
  step.high = shortened(step.high);
  step.slowest_stage = shortened(step.slowest_stage);
  for (Picoseconds& tier : step.by_tier) tier = shortened(tier);
  return step;
}

}  // namespace

std::optional<Step> half_of(const Step& step, Count ranks) {
  Step half = step;
  for (std::size_t i = 0; i < half.size; ++i) {
    Segment& segment = half.segments[i];
    if (segment.sequences >= 2 * ranks) {
      segment.sequences = ceil_div(segment.sequences, 2);
    } else if (!segment.generates()) {
      // The second half sees the first: on average a quarter of the tokens more.
      segment.context += segment.new_tokens / 4;
      segment.new_tokens = ceil_div(segment.new_tokens, 2);
    } else {
      return std::nullopt;
    }
  }
  return half;
}

Count exchanging_layers(const StepModel& model) {
  Count most = 0;
  for (const StepModel::RankModel& rank : model.rank_models()) {
    Count layers = 0;
    for (const Op& op : rank.program.ops()) layers += op.name == OpName::Dispatch ? op.repeat : 0;
    most = std::max(most, layers);
  }
  return most;
}

// Gathers are left to the copy engines.
HeldUnits held_units_of(const StepModel& model) {
  const double units = model.kernels().machine.units;
  for (const StepModel::RankModel& rank : model.rank_models())
    for (const Op& op : rank.program.ops()) {
      if (op.name != OpName::Dispatch || op.exchange == DispatchKind::AllGather) continue;
      if (op.exchange == DispatchKind::DeepEpLowLatency) return {.share = kLowLatencyUnits};
      if (units > kExchangeUnits) return {.share = kExchangeUnits / units, .whole_step = true};
    }
  return {};
}

StepResult two_batches(const StepResult& half, Count layers, double units_share) {
  CHECK(layers >= 1 && units_share >= 0 && units_share <= 1);
  return overlapped(half, layers, {.share = units_share});
}

StepResult step_with(const StepModel& model, const Step& step, Overlap overlap) {
  const std::optional<Step> half = overlap == Overlap::None ? std::nullopt : half_of(step, model.dp());
  const Count layers = half ? exchanging_layers(model) : 0;
  if (layers == 0) return model.step(step);
  StepResult two = overlapped(model.step(*half), layers, held_units_of(model));
  // The same work in less time: the floor is drawn once where two kernels run at once.
  two.joules -= model.kernels().power.floor * two.hidden.seconds().base();
  if (overlap == Overlap::TwoBatches) return two;
  const StepResult one = model.step(step);
  return two.time < one.time ? two : one;
}

}  // namespace moeplan
