// SPDX-License-Identifier: Apache-2.0
// What the forms of softmax and of latent attention share: walking keys in parts, floors
// and sizes of points.
#pragma once

#include <algorithm>
#include <array>

#include "sim/cost/form.h"
#include "sim/cost/gemm.h"
#include "sim/cost/machine.h"
#include "sim/cost/soft.h"

namespace moeplan {

inline constexpr double kActivationBytes = 2.0;  // queries and outputs, 16 bits

// Share of the keys that one block walks, at most 1: the largest of one part in
// `splits`, the smallest part worth while, and what is left to the units once `filled`
// of them have jobs.
inline double part_of_keys(double splits, double smallest, double filled) {
  const double part = norm4(1.0 / splits, smallest, filled);
  return part / norm4(1.0, part);
}

// Seconds of the keys of all jobs.
struct KeyTimes {
  double memory;   // to read them
  double spread;   // of arithmetic, over all units
  double whole;    // of one block that walks all keys of its job
  double part;     // share of them if they are split
  double combine;  // to join the parts
};

struct KeyWalk {
  double seconds = 0;
  double compute = 0;
};

// Whole or in parts, whichever is faster.
inline KeyWalk walk_keys(const KeyTimes& t, double wave_overlap, double memory_overlap) {
  const double in_one = overlapped(t.spread, t.whole, wave_overlap);
  const double in_parts = overlapped(t.spread, t.whole * t.part, wave_overlap);
  return {.seconds = std::min(overlapped(t.memory, in_one, memory_overlap),
                              overlapped(t.memory, in_parts, memory_overlap) + t.combine),
          .compute = std::min(in_one, in_parts + t.combine)};
}

// Blocks beyond the first of each unit.
inline double beyond_one(double per_unit) { return per_unit * per_unit / (1.0 + per_unit); }

// Bytes per second from memory and from the last level cache.
struct ReadRates {
  double memory;
  double cache;
  double of(double cached) const { return memory + (cache - memory) * cached; }
};

inline ReadRates read_rates(const Machine& machine, double bandwidth_share, double cache_unit_rate) {
  const double memory = machine.bandwidth * bandwidth_share;
  return {.memory = memory, .cache = std::max(memory, cache_unit_rate * machine.units)};
}

inline Bound attention_bound(const FormTime& t, double cached) {
  if (t.fixed >= t.compute && t.fixed >= t.memory) return Bound::Launch;
  if (t.compute >= t.memory) return Bound::Compute;
  return cached > 0.5 ? Bound::Cache : Bound::Memory;
}

// FLOP/s of products with this cache: one byte an element may be multiplied as it is.
inline double fastest_operands(const Machine& machine, KernelFormat math, double cache_bytes) {
  const double peak = machine.peak_of(math);
  return cache_bytes <= 1.0 ? std::max(peak, machine.peak_of(MathKind::Fp8)) : peak;
}

// Arithmetic at the highest clock or bytes: as many as the last level cache holds at its
// rate, the rest at the memory's.
inline double physical_floor(double arithmetic, double bytes, const Machine& machine) {
  const double near = std::min(bytes, machine.cache);
  const double reading = (near / kCacheOverMemory + (bytes - near)) / machine.bandwidth;
  return std::max(arithmetic / machine.clock_headroom, reading);
}

// Tokens up to which a point is small or middling.
inline constexpr std::array<double, 2> kContextSizes = {2048, 16384};     // new tokens
inline constexpr std::array<double, 2> kGenerationSizes = {4096, 65536};  // cached tokens

inline int size_class(double tokens, const std::array<double, 2>& sizes) {
  return tokens <= sizes[0] ? 0 : tokens <= sizes[1] ? 1 : 2;
}

}  // namespace moeplan
