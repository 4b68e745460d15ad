// SPDX-License-Identifier: Apache-2.0
// An exchange seen from its ports: each rank sends and receives over one port inside its fast
// domain and one adapter beyond. A rank is done when all it sends and receives has passed, and
// so have the ports of those that send to it:
//
//   done(j) = max( in(j), max over i that send to j of out(i) ) / rate,  the slower level counts
//
// This is the max-min fluid time where flows start together and no port ends its flows long
// before another (uniform matrices: exactly); elsewhere it is too short. Every run says by how much on
// its first exchange (DrawnLoads::port_error); `--links flows` does without.
#pragma once

#include <vector>

#include "sim/cost/topology.h"
#include "sim/program/byte_matrix.h"

namespace moeplan {

struct PortTimes {
  std::vector<double> done;  // of each rank, seconds at the levels' peaks
  std::vector<double> port;  // its own busiest port's part of it
  double bound = 0;          // no schedule is done before: the busiest port
};

// near: ranks of one fast domain, next to each other; it divides the ranks or covers them all.
PortTimes port_times(const ByteMatrix& matrix, Count near, const Topology& topology);

}  // namespace moeplan
