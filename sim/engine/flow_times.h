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

// Exact     every flow, every completion.
// Quantised ends close to each other count as one (FlowNetwork): the exact times of flows with
//           slightly other bytes. FlowTimes::error is the longest time for which those keep the
//           links of a route busy, over the makespan. Makespans of some thousand random exchanges
//           were off by less (tests); there is no proof, for under max-min sharing less of one
//           flow may slow another.
// Ports     each link is one flow of all its bytes: a flow ends when the slowest link of its route
//           has moved all it has to. FlowTimes::error is upper over lower bound, less 1.
enum class FlowMode : std::uint8_t { Exact, Quantised, Ports };

// Of Quantised: share of the lower bound within which ends count as one.
inline constexpr double kFlowWindow = 1.0 / 256;

FlowTimes run_flows(const FlowSet& set, FlowMode mode = FlowMode::Exact);

double flow_bound(const FlowSet& set);
double flow_upper_bound(const FlowSet& set);

// Bytes over one link of each kind.
std::vector<double> link_bytes(const FlowSet& set);

}  // namespace moeplan
