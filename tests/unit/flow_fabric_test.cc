// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/flow_fabric.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "sim/engine/flow_times.h"

namespace moeplan {
namespace {

ByteMatrix uniform_matrix(Count n, double bytes) {
  ByteMatrix matrix(n);
  std::fill(matrix.bytes.begin(), matrix.bytes.end(), bytes);
  return matrix;
}

std::vector<std::string> route_names(const FlowFabric& fabric, Count source, Count destination) {
  std::vector<FlowHop> hops;
  fabric.route(source, destination, hops);
  std::vector<std::string> names;
  for (const FlowHop& hop : hops) names.push_back(fabric.name_of_link(hop.link));
  return names;
}

using Names = std::vector<std::string>;

FlowFabric mesh(Count hosts, double pair) { return FlowFabric({.hosts = hosts, .pair = pair}); }

// ---- routes ----

TEST(FabricRoute, OfAStarTakesTheWayOutAndTheWayIn) {
  EXPECT_EQ(route_names(star_fabric(4, 1, 0), 1, 3), (Names{"1 out", "3 in"}));
}

TEST(FabricRoute, OfTwoLevelsStaysInsideAGroupOrTakesTheAdapters) {
  const FlowFabric fabric = two_level_fabric(2, 4, 1, 0, 1, 0, 1);
  EXPECT_EQ(route_names(fabric, 1, 3), (Names{"1 out", "3 in"}));
  EXPECT_EQ(route_names(fabric, 1, 6), (Names{"1 adapter out", "group 0 up", "group 1 down", "6 adapter in"}));
}

TEST(FabricRoute, OfARingGoesTheShorterWayAndUpWhenEqual) {
  const FlowFabric ring = grid_fabric({6}, true, 1, 0);
  EXPECT_EQ(route_names(ring, 5, 1), (Names{"5 +x", "0 +x"}));
  EXPECT_EQ(route_names(ring, 1, 5), (Names{"1 -x", "0 -x"}));
  EXPECT_EQ(route_names(ring, 4, 1), (Names{"4 +x", "5 +x", "0 +x"}));
}

TEST(FabricRoute, OfALineNeverGoesAround) {
  EXPECT_EQ(route_names(grid_fabric({4}, false, 1, 0), 3, 0), (Names{"3 -x", "2 -x", "1 -x"}));
}

TEST(FabricRoute, OfATorusCrossesOneDimensionAfterTheOther) {
  // Host = x + 4 y: from (0, 0) to (3, 1), one down around the end, one up.
  EXPECT_EQ(route_names(grid_fabric({4, 3}, true, 1, 0), 0, 7), (Names{"0 -x", "3 +y"}));
}

TEST(FabricRoute, OfAMeshIsTheLinkOfThePair) {
  EXPECT_EQ(route_names(mesh(4, 1), 2, 3), Names{"2 -> 3"});
  EXPECT_EQ(route_names(mesh(4, 1), 2, 0), Names{"2 -> 0"});
}

TEST(FabricRoute, CrossesEachLinkOfAMeshForOnePairOnly) {
  const FlowFabric fabric = mesh(5, 1);
  std::set<std::uint32_t> seen;
  for (Count i = 0; i < 5; ++i)
    for (Count j = 0; j < 5; ++j) {
      std::vector<FlowHop> hops;
      fabric.route(i, j, hops);
      for (const FlowHop& hop : hops) EXPECT_TRUE(seen.insert(hop.link).second);
    }
  EXPECT_EQ(seen.size(), fabric.links().size());
}

// ---- closed forms, 256 hosts ----

constexpr Count kHosts = 256;
constexpr double kBytes = 1e6;

double makespan(const FlowFabric& fabric) {
  return run_flows(flows_over(fabric, uniform_matrix(fabric.hosts(), kBytes))).makespan;
}

TEST(UniformExchange, OfAStarTakesTheLatencyAndAllBytesOfOnePort) {
  // L + (n - 1) S / bw
  const double expected = 1e-6 + 255 * kBytes / 900e9;
  EXPECT_NEAR(makespan(star_fabric(kHosts, 900e9, 1e-6)), expected, 1e-12 * expected);
}

TEST(UniformExchange, OfTwoLevelsIsBoundByTheAdapter) {
  // L + (n - g) S / nic
  const double expected = 5e-6 + (256 - 8) * kBytes / 50e9;
  EXPECT_NEAR(makespan(two_level_fabric(32, 8, 450e9, 1e-6, 50e9, 5e-6, 0)), expected, 1e-12 * expected);
}

TEST(UniformExchange, OfTwoLevelsIsBoundByTheUplink) {
  // Half of 8 adapters: L + g (n - g) S / gup
  const double expected = 5e-6 + 8 * (256 - 8) * kBytes / 200e9;
  EXPECT_NEAR(makespan(two_level_fabric(32, 8, 450e9, 1e-6, 50e9, 5e-6, 200e9)), expected, 1e-12 * expected);
}

TEST(UniformExchange, OfARingOfOddSizeIsBoundByALink) {
  // Distances 1 to 127 each way over each link: 127 x 128 / 2 flows, all of them to the end on full links.
  const double expected = 127.0 * 128 / 2 * kBytes / 100e9;
  EXPECT_NEAR(makespan(grid_fabric({255}, true, 100e9, 0)), expected, 1e-9 * expected);
}

TEST(UniformExchange, OfAMeshGivesEachPairItsLink) { EXPECT_DOUBLE_EQ(makespan(mesh(16, 50e9)), kBytes / 50e9); }

// ---- classes ----

class Classes : public testing::TestWithParam<int> {
 protected:
  FlowFabric fabric() const {
    switch (GetParam()) {
      case 0: return star_fabric(24, 900e9, 1e-6);
      case 1: return two_level_fabric(4, 6, 450e9, 1e-6, 50e9, 5e-6, 0);
      case 2: return two_level_fabric(4, 6, 450e9, 1e-6, 50e9, 5e-6, 150e9);
      case 3: return grid_fabric({12}, true, 100e9, 1e-6);
      case 4: return grid_fabric({4, 3}, true, 100e9, 1e-6);
      case 5: return mesh(8, 50e9);
      case 6: return grid_fabric({4, 4, 2}, true, 100e9, 1e-6);
      default: break;
    }
    return FlowFabric(
        {.hosts = 24, .domain = 4, .port = 900e9, .pair = 300e9, .adapter = 50e9, .group = 8, .uplink = 100e9});
  }
};

TEST_P(Classes, TakeAsLongAsAllFlows) {
  const FlowSet classes = *uniform_classes(fabric(), kBytes);
  const FlowTimes by_class = run_flows(classes);
  const FlowTimes explicitly = run_flows(flows_over(fabric(), uniform_matrix(fabric().hosts(), kBytes)));
  EXPECT_NEAR(by_class.makespan, explicitly.makespan, 1e-11 * explicitly.makespan);
  EXPECT_NEAR(by_class.first, explicitly.first, 1e-11 * explicitly.makespan);
  EXPECT_NEAR(by_class.mean, explicitly.mean, 1e-11 * explicitly.makespan);
  EXPECT_EQ(by_class.distinct_completions, explicitly.distinct_completions);
}

TEST_P(Classes, LoadEachLinkAsAllFlowsDo) {
  const FlowSet classes = *uniform_classes(fabric(), kBytes);
  const std::vector<double> by_kind = link_bytes(classes);
  const FlowSet flows = flows_over(fabric(), uniform_matrix(fabric().hosts(), kBytes));
  const std::vector<double> by_link = link_bytes(flows);
  for (std::uint32_t l = 0; l < by_link.size(); ++l) EXPECT_DOUBLE_EQ(by_link[l], by_kind[fabric().kind_of_link(l)]);
  EXPECT_DOUBLE_EQ(flow_bound(classes), flow_bound(flows));
}

TEST_P(Classes, StandForAllPairs) {
  const FlowSet classes = *uniform_classes(fabric(), kBytes);
  Count pairs = 0;
  for (const Flow& flow : classes.flows) pairs += flow.like;
  EXPECT_EQ(pairs, fabric().hosts() * (fabric().hosts() - 1));
}

INSTANTIATE_TEST_SUITE_P(Fabrics, Classes, testing::Range(0, 8));

TEST(UniformClasses, OfAStarAreOneOnTwoLinks) {
  const FlowSet classes = *uniform_classes(star_fabric(256, 900e9, 1e-6), kBytes);
  EXPECT_EQ(classes.flows.size(), 1u);
  EXPECT_EQ(classes.links.size(), 2u);
}

TEST(UniformClasses, OfTwoLevelsAreTwoOnSixLinks) {
  const FlowSet classes = *uniform_classes(two_level_fabric(32, 8, 450e9, 1e-6, 50e9, 5e-6, 200e9), kBytes);
  EXPECT_EQ(classes.flows.size(), 2u);
  EXPECT_EQ(classes.links.size(), 6u);
}

TEST(UniformClasses, AreRefusedWhereHostsDiffer) {
  EXPECT_FALSE(uniform_classes(grid_fabric({4}, false, 1, 0), 1).has_value());
  EXPECT_FALSE(uniform_classes(FlowFabric({.hosts = 5, .domain = 4, .port = 1, .adapter = 1}), 1).has_value());
}

}  // namespace
}  // namespace moeplan
