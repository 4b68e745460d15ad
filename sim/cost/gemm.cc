// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/gemm.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sim/cost/soft.h"

namespace moeplan {
namespace {

struct Tile {
  double rows;
  double cols;
  double together = 1;  // tiles of a cluster side by side in m: the grid is filled up to whole clusters
};

constexpr double kUnitArea = 128.0 * 128.0;
constexpr double kRounding = 1e-9;  // of waves: whole ones are no more than whole
constexpr double kLargestSplit = 16;
constexpr double kShortestSplit = 128;  // steps of k: shorter parts take as long

constexpr std::array<Tile, 6> kTunedTiles = {{{64, 64}, {64, 128}, {128, 64}, {128, 128}, {128, 256}, {256, 128}}};
constexpr std::array<Tile, 10> kFittedTiles = {
    {{64, 32}, {64, 64}, {64, 96}, {64, 128}, {64, 160}, {128, 32}, {128, 64}, {128, 96}, {128, 128}, {128, 160}}};

// Up to how many rows a tile is chosen for.
struct RowTile {
  double most;
  Tile tile;
};
constexpr std::array<RowTile, 3> kRowTiles = {
    {{64, {64, 64}}, {128, {64, 128, 2}}, {std::numeric_limits<double>::infinity(), {128, 128, 2}}}};

// Rates of one unit, and the time of a grid of any tile.
class Grid {
 public:
  Grid(const GemmPoint& point, const Machine& machine, std::span<const double> constants)
      : p_(point),
        c_(constants),
        share_(1 / machine.units),
        input_bytes_(facts_of(point.format).input_bytes),
        unit_flop_s_(machine.units / (machine.peak_of(point.format) * constants[GemmRate])),
        unit_byte_s_(machine.units / (machine.bandwidth * constants[GemmUnitLoad])),
        split_cost_(constants[GemmSplitBytes] * 8 * point.m * point.n / machine.bandwidth) {}

  // The best of its splits.
  double time(Tile tile, double m, double largest_split) const {
    const double tiles = std::ceil(m / (tile.rows * tile.together)) * tile.together * std::ceil(p_.n / tile.cols);
    // 2 area / (rate * area / (area + a0)), the area cancelled.
    const double arithmetic = 2 * (tile.rows * tile.cols + c_[GemmTileArea] * kUnitArea) * unit_flop_s_;
    const double load = (std::min(tile.rows, m) * input_bytes_ + tile.cols * p_.weight_bytes) * unit_byte_s_;
    const double step = std::max(arithmetic, load) + c_[GemmStep];
    double best = std::numeric_limits<double>::infinity();
    for (double splits = 1; splits <= largest_split; splits *= 2) {
      const double filled = tiles * splits * share_;
      const double waves =
          filled <= 1 + kRounding ? 1 : filled + c_[GemmWave] * (std::ceil(filled - kRounding) - filled);
      const double steps = splits > 1 ? std::max(p_.k / splits, kShortestSplit) : p_.k;
      const double reduce = splits > 1 ? c_[GemmSplit] + split_cost_ * splits : 0;
      best = std::min(best, waves * step * steps + reduce);
      if (filled >= 1 - kRounding || steps <= kShortestSplit) break;
    }
    return best;
  }

 private:
  const GemmPoint& p_;
  std::span<const double> c_;
  double share_;  // of the device that a unit is
  double input_bytes_;
  double unit_flop_s_;  // seconds of a FLOP on one unit
  double unit_byte_s_;
  double split_cost_;
};

double grid_time(const GemmPoint& point, const Machine& machine, std::span<const double> constants) {
  const Grid grid(point, machine, constants);
  double best = std::numeric_limits<double>::infinity();
  switch (point.kernel) {
    case GemmKernel::Tuned:
      for (const Tile& tile : kTunedTiles) best = std::min(best, grid.time(tile, point.m, kLargestSplit));
      return best;
    case GemmKernel::FittedTiles:
      // Unrolled, most divisions by sizes of tiles are none.
#pragma GCC unroll 10
      for (const Tile& tile : kFittedTiles) best = std::min(best, grid.time(tile, point.m, 1));
      return best;
    case GemmKernel::Vectors: return 2 * point.m * point.n * point.k / machine.peak_of(MathKind::Fp32);
    case GemmKernel::TilesByRows: break;
  }
  // A better tile for more rows does not make them cheaper than fewer rows.
  double longest = 0;
  for (const RowTile& choice : kRowTiles) {
    longest = std::max(longest, grid.time(choice.tile, std::min(point.m, choice.most), 1));
    if (point.m <= choice.most) break;
  }
  return longest;
}

bool quantises(KernelFormat format) { return facts_of(format).math != MathKind::Bf16 && format != KernelFormat::Fp32; }

}  // namespace

FormTime gemm_time(const GemmPoint& point, const Machine& machine, std::span<const double> constants) {
  const double input = facts_of(point.format).input_bytes;
  const double activations = point.m * (point.k * input + point.n * 2);
  const double bytes = point.n * point.k * point.weight_bytes + constants[GemmResident] * activations;
  FormTime time;
  time.memory = bytes / (machine.bandwidth * constants[GemmStream]);
  time.compute = 2 * point.m * point.n * point.k / (machine.peak_of(point.format) * constants[GemmRate]);
  // The slowdown of a device that computes long enough to meet its power limit.
  const double slower = constants[GemmThrottle] * time.compute * time.compute / (time.compute + constants[GemmHeat]);
  time.compute += slower;
  time.fixed = constants[GemmFloor];
  const double grid = grid_time(point, machine, constants) + slower;
  time.seconds = time.fixed + soft_maximum(grid, time.memory, constants[GemmSharpness]);
  if (quantises(point.format)) {
    const double passes = constants[GemmQuantPasses] * point.m * point.k * (2 + input) / machine.bandwidth;
    time.memory += passes;
    time.fixed += constants[GemmQuantRow] * point.m;
    time.seconds += passes + constants[GemmQuantRow] * point.m;
  }
  time.seconds = std::max(time.seconds, gemm_floor(point, machine));
  if (!point.recorded) {
    time.fixed = std::max(time.fixed, constants[GemmHost]);
    time.seconds = std::max(time.seconds, constants[GemmHost]);
  }
  time.bound = Bound::Launch;
  if (std::max(time.compute, time.memory) > time.fixed)
    time.bound = time.compute > time.memory ? Bound::Compute : Bound::Memory;
  return time;
}

double gemm_floor(const GemmPoint& point, const Machine& machine) {
  const double weights = point.n * point.k * point.weight_bytes;
  const double operands = weights + point.m * point.k * facts_of(point.format).input_bytes;
  const double rate = operands <= machine.cache ? kCacheOverMemory * machine.bandwidth : machine.bandwidth;
  const double arithmetic = 2 * point.m * point.n * point.k / (machine.peak_of(point.format) * machine.clock_headroom);
  return std::max(weights / rate, arithmetic);
}

int gemm_regime(const GemmPoint& point) { return point.m <= 16 ? 0 : point.m <= 256 ? 1 : 2; }

GemmKernel gemm_kernel_of(std::string_view kernel, std::string_view format, bool on_hopper) {
  if (kernel == "deepgemm") return GemmKernel::FittedTiles;
  if (kernel == "cutlass" || kernel == "sgl_fp8_scaled_mm") return GemmKernel::TilesByRows;
  if (on_hopper && kernel == "torch_flow" && format == "fp8_block") return GemmKernel::FittedTiles;
  return GemmKernel::Tuned;
}

}  // namespace moeplan
