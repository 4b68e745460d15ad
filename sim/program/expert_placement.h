// SPDX-License-Identifier: Apache-2.0
// Where the experts of one MoE layer lie: which expert every physical slot holds, slots in
// blocks on ranks, ranks in blocks on nodes.
//
//   contiguous   slot s holds expert s; redundant slots start again with expert 0 (the trivial
//                placement of SGLang and vLLM)
//   round robin  expert e lies on rank e mod ranks (vLLM's --expert-placement-strategy
//                round_robin); no redundant slots, as there
//   balanced     EPLB's two policies (eplb.h)
//   searched     below EPLB's busiest rank (place_experts.h)
//   custom       a list: the expert of each slot, of each layer or one for all
//
// Where a rule needs the layer's loads they are expected shares: what a balancer knows that
// has watched long enough.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sim/base/units.h"

namespace moeplan {

class ExpertPlacement {
 public:
  // Slots of rank 0, then of rank 1, ...; the first `slots mod ranks` ranks hold one more.
  // placement_violations() must be empty, nodes divide ranks.
  ExpertPlacement(Count experts, Count ranks, Count nodes, std::vector<Count> expert_of_slot);

  Count experts() const { return static_cast<Count>(first_replica_.size()) - 1; }
  Count slots() const { return static_cast<Count>(expert_of_slot_.size()); }
  Count ranks() const { return ranks_; }
  Count nodes() const { return nodes_; }
  Count first_slot(Count rank) const { return rank * (slots() / ranks_) + std::min(rank, slots() % ranks_); }
  Count slots_on(Count rank) const { return slots() / ranks_ + (rank < slots() % ranks_ ? 1 : 0); }
  std::span<const Count> expert_of_slot() const { return expert_of_slot_; }
  Count rank_of(Count slot) const { return rank_of_slot_[static_cast<std::size_t>(slot)]; }
  // Of one expert, in the order of their ranks.
  std::span<const Count> slots_of(Count expert) const {
    const auto first = first_replica_.begin() + expert;
    return {slots_by_expert_.begin() + *first, slots_by_expert_.begin() + *(first + 1)};
  }

  friend bool operator==(const ExpertPlacement&, const ExpertPlacement&) = default;

 private:
  Count ranks_;
  Count nodes_;
  std::vector<Count> expert_of_slot_;
  std::vector<Count> rank_of_slot_;
  std::vector<Count> first_replica_;  // of each expert, and the end
  std::vector<Count> slots_by_expert_;
};

// What is wrong with a list of experts by slot; empty = nothing.
std::vector<std::string> placement_violations(std::span<const Count> expert_of_slot, Count experts, Count ranks);

ExpertPlacement contiguous_placement(Count experts, Count slots, Count ranks, Count nodes);
ExpertPlacement round_robin_placement(Count experts, Count ranks, Count nodes);
// `loads` of the experts; `groups` 1 or those of group-limited routing; ranks divide slots.
ExpertPlacement balanced_placement(std::span<const double> loads, Count slots, Count groups, Count ranks, Count nodes);

// Load of each rank when replicas share the load of their expert equally.
std::vector<double> rank_loads(const ExpertPlacement& placement, std::span<const double> loads);
// The busiest rank's over the mean; 1 without any load.
double imbalance_of(const ExpertPlacement& placement, std::span<const double> loads);

enum class PlacementWay : std::uint8_t { Contiguous, RoundRobin, Balanced, Searched, Custom };

// How to place every layer.
struct PlacementRule {
  PlacementWay way = PlacementWay::Contiguous;
  std::vector<std::vector<Count>> layers;  // custom: expert of each slot, by layer; a single one serves all
};

// Custom lists from a file: JSON with "physical_to_logical_map", a list or a list of lists (the
// form SGLang's --init-expert-location reads); else text: a line for each layer, whole numbers
// apart by commas or blanks, empty lines and lines that start with # skipped. Throws
// InputError(InvalidInput) with everything that is wrong.
PlacementRule parse_placement(std::string text, const std::string& file, Count experts, Count ranks);

}  // namespace moeplan
