// SPDX-License-Identifier: Apache-2.0
// Softmax attention with any grouping of query heads, prefill (context) and decoding
// (generation), with the pass that writes the new keys and values to the cache.
//
// Context. Kernels (FlashAttention-2 and -3, FlashInfer, TensorRT-LLM's FMHA) cut the
// queries of a head into tiles of about 128 rows and walk the keys each tile may see. The
// query heads of one key head are either rows of one tile (packed, FlashAttention-3) or
// tiles of their own; `unpacked` says which: u = 0 or 1, between them a mixture.
//
//   g  = heads / kv_heads, split into p = 1 + u (g - 1) tiles and g / p rows a token
//   n  = sequences kv_heads p tiles(q_len g / (p M)),   tiles(x) = x + 1 / (1 + x)
//   k  = mean keys a tile sees: cached + (q_len + tile) / 2 if causal, at most the window and
//        what a kernel reads beyond it, plus a half tile of keys at each end
//   c  = M 2 (head_dim + value_dim) units / (peak e(head_dim))     seconds a key and tile
//   compute = overlapped(n (s0 + k c) / units, crit (s0 + k_longest c))
//   memory  = (queries + outputs + keys + values) / bandwidth
//   t = floor + overlapped(compute, memory) + rewrites / bandwidth + cache blocks
//
// The second term of compute is the last row of tiles, which sees every key: with few
// heads and long prompts it is most of the time. e is what head sizes 64, 128 and 256
// reach of the peak (they are separate kernels); between them seconds a key are linear.
// The last two terms are the kernels around the attention: quantising and splitting
// queries, copying keys and values to pages (one block of threads a token).
//
// Generation. Each (sequence, key head) is one job, cut along the keys so that the units
// have work (split-KV), then combined.
//
//   r  = sqrt(rmin^2 + (g q_len)^2)        rows the matrix units are given
//   c  = r 2 (head_dim + value_dim) units / (peak e(head_dim))     seconds a key and job
//   f  = share of the keys one block walks: the largest of 1/splits, min_keys/keys and
//        jobs/(occupancy units), at most 1
//   compute = overlapped(jobs keys c / units, f keys c);   memory = cache / bandwidth
//   t = floor + min(overlapped(memory, compute | f = 1), overlapped(...) + combine)
//       + jobs beyond one a unit + queries, outputs, new keys
//
// TensorRT-LLM decodes groups of 1 and of more than 32 heads with a kernel that has one
// block per query head and no matrix units (masked multi-head attention; its XQA kernels
// take groups up to 32). `scalar` = 1 prices those groups so, 0 = the kernel has no such
// limit. `window_unpacks` = 1: with a window each query head is a job (FlashAttention-2).
//
// Bandwidth is that of memory or, for working sets inside the last level cache, what all
// units read of it, if that is more: replays of one layer read the keys of few sequences
// from there. That rate belongs to the units, so a sibling with slower memory keeps it.
//
// Fitted on 24,000 kernels with q_len = kv_len (context) or 1 (generation), head sizes
// 64, 128, 256, window 0 or 128, bf16 and fp8. Beyond that the same formulas hold by
// construction, not by measurement: cached context before the queries, verification of
// drafts (q_len > 1 in generation), cross and non-causal attention, other windows, other
// head sizes (a head size is a kernel: a larger one may be faster). Kinks: in q_len where
// a tile fills (M p / g), in windows where the window fills, in sequences and kv_len of
// generation where splitting begins to pay.
#pragma once

#include <array>
#include <span>

#include "sim/cost/form.h"
#include "sim/cost/machine.h"
#include "sim/cost/points.h"

