// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/power.h"

#include <algorithm>
#include <cmath>

namespace moeplan {
namespace {

// Products of a kind nobody measured: fp32 and tf32 as bf16, int8 as fp8.
PowerConstant constant_of(MathKind kind) {
  switch (kind) {
    case MathKind::Fp4: return PowerFp4;
    case MathKind::Fp8:
    case MathKind::Int8: return PowerFp8;
    case MathKind::Fp32:
    case MathKind::Tf32:
    case MathKind::Bf16: return PowerBf16;
  }
  return PowerBf16;
}

double settle_of(Products products, std::span<const double> constants) {
  switch (products) {
    case Products::Dense: return constants[PowerSettle];
    case Products::Experts: return 0;  // layers take long enough
    case Products::Attention: return constants[PowerSettleAttention];
  }
  return 0;
}

}  // namespace

double PowerModel::slowdown(const Activity& a, double seconds) const {
  const double dynamic = dynamic_joules(a);
  const double room = (limit - floor) * seconds;
  if (!lowered || dynamic <= room) return 1;
  // A kernel at the rated limit ran at a lowered clock already: it drew that and no more.
  const double drawn = std::min(dynamic, (rated * reach - floor) * seconds);
  if (drawn <= room) return 1;
  const double products = flop[static_cast<std::size_t>(a.products)][static_cast<std::size_t>(a.math)] * a.flops;
  const double clock = std::pow(std::max(room / drawn, 1e-3), kClockExponent);
  return 1 + products / dynamic * (1 / clock - 1);
}

Activity activity_of(const PowerReading& point, const Machine& machine) {
  return std::visit([&](const auto& kernel) { return activity_of(kernel, machine); }, point.kernel);
}

double ideal_seconds(const Activity& activity, const Machine& machine) {
  return activity.flops / machine.peak_of(activity.math) +
         (activity.memory_bytes + activity.cache_bytes) / machine.bandwidth;
}

double own_seconds(const PowerReading& point, const Activity& activity, const Machine& machine) {
  const auto* gemm = std::get_if<GemmPoint>(&point.kernel);
  if (gemm == nullptr || gemm->recorded) return point.seconds;
  return std::min(point.seconds, kEagerStart + ideal_seconds(activity, machine) / kEagerShare);
}

PowerModel power_model(std::span<const double> constants, const Machine& machine) {
  PowerModel model;
  if (machine.power <= 0) return model;
  model.rated = machine.power;
  model.reach = constants[PowerLimit];
  model.limit = machine.power * model.reach;
  model.idle = machine.idle_power > 0 ? machine.idle_power : kAssumedIdleShare * machine.power;
  model.floor = std::min(std::max(model.idle, constants[PowerFloor] * machine.power), model.limit);
  model.memory_byte = constants[PowerMemory] * machine.power / machine.bandwidth;
  model.cache_byte = constants[PowerCache] * machine.power / machine.bandwidth;
  for (std::size_t i = 0; i < kMathKinds; ++i) {
    const MathKind kind = static_cast<MathKind>(i);
    const double joules = constants[constant_of(kind)] * machine.power / std::max(1.0, machine.peak_of(kind));
    model.flop[static_cast<std::size_t>(Products::Dense)][i] = joules;
    model.flop[static_cast<std::size_t>(Products::Experts)][i] = joules * constants[PowerExperts];
    model.flop[static_cast<std::size_t>(Products::Attention)][i] =
        constants[PowerAttention] * machine.power / std::max(1.0, machine.peak_of(MathKind::Bf16));
  }
  return model;
}

PowerModel limited_to(PowerModel model, double limit) {
  if (!model.is_known() || limit >= model.rated) return model;
  model.lowered = true;
  model.limit = limit * model.reach;
  model.floor = std::min(model.floor, model.limit);
  return model;
}

Price slowed(Price price, double times) {
  for (Picoseconds* time : {&price.time, &price.low, &price.high})
    *time = picoseconds_of(time->seconds().base() * times);
  return price;
}

FormTime power_reading(const PowerReading& point, const Machine& machine, std::span<const double> constants) {
  const PowerModel model = limited_to(power_model(constants, machine), point.limit);
  const Activity activity = activity_of(point, machine);
  const double seconds = own_seconds(point, activity, machine);
  const double watts = model.joules(activity, seconds) / seconds;
  const double rest = constants[PowerRest] * machine.power;
  FormTime reading;
  reading.fixed = model.floor;
  reading.compute = watts - model.floor;
  reading.seconds = rest + (watts - rest) * seconds / (seconds + settle_of(activity.products, constants));
  reading.bound = watts < model.limit ? Bound::Memory : Bound::Compute;
  return reading;
}

double power_floor(const PowerReading&, const Machine& machine) { return 0.1 * machine.power; }

int power_regime(const PowerReading& point) { return static_cast<int>(point.kernel.index()); }

}  // namespace moeplan
