// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/flow_topology.h"

#include <gtest/gtest.h>

#include "sim/engine/flow_times.h"

namespace moeplan {
namespace {

constexpr double kBytes = 1e6;

double uniform_makespan(const FlowFabric& fabric) { return run_flows(*uniform_classes(fabric, kBytes)).makespan; }

std::vector<std::string> route_names(const FlowFabric& fabric, Count source, Count destination) {
  std::vector<FlowHop> hops;
  fabric.route(source, destination, hops);
  std::vector<std::string> names;
  for (const FlowHop& hop : hops) names.push_back(fabric.name_of_link(hop.link));
  return names;
}

using Names = std::vector<std::string>;

Topology boxes() {
  return {.bandwidth = 450e9, .latency = 2e-6, .domain = 8, .network_bandwidth = 50e9, .network_latency = 5e-6};
}

TEST(FabricOfTopology, IsTheClosedFormInsideADomain) {
  // L + (n - 1) S / bw at a share of 0.8
  EXPECT_DOUBLE_EQ(uniform_makespan(fabric_of(boxes(), 8, {.fast = 0.8})), 2e-6 + 7 * kBytes / (0.8 * 450e9));
}

TEST(FabricOfTopology, IsTheClosedFormBehindAdapters) {
  // L + (n - g) S / nic
  EXPECT_DOUBLE_EQ(uniform_makespan(fabric_of(boxes(), 32, {.fast = 0.8, .network = 0.9})),
                   5e-6 + 24 * kBytes / (0.9 * 50e9));
}

TEST(FabricOfTopology, NarrowsWhatLeavesAGroupOfLeafSwitches) {
  Topology t = boxes();
  t.leaf = 16;
  t.oversubscription = 4;
  // 16 x (64 - 16) pairs over a group's 16 x 50e9 / 4; adapters need only 56 / 50e9.
  EXPECT_NEAR(uniform_makespan(fabric_of(t, 64, {})), 5e-6 + 16 * 48 * kBytes / (16 * 50e9 / 4), 1e-15);
}

TEST(FabricOfTopology, GivesEachPairOfAMeshAnEqualPartOfThePort) {
  Topology t = boxes();
  t.fabric = Fabric::Mesh;
  const FlowFabric fabric = fabric_of(t, 8, {});
  EXPECT_EQ(route_names(fabric, 1, 2), (Names{"1 out", "1 -> 2", "2 in"}));
  EXPECT_DOUBLE_EQ(uniform_makespan(fabric), 2e-6 + kBytes / (450e9 / 7));
}

TEST(FabricOfTopology, FillsABlockOfATorus) {
  Topology t = boxes();
  t.fabric = Fabric::Torus;
  t.domain = 64;
  t.dimensions = {4, 4, 4};
  // 16 of 64: a block of 4 x 2 x 2, of which only the first dimension goes all the way around.
  const FlowFabric fabric = fabric_of(t, 16, {});
  EXPECT_EQ(fabric.shape().grid.size(), 3u);
  EXPECT_EQ(route_names(fabric, 0, 3), (Names{"0 out", "0 -x", "3 in"}));
  EXPECT_EQ(route_names(fabric, 0, 12), (Names{"0 out", "0 +y", "4 +z", "12 in"}));
  EXPECT_FALSE(fabric.is_symmetric());
  EXPECT_TRUE(fabric_of(t, 64, {}).is_symmetric());
}

TEST(FabricOfTopology, TakesWhatThePriceOfATorusTakes) {
  Topology t = boxes();
  t.fabric = Fabric::Torus;
  t.domain = 64;
  t.dimensions = {8, 8, 0};
  t.latency = 0;
  // Everyone to everyone is bound by the rings: (n - 1) S over the port at its share.
  const double priced = 63 * kBytes / (t.bandwidth * fast_share(Pattern::Everyone, 64, t));
  EXPECT_NEAR(uniform_makespan(fabric_of(t, 64, {})) / priced, 1.0, 0.26);  // equal ways all go up: 5/4 of the mean
}

}  // namespace
}  // namespace moeplan
