// SPDX-License-Identifier: Apache-2.0
// What the routed experts of one rank of one MoE layer see in a step.
#pragma once

#include "sim/base/units.h"

namespace moeplan {

// Of the busiest rank, on which the others wait; the mean over all ranks beside it.
struct ExpertLoad {
  double rows = 0;      // token-expert pairs
  double distinct = 0;  // local experts with at least one row
  double peak = 0;      // rows of its busiest expert
  double mean_rows = 0;
  double mean_distinct = 0;
  double dropped = 0;  // share of the layer's pairs that found their expert full
};

// Balanced routing: every set of k experts equally likely, tokens independent, all
// ranks at their expectation.
//   distinct = local * (1 - (1 - k/E)^tokens)      (exact for top-k without replacement)
//   rows     = tokens * k * local / E
// E counts every expert a token chooses from, zero-computation ones included; redundant ones
// (copies placed as a balancer likes, local ones count) widen it: each takes its part.
ExpertLoad balanced_load(Count choices, Count top_k, Count local_experts, Count group_tokens, Count redundant = 0);

}  // namespace moeplan
