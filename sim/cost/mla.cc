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
  const double tokens = p.sequences * p.q_len;
  const bool absorbed = p.selected > 0;
  const double tiles =
      absorbed ? whole_tiles(p.heads / tile_rows) * tokens : whole_tiles(p.q_len / tile_rows) * p.heads * p.sequences;
  const double tile_tokens = absorbed ? 1.0 : std::min(p.q_len, tile_rows);
  const double keys = std::min(keys_of(p), mean_keys(p) + 0.5 * tile_tokens) + 0.5 * tile_keys;
  const double most_keys = keys_of(p) + 0.5 * tile_keys;
  const double dims = absorbed ? 2.0 * p.latent + p.rope : p.key_dim + p.value_dim;
  const double key_s = tile_rows * 2.0 * dims * units / (machine.peak_of(p.math) * peak_share);
  const double compute =
      overlapped(tiles * (tile_s + keys * key_s) / units, longest_share * (tile_s + most_keys * key_s), wave_overlap);

  // Queries and outputs of the new tokens; keys and values of all heads, or the latents once.
  const double shared = p.sequences * latent_elements(p) * p.cache_bytes;
  const double expanded = p.sequences * p.heads * dims * kActivationBytes;
  const double bytes = tokens * p.heads * dims * kActivationBytes + p.kv_len * (absorbed ? shared : expanded);
  const double cached = cached_share(bytes, machine.cache);
  const ReadRates rates = read_rates(machine, bandwidth_share, cache_unit_rate);
  const double bandwidth = rates.of(cached);
  const double gathered = absorbed ? p.q_len * mean_keys(p) * shared / rates.cache : 0.0;
  const double memory = bytes / bandwidth + gathered;
  const double rewritten = 2.0 * kActivationBytes * tokens *
                           (latent_rewrites * latent_elements(p) + (absorbed ? 0.0 : head_rewrites * p.heads * dims));
  const double around = rewritten / bandwidth + token_unit_s * tokens / units;

  FormTime t;
  t.compute = compute;
  t.memory = memory + around;
  t.fixed = floor;
  t.seconds = floor + overlapped(compute, memory, memory_overlap) + around;
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
  // Operands of one byte: queries and outputs may be, too. Absorbed, a kernel reads no
  // more than the latents, whatever the phase.
  const double ends = p.q_len * p.heads * (p.context ? p.key_dim + p.value_dim : 2.0 * p.latent + p.rope);
  const double bytes = p.sequences * (keys_of(p) * latent_elements(p) * p.cache_bytes + ends);
  return physical_floor(flops / operands, bytes, machine);
}

int mla_regime(const MlaPoint& p) {
  const double tokens = p.sequences * (p.context ? p.q_len : p.kv_len);
  return p.context ? size_class(tokens, kContextSizes) : size_class(tokens, kGenerationSizes);
}

}  // namespace moeplan
