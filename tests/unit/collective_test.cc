// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/collective.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "validate/score.h"

namespace moeplan {
namespace {

// Eight ranks behind a switch of 100 GB/s, a 10 GB/s adapter each.
Machine switched() {
  Machine m;
  m.link = {.bandwidth = 100e9, .domain = 8, .network_bandwidth = 10e9};
  return m;
}

std::vector<double> starts() {
  std::vector<double> constants;
  for (const FormConstant& c : kCollectiveForm) constants.push_back(c.start);
  return constants;
}

// Only the wire: no latency, every protocol at full rate.
std::vector<double> ideal() {
  std::vector<double> c = starts();
  for (const std::size_t zero :
       {CollectiveLatency, CollectiveSecond, CollectiveThird, CollectiveRanks, CollectiveCrowding, CollectiveLeast})
    c[zero] = 0;
  c[CollectiveShare1] = c[CollectiveShare2] = c[CollectiveShare3] = 1;
  return c;
}

double seconds(CollectiveOp op, double bytes, double ranks, const Machine& m, const std::vector<double>& c) {
  return collective_time({.op = op, .bytes = bytes, .ranks = ranks}, m, c).seconds;
}

TEST(Collective, EachRankSendsWhatTheOthersLack) {
  // 80 MB among 8: 70 MB leave a rank, twice for an all-reduce; at 100 GB/s.
  EXPECT_NEAR(seconds(CollectiveOp::AllGather, 80e6, 8, switched(), ideal()), 70e6 / 100e9, 1e-12);
  EXPECT_NEAR(seconds(CollectiveOp::AllToAll, 80e6, 8, switched(), ideal()), 70e6 / 100e9, 1e-12);
  EXPECT_NEAR(seconds(CollectiveOp::AllReduce, 80e6, 8, switched(), ideal()), 140e6 / 100e9, 1e-12);
  EXPECT_NEAR(seconds(CollectiveOp::SendRecv, 80e6, 2, switched(), ideal()), 80e6 / 100e9, 1e-12);
}

TEST(Collective, OneRankSendsNothing) { EXPECT_EQ(seconds(CollectiveOp::AllReduce, 1e9, 1, switched(), starts()), 0); }

TEST(Collective, TheQuickestProtocolIsUsed) {
  std::vector<double> c = ideal();
  c[CollectiveLatency] = 5e-6;
  c[CollectiveSecond] = 5e-6;
  c[CollectiveThird] = 1;
  c[CollectiveStep] = 0;
  c[CollectiveShare1] = 0.1;
  // 1 kB: 5 us + 0.5 kB / 10 GB/s; 10 MB: 10 us + 5 MB / 100 GB/s.
  EXPECT_NEAR(seconds(CollectiveOp::AllGather, 1e3, 2, switched(), c), 5e-6 + 0.5e3 / 10e9, 1e-12);
  EXPECT_NEAR(seconds(CollectiveOp::AllGather, 1e7, 2, switched(), c), 10e-6 + 5e6 / 100e9, 1e-12);
}

// Seconds across domains for what the adapters take at full rate.
double filled(double latency, double moving) { return latency + moving + kNetworkFill * std::sqrt(latency * moving); }

TEST(Collective, AdaptersCarryWhatLeavesADomain) {
  // 16 ranks in two domains of 8: half of an all-to-all crosses in 1 + log2 2 steps; of a
  // ring's all-reduce 2 x 15/16 of each rail's eighth in 2 (2 - 1).
  const double latency = 2 * kNetworkStep;
  EXPECT_NEAR(seconds(CollectiveOp::AllToAll, 80e6, 16, switched(), ideal()),
              filled(latency, 40e6 / (10e9 * kNetworkShare)), 1e-9);
  EXPECT_NEAR(seconds(CollectiveOp::AllReduce, 800e6, 16, switched(), ideal()),
              filled(latency, 2 * 15.0 / 16 * 100e6 / (10e9 * kNetworkShare)), 1e-9);
}

CollectiveChoice chosen(CollectiveOp op, double bytes, double ranks, const Machine& m) {
  return collective_choice({.op = op, .bytes = bytes, .ranks = ranks}, m, ideal());
}

TEST(Collective, SmallSumsTakeATreeAndLargeOnesARing) {
  // 16 domains: 2 x 15 steps of a ring against 2 log2 16 of a tree, which sends 2 B/d instead
  // of 2 x 127/128 B/d.
  EXPECT_EQ(chosen(CollectiveOp::AllReduce, 1e3, 128, switched()).way, CollectiveWay::Tree);
  EXPECT_EQ(chosen(CollectiveOp::AllReduce, 1e12, 128, switched()).way, CollectiveWay::Ring);
}

TEST(Collective, SwitchesThatAddSumInsideFirst) {
  Machine m = switched();
  m.link.reduces = true;
  const CollectiveChoice choice = chosen(CollectiveOp::AllReduce, 800e6, 32, m);
  EXPECT_EQ(choice.way, CollectiveWay::Hierarchical);
  // Four domains: 2 x 3/4 of a rail's 100 MB; inside the sum is spread and gathered.
  EXPECT_DOUBLE_EQ(choice.sent.network, 150e6);
  EXPECT_DOUBLE_EQ(choice.sent.fast, 2 * 800e6 * 7 / 8);
}

TEST(Collective, SwitchesAddLargeMessagesOfEnoughRanks) {
  Machine m = switched();
  m.link.reduces = true;
  std::vector<double> c = ideal();
  c[CollectiveShare1] = c[CollectiveShare2] = 0.1;
  const auto way = [&](double ranks) {
    return collective_choice({.op = CollectiveOp::AllReduce, .bytes = 800e6, .ranks = ranks}, m, c);
  };
  EXPECT_EQ(way(8).way, CollectiveWay::InSwitch);
  EXPECT_DOUBLE_EQ(way(8).sent.fast, 800e6);  // once to the switch
  EXPECT_EQ(way(4).way, CollectiveWay::Ring);
}

TEST(Collective, OneShotSendsToEveryoneAtOnce) {
  std::vector<double> c = ideal();
  c[CollectiveLatency] = 1e-6;
  c[CollectiveSecond] = 4e-6;
  const CollectivePoint p{.op = CollectiveOp::AllReduceCustom, .bytes = 1e3, .ranks = 8};
  const CollectiveChoice choice = collective_choice(p, switched(), c);
  EXPECT_EQ(choice.way, CollectiveWay::OneShot);
  EXPECT_DOUBLE_EQ(choice.sent.fast, 7e3);
}

TEST(Collective, GathersAlongARingMoveEachPartOnce) {
  // 32 ranks of 8: of 32 MB gathered three quarters of a rail's eighth come from elsewhere.
  const CollectiveChoice choice = chosen(CollectiveOp::AllGather, 32e6, 32, switched());
  EXPECT_DOUBLE_EQ(choice.sent.network, 3e6);
  EXPECT_DOUBLE_EQ(choice.sent.fast, 28e6);
  // B3: every rank receives the 31 parts of the others, and sends as many.
  EXPECT_DOUBLE_EQ(choice.sent.total(), 31e6);
}

TEST(Collective, RanksFarApartUseTheNetwork) {
  // The same eight ranks, one in each domain.
  const CollectivePoint p{.op = CollectiveOp::AllGather, .bytes = 8e6, .ranks = 8, .near = 1};
  const CollectiveChoice choice = collective_choice(p, switched(), ideal());
  EXPECT_EQ(choice.sent.fast, 0);
  EXPECT_DOUBLE_EQ(choice.sent.network, 7e6);
}

TEST(Collective, MoreBytesOrLessBandwidthIsNeverFaster) {
  std::mt19937_64 random(20261122);
  std::uniform_real_distribution<double> share(0.0, 1.0);
  for (int i = 0; i < 5000; ++i) {
    std::vector<double> c;
    for (const FormConstant& k : kCollectiveForm) {
      const double x = share(random);
      c.push_back(k.logarithmic ? k.low * std::pow(k.high / k.low, x) : k.low + (k.high - k.low) * x);
    }
    Machine m = switched();
    m.link.fabric = i % 2 == 0 ? Fabric::Switch : Fabric::Bus;
    m.link.reduces = i % 3 == 0;
    CollectivePoint p{.op = static_cast<CollectiveOp>(random() % kCollectiveOps),
                      .bytes = std::exp2(8 + 22 * share(random)),
                      .ranks = std::exp2(static_cast<double>(1 + random() % 6))};
    const double before = collective_time(p, m, c).seconds;
    ASSERT_GE(before, collective_floor(p, m));
    m.link.bandwidth *= 1.3;
    ASSERT_LE(collective_time(p, m, c).seconds, before * (1 + 1e-12)) << i;
    m = switched();
    m.link.fabric = i % 2 == 0 ? Fabric::Switch : Fabric::Bus;
    m.link.reduces = i % 3 == 0;
    p.bytes *= 1 + share(random);
    ASSERT_GE(collective_time(p, m, c).seconds, before * (1 - 1e-12)) << i;
  }
}

TEST(Collective, SwitchesThatAddHalveTheFloorOfAnAllReduce) {
  const CollectivePoint p{.op = CollectiveOp::AllReduce, .bytes = 80e6, .ranks = 8};
  Machine m = switched();
  EXPECT_DOUBLE_EQ(collective_floor(p, m), 140e6 / 100e9);
  m.link.reduces = true;
  EXPECT_DOUBLE_EQ(collective_floor(p, m), 80e6 / 100e9);
}

// Two hosts with one 100 Gb/s adapter each; the devices of a host share it.
TEST(Collective, AcrossNodesTheDefaultIsWithinAFactorOfTwo) {
  const std::string path = std::string(MOEPLAN_SHARED_DIR) + "/measured/vidur_network.csv";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is absent";
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  std::vector<double> ratios;
  while (std::getline(file, line)) {
    std::vector<std::string> cells;
    for (std::size_t at = 0; at <= line.size();) {
      const std::size_t end = std::min(line.find(',', at), line.size());
      cells.push_back(line.substr(at, end - at));
      at = end + 1;
    }
    const double ranks = std::stod(cells[2]);
    const double per_node = std::stod(cells[3]);
    if (cells[0] != "a100_dgx" || cells[1] != "all_reduce" || per_node == ranks) continue;
    Machine m;
    m.link = {.bandwidth = 300e9, .domain = per_node, .network_bandwidth = 12.5e9 / per_node};
    const double predicted = seconds(CollectiveOp::AllReduce, std::stod(cells[4]), ranks, m, starts());
    ratios.push_back(std::log(predicted / (std::stod(cells[5]) * 1e-6)));
  }
  ASSERT_EQ(ratios.size(), 4u * 23u);  // 2, 4, 8 and 16 devices on two hosts
  const FitError error = error_of(ratios);
  EXPECT_LT(std::abs(error.bias), 0.2) << error.median;
  EXPECT_LT(error.median, 0.25);
  EXPECT_GT(quantile_of(ratios, 0.1), -std::log(2.0));
  EXPECT_LT(quantile_of(ratios, 0.9), std::log(2.0));
}

}  // namespace
}  // namespace moeplan
