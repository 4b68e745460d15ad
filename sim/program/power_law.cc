// SPDX-License-Identifier: Apache-2.0
#include "sim/program/power_law.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <span>

#include "sim/base/error.h"

namespace moeplan {
namespace {

// Raises the lowest of `counts` together by `pairs` in all, none above `cap`; returns
// what found no room. One pair at a time to whoever is lowest ends at the same levels.
Count raise_lowest(std::span<Count> counts, Count pairs, Count cap) {
  std::vector<std::size_t> order(counts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return counts[a] < counts[b]; });
  Count level = counts[order[0]];
  std::size_t width = 0;  // experts at the level
  while (pairs > 0 && level < cap) {
    while (width < order.size() && counts[order[width]] <= level) ++width;
    const Count next = std::min(cap, width < order.size() ? counts[order[width]] : cap);
    const auto wide = static_cast<Count>(width);
    const Count rise = std::min(next - level, pairs / wide);
    for (std::size_t i = 0; i < width; ++i) counts[order[i]] += rise;
    level += rise;
    pairs -= rise * wide;
    if (level == next) continue;
    for (std::size_t i = 0; pairs > 0; ++i, --pairs) ++counts[order[i]];  // fewer than `width`
  }
  return pairs;
}

// The reverse: lowers the highest together, none below zero.
Count lower_highest(std::span<Count> counts, Count pairs) {
  for (Count& x : counts) x = -x;
  const Count left = raise_lowest(counts, pairs, 0);
  for (Count& x : counts) x = -x;
  return left;
}

// Gives (or, negative, takes) pairs, one per rank and round.
void settle(std::span<Count> counts, Count ranks, Count pairs, Count cap) {
  const bool giving = pairs > 0;
  const std::size_t per_rank = counts.size() / static_cast<std::size_t>(ranks);
  Count left = std::abs(pairs);
  while (left > 0) {
    const Count before = left;
    const Count whole = left / ranks;
    const Count extra = left % ranks;
    left = 0;  // what found no room so far, tried on the next rank
    for (std::size_t first = 0, rank = 0; first < counts.size(); first += per_rank, ++rank) {
      const auto own = counts.subspan(first, per_rank);
      const Count share = left + whole + (static_cast<Count>(rank) < extra ? 1 : 0);
      left = giving ? raise_lowest(own, share, cap) : lower_highest(own, share);
    }
    CHECK(left < before);  // tokens * k never exceeds experts * tokens
  }
}

}  // namespace

std::vector<Count> power_law_counts(Count tokens, Count experts, Count top_k, Count ranks, double alpha,
                                    CounterRng& rng) {
  CHECK(tokens >= 1 && top_k >= 1 && top_k <= experts && alpha != 1.0);
  if (experts % ranks != 0) ranks = 1;
  const Count pairs = tokens * top_k;
  const bool many = pairs > experts;
  const double power = 1.0 - alpha;
  const double low = std::pow(many ? 1.0 : 0.01, power);
  const double high = std::pow(many ? 0.8 * static_cast<double>(tokens) : 2.0, power);

  std::vector<double> draws(static_cast<std::size_t>(experts));
  for (double& x : draws) x = std::pow((high - low) * rng.uniform() + low, 1.0 / power);
  const double scale = static_cast<double>(pairs) / std::accumulate(draws.begin(), draws.end(), 0.0);

  std::vector<Count> counts(draws.size());
  Count placed = 0;
  for (std::size_t i = 0; i < draws.size(); ++i) {
    counts[i] = std::min(tokens, static_cast<Count>(std::nearbyint(draws[i] * scale)));
    placed += counts[i];
  }
  if (placed != pairs) settle(counts, ranks, pairs - placed, tokens);
  return counts;
}

}  // namespace moeplan
