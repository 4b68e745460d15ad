// SPDX-License-Identifier: Apache-2.0
// Ranks and nodes of a token whose experts are limited to groups, all experts equally liked.
//
// Which groups a token keeps and which experts it takes of each are then any, equally likely.
// So where it goes follows exactly from how many experts it takes of each kept group: a rank
// that holds o of a group's g experts is missed by c of them with C(g - o, c) / C(g, c). Only
// those counts are drawn, from the largest scores of each group: the logarithm of the largest
// of g uniform numbers is -e_1 / g, the next ones follow at -e_2 / (g - 1), ..., e_i
// exponential (A. Renyi 1953). kGroupTokens tokens leave a standard error of at most 0.12 % of
// DeepSeek-V3's ranks and nodes (tests/unit/routing_test.cc).
#pragma once

#include "sim/program/routing.h"

namespace moeplan {

inline constexpr int kGroupTokens = 2048;

// routing.groups > 0, no replicas; violations() must be empty.
Destinations group_limited_destinations(const Routing& routing, const ExpertGroup& group);

}  // namespace moeplan
