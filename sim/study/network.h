// SPDX-License-Identifier: Apache-2.0
// How long traffic takes on a fabric: flows from a file, or a byte matrix over a fabric.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/engine/flow_fabric.h"
#include "sim/engine/flow_times.h"
#include "sim/engine/flow_topology.h"
#include "sim/program/byte_matrix.h"
#include "sim/spec/catalog.h"

namespace moeplan {

enum class NetworkMode { Exact, Classes, Ports, Quantised };

struct NetworkLink {
  std::uint32_t id = 0;
  std::string name;  // "3 out"; "" in a flow file
  double bandwidth = 0;
  double bytes = 0;
  double utilisation = 0;  // bytes / (bandwidth makespan)
};

struct NetworkAnswer {
  NetworkMode mode = NetworkMode::Exact;  // Classes where they took the place of Exact
  FlowTimes times;
  double bound = 0;
  Count hosts = 0;
  Count flows = 0;
  double bytes = 0;                // of all flows
  std::vector<NetworkLink> links;  // by id
};

NetworkAnswer answer_of_flows(const FlowSet& set, NetworkMode mode);
// `uniform` bytes from each host to each other one: by classes where the fabric allows and the
// mode is Exact or Classes.
NetworkAnswer answer_of_uniform(const FlowFabric& fabric, double uniform, NetworkMode mode);
NetworkAnswer answer_of_matrix(const FlowFabric& fabric, const ByteMatrix& matrix, NetworkMode mode);

// The fabric of a hardware profile for so many devices, at the share of peak rates that token
// exchanges reach there.
struct ProfileFabric {
  FlowFabric fabric;
  FabricShares shares;
  std::string basis;  // of the shares, for people
};
ProfileFabric fabric_of_profile(const Catalog& catalog, const ClusterSpec& cluster, Count gpus);
// When --gpus is not given: the devices of the fast domain.
Count usual_gpus(const ClusterSpec& cluster);

}  // namespace moeplan