namespace moeplan {

inline constexpr std::array<FormConstant, 17> kAttentionContextForm = {{
    {"floor_s", 1e-6, 9e-6, 40e-6, true, "launches of the kernels of one layer"},
    {"peak_share_64", 0.02, 0.42, 2.5, true, "of the peak, head size 64"},
    {"peak_share_128", 0.02, 0.6, 2.5, true, "of the peak, head size 128"},
    {"peak_share_256", 0.02, 0.6, 2.5, true, "of the peak, head size 256"},
    {"tile_s", 1e-8, 1.5e-6, 2e-5, true, "start and end of one tile of queries"},
    {"bandwidth_share", 0.1, 0.7, 1.1, true, "of the peak bandwidth"},
    {"cache_unit_bytes_s", 4e9, 3.5e10, 1.5e11, true, "what a unit reads of the last level cache"},
    {"query_rewrites", 0.003, 0.3, 8, true, "times queries go through memory outside the attention kernel"},
    {"key_rewrites", 0.003, 1, 20, true, "times keys and values do"},
    {"wave_overlap", 0, 0.5, 1, false, "1 = the last tiles start when the others end"},
    {"longest_share", 0.1, 0.9, 3, true, "of the longest tile that is not hidden"},
    {"memory_overlap", 0, 0.3, 1, false, "1 = memory and arithmetic take turns"},
    {"tile_keys", 1, 150, 1024, true, "keys computed and masked away per tile"},
    {"token_unit_s", 1e-9, 1e-7, 1e-4, true, "seconds x units per token written to the cache"},
    {"tile_rows", 32, 128, 384, true, "query rows of a tile"},
    {"unpacked", 0, 0.5, 1, false, "1 = each query head has tiles of its own"},
    {"window_keys", 1, 200, 4096, true, "keys read beyond the window"},
}};

inline constexpr std::array<FormConstant, 25> kAttentionGenerationForm = {{
    {"floor_s", 1e-6, 8e-6, 40e-6, true, "launches of the kernels of one layer"},
    {"bandwidth_share", 0.3, 0.85, 1.1, true, "of the peak bandwidth"},
    {"cache_unit_bytes_s", 4e9, 3.5e10, 1.5e11, true, "what a unit reads of the last level cache"},
    {"peak_share_64", 0.01, 0.3, 2, true, "of the peak, head size 64"},
    {"peak_share_128", 0.01, 0.35, 2, true, "of the peak, head size 128"},
    {"peak_share_256", 0.01, 0.35, 2, true, "of the peak, head size 256"},
    {"least_rows", 1, 32, 256, true, "rows the matrix units work on at least"},
    {"splits", 1, 32, 1024, true, "parts the keys are cut into at most"},
    {"split_keys", 8, 200, 4096, true, "keys of a part at least"},
    {"occupancy", 0.2, 1, 8, true, "blocks a unit runs at once"},
    {"job_s", 1e-9, 8e-7, 2e-5, true, "start and end of a job beyond one a unit"},
    {"job_elements", 100, 2e4, 1e6, true, "query elements that double it"},
    {"query_passes", 0.01, 1.5, 30, true, "times queries and outputs go through memory"},
    {"key_passes", 0.01, 1, 30, true, "times new keys and values do"},
    {"wave_overlap", 0, 0.2, 1, false, "1 = the longest block adds to the rest"},
    {"memory_overlap", 0, 0.2, 1, false, "1 = memory and arithmetic take turns"},
    {"window_unpacks", 0, 0.2, 1, false, "1 = with a window each query head is a job"},
    {"least_keys", 0.5, 50, 256, true, "keys that short contexts cost"},
    {"combine_s", 1e-9, 2e-6, 2e-5, true, "joining the parts"},
    {"window_keys", 1, 64, 1024, true, "keys read beyond the window"},
    {"scalar", 0, 0.3, 1, false, "1 = groups of 1 and above 32 heads go without matrix units"},
    {"element_unit_s", 1e-12, 4e-11, 1e-9, true, "seconds x units per element there"},
    {"scalar_job_s", 1e-7, 1.1e-6, 1e-5, true, "a block there beyond one a unit"},
    {"scalar_splits", 1, 64, 1024, true, "parts the keys are cut into there at most"},
    {"scalar_floor_s", 1e-8, 1e-6, 1e-5, true, "launch above floor_s there"},
}};

FormTime attention_context_time(const AttentionPoint& point, const Machine& machine, std::span<const double> constants);
FormTime attention_generation_time(const AttentionPoint& point, const Machine& machine,
                                   std::span<const double> constants);

// Seconds no kernel can beat: the products that the mask leaves at the peak of the
// fastest operands in play, or queries, outputs, keys and values once, as many as the last
// level cache holds at its rate, at the highest clock.
double attention_floor(const AttentionPoint& point, const Machine& machine);

// By tokens computed (context: up to 2,048, 16,384, more) or cached tokens read
// (generation: up to 4,096, 65,536, more).
int attention_regime(const AttentionPoint& point);

// Query-key pairs of one head and sequence that the mask leaves.
double attended_pairs(const AttentionPoint& point);

}  // namespace moeplan
