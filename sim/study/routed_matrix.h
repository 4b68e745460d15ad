// SPDX-License-Identifier: Apache-2.0
// The bytes of one expert layer's dispatch or combine between ranks, for the network alone: tokens
// drawn as sim/program/routed_draw.h says, each copy as large as the lowered model sends it.
#pragma once

#include <optional>

#include "sim/engine/drawn_step.h"

namespace moeplan {

struct RoutedTraffic {
  Count ranks = 8;     // attention-DP and expert-parallel
  Count tokens = 128;  // of each
  Count near = 8;      // ranks of one fast domain; two-hop kernels go by it
  DispatchKind exchange = DispatchKind::DeepEpLowLatency;
  bool combine = false;  // the way back
  Routing routing{};
  PlacementRule placement{};
};

// Why this model cannot be exchanged like that, as sentences; empty = it can.
std::vector<std::string> violations(const RoutedTraffic& traffic, const ModelPlan& plan, const RuntimeSpec& runtime);

// Of the first kind of expert layers, the first layer, one step of the seed.
ByteMatrix routed_matrix(const RoutedTraffic& traffic, const ModelPlan& plan, const RuntimeSpec& runtime);

}  // namespace moeplan
