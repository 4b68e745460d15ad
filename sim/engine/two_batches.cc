// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/two_batches.h"

#include <algorithm>
#include <optional>

#include "sim/base/error.h"

namespace moeplan {
namespace {

double exchange_of(const StepResult& step) {
  return step.shares[static_cast<std::size_t>(StepShare::Exchange)].time.seconds().base();
}

// Half of every segment; nothing if one has but a token on a rank.
std::optional<Step> half_of(const Step& step, Count ranks) {
  Step half = step;
  for (std::size_t i = 0; i < half.size; ++i) {
    Segment& segment = half.segments[i];
    if (segment.sequences >= 2 * ranks) {
      segment.sequences = ceil_div(segment.sequences, 2);
    } else if (segment.new_tokens >= 2) {
      // The second half sees the first: on average a quarter of the tokens more.
      segment.context += segment.new_tokens / 4;
      segment.new_tokens = ceil_div(segment.new_tokens, 2);
    } else {
      return std::nullopt;
    }
  }
  return half;
}

// Layers of a rank that exchange tokens.
Count exchanging_layers(const StepModel& model) {
  Count most = 0;
  for (const StepModel::RankModel& rank : model.rank_models()) {
    Count layers = 0;
    for (const Op& op : rank.program.ops()) layers += op.name == OpName::Dispatch ? op.repeat : 0;
    most = std::max(most, layers);
  }
  return most;
}

// Low-latency kernels hand messages to the adapters and let go; gathers are treated alike.
double units_share_of(const StepModel& model) {
  const double units = model.kernels().machine.units;
  for (const StepModel::RankModel& rank : model.rank_models())
    for (const Op& op : rank.program.ops())
      if (op.name == OpName::Dispatch && op.exchange != DispatchKind::DeepEpLowLatency &&
          op.exchange != DispatchKind::AllGather && units > 0)
        return std::min(1.0, kExchangeUnits / units);
  return 0;
}

}  // namespace

StepResult two_batches(const StepResult& half, Count layers, double units_share) {
  CHECK(layers >= 1 && units_share >= 0 && units_share <= 1);
  StepResult step;
  add(step, half, 2);
  step.slowest_stage = half.slowest_stage * 2;
  const double serial = step.time.seconds().base();
  if (serial <= 0) return step;
  const double messages = 2 * exchange_of(half);
  const double operators = serial - messages;
  const double first_and_last = messages / 2 / static_cast<double>(layers);
  const double overlapped = std::min(serial, std::max(messages, operators + units_share * messages) + first_and_last);
  const double part = overlapped / serial;
  const auto shortened = [part](Picoseconds time) { return picoseconds_of(time.seconds().base() * part); };
  step.hidden = step.time - shortened(step.time);
  step.time = step.time - step.hidden;
  step.low = shortened(step.low);
  step.high = shortened(step.high);
  step.slowest_stage = shortened(step.slowest_stage);
  for (Picoseconds& tier : step.by_tier) tier = shortened(tier);
  return step;
}

StepResult step_with(const StepModel& model, const Step& step, Overlap overlap) {
  const std::optional<Step> half = overlap == Overlap::None ? std::nullopt : half_of(step, model.dp());
  const Count layers = half ? exchanging_layers(model) : 0;
  if (layers == 0) return model.step(step);
  StepResult two = two_batches(model.step(*half), layers, units_share_of(model));
  // The same work in less time: the floor is drawn once where two kernels run at once.
  two.joules -= model.kernels().power.floor * two.hidden.seconds().base();
  if (overlap == Overlap::TwoBatches) return two;
  const StepResult one = model.step(step);
  return two.time < one.time ? two : one;
}

}  // namespace moeplan
