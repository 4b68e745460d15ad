// SPDX-License-Identifier: Apache-2.0
// Draws the k different experts of a token: Plackett-Luce by weights (popularity.h), or
// group-limited: scores u^(1/w), which order as Plackett-Luce does and lie in [0, 1] as
// sigmoid scores do; the best groups by the sum of their best scores, then the best
// experts of those.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/base/rng.h"
#include "sim/program/routing.h"

namespace moeplan {

// `routing` and `weights` must outlive it.
class TokenSampler {
 public:
  TokenSampler(const Routing& routing, std::span<const double> weights, Count top_k);
  // Valid until the next call.
  std::span<const std::uint32_t> next(CounterRng& rng);

 private:
  void make_alias();
  void draw_free(CounterRng& rng);
  std::uint32_t draw_remaining(CounterRng& rng) const;
  void draw_grouped(CounterRng& rng);

  const Routing& routing_;
  std::span<const double> weights_;
  std::vector<std::uint32_t> taken_;  // token that took it last
  std::vector<std::uint32_t> chosen_;
  std::uint32_t token_ = 0;
  std::vector<double> keep_;
  std::vector<std::uint32_t> alias_;
  bool even_ = false;  // grouped: all weights are 1
  std::vector<double> keys_;
  std::vector<double> best_;
  std::vector<double> group_score_;
  std::vector<std::uint32_t> groups_;
  std::vector<std::uint32_t> order_;
};

}  // namespace moeplan
