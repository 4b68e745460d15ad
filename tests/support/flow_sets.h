// SPDX-License-Identifier: Apache-2.0
// Flows for tests: written by hand, or drawn at random from a seed.
#pragma once

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "sim/base/rng.h"
#include "sim/engine/flow_set.h"

namespace moeplan {

inline void add_flow(FlowSet& set, std::initializer_list<std::uint32_t> links, double bytes, double start = 0) {
  std::vector<FlowHop> route;
  for (const std::uint32_t link : links) route.push_back({.link = link});
  set.add({.bytes = bytes, .start = start}, route);
}

// Few links, many ties, routes that may cross a link twice or be empty, starts at any time.
inline FlowSet random_flows(std::uint64_t seed) {
  CounterRng random(seed, 0);
  FlowSet set;
  const std::uint32_t links = 1 + random.below(12);
  const std::uint32_t flows = 1 + random.below(60);
  const std::uint32_t kind = random.below(3);
  for (std::uint32_t l = 0; l < links; ++l)
    set.links.push_back({.bandwidth = random.below(3) != 0 ? 1.0 + random.below(8) : std::exp(8 * random.uniform()),
                         .latency = 0.1 * random.below(4)});
  for (std::uint32_t f = 0; f < flows; ++f) {
    std::vector<FlowHop> route(random.below(5));
    for (FlowHop& hop : route)
      hop = {.link = random.below(links), .flows = 1 + (random.below(4) == 0 ? random.below(5) : 0)};
    const double bytes = kind == 0 ? random.below(4) : kind == 1 ? 1 : std::exp(6 * random.uniform());
    const double start = random.below(3) != 0 ? 0 : random.below(2) != 0 ? random.below(5) : 5 * random.uniform();
    set.add({.bytes = bytes, .start = start}, route);
  }
  return set;
}

// Each of n hosts to each other one over its own way out and the other's way in; bytes(source, destination).
template <class Bytes>
FlowSet star_flows(std::uint32_t n, double bandwidth, double latency, Bytes bytes) {
  FlowSet set;
  set.hosts = n;
  set.links.assign(2 * n, {.bandwidth = bandwidth, .latency = latency});
  for (std::uint32_t i = 0; i < n; ++i)
    for (std::uint32_t j = 0; j < n; ++j) {
      const FlowHop route[] = {{.link = i}, {.link = n + j}};
      if (i != j) set.add({.source = i, .destination = j, .bytes = bytes(i, j)}, route);
    }
  return set;
}

}  // namespace moeplan
