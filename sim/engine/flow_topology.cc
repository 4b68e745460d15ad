// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/flow_topology.h"

#include <algorithm>

namespace moeplan {
namespace {

void set_torus(FabricShape& shape, const Topology& t, double port) {
  double dimensions = 0;
  for (const double size : t.dimensions) dimensions += size > 1 ? 1 : 0;
  if (dimensions == 0 || shape.domain <= 1) return;
  const std::array<double, kTorusDimensions> block = torus_block(static_cast<double>(shape.domain), t);
  Count volume = 1;
  for (std::size_t i = 0; i < kTorusDimensions; ++i) {
    if (block[i] <= 1) continue;
    // Part of a dimension is a line.
    shape.grid.push_back({.size = static_cast<Count>(block[i]), .wraps = block[i] >= t.dimensions[i]});
    volume *= shape.grid.back().size;
  }
  shape.domain = volume;  // places of the block; ranks may leave the last ones empty
  shape.grid_link = port / (2 * dimensions);
}

}  // namespace

FlowFabric fabric_of(const Topology& t, Count ranks, const FabricShares& shares) {
  FabricShape shape;
  shape.hosts = ranks;
  shape.domain = std::min(ranks, std::max<Count>(1, static_cast<Count>(t.domain)));
  shape.port = t.bandwidth * shares.fast;
  shape.port_latency = t.latency;
  if (t.fabric == Fabric::Mesh && t.domain > 1) shape.pair = shape.port / (t.domain - 1);
  if (t.fabric == Fabric::Torus) set_torus(shape, t, shape.port);
  shape.adapter = t.network_bandwidth * shares.network;
  shape.adapter_latency = t.network_latency;
  const auto leaf = static_cast<Count>(t.leaf);
  if (leaf > 0 && leaf % shape.domain == 0) {
    shape.group = leaf;
    shape.uplink = static_cast<double>(leaf) * shape.adapter / t.oversubscription;
  }
  return FlowFabric(shape);
}

}  // namespace moeplan
