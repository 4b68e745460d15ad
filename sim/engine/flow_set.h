// SPDX-License-Identifier: Apache-2.0
// Flows over links: who sends how much to whom, and over what.
//
// A flow (i, j) of B bytes starts to contend when the latencies of its route have passed; from
// then on rates are max-min fair at every instant. Each direction of a cable is a link of its
// own. Seconds, bytes, bytes per second.
//
// Where many flows and links are alike (a uniform exchange among equal devices) one entry
// stands for all of them: `like` says for how many, and a hop's `flows` how many flows of the
// entry cross one link of its kind. Plain flows have 1 everywhere; the same solver serves both.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/base/units.h"

namespace moeplan {

struct FlowLink {
  double bandwidth = 0;
  double latency = 0;
  Count like = 1;  // links this one stands for, itself included
};

struct FlowHop {
  std::uint32_t link = 0;
  std::uint32_t flows = 1;  // of this entry over one such link
};

struct Flow {
  std::uint32_t source = 0;
  std::uint32_t destination = 0;
  double bytes = 0;
  double start = 0;  // when it is sent; it contends once its route's latency has passed too
  Count like = 1;    // flows this one stands for, itself included
};

struct FlowSet {
  Count hosts = 0;
  std::vector<FlowLink> links;
  std::vector<Flow> flows;
  std::vector<std::uint32_t> route_first = {0};  // hops of flow f: [route_first[f], route_first[f + 1])
  std::vector<FlowHop> hops;

  std::span<const FlowHop> route(std::size_t flow) const {
    return {hops.data() + route_first[flow], hops.data() + route_first[flow + 1]};
  }
  void add(const Flow& flow, std::span<const FlowHop> route) {
    flows.push_back(flow);
    hops.insert(hops.end(), route.begin(), route.end());
    route_first.push_back(static_cast<std::uint32_t>(hops.size()));
  }
};

struct FlowTimes {
  std::vector<double> finish;  // of each entry, seconds
  double makespan = 0;
  double first = 0;
  double mean = 0;  // over flows, not entries
  Count distinct_completions = 0;
  double error = 0;  // a mode that is not exact: how far makespan may be off, relative; 0 = exact
};

}  // namespace moeplan
