// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/mla.h"

#include <algorithm>

#include "sim/cost/attention.h"
#include "sim/cost/attention_parts.h"
#include "sim/cost/soft.h"

namespace moeplan {
namespace {

double keys_of(const MlaPoint& p) { return p.selected > 0 ? std::min(p.selected, p.kv_len) : p.kv_len; }

// A token's row of the cache, and what a head multiplies with it in the absorbed form.
double latent_elements(const MlaPoint& p) { return p.latent + p.rope; }
double absorbed_work(const MlaPoint& p) { return 2.0 * (2.0 * p.latent + p.rope); }

// Mean over the queries of the keys each sees.
double mean_keys(const MlaPoint& p) {
  const double keys = keys_of(p);
  const double cached = p.kv_len - p.q_len;
  const double growing = std::clamp(keys - cached, 0.0, p.q_len);
  return (growing * (cached + 0.5 * (growing + 1.0)) + (p.q_len - growing) * keys) / p.q_len;
}

}  // namespace

FormTime mla_context_time(const MlaPoint& p, const Machine& machine, std::span<const double> constants) {
  const auto [floor, peak_share, tile_s, bandwidth_share, cache_unit_rate, head_rewrites, latent_rewrites, wave_overlap,
              longest_share, memory_overlap, tile_keys, token_unit_s, tile_rows] =
      constants_of<kMlaContextForm.size()>(constants);
  const double units = std::max(machine.units, 1.0);
  const double tiles = whole_tiles(p.q_len / tile_rows) * p.heads * p.sequences;
  const double tile_tokens = std::min(p.q_len, tile_rows);
  const double keys = std::min(keys_of(p), mean_keys(p) + 0.5 * tile_tokens) + 0.5 * tile_keys;
  const double most_keys = keys_of(p) + 0.5 * tile_keys;
  const double dims = p.key_dim + p.value_dim;
  const double key_s = tile_rows * 2.0 * dims * units / (machine.peak_of(p.math) * peak_share);
  const double compute =
      overlapped(tiles * (tile_s + keys * key_s) / units, longest_share * (tile_s + most_keys * key_s), wave_overlap);

  const double tokens = p.sequences * p.q_len;
  // Queries and outputs of the new tokens, keys and values of all of them.
  const double bytes = (tokens + p.sequences * p.kv_len) * p.heads * dims * kActivationBytes;
  const double cached = cached_share(bytes, machine.cache);
  const double bandwidth = read_rates(machine, bandwidth_share, cache_unit_rate).of(cached);
  const double rewritten =
      2.0 * kActivationBytes * tokens * (head_rewrites * p.heads * dims + latent_rewrites * latent_elements(p));
  const double around = rewritten / bandwidth + token_unit_s * tokens / units;

  FormTime t;
  t.compute = compute;
  t.memory = bytes / bandwidth + around;
  t.fixed = floor;
  t.seconds = floor + overlapped(compute, bytes / bandwidth, memory_overlap) + around;
  t.bound = attention_bound(t, cached);
  return t;
}

FormTime mla_generation_time(const MlaPoint& p, const Machine& machine, std::span<const double> constants) {
  const auto [floor, bandwidth_share, cache_unit_rate, peak_share, least_rows, splits, split_keys, occupancy, job_s,
              job_elements, query_passes, wave_overlap, memory_overlap, least_keys, combine_s, token_unit_s] =
      constants_of<kMlaGenerationForm.size()>(constants);
  const double units = std::max(machine.units, 1.0);
  const double read = keys_of(p);
  const double keys = std::sqrt(read * read + least_keys * least_keys);
  const double queries = p.heads * p.q_len;
  const double rows = std::sqrt(least_rows * least_rows + queries * queries);

  const double bytes = p.sequences * keys * latent_elements(p) * p.cache_bytes;
  const double cached = cached_share(bytes, machine.cache);
  const ReadRates rates = read_rates(machine, bandwidth_share, cache_unit_rate);
  const double memory = bytes / rates.of(cached);

  const double key_s = rows * absorbed_work(p) * units / (machine.peak_of(p.math) * peak_share);
  const KeyWalk walked = walk_keys({.memory = memory,
                                    .spread = p.sequences * keys * key_s / units,
                                    .whole = keys * key_s,
                                    .part = part_of_keys(splits, split_keys / keys, p.sequences / (units * occupancy)),
                                    .combine = combine_s},
                                   wave_overlap, memory_overlap);
  const double starts = job_s * (1.0 + queries * latent_elements(p) / job_elements) * beyond_one(p.sequences / units);
  const double passes =
      query_passes * p.sequences * queries * (2.0 * p.latent + p.rope) * kActivationBytes / rates.cache +
      token_unit_s * p.sequences * p.q_len / units;

  FormTime t;
  t.compute = walked.compute + starts;
  t.memory = memory + passes;
  t.fixed = floor;
  t.seconds = floor + walked.seconds + starts + passes;
  t.bound = attention_bound(t, cached);
  return t;
}

double mla_floor(const MlaPoint& p, const Machine& machine) {
  const double operands = fastest_operands(machine, p.math, p.cache_bytes);
  const double work = p.context ? 2.0 * (p.key_dim + p.value_dim) : absorbed_work(p);
  const double flops = p.sequences * p.heads * p.q_len * mean_keys(p) * work;
  // Operands of one byte: queries, outputs and expanded keys may be, too.
  const double bytes = p.context ? p.sequences * (p.q_len + keys_of(p)) * p.heads * (p.key_dim + p.value_dim)
                                 : p.sequences * (keys_of(p) * latent_elements(p) * p.cache_bytes +
                                                  p.q_len * p.heads * (2.0 * p.latent + p.rope));
  return physical_floor(flops / operands, bytes, machine);
}

int mla_regime(const MlaPoint& p) {
  const double tokens = p.sequences * (p.context ? p.q_len : p.kv_len);
  return p.context ? size_class(tokens, kContextSizes) : size_class(tokens, kGenerationSizes);
}

}  // namespace moeplan
