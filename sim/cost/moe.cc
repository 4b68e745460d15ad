// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/moe.h"

#include <algorithm>
#include <cmath>

#include "sim/cost/gemm.h"
#include "sim/cost/soft.h"

namespace moeplan {
namespace {

double matrices_of(const MoePoint& point) { return point.gated ? 3.0 : 2.0; }

double weights_of(const MoePoint& point) {
  return matrices_of(point) * point.hidden * point.inter * point.weight_bytes * point.load.distinct;
}

bool dequantises(KernelFormat format) {
  const KernelFormatFacts& facts = facts_of(format);
  return facts.math == MathKind::Bf16 && facts.weight_bytes < facts.input_bytes;
}

// Where a dequantising kernel has no unit of its own, the machine's stand-in counts.
double fed_peak(const MoePoint& point, const Machine& machine) {
  const double peak = machine.peak_of(point.format);
  if (machine.units <= 0) return peak;
  const double narrower = kReferenceUnit * machine.units / peak;
  return peak * (dequantises(point.format) ? std::sqrt(narrower) : std::cbrt(narrower));
}

}  // namespace

FormTime moe_time(const MoePoint& point, const Machine& machine, std::span<const double> constants) {
  const RankLoad& load = point.load;
  const double matrices = matrices_of(point);
  const double mean = load.distinct > 0 ? load.rows / load.distinct : 0;
  const double wide = std::clamp(point.tokens / std::max(1.0, point.local_experts) - 1, 0.0, 1.0);
  const double tile = point.vectors ? 0 : constants[MoeTileRows] + constants[MoeWideRows] * wide;
  const double empty = tile > 0 ? tile * (0.5 + 0.5 * tile / (tile + 2 * mean)) : 0;
  const double uneven = load.peak > mean ? (load.peak - mean) / (load.peak + tile) : 0;
  const double rows = load.rows * (1 + constants[MoeSkew] * uneven) + empty * load.distinct;
  const double cols = point.inter + (point.vectors ? 0 : constants[MoeTileCols]);
  const double flops = 2 * matrices * point.hidden * cols * rows;
  const double weights = weights_of(point);
  const double missed = weights > 0 ? weights * weights / (weights + constants[MoeCached] * machine.cache) : 0;

  FormTime time;
  time.compute =
      flops / (point.vectors ? machine.peak_of(MathKind::Fp32) : constants[MoeRate] * fed_peak(point, machine));
  const double streaming = missed / (constants[MoeStream] * machine.bandwidth);
  const double row_bytes = point.hidden * (facts_of(point.format).input_bytes + 2) + 2 * matrices * point.inter;
  const double passes = (constants[MoeLocalPasses] * row_bytes * load.rows +
                         constants[MoePairPasses] * row_bytes * point.tokens * point.top_k +
                         constants[MoeTokenPasses] * 4 * point.hidden * point.tokens) /
                        machine.bandwidth;
  time.memory = streaming + passes;
  time.fixed = constants[MoeFloor] * (1 + constants[MoeDepth] * (point.hidden + point.inter) / 8192) +
               constants[MoeExpert] * point.local_experts;
  time.seconds = time.fixed + passes + overlapped(time.compute, streaming, constants[MoeTogether]);
  time.seconds = std::max(time.seconds, moe_floor(point, machine));
  time.bound = Bound::Launch;
  if (std::max(time.compute, time.memory) > time.fixed)
    time.bound = time.compute > time.memory ? Bound::Compute : Bound::Memory;
  return time;
}

double moe_floor(const MoePoint& point, const Machine& machine) {
  const double weights = weights_of(point);
  const double rate = weights <= machine.cache ? kCacheOverMemory * machine.bandwidth : machine.bandwidth;
  const double flops = 2 * matrices_of(point) * point.hidden * point.inter * point.load.rows;
  return std::max(weights / rate, flops / (machine.peak_of(point.format) * machine.clock_headroom));
}

int moe_regime(const MoePoint& point) {
  const double rows = point.load.distinct > 0 ? point.load.rows / point.load.distinct : 0;
  return rows <= 16 ? 0 : rows <= 256 ? 1 : 2;
}

}  // namespace moeplan
