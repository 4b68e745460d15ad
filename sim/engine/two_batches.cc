// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/two_batches.h"

#include <algorithm>

#include "sim/base/error.h"

namespace moeplan {
namespace {

double exchange_of(const StepResult& step) {
  return step.shares[static_cast<std::size_t>(StepShare::Exchange)].time.seconds().base();
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

}  // namespace moeplan
