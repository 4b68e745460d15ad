// SPDX-License-Identifier: Apache-2.0
#include "sim/program/expert_placement.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "sim/base/error.h"
#include "sim/program/eplb.h"

namespace moeplan {
namespace {

std::size_t at(Count i) { return static_cast<std::size_t>(i); }

}  // namespace

ExpertPlacement::ExpertPlacement(Count experts, Count ranks, Count nodes, std::vector<Count> expert_of_slot)
    : ranks_(ranks), nodes_(nodes), expert_of_slot_(std::move(expert_of_slot)), first_replica_(at(experts + 1), 0) {
  CHECK(placement_violations(expert_of_slot_, experts, ranks).empty() && nodes >= 1 && ranks % nodes == 0);
  for (Count r = 0; r < ranks; ++r) rank_of_slot_.insert(rank_of_slot_.end(), at(slots_on(r)), r);
  for (const Count e : expert_of_slot_) ++first_replica_[at(e + 1)];
  std::partial_sum(first_replica_.begin(), first_replica_.end(), first_replica_.begin());
  std::vector<Count> next(first_replica_.begin(), first_replica_.end() - 1);
  slots_by_expert_.resize(expert_of_slot_.size());
  for (Count s = 0; s < slots(); ++s) slots_by_expert_[at(next[at(expert_of_slot_[at(s)])]++)] = s;
}

std::vector<std::string> placement_violations(std::span<const Count> expert_of_slot, Count experts, Count ranks) {
  constexpr std::size_t kMostNamed = 8;
  std::vector<std::string> found;
  const auto slots = static_cast<Count>(expert_of_slot.size());
  if (slots < experts)
    found.push_back(std::to_string(slots) + " slots cannot hold " + std::to_string(experts) + " experts");
  if (slots < ranks)
    found.push_back(std::to_string(slots) + " slots leave some of the " + std::to_string(ranks) + " ranks empty");
  std::vector<bool> held(at(experts), false);
  for (std::size_t s = 0; s < expert_of_slot.size(); ++s) {
    const Count e = expert_of_slot[s];
    if (e >= 0 && e < experts) {
      held[at(e)] = true;
    } else if (found.size() < kMostNamed) {
      found.push_back("slot " + std::to_string(s) + " holds expert " + std::to_string(e) + ", experts are 0 to " +
                      std::to_string(experts - 1));
    }
  }
  std::string missing;
  std::size_t lost = 0;
  for (Count e = 0; e < experts; ++e)
    if (!held[at(e)] && ++lost <= kMostNamed) missing += (missing.empty() ? "" : ", ") + std::to_string(e);
  if (lost > kMostNamed) missing += " and " + std::to_string(lost - kMostNamed) + " more";
  if (lost > 0) found.push_back("no slot holds expert " + missing);
  return found;
}

ExpertPlacement contiguous_placement(Count experts, Count slots, Count ranks, Count nodes) {
  std::vector<Count> expert_of_slot(at(slots));
  for (Count s = 0; s < slots; ++s) expert_of_slot[at(s)] = s % experts;
  return {experts, ranks, nodes, std::move(expert_of_slot)};
}

ExpertPlacement round_robin_placement(Count experts, Count ranks, Count nodes) {
  std::vector<Count> expert_of_slot;
  for (Count r = 0; r < ranks; ++r)
    for (Count e = r; e < experts; e += ranks) expert_of_slot.push_back(e);
  return {experts, ranks, nodes, std::move(expert_of_slot)};
}

ExpertPlacement balanced_placement(std::span<const double> loads, Count slots, Count groups, Count ranks, Count nodes) {
  ReplicaPlan plan = place_replicas(loads, slots, groups, nodes, ranks);
  return {static_cast<Count>(loads.size()), ranks, nodes, std::move(plan.expert_of_slot)};
}

std::vector<double> rank_loads(const ExpertPlacement& placement, std::span<const double> loads) {
  std::vector<double> sums(at(placement.ranks()), 0.0);
  for (Count e = 0; e < placement.experts(); ++e) {
    const std::span<const Count> slots = placement.slots_of(e);
    for (const Count s : slots) sums[at(placement.rank_of(s))] += loads[at(e)] / static_cast<double>(slots.size());
  }
  return sums;
}

double imbalance_of(const ExpertPlacement& placement, std::span<const double> loads) {
  const std::vector<double> sums = rank_loads(placement, loads);
  const double total = std::accumulate(sums.begin(), sums.end(), 0.0);
  return total > 0 ? *std::max_element(sums.begin(), sums.end()) * static_cast<double>(sums.size()) / total : 1.0;
}

}  // namespace moeplan
