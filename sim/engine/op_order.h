// SPDX-License-Identifier: Apache-2.0
// The operators of a rank's program in the order in which a step runs them. A program states
// each operator once with the number of layers that have it; here the layers stand one after
// the other.
#pragma once

#include <vector>

#include "sim/engine/step_model.h"
#include "sim/engine/timeline.h"

namespace moeplan {

struct OrderedOp {
  std::uint16_t planned = 0;       // of the rank's OpPlan
  std::uint16_t layer = kNoLayer;  // of the class
  bool single = false;             // over one token of each sequence (Runs)
};

// Every run of every operator: as many as runs_of says. Of a block only some of whose layers
// have their experts on the host these come first.
std::vector<OrderedOp> order_of(const StepModel::RankModel& model, const ModelPlan& plan, const Binding& binding);

}  // namespace moeplan
