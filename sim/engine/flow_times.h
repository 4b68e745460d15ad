// SPDX-License-Identifier: Apache-2.0
// How long a set of flows takes, and how long it must take at least.
//
// Lower bound: a link moves its bytes at no more than its bandwidth, and the first of them
// come after the smallest latency of the routes that cross it; no flow is faster than alone:
//
//   max( max over links   min over its flows (start + latency) + bytes / bandwidth,
//        max over flows   start + latency + bytes / min bandwidth )
//
// An entry for n like flows over one link has bandwidth / n there when alone.
//
// Upper bound: while a flow contends, some link of its route is full, and a link is full for
// bytes / bandwidth at most. So the flow ends by  start + latency + sum over its links of bytes /
// bandwidth.  Two links on every route (a star): at most twice the lower bound.
#pragma once

#include <vector>

#include "sim/engine/flow_set.h"

namespace moeplan {

FlowTimes run_flows(const FlowSet& set);

double flow_bound(const FlowSet& set);
double flow_upper_bound(const FlowSet& set);

// Bytes over one link of each kind.
std::vector<double> link_bytes(const FlowSet& set);

}  // namespace moeplan
