// SPDX-License-Identifier: Apache-2.0
// Experts on ranks so that the busiest rank has little more than the mean: below EPLB's greedy
// packing, which it starts from. Loads are those of the experts, replicas share equally.
//
//   start   replicas by highest load per replica (the smallest largest replica there is, by
//           exchange), heaviest first into the lightest rank with a free slot; or EPLB's own
//           placement where that is better
//   swap    busiest rank against any other: the exchange of one slot for one or of two for two
//           that leaves the smaller of their larger loads; with four slots a rank these are all
//           the ways to share eight slots between two ranks
//   recount where no swap helps: a replica of another expert becomes one of an expert of the
//           busiest rank, if all ranks it touches stay below the busiest
//   kick    where nothing helps: a few random exchanges, all of the above again, kept if better
//
// Two replicas of one expert on one rank are one in effect and leave the rank a slot less for
// others: allowed, as EPLB does. Never above EPLB, which is one of the starts.
//
// Ends at kSettled of the bound or after `kicks` kicks; no clock, so equal everywhere.
//
// Bound: no rank is below the mean. The largest replica, of load m, is no smaller than the greedy
// count leaves it, and shares its rank with others: no smaller ones than the slots that m leaves
// over can make of any expert. The least sum over all m.
#pragma once

#include <cstdint>
#include <span>

#include "sim/program/expert_placement.h"

namespace moeplan {

struct PlacementSearch {
  bool whole_groups = false;  // groups of neighbouring experts stay in one node, as EPLB's hierarchical policy
  Count groups = 1;           // wants it; nodes divide groups
  int kicks = 400;
  std::uint64_t seed = 1;
};

struct SearchedPlacement {
  ExpertPlacement placement;
  double imbalance = 1;  // busiest rank over the mean
  double bound = 1;      // no placement in as many slots has less
  double eplb = 1;       // EPLB's placement in as many slots; 0 = slots do not divide over the ranks
  Count exchanges = 0;   // made
};

inline constexpr double kSettled = 1e-4;  // over the bound, relative

// ranks <= slots, experts <= slots, nodes divide ranks.
SearchedPlacement place_experts(std::span<const double> loads, Count slots, Count ranks, Count nodes,
                                const PlacementSearch& search = {});

// The bound alone.
double placement_bound(std::span<const double> loads, Count slots, Count ranks);

}  // namespace moeplan
