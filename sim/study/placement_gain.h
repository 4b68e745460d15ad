// SPDX-License-Identifier: Apache-2.0
// What another placement of the experts would win: the busiest rank's rows and the busiest
// port's bytes of a layer over many draws, and what going there costs. Placements know the
// expected loads of each layer; the draws they are judged by are those of tokens.
#pragma once

#include <string_view>
#include <vector>

#include "sim/program/expert_migration.h"
#include "sim/program/routed_draw.h"

namespace moeplan {

struct PlacementQuestion {
  Routing routing;  // routing.redundant: slots that balanced placements may use besides
  ExpertGroup group;
  Count moe_layers = 1;   // of the model
  PlacementRule current;  // what is compared with, and migrated from
  ReplicaRule replicas = ReplicaRule::Nearest;
  Dispatch dispatch;
  std::vector<Count> tokens;  // of each rank, in a step
  double expert_bytes = 0;    // weights of one expert of one layer
  double bandwidth = 0;       // of a rank while it migrates, bytes per second each way; 0 = not said
  int layers_drawn = 8;       // at most; layers differ in which experts are hot
  int steps_drawn = 16;       // of each
};

// Of a layer, over layers and steps.
struct DrawnSpread {
  double median = 0;
  double p99 = 0;
};

struct PlacementFigures {
  PlacementWay way = PlacementWay::Contiguous;
  Count slots = 0;
  double imbalance = 1;       // of expected loads, busiest rank over the mean: mean of layers
  double bound = 1;           // no placement in as many slots has less
  DrawnSpread rows;           // of the busiest rank
  DrawnSpread straggler;      // the same over the mean rank's
  DrawnSpread port;           // bytes that the busiest rank sends or receives, whichever is more
  DrawnSpread network;        // the same of what crosses nodes
  ExpertMigration migration;  // of all layers, ranks renumbered so that least moves
  double migration_s = 0;     // 0 where the bandwidth is not said
};

struct PlacementGain {
  std::vector<PlacementFigures> placements;  // the current one first
  int layers_drawn = 0;
  int steps_drawn = 0;
};

std::string_view word_of(PlacementWay way);

// What is wrong with asking; empty = nothing.
std::vector<std::string> placement_question_violations(const PlacementQuestion& question);

// The current placement, EPLB's where slots divide over the ranks, and the searched one; the
// searched one without redundant slots, too, where there are some.
PlacementGain placement_gain(const PlacementQuestion& question);

}  // namespace moeplan
