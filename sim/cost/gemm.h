// SPDX-License-Identifier: Apache-2.0
// Time of out[m, n] = x[m, k] * w[n, k]^T on one device.
//
// The output is cut into tiles; a unit (SM) computes one tile at a time by walking along
// k, so a tile of rows x cols costs a unit, per step of k,
//
//   the longer of  arithmetic 2 rows cols / (peak / units * rate * area / (area + tile_area * 128^2))
//            and   loading    (min(rows, m) input_bytes + cols weight_bytes) / (bandwidth / units * unit_load)
//   plus step_s,
//
// and the grid takes waves = tiles / units of that, at least one, rounded up by the share
// `wave`. With few tiles a library may cut k into `splits` parts, which fills the units
// and costs split_s plus the partial sums' traffic. The whole,
//
//   t = floor_s + softmax_p(grid, (w + resident * (x + out)) / (stream * bandwidth)) + quantising x,
//
// never below gemm_floor. Arithmetic that takes longer than heat_s slows by `throttle`:
// boost clocks last until the power controller answers.
//
// Which tile is a property of the library (GemmKernel): a tuned library (cuBLAS) takes the
// fastest of its tiles and splits; DeepGEMM fits the width of its tiles to the grid and
// does not split k; the CUTLASS fp8 kernels of vLLM and SGLang choose the tile by m alone, and
// above 64 rows run two tiles in a cluster, so that rows fill up to 128 or 256.
// Few rows of quantised weights llama.cpp multiplies as vectors: no tile is padded, the
// grid is the useful arithmetic at the fp32 peak.
// Sources: csrc/gemm of sgl-kernel and vLLM, the configuration choice of deepseek-ai/DeepGEMM.
//
// Exact: more m, n, k, bytes, peak or bandwidth is never faster or slower respectively
// (a minimum of rising functions rises). Kinks in m: where a tile begins, multiples of 64.
// Between two of them the time is smooth; straight lines err less than 0.1 % between
// knots 64 i + 1 and 64 (i + 1), with steps of 16 rows in between up to 256, of 32 beyond,
// and every row below 64.
// Not modelled: DeepGEMM takes up to 1.5x at odd m, and is up to 2.5x slow where one wave of 256-row tiles replaces two
// (m n about 3 to 4 million): defects of versions, in the band but not in the price.
#pragma once

#include <array>
#include <span>

#include "sim/cost/form.h"
#include "sim/cost/machine.h"
#include "sim/cost/points.h"

namespace moeplan {

enum GemmConstant : std::size_t {
  GemmFloor,
  GemmStream,
  GemmRate,
  GemmTileArea,
  GemmUnitLoad,
  GemmStep,
  GemmSplit,
  GemmSplitBytes,
  GemmSharpness,
  GemmWave,
  GemmThrottle,
  GemmHeat,
  GemmResident,
  GemmQuantPasses,
  GemmQuantRow,
  GemmHost,
  GemmConstants
};

inline constexpr std::array<FormConstant, GemmConstants> kGemmForm = {{
    {"floor_s", 5e-7, 2.7e-6, 4e-5, true, "launch, first loads, last stores"},
    {"stream", 0.4, 0.85, 1.3, true, "share of the peak bandwidth at which weights stream"},
    {"rate", 0.2, 0.8, 1.3, true, "share of the matrix peak in a large tile"},
    {"tile_area", 1e-3, 0.1, 3, true, "area, in 128 x 128 tiles, at which a tile reaches half of that"},
    {"unit_load", 0.5, 4.5, 20, true, "bytes a unit loads, over its share of the bandwidth"},
    {"step_s", 1e-12, 1e-10, 5e-9, true, "latency of a step of k that loads do not hide"},
    {"split_s", 1e-8, 3e-6, 1e-5, true, "one more pass over partial sums"},
    {"split_bytes", 0.01, 0.3, 5, true, "their traffic: times 8 bytes per output and split, over the bandwidth"},
    {"sharpness", 1, 2.2, 20, true, "exponent of the soft maximum of grid and memory"},
    {"wave", 0, 0.2, 1, false, "how much of the last wave's idle units is lost"},
    {"throttle", 0, 0.2, 1, false, "slowdown of sustained arithmetic"},
    {"heat_s", 1e-5, 5e-3, 1e-1, true, "arithmetic after which half of it applies"},
    {"resident", 0.01, 1.2, 2, true, "memory traffic of activations over their size"},
    {"quant_passes", 0, 2, 5, false, "traffic of quantising x over its size before and after"},
    {"quant_row_s", 1e-12, 1e-10, 2e-8, true, "quantising x, per row"},
    {"host_s", 0, 6e-5, 2e-4, false, "host time of an unrecorded call, which device time hides behind"},
}};

FormTime gemm_time(const GemmPoint& point, const Machine& machine, std::span<const double> constants);

// The longer of the weights' bytes through the level that holds the operands and the
// arithmetic at the highest clock. Seconds.
double gemm_floor(const GemmPoint& point, const Machine& machine);

// How a library tiles, by what measurement files call its kernel: TensorRT-LLM runs DeepGEMM
// for blocked fp8 on Hopper.
GemmKernel gemm_kernel_of(std::string_view kernel, std::string_view format, bool on_hopper);

// 0, 1, 2: m up to 16, up to 256, above.
int gemm_regime(const GemmPoint& point);

}  // namespace moeplan
