// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/ep.h"

#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace moeplan {
namespace {

Machine nodes_of_8() {
  Machine m;
  m.units = 100;
  m.link = {.bandwidth = 100e9, .domain = 8, .network_bandwidth = 10e9};
  return m;
}

std::vector<double> starts() {
  std::vector<double> constants;
  for (const FormConstant& c : kEpForm) constants.push_back(c.start);
  return constants;
}

// Only the link counts.
std::vector<double> ideal() {
  std::vector<double> c(EpConstants, 0.0);
  c[EpUnitLoad] = 1e9;
  c[EpShare] = 1;
  c[EpSharpness] = 50;
  return c;
}

EpPoint deepseek(EpMode mode, EpOp op, double ranks, double tokens) {
  EpPoint p;
  p.mode = mode;
  p.op = op;
  p.ranks = ranks;
  p.hidden = 7168;
  p.top_k = 8;
  p.experts = 256;
  p.tokens = tokens;
  return p;
}

double seconds(const EpPoint& p, const std::vector<double>& c) { return ep_time(p, nodes_of_8(), c).seconds; }

TEST(Ep, LowLatencyCopiesOncePerExpert) {
  const EpTraffic t = traffic_of(deepseek(EpMode::LowLatency, EpOp::Dispatch, 8, 128));
  EXPECT_DOUBLE_EQ(t.bytes, 7408);  // 7168 + 4 x 7168 / 128 + 16
  // 128 tokens x top-8: 7,585,792 B, as a published test of DeepEP counts them.
  EXPECT_DOUBLE_EQ(128 * t.copies * t.bytes, 7'585'792);
  EXPECT_DOUBLE_EQ(traffic_of(deepseek(EpMode::LowLatency, EpOp::Combine, 8, 128)).bytes, 2 * 7168);
}

TEST(Ep, TwoSidedKernelsDealTheirWorkersToRanks) {
  // A copy takes its worker a microsecond, the link nothing. Each of 4,096 tokens goes to 8 ranks.
  std::vector<double> c = ideal();
  c[EpCopy] = 1e-6;
  const auto copies_a_worker = [&](double ranks) {
    EpPoint p = deepseek(EpMode::NvlinkTwoSided, EpOp::Combine, ranks, 4096);
    p.ranks_per_node = ranks;
    p.destinations = 8;
    Machine m = nodes_of_8();
    m.units = 152;
    m.link.bandwidth = 1e15;
    return ep_time(p, m, c).seconds / 1e-6;
  };
  // 152 / 2 / 2 = 38 channels to each of 8 ranks, 152 / 2 / 8 = 9 to each of 32, 4 to each of 64.
  EXPECT_NEAR(copies_a_worker(8), 4096 * 8 / (8 * 38.0), 1e-3);
  EXPECT_NEAR(copies_a_worker(32), 4096 * 8 / (32 * 9.0), 1e-3);
  EXPECT_NEAR(copies_a_worker(64), 4096 * 8 / (64 * 4.0), 1e-3);
}

TEST(Ep, NormalCopiesOncePerDestinationRank) {
  // 8 (1 - C(224, 8) / C(256, 8)).
  double missed = 1;
  for (int i = 0; i < 8; ++i) missed *= (224.0 - i) / (256.0 - i);
  const EpTraffic t = traffic_of(deepseek(EpMode::Normal, EpOp::Dispatch, 8, 4096));
  EXPECT_NEAR(t.copies, 8 * (1 - missed), 1e-12);
  EXPECT_DOUBLE_EQ(t.bytes, 7168 * (1 + 4.0 / 128));
  EXPECT_EQ(t.network_copies, 0);
}

TEST(Ep, UniformTokensReachTheKnownNodes) {
  // Top-8 of 256 experts over 8 nodes: 5.295 distinct ones.
  EXPECT_NEAR(expected_destinations(256, 8, 8), 5.295, 1e-3);
  EXPECT_DOUBLE_EQ(expected_destinations(8, 8, 8), 8);  // every expert
  EXPECT_DOUBLE_EQ(expected_destinations(256, 1, 32), 1);
}

TEST(Ep, TwoHopsSendOneCopyPerNode) {
  EpPoint p = deepseek(EpMode::Normal, EpOp::Dispatch, 64, 4096);
  // 8 nodes: 7/8 of 5.295 copies leave a node; with four groups a token 7/8 of 3.95.
  EXPECT_NEAR(traffic_of(p).network_copies, 5.295 * 7 / 8, 1e-3);
  p.nodes = 3.95;
  EXPECT_DOUBLE_EQ(traffic_of(p).network_copies, 3.95 * 7 / 8);
  // Low latency: one per expert, 7/8 of them elsewhere.
  p.mode = EpMode::LowLatency;
  EXPECT_DOUBLE_EQ(traffic_of(p).network_copies, 7);
  EXPECT_DOUBLE_EQ(traffic_of(p).copies, 1);
}

TEST(Ep, TheLinkCarriesWhatLeavesTheRank) {
  // 1000 tokens x 8 copies x 7/8 x 14,336 B at 100 GB/s.
  EXPECT_NEAR(seconds(deepseek(EpMode::LowLatency, EpOp::Combine, 8, 1000), ideal()), 7000 * 14336.0 / 100e9, 1e-9);
}

TEST(Ep, FewUnitsSetThePace) {
  std::vector<double> c = ideal();
  c[EpCopy] = 1e-6;
  EpPoint p = deepseek(EpMode::Normal, EpOp::Dispatch, 8, 4096);
  p.comm_units = 2;
  // Copies of a microsecond on two units.
  EXPECT_NEAR(seconds(p, c) / (4096 * traffic_of(p).copies / 2 * 1e-6), 1, 1e-3);
}

TEST(Ep, TheBusiestRankSetsThePace) {
  EpPoint p = deepseek(EpMode::LowLatency, EpOp::Combine, 8, 1000);
  const double mean = seconds(p, ideal());
  p.busiest = 1.5;
  EXPECT_NEAR(seconds(p, ideal()), 1.5 * mean, 1e-12);
}

TEST(Ep, OneRankSendsNothing) { EXPECT_EQ(seconds(deepseek(EpMode::LowLatency, EpOp::Dispatch, 1, 128), starts()), 0); }

TEST(Ep, AcrossNodesTheDefaultReproducesDeepEp) {
  // deepseek-ai/DeepEP docs/legacy.md: H800, 50 GB/s adapters, 128 tokens per rank.
  struct Published {
    double ranks, dispatch, combine;
  };
  Machine h800;
  h800.units = 132;
  h800.link = {.bandwidth = 200e9, .domain = 8, .network_bandwidth = 50e9};
  for (const Published& row : {Published{16, 118e-6, 195e-6},
                               {32, 155e-6, 273e-6},
                               {64, 173e-6, 314e-6},
                               {128, 192e-6, 369e-6},
                               {256, 194e-6, 360e-6}}) {
    const EpPoint dispatch = deepseek(EpMode::LowLatency, EpOp::Dispatch, row.ranks, 128);
    EXPECT_NEAR(ep_time(dispatch, h800, starts()).seconds / row.dispatch, 1, 0.1) << row.ranks;
    const EpPoint combine = deepseek(EpMode::LowLatency, EpOp::Combine, row.ranks, 128);
    EXPECT_NEAR(ep_time(combine, h800, starts()).seconds / row.combine, 1, 0.1) << row.ranks;
  }
}

TEST(Ep, MoreWorkOrLessBandwidthIsNeverFaster) {
  std::mt19937_64 random(20261122);
  std::uniform_real_distribution<double> share(0.0, 1.0);
  for (int i = 0; i < 5000; ++i) {
    std::vector<double> c;
    for (const FormConstant& k : kEpForm) {
      const double x = share(random);
      c.push_back(k.logarithmic ? k.low * std::pow(k.high / k.low, x) : k.low + (k.high - k.low) * x);
    }
    EpPoint p = deepseek(static_cast<EpMode>(random() % 4), static_cast<EpOp>(random() % 4),
                         std::exp2(static_cast<double>(1 + random() % 6)), std::exp2(14 * share(random)));
    p.hidden = std::exp2(8 + 6 * share(random));
    p.top_k = static_cast<double>(1 + random() % 10);
    p.comm_units = i % 3 == 0 ? 24 : 0;
    const double before = seconds(p, c);
    ASSERT_GE(before, ep_floor(p, nodes_of_8()));
    Machine wider = nodes_of_8();
    wider.link.bandwidth *= 1.5;
    wider.link.network_bandwidth *= 1.5;
    ASSERT_LE(ep_time(p, wider, c).seconds, before * (1 + 1e-12)) << i;
    for (double EpPoint::*size : {&EpPoint::tokens, &EpPoint::hidden, &EpPoint::top_k}) {
      EpPoint more = p;
      more.*size = size == &EpPoint::top_k ? p.top_k + 1 : more.*size * 1.4;
      ASSERT_GE(seconds(more, c), before * (1 - 1e-12)) << i;
    }
  }
}

}  // namespace
}  // namespace moeplan
