// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/attention.h"

#include <algorithm>

#include "sim/cost/attention_parts.h"
#include "sim/cost/soft.h"

namespace moeplan {
namespace {

constexpr double kBlockElements = 512.0;  // elements of a token at which its block of threads is full
constexpr double kScalarGroup = 32.0;     // XQA takes groups up to this (TensorRT-LLM)

// What the head sizes cost: seconds x peak per key and row, from the shares reached at
// 64, 128 and 256. Smaller heads are padded to 64.
double row_work(double dim, double at64, double at128, double at256) {
  const double c64 = 64.0 / at64;
  const double c128 = 128.0 / at128;
  const double c256 = 256.0 / at256;
  if (dim <= 64) return c64;
  if (dim <= 128) return c64 + (c128 - c64) * (dim - 64) / 64;
  if (dim <= 256) return c128 + (c256 - c128) * (dim - 128) / 128;
  return c256 * dim / 256;
}

double mean_dim(const AttentionPoint& p) { return 0.5 * (p.head_dim + p.value_dim); }

double window_of(const AttentionPoint& p) { return p.window > 0 ? std::min(p.window, p.kv_len) : p.kv_len; }

// Keys of a sequence that some query sees.
double keys_read(const AttentionPoint& p) { return std::min(p.kv_len, window_of(p) + p.q_len - 1.0); }

// Mean over the queries of the keys each may see.
double mean_keys(const AttentionPoint& p) {
  const double window = window_of(p);
  if (!p.causal) return window;
  const double cached = p.kv_len - p.q_len;
  // The first `growing` queries see all before them, the others a full window.
  const double growing = std::clamp(window - cached, 0.0, p.q_len);
  return (growing * (cached + 0.5 * (growing + 1.0)) + (p.q_len - growing) * window) / p.q_len;
}

}  // namespace

double attended_pairs(const AttentionPoint& p) { return p.q_len * mean_keys(p); }

FormTime attention_context_time(const AttentionPoint& p, const Machine& machine, std::span<const double> constants) {
  const auto [floor, share64, share128, share256, tile_s, bandwidth_share, cache_unit_rate, query_rewrites,
              key_rewrites, wave_overlap, longest_share, memory_overlap, tile_keys, token_unit_s, tile_rows, unpacked,
              window_keys] = constants_of<kAttentionContextForm.size()>(constants);
  const double units = std::max(machine.units, 1.0);
  const double group = p.heads / p.kv_heads;
  const double apart = 1.0 + unpacked * (group - 1.0);  // tiles that share a key head and its tokens
  const double packed = group / apart;
  const double tiles = whole_tiles(p.q_len * packed / tile_rows) * p.kv_heads * p.sequences * apart;
  const double tile_tokens = std::min(p.q_len, tile_rows / packed);

  const double window = window_of(p);
  const double all = p.causal ? p.kv_len - p.q_len + 0.5 * (p.q_len + 1.0) : p.kv_len;
  const double seen = std::min(all, mean_keys(p) + 0.5 * window_keys);
  const double keys = std::min(p.kv_len, seen + 0.5 * tile_tokens) + 0.5 * tile_keys;
  const double most_keys = std::min(p.kv_len, window + 0.5 * window_keys + tile_tokens) + 0.5 * tile_keys;

  const double key_s =
      tile_rows * 4.0 * row_work(mean_dim(p), share64, share128, share256) * units / machine.peak_of(p.math);
  const double spread = tiles * (tile_s + keys * key_s) / units;
  const double longest = longest_share * (tile_s + most_keys * key_s);
  const double compute = overlapped(spread, longest, wave_overlap);

  const double tokens = p.sequences * p.q_len;
  const double query_bytes = tokens * p.heads * p.head_dim * kActivationBytes;
  const double output_bytes = tokens * p.heads * p.value_dim * kActivationBytes;
  const double key_elements = p.kv_heads * (p.head_dim + p.value_dim);
  const double bytes = query_bytes + output_bytes + p.sequences * keys_read(p) * key_elements * p.cache_bytes;
  const double cached = cached_share(bytes, machine.cache);
  const double bandwidth = read_rates(machine, bandwidth_share, cache_unit_rate).of(cached);
  const double memory = bytes / bandwidth;

  const double rewritten =
      2.0 * (query_rewrites * query_bytes + key_rewrites * tokens * key_elements * kActivationBytes);
  const double fill = 0.5 * key_elements / kBlockElements;
  const double blocks = token_unit_s * tokens / units * fill / std::sqrt(1.0 + fill * fill);

  FormTime t;
  t.compute = compute;
  t.memory = memory + rewritten / bandwidth + blocks;
  t.fixed = floor;
  t.seconds = floor + overlapped(compute, memory, memory_overlap) + rewritten / bandwidth + blocks;
  t.bound = attention_bound(t, cached);
  return t;
}

FormTime attention_generation_time(const AttentionPoint& p, const Machine& machine, std::span<const double> constants) {
  const auto [floor, bandwidth_share, cache_unit_rate, share64, share128, share256, least_rows, splits, split_keys,
              occupancy, job_s, job_elements, query_passes, key_passes, wave_overlap, memory_overlap, window_unpacks,
              least_keys, combine_s, window_keys, scalar, element_unit_s, scalar_job_s, scalar_splits, scalar_floor] =
      constants_of<kAttentionGenerationForm.size()>(constants);
  const double units = std::max(machine.units, 1.0);
  const double group = p.heads / p.kv_heads;
  const bool windowed = p.window > 0 && p.window < p.kv_len;
  const double read = windowed ? std::min(p.kv_len, p.window + window_keys) : p.kv_len;
  const double keys = std::sqrt(read * read + least_keys * least_keys);
  const double apart = p.window > 0 ? 1.0 + window_unpacks * (group - 1.0) : 1.0;
  const double jobs = p.sequences * p.kv_heads * apart;
  const double queries = group * p.q_len / apart;
  const double rows = std::sqrt(least_rows * least_rows + queries * queries);

  const double key_elements = p.head_dim + p.value_dim;
  const double bytes = p.sequences * p.kv_heads * keys * key_elements * p.cache_bytes;
  const double cached = cached_share(bytes, machine.cache);
  const ReadRates rates = read_rates(machine, bandwidth_share, cache_unit_rate);
  const double memory = bytes / rates.of(cached);

  const double key_s =
      4.0 * rows * row_work(mean_dim(p), share64, share128, share256) * units / machine.peak_of(p.math);
  KeyWalk walked = walk_keys({.memory = memory,
                              .spread = jobs * keys * key_s / units,
                              .whole = keys * key_s,
                              .part = part_of_keys(splits, split_keys / keys, jobs / (units * occupancy)),
                              .combine = combine_s},
                             wave_overlap, memory_overlap);
  walked.seconds += job_s * (1.0 + queries * p.head_dim / job_elements) * beyond_one(jobs / units);

  if (scalar > 0 && (group < 1.5 || group > kScalarGroup)) {
    const double blocks = p.sequences * p.heads * p.q_len;
    const double block_s = read * key_elements * element_unit_s;
    const KeyWalk alone =
        walk_keys({.memory = memory,
                   .spread = blocks * block_s / units,
                   .whole = block_s,
                   .part = part_of_keys(scalar_splits, split_keys / keys, blocks / (units * occupancy)),
                   .combine = combine_s},
                  wave_overlap, memory_overlap);
    const double starts = scalar_floor + scalar_job_s * beyond_one(blocks / units);
    walked.seconds += scalar * (alone.seconds + starts - walked.seconds);
    walked.compute += scalar * (alone.compute - walked.compute);
  }

  const double passes = p.sequences * p.q_len * 2.0 * kActivationBytes *
                        (query_passes * p.heads * mean_dim(p) + key_passes * p.kv_heads * key_elements);
  FormTime t;
  t.compute = walked.compute;
  t.memory = memory + passes / rates.cache;
  t.fixed = floor;
  t.seconds = floor + walked.seconds + passes / rates.cache;
  t.bound = attention_bound(t, cached);
  return t;
}

double attention_floor(const AttentionPoint& p, const Machine& machine) {
  const double dims = p.head_dim + p.value_dim;
  const double flops = p.sequences * p.heads * attended_pairs(p) * 2.0 * dims;
  // Operands of one byte: queries and outputs may be, too.
  const double bytes = p.sequences * (p.q_len * p.heads + keys_read(p) * p.kv_heads * p.cache_bytes) * dims;
  return physical_floor(flops / fastest_operands(machine, p.math, p.cache_bytes), bytes, machine);
}

int attention_regime(const AttentionPoint& p) {
  return p.context ? size_class(p.sequences * p.q_len, kContextSizes)
                   : size_class(p.sequences * p.kv_len, kGenerationSizes);
}

}  // namespace moeplan
