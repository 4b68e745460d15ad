// SPDX-License-Identifier: Apache-2.0
// The same times as run_flows() the plain way: at each event every rate is found anew by
// progressive filling over all links and flows, O(events x links x flows). What the fast
// solver is tested and timed against.
#pragma once

#include "sim/engine/flow_set.h"

namespace moeplan {

FlowTimes run_flows_plainly(const FlowSet& set);

}  // namespace moeplan
