// SPDX-License-Identifier: Apache-2.0
// Redundant experts: an expert that takes more than its share of tokens gets replicas
// on other ranks, each replica an equal part of its tokens. The two policies of
// deepseek-ai/EPLB: hierarchical (whole groups of experts stay in one node, replicas
// inside the node) when the nodes divide the groups, else global.
//
//   replicate  give the next replica to the expert with the most load per replica
//   pack       heaviest first, each into the least loaded rank that has a free slot
#pragma once

#include <span>
#include <vector>

#include "sim/base/units.h"

namespace moeplan {

struct ReplicaPlan {
  std::vector<Count> expert_of_slot;  // slots of rank 0, then of rank 1, ...
  std::vector<Count> replicas;        // of every expert
};

// `groups` and `nodes` 1: global. ranks divide slots, nodes divide ranks and slots.
ReplicaPlan place_replicas(std::span<const double> loads, Count slots, Count groups, Count nodes, Count ranks);

// Load of the busiest rank over the mean.
double imbalance_of(const ReplicaPlan& plan, std::span<const double> loads, Count ranks);

// No placement is better than this: a replica lies on one rank whole.
double imbalance_bound(const ReplicaPlan& plan, std::span<const double> loads, Count ranks);

}  // namespace moeplan
