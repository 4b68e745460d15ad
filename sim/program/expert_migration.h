// SPDX-License-Identifier: Apache-2.0
// What it takes to go from one placement of a layer's experts to another: every rank fetches
// the experts of its new slots that it did not hold, each from a rank that did: on its own node
// if one has it, and there from the one that has sent least so far.
#pragma once

#include <algorithm>

#include "sim/program/expert_placement.h"

namespace moeplan {

struct ExpertMigration {
  Count moved = 0;  // slots that are fetched
  double bytes = 0;
  double most_received = 0;  // bytes of a rank
  double most_sent = 0;      // likewise
  double between_nodes = 0;  // of `bytes`
  // Ranks send and receive at once, at `bandwidth` bytes per second each way.
  double seconds_at(double bandwidth) const { return std::max(most_received, most_sent) / bandwidth; }
};

// Both of the same experts, ranks and nodes; expert_bytes: of one expert.
ExpertMigration migration_of(const ExpertPlacement& before, const ExpertPlacement& after, double expert_bytes);

// `after` with its ranks renumbered so that the most slots find their expert where they are:
// ranks of equally many slots, and of one node where `within_nodes` (or nodes would mix).
// An assignment problem, solved exactly.
ExpertPlacement aligned_to(const ExpertPlacement& before, const ExpertPlacement& after, bool within_nodes);

}  // namespace moeplan
