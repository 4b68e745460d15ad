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

// What a layer does, in the terms of the form.
struct MoeTerms {
  double weights = 0;  // bytes
  double bytes = 0;    // moved beside the weights, each kind by its constant
  double fixed = 0;    // seconds
};

// Rows of tiles that one product of `mean` rows leaves empty.
double empty_rows(const MoePoint& point, std::span<const double> constants, double mean, double& tile) {
  const double wide = std::clamp(point.tokens / std::max(1.0, point.local_experts) - 1, 0.0, 1.0);
  tile = point.vectors ? 0 : constants[MoeTileRows] + constants[MoeWideRows] * wide;
  return tile > 0 ? tile * (0.5 + 0.5 * tile / (tile + 2 * mean)) : 0;
}

double floor_of(const MoePoint& point, const Machine& machine, double weights) {
  const double rate = weights <= machine.cache ? kCacheOverMemory * machine.bandwidth : machine.bandwidth;
  const double flops = 2 * matrices_of(point) * point.hidden * point.inter * point.load.rows;
  return std::max(weights / rate, flops / (machine.peak_of(point.format) * machine.clock_headroom));
}

// rows: multiplied, empty ones included.
FormTime time_of_terms(const MoePoint& point, const Machine& machine, std::span<const double> constants,
                       const MoeTerms& terms, double rows) {
  const double cols = point.inter + (point.vectors ? 0 : constants[MoeTileCols]);
  const double flops = 2 * matrices_of(point) * point.hidden * cols * rows;
  const double weights = terms.weights;
  const double missed = weights > 0 ? weights * weights / (weights + constants[MoeCached] * machine.cache) : 0;

  FormTime time;
  time.compute =
      flops / (point.vectors ? machine.peak_of(MathKind::Fp32) : constants[MoeRate] * fed_peak(point, machine));
  const double streaming = missed / (constants[MoeStream] * machine.bandwidth);
  const double passes = terms.bytes / machine.bandwidth;
  time.memory = streaming + passes;
  time.fixed = terms.fixed;
  time.seconds = time.fixed + passes + overlapped(time.compute, streaming, constants[MoeTogether]);
  time.seconds = std::max(time.seconds, floor_of(point, machine, weights));
  time.bound = Bound::Launch;
  if (std::max(time.compute, time.memory) > time.fixed)
    time.bound = time.compute > time.memory ? Bound::Compute : Bound::Memory;
  return time;
}

// Bytes a row moves between and around the two products; `copies`: of its token, k of which share one.
double row_bytes_of(const MoePoint& point, double copies) {
  return point.hidden * (facts_of(point.format).input_bytes + 2) / copies + 2 * matrices_of(point) * point.inter;
}

double launches_of(const MoePoint& point, std::span<const double> constants) {
  return constants[MoeFloor] * (1 + constants[MoeDepth] * (point.hidden + point.inter) / 8192);
}

}  // namespace

FormTime moe_time(const MoePoint& point, const Machine& machine, std::span<const double> constants) {
  const RankLoad& load = point.load;
  const double mean = load.distinct > 0 ? load.rows / load.distinct : 0;
  double tile = 0;
  const double empty = empty_rows(point, constants, mean, tile);
  const double uneven = load.peak > mean ? (load.peak - mean) / (load.peak + tile) : 0;
  const double rows = load.rows * (1 + constants[MoeSkew] * uneven) + empty * load.distinct;
  const double row_bytes = row_bytes_of(point, 1);
  const MoeTerms terms{.weights = weights_of(point),
                       .bytes = constants[MoeLocalPasses] * row_bytes * load.rows +
                                constants[MoePairPasses] * row_bytes * point.tokens * point.top_k +
                                constants[MoeTokenPasses] * 4 * point.hidden * point.tokens,
                       .fixed = launches_of(point, constants) + constants[MoeExpert] * point.local_experts};
  return time_of_terms(point, machine, constants, terms, rows);
}

FormTime moe_time_without(const MoePoint& point, const Machine& machine, std::span<const double> constants,
                          const MoeWithout& without, double active) {
  const RankLoad& load = point.load;
  const double products = without.padding ? std::min(1.0, load.distinct) : load.distinct;
  const double touched = without.spread ? std::min(active, load.distinct) : load.distinct;
  const double experts = without.bookkeeping ? std::min(1.0, point.local_experts) : point.local_experts;
  const double row_bytes = row_bytes_of(point, without.copies ? std::max(1.0, point.top_k) : 1);
  const double pairs = without.copies ? load.rows : point.tokens * point.top_k;
  double tile = 0;
  const double empty = empty_rows(point, constants, products > 0 ? load.rows / products : 0, tile);
  const MoeTerms terms{
      .weights = load.distinct > 0 ? weights_of(point) * (touched / load.distinct) : 0,
      .bytes = constants[MoeLocalPasses] * row_bytes * load.rows + constants[MoePairPasses] * row_bytes * pairs +
               constants[MoeTokenPasses] * 4 * point.hidden * point.tokens,
      .fixed = (without.launches ? 0 : launches_of(point, constants)) + constants[MoeExpert] * experts};
  return time_of_terms(point, machine, constants, terms, load.rows + empty * products);
}

double moe_floor(const MoePoint& point, const Machine& machine) { return floor_of(point, machine, weights_of(point)); }

int moe_regime(const MoePoint& point) {
  const double rows = point.load.distinct > 0 ? point.load.rows / point.load.distinct : 0;
  return rows <= 16 ? 0 : rows <= 256 ? 1 : 2;
}

}  // namespace moeplan
