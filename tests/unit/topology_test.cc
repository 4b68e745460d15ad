// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/topology.h"

#include <gtest/gtest.h>

#include "sim/spec/catalog.h"

namespace moeplan {
namespace {

const Catalog& catalog() {
  static const Catalog kCatalog = Catalog::embedded();
  return kCatalog;
}

Topology topology_of_node(const char* id) {
  const ClusterSpec cluster = catalog().cluster(id);
  return topology_of(cluster, cluster.devices.front());
}

// Closed forms of an exchange of S bytes with every other rank: seconds_at_peak is told what
// a rank has for all ranks, itself included.
double all_to_all(double ranks, double each, const Topology& t) {
  const RankSpan span = packed(ranks, t);
  return latency_of(span, t) + seconds_at_peak(uniform_bytes(ranks * each, span), t);
}

TEST(Topology, AStarTakesItsLatencyAndAllOthersBytes) {
  const Topology star{.bandwidth = 900e9, .latency = 1e-6, .domain = 72};
  // L + (n - 1) S / bw
  EXPECT_DOUBLE_EQ(all_to_all(72, 1e6, star), 1e-6 + 71 * 1e6 / 900e9);
}

TEST(Topology, AdaptersBindTwoLevels) {
  const Topology two{
      .bandwidth = 450e9, .latency = 1e-6, .domain = 8, .network_bandwidth = 50e9, .network_latency = 5e-6};
  // niclat + (n - g) S / nic
  EXPECT_DOUBLE_EQ(all_to_all(64, 1e6, two), 5e-6 + 56 * 1e6 / 50e9);
}

TEST(Topology, SharedUplinksBindTwoLevels) {
  // Domains of 8 behind one uplink of 100 GB/s: an oversubscription of 8 x 50 / 100.
  const double up = 100e9;
  const Topology two{.bandwidth = 450e9,
                     .domain = 8,
                     .network_bandwidth = 50e9,
                     .network_latency = 5e-6,
                     .leaf = 8,
                     .oversubscription = 8 * 50e9 / up};
  // niclat + g (n - g) S / gup
  EXPECT_DOUBLE_EQ(all_to_all(64, 1e6, two), 5e-6 + 8 * 56 * 1e6 / up);
}

TEST(Topology, LeafSwitchesKeepWhatStaysBelowThem) {
  const Topology three{.bandwidth = 450e9, .domain = 8, .network_bandwidth = 50e9, .leaf = 32, .oversubscription = 2};
  const TierBytes bytes = uniform_bytes(64e6, packed(64, three));
  EXPECT_DOUBLE_EQ(bytes.fast, 7e6);
  EXPECT_DOUBLE_EQ(bytes.network, 56e6);
  EXPECT_DOUBLE_EQ(bytes.spine, 32e6);
  // 32 MB at half the rate beats 56 MB at the full one.
  EXPECT_DOUBLE_EQ(seconds_at_peak(bytes, three), 64e6 / 50e9);
}

// B3: with equal parts to everyone, what all ranks send over a level is what all receive.
TEST(Topology, SentIsReceivedOnEveryLevel) {
  const Topology t{.bandwidth = 1, .domain = 4, .network_bandwidth = 1, .leaf = 8};
  const RankSpan span = packed(16, t);
  const TierBytes sent = uniform_bytes(16, span);
  double fast = 0, network = 0, spine = 0;
  for (int from = 0; from < 16; ++from) {
    if (from == 5) continue;  // what rank 5 receives
    if (from / 4 == 5 / 4) ++fast;
    if (from / 4 != 5 / 4) ++network;
    if (from / 8 != 5 / 8) ++spine;
  }
  EXPECT_EQ(sent, (TierBytes{fast, network, spine}));
}

Program placed(Count tp, Count dp, Count pp, RankOrder order, Count stage = 0) {
  Program p;
  p.tp = tp;
  p.dp = dp;
  p.cp = 1;
  p.pp = pp;
  p.stage_ranks = tp * dp;
  p.order = order;
  p.rank_class = {.first_stage = stage};
  return p;
}

TEST(Topology, TensorRanksAreNeighbours) {
  const Topology t{.domain = 8};
  const Program p = placed(4, 8, 2, RankOrder::TensorDataStage);
  EXPECT_EQ(span_of(RankGroup::Tensor, p, t).near, 4);
  EXPECT_EQ(span_of(RankGroup::Data, p, t).near, 2);   // of eight, four apart
  EXPECT_EQ(span_of(RankGroup::Stage, p, t).near, 8);  // of 32
  EXPECT_EQ(span_of(RankGroup::Stage, p, t).domains(), 4);
}

TEST(Topology, StagesBetweenDataRanksSpreadThem) {
  const Topology t{.domain = 8};
  const Program p = placed(4, 8, 2, RankOrder::TensorStageData);
  // A node holds two stages of one data-parallel rank.
  EXPECT_EQ(span_of(RankGroup::Data, p, t).near, 1);
  EXPECT_EQ(span_of(RankGroup::Stage, p, t).near, 4);
  EXPECT_EQ(span_of(RankGroup::NextStage, p, t).near, 2);
}

TEST(Topology, StagesMeetWhereTheirRanksDo) {
  const Topology t{.domain = 8};
  // Stages of 4 ranks: 0 and 1 share a node, 1 and 2 do not.
  EXPECT_EQ(span_of(RankGroup::NextStage, placed(4, 1, 4, RankOrder::TensorDataStage, 0), t).near, 2);
  EXPECT_EQ(span_of(RankGroup::NextStage, placed(4, 1, 4, RankOrder::TensorDataStage, 1), t).near, 1);
}

TEST(Topology, ProfilesBecomeLevels) {
  const Topology h200 = topology_of_node("h200-x8");
  EXPECT_EQ(h200.domain, 8);
  EXPECT_EQ(h200.bandwidth, 450e9);
  EXPECT_EQ(h200.network_bandwidth, 50e9);
  EXPECT_EQ(h200.leaf, 32 * 8);  // rails: half of 64 ports lead down, one to each node
  EXPECT_EQ(h200.oversubscription, 1);
  EXPECT_EQ(topology_of_node("gb200-nvl72").domain, 72);
  const Topology l40s = topology_of_node("l40s-x8");
  EXPECT_EQ(l40s.fabric, Fabric::Bus);
  EXPECT_EQ(l40s.domain, 8);
}

TEST(Topology, AMeshGivesAPairOneOfItsLinks) {
  const Topology t = topology_of_node("mi300x-x8");
  EXPECT_EQ(t.fabric, Fabric::Mesh);
  EXPECT_DOUBLE_EQ(fast_share(Pattern::One, 8, t), 1.0 / 7);
  EXPECT_DOUBLE_EQ(fast_share(Pattern::Everyone, 8, t), 1);
  EXPECT_DOUBLE_EQ(fast_share(Pattern::Everyone, 4, t), 3.0 / 7);
}

TEST(Topology, TheBisectionBindsATorus) {
  // 16 x 16, links of a quarter of 180 GB/s. A ring of 16: eight devices send half their
  // bytes over two cuts: 16 S / (8 x 45) = S / 22.5; of S 255/256 leave the device.
  const Topology t{.bandwidth = 180e9, .domain = 256, .fabric = Fabric::Torus, .dimensions = {16, 16}};
  const double bytes = 1e9;
  const double seconds = bytes * 255 / 256 / (t.bandwidth * fast_share(Pattern::Everyone, 256, t));
  EXPECT_DOUBLE_EQ(seconds, bytes / 22.5e9);
  // Rings along both dimensions use every link, a pair one of four.
  EXPECT_DOUBLE_EQ(fast_share(Pattern::Neighbours, 256, t), 1);
  EXPECT_DOUBLE_EQ(fast_share(Pattern::One, 256, t), 0.25);
}

}  // namespace
}  // namespace moeplan
