// SPDX-License-Identifier: Apache-2.0
// What SimGrid says about a set of flows: its fluid network model CM02 with all that imitates
// TCP switched off, the meaning of times that sim/engine/flow_network.h states.
#pragma once

#include <vector>

#include "sim/engine/flow_set.h"

namespace moeplan {

// When each flow ends. Bytes must be whole numbers, flows between two hosts take one route.
std::vector<double> simgrid_times(const FlowSet& set);

}  // namespace moeplan
