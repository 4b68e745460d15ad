// SPDX-License-Identifier: Apache-2.0
// The links of a hardware profile one by one: what sim/cost/topology.h says of devices in
// general, for so many ranks next to each other.
//
//   fast domain  each device's port in and out, and inside: nothing (switch, PCIe host), a link
//                for each ordered pair with an equal part of the port (mesh), or the links of
//                the block of a torus the ranks fill, each with an equal part of the port
//   network      each device's adapter; above groups of one set of leaf switches, links of all
//                their adapters over the oversubscription
//
// Links carry a share of their peak: what kernels reach is calibrated, never 1 by itself.
#pragma once

#include "sim/cost/topology.h"
#include "sim/engine/flow_fabric.h"

namespace moeplan {

struct FabricShares {
  double fast = 1;
  double network = 1;
};

FlowFabric fabric_of(const Topology& topology, Count ranks, const FabricShares& shares);

}  // namespace moeplan
