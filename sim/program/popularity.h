// SPDX-License-Identifier: Apache-2.0
// How unequal experts are. A token takes k different experts by Plackett-Luce: one
// after the other, each with probability weight / (weights not yet taken); equal
// weights make every set of k equally likely.
//
// Expert i is taken with the inclusion probability pi_i, sum pi_i = k. With clocks
// t_i ~ Exp(w_i) the k earliest ring, so
//
//   pi_i = integral of w_i exp(-w_i t) P(fewer than k of the others before t) dt
//
// computed by quadrature over the Poisson-binomial law of the others: exact to about
// 1e-6. T independent tokens touch sum_i 1 - (1 - pi_i)^T distinct experts, exactly.
#pragma once

#include <span>
#include <vector>

#include "sim/base/units.h"

namespace moeplan {

using Weights = std::vector<double>;

// Weight of rank i (from 1): i^-s.
Weights zipf_weights(Count experts, double s);
// `hot` experts, equally liked, take `share` of all token-expert pairs; the rest equally the rest.
Weights hot_weights(Count experts, Count top_k, Count hot, double share);
// Zipf weights whose inclusion probabilities have this Gini coefficient (see max_gini).
Weights gini_weights(Count experts, Count top_k, double gini);
// Weights whose inclusion probabilities are proportional to measured counts, none above 1.
Weights histogram_weights(std::span<const double> counts, Count top_k);

std::vector<double> inclusion_probabilities(std::span<const double> weights, Count top_k);

// 0 = all equal; (n - 1) / n = one has everything.
double gini_of(std::span<const double> values);
// k experts that take every token: the most unequal a load can be.
double max_gini(Count experts, Count top_k);

// sum_i 1 - (1 - pi_i)^tokens
double distinct_of(std::span<const double> inclusion, double tokens);

}  // namespace moeplan
