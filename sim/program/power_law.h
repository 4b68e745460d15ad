// SPDX-License-Identifier: Apache-2.0
// The skewed loads of the measured MoE rows (measured data of ai-dynamo/aiconfigurator,
// distributions pl1.01 and pl1.2): one draw per expert from x^-alpha on [1, 0.8 tokens]
// by inverse CDF, or on [0.01, 2] when tokens * k <= experts; scaled to tokens * k,
// rounded, none above `tokens`. What rounding and the cap leave over or owe is settled
// one pair at a time, rank after rank: given to a rank's idlest expert, taken from its
// busiest. Experts lie on ranks in blocks; the rank with the largest sum is timed.
//
// Far more skewed than published routing (Gini 0.63 at 256 tokens, 0.81 at 32,768), and
// more so the more tokens there are.
#pragma once

#include <vector>

#include "sim/base/rng.h"
#include "sim/base/units.h"

namespace moeplan {

// Token-expert pairs of every expert; ranks divide experts, or settle as one.
std::vector<Count> power_law_counts(Count tokens, Count experts, Count top_k, Count ranks, double alpha,
                                    CounterRng& rng);

}  // namespace moeplan
