// SPDX-License-Identifier: Apache-2.0
// Time of one fused expert layer on its busiest rank: routing, permutation, gate and up,
// activation, down, weighted sum; no messages.
//
// With r rows (token-expert pairs) on d distinct experts of `inter` columns here,
//
//   compute = 2 m h (inter + tile_cols) (r' + empty d) / (rate * peak')
//   memory  = w^2 / (w + cached * cache) / (stream * bandwidth),  w = weights of d experts
//   t       = floor_s (1 + depth (h + inter) / 8192) + expert_s * local experts
//           + overlapped_together(compute, memory)
//           + (local_passes A r + pair_passes A T k + token_passes 4 h T) / bandwidth
//
// m = 3 matrices (2 without a gate), h hidden, T tokens of the expert-parallel group,
// A = h (input + 2) + 2 m inter bytes a row moves between the two products.
//
//   tile_rows  rows of a tile that experts fill badly: an expert with few rows takes one
//              tile, one with many half a tile more than its rows:
//              empty = tile (1 + tile / (tile + 2 r / d)) / 2. Added to it where tokens
//              exceed the rank's experts: wide_rows, for there Triton kernels of vLLM and
//              SGLang choose wide tiles (a ramp from one token per local expert to two).
//   tile_cols  the same across: thin shards (moe_tp) leave tiles half empty.
//   r'         r (1 + skew (peak load - r / d) / (peak load + tile)): a crowded expert fills units
//              unevenly once it is more than a tile.
//   peak'      peak * (kReferenceUnit / peak per unit)^(1/3): the wider a matrix unit, the
//              smaller the share of it that a grouped kernel feeds. The exponent is what
//              carries constants between A100 and H200 and between RTX PRO 6000 and GB200;
//              it cancels between devices of one architecture. Kernels that dequantise weights in
//              registers (Marlin) multiply with Ampere's mma.sync everywhere, which reaches
//              all of an A100's peak and about 0.63 of a Hopper's (Luo et al., arXiv 2402.13499;
//              figure recalled): there the exponent is 1/2, for (7.5 / 2.9)^(-1/2) = 0.62.
//   pair_passes  vLLM and SGLang keep buffers for the pairs of all ranks; TensorRT-LLM does not.
//
// Sources: operator facts of ai-dynamo/aiconfigurator's measurements (commit 095f58a51);
// fused_moe of vLLM and SGLang for the tile switch and the buffers.
// Exact: more rows, tokens, experts touched or bytes are never faster, more bandwidth, peak
// or cache never slower, and never below moe_floor. One expert and k = 1 is its dense
// feed-forward: the same FLOPs and weight bytes. Kinks in tokens: local_experts and twice
// that; smooth elsewhere.
// Not modelled: tactics an autotuner chose badly (some layouts of TensorRT-LLM 1.3.0rc20 take
// 3 to 6 times as long), tables of tuned Triton tiles that exist for some shapes.
#pragma once

#include <array>
#include <span>

#include "sim/cost/form.h"
#include "sim/cost/machine.h"
#include "sim/cost/points.h"

namespace moeplan {

enum MoeConstant : std::size_t {
  MoeFloor,
  MoeDepth,
  MoeRate,
  MoeTileRows,
  MoeWideRows,
  MoeTileCols,
  MoeStream,
  MoeExpert,
  MoeTogether,
  MoeLocalPasses,
  MoePairPasses,
  MoeTokenPasses,
  MoeSkew,
  MoeCached,
  MoeConstants
};

inline constexpr std::array<FormConstant, MoeConstants> kMoeForm = {{
    {"floor_s", 3e-6, 2.2e-5, 3e-4, true, "launches of the layer's kernels"},
    {"depth", 1e-3, 0.3, 10, true, "growth of the floor with the layer's two depths, per 8,192"},
    {"rate", 0.05, 0.7, 1.6, true, "share of the matrix peak"},
    {"tile_rows", 0.1, 60, 400, true, "rows of tiles that a touched expert leaves empty"},
    {"wide_rows", 0.01, 1, 400, true, "more of them where tokens exceed the rank's experts"},
    {"tile_cols", 0.1, 150, 3000, true, "columns lost to thin shards"},
    {"stream", 0.1, 0.95, 1.0, true, "share of the peak bandwidth at which weights stream"},
    {"expert_s", 1e-10, 1e-8, 1e-6, true, "growth of the floor per local expert: counts, offsets, descriptors"},
    {"together", 1e-3, 0.3, 1, true, "share of arithmetic and streaming that cannot overlap: 0 hides, 1 adds"},
    {"local_passes", 0.01, 2.5, 12, true, "traffic of the rank's own pairs"},
    {"pair_passes", 1e-4, 0.1, 4, true, "of the pairs of all ranks"},
    {"token_passes", 0.01, 1, 20, true, "of the group's tokens: in and out"},
    {"skew", 1e-3, 0.3, 1, true, "cost of uneven experts"},
    {"cached", 1e-4, 0.1, 3, true, "share of the last level cache that replayed weights stay in"},
}};

inline constexpr double kReferenceUnit = 7.5e12;  // FLOP/s of one SM: bf16 on Hopper

FormTime moe_time(const MoePoint& point, const Machine& machine, std::span<const double> constants);

// What of a balanced layer's time one dense feed-forward with the same arithmetic does not
// have. Each taken away is never slower, whatever else is gone.
struct MoeWithout {
  bool bookkeeping = false;  // growth of the floor with local experts: as if there were one
  bool copies = false;       // a token's hidden state goes to memory once, not k times; no buffers of other ranks
  bool padding = false;      // all rows in one product instead of one for each expert
  bool spread = false;       // weights of `active` experts are read, not those of all that are touched
  bool launches = false;     // the floor
};

// `active`: experts' worth of weights of the rank that its tokens would use were they all to use
// the same ones: k x local experts / experts.
FormTime moe_time_without(const MoePoint& point, const Machine& machine, std::span<const double> constants,
                          const MoeWithout& without, double active);

// The longer of the touched weights through the level that holds them and the useful
// arithmetic at the highest clock. Seconds.
double moe_floor(const MoePoint& point, const Machine& machine);

// 0, 1, 2: rows per touched expert up to 16, up to 256, above.
int moe_regime(const MoePoint& point);

}  // namespace moeplan
