// SPDX-License-Identifier: Apache-2.0
// One MoE layer through which a few hundred tokens were drawn, and its loads at any number.
//
// Up to the tokens drawn, loads are those of the first of them. Beyond, counts are their
// expectation T pi plus deviations of what was drawn. Of n drawn tokens the deviations of
// the first a are added and those of the other n - a taken away, all times sqrt(T / n):
//
//   a = n / 2 (1 + sqrt(n / T))
//
// so that mean, covariance and third moments of any sum of counts are those of T independent
// tokens: all n at T = n, as many added as taken away (no skewness) for many.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/base/rng.h"
#include "sim/program/expert_placement.h"
#include "sim/program/routing.h"

namespace moeplan {

class DrawnLayer {
 public:
  // Experts with these weights and inclusion probabilities, in place. `exact`: the latter
  // are what tokens do; limits by groups shift them, and all drawn deviations are added.
  DrawnLayer(const Routing& routing, const ExpertGroup& group, std::span<const double> weights,
             std::vector<double> inclusion, Count tokens, bool exact, CounterRng& rng);

  // An expert takes at most `room` pairs. What a capacity drops is not told here.
  ExpertLoad at(Count tokens, double room) const;
  // Mean over the drawn tokens.
  Destinations destinations() const { return destinations_; }

 private:
  void draw(const Routing& routing, const ExpertGroup& group, std::span<const double> weights, CounterRng& rng);
  // Counts of the first `from` tokens and those up to `tokens`.
  std::vector<double> counted(std::vector<double> counts, Count from, Count tokens) const;
  std::vector<double> counts_at(Count tokens) const;
  double rows_of(Count slot, std::span<const double> counts) const;
  double touched(Count slot, double rows, Count tokens) const;

  std::vector<double> inclusion_;
  ExpertPlacement placement_;
  std::vector<Count> replica_of_;       // of each slot: which of its expert's replicas
  std::vector<std::uint32_t> choices_;  // top_k of each token
  std::vector<double> half_;            // counts of the first half of them
  std::vector<double> all_;             // and of all
  std::size_t top_k_;
  Count drawn_;
  bool exact_;
  Destinations destinations_;
};

}  // namespace moeplan
