// SPDX-License-Identifier: Apache-2.0
// Multi-head latent attention (DeepSeek-V2 and its kin): the cache holds one latent and
// one rotary part per token, shared by all heads.
//
// Context, expanded form: every head has keys of nope + rope and values of its own, so it
// is attention.h's context with one query head per key head. Passes over the expanded
// tensors and the latent stand for concatenating, quantising and writing the cache.
//
//   n = sequences heads tiles(q_len / M),   tiles(x) = x + 1 / (1 + x)
//   k = cached + (q_len + tile) / 2 + a half tile of keys
//   c = M 2 (key_dim + value_dim) units / (peak e)
//   compute = overlapped(n (s0 + k c) / units, crit (s0 + k_longest c))
//   memory  = (queries + keys + values + outputs) / bandwidth
//   t = floor + overlapped(compute, memory) + rewrites / bandwidth + token blocks
//
// Some kernels run prompts in the absorbed form, too (SGLang's flash_attention on Hopper
// takes 3.4 times the products); their peak share says so.
//
// Generation, absorbed form: the heads of a token are rows of one tile over the latents,
// so with 64 heads or more arithmetic, not memory, may be what it waits for.
//
//   r = sqrt(rmin^2 + (heads q_len)^2)
//   c = r 2 (2 latent + rope) units / (peak e)          seconds a key and sequence
//   the keys are split as in attention.h's generation; t adds a job's start and the
//   queries and outputs in latent space.
//
// `selected` keys (sparse attention behind an indexer) replace the context when there are
// more. Prompts are absorbed then, too: each token has keys of its own, so the rows of a
// tile are its heads, and it gathers their latents through the last level cache. That,
// latents other than 512 + 64, q_len > 1 in generation and cached context before the
// queries follow from the formulas, not from measurements. Fitted on 11,600 kernels with 1 to 64 heads, bf16 products,
// bf16 and fp8 caches. Kink: q_len = M in context.
#pragma once

#include <array>
#include <span>

#include "sim/cost/form.h"
#include "sim/cost/machine.h"
#include "sim/cost/points.h"

namespace moeplan {

inline constexpr std::array<FormConstant, 13> kMlaContextForm = {{
    {"floor_s", 1e-6, 1.1e-5, 60e-6, true, "launches of the kernels of one layer"},
    {"peak_share", 0.05, 0.6, 1.5, true, "of the peak"},
    {"tile_s", 1e-8, 2e-6, 4e-5, true, "start and end of one tile of queries"},
    {"bandwidth_share", 0.1, 0.8, 1.1, true, "of the peak bandwidth"},
    {"cache_unit_bytes_s", 4e9, 3.5e10, 1.5e11, true, "what a unit reads of the last level cache"},
    {"head_rewrites", 0.003, 0.3, 8, true, "times keys and values of all heads go through memory outside the kernel"},
    {"latent_rewrites", 0.003, 1.2, 20, true, "times the latents do"},
    {"wave_overlap", 0, 0.6, 1, false, "1 = the last tiles start when the others end"},
    {"longest_share", 0.1, 1, 3, true, "of the longest tile that is not hidden"},
    {"memory_overlap", 0, 0.1, 1, false, "1 = memory and arithmetic take turns"},
    {"tile_keys", 1, 150, 1024, true, "keys computed and masked away per tile"},
    {"token_unit_s", 1e-9, 1e-8, 1e-4, true, "seconds x units per token written to the cache"},
    {"tile_rows", 32, 100, 384, true, "query rows of a tile"},
}};

inline constexpr std::array<FormConstant, 16> kMlaGenerationForm = {{
    {"floor_s", 1e-6, 1e-5, 60e-6, true, "launches of the kernels of one layer"},
    {"bandwidth_share", 0.2, 0.8, 1.1, true, "of the peak bandwidth"},
    {"cache_unit_bytes_s", 4e9, 3.5e10, 1.5e11, true, "what a unit reads of the last level cache"},
    {"peak_share", 0.05, 0.8, 1.5, true, "of the peak"},
    {"least_rows", 1, 64, 256, true, "rows the matrix units work on at least"},
    {"splits", 1, 32, 1024, true, "parts the keys are cut into at most"},
    {"split_keys", 8, 100, 4096, true, "keys of a part at least"},
    {"occupancy", 0.2, 1.5, 8, true, "blocks a unit runs at once"},
    {"job_s", 1e-8, 1e-6, 4e-5, true, "start and end of a sequence beyond one a unit"},
    {"job_elements", 1000, 3e4, 1e6, true, "query elements that double it"},
    {"query_passes", 0.01, 1, 30, true, "times queries and outputs go through memory"},
    {"wave_overlap", 0, 0.1, 1, false, "1 = the longest block adds to the rest"},
    {"memory_overlap", 0, 0.2, 1, false, "1 = memory and arithmetic take turns"},
    {"least_keys", 0.5, 100, 512, true, "keys that short contexts cost"},
    {"combine_s", 1e-9, 4e-6, 4e-5, true, "joining the parts"},
    {"token_unit_s", 1e-9, 1e-7, 1e-4, true, "seconds x units per token written to the cache"},
}};

FormTime mla_context_time(const MlaPoint& point, const Machine& machine, std::span<const double> constants);
FormTime mla_generation_time(const MlaPoint& point, const Machine& machine, std::span<const double> constants);

// Seconds no kernel can beat, as attention_floor; context in the expanded form.
double mla_floor(const MlaPoint& point, const Machine& machine);

// As attention_regime.
int mla_regime(const MlaPoint& point);

}  // namespace moeplan
