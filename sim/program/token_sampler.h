// SPDX-License-Identifier: Apache-2.0
// Draws the k different experts of a token: Plackett-Luce by weights (popularity.h), or
// group-limited: scores u^(1/w), which order as Plackett-Luce does and lie in [0, 1] as
// sigmoid scores do; the best groups by the sum of their best scores, then the best
// experts of those.
//
// u^(1/w) is exp(-t) of a clock that rings at t ~ Exp(w). Of a group the clocks ring one after
// the other, the next after Exp(sum of those that have not rung), whose it is with w over that
// sum: only the few that decide are drawn.
#pragma once

#include <cstdint>
#include <limits>
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
  // Experts [first, first + size) in the order of their clocks, as far as they were drawn.
  struct Group {
    std::uint32_t first = 0;
    std::uint32_t size = 0;
    double weight = 0;  // of all
    double left = 0;    // of those that have not rung
    double score = 0;
    std::size_t arrived = 0;
    std::size_t used = 0;
    std::vector<double> times{};
    std::vector<std::uint32_t> experts{};
    double next_time() const { return used < arrived ? times[used] : std::numeric_limits<double>::infinity(); }
  };

  void make_alias(std::uint32_t first, std::uint32_t end);
  void draw_free(CounterRng& rng);
  std::uint32_t draw_remaining(CounterRng& rng, std::uint32_t first, std::uint32_t end) const;
  void draw_grouped(CounterRng& rng);
  void arrive(Group& group, CounterRng& rng);

  const Routing& routing_;
  std::span<const double> weights_;
  std::vector<std::uint32_t> taken_;  // token that took it last
  std::vector<std::uint32_t> chosen_;
  std::uint32_t token_ = 0;
  std::vector<double> keep_;
  std::vector<std::uint32_t> alias_;
  bool even_ = false;  // grouped: all weights are 1
  std::size_t judged_ = 0;
  std::vector<Group> groups_;
  std::vector<std::size_t> order_;  // of groups, the best first
};

}  // namespace moeplan
