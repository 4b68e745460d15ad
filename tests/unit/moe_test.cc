// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/moe.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "sim/base/rng.h"
#include "sim/cost/family.h"

namespace moeplan {
namespace {

// One reference unit per SM: 100 units of 7.5 TFLOP/s, 1 TB/s, 50 MB of cache.
Machine round_machine() {
  Machine m;
  m.bandwidth = 1e12;
  m.cache = 50e6;
  m.units = 100;
  m.peak.fill(100 * kReferenceUnit);
  m.clock_headroom = 1.1;
  return m;
}

std::vector<double> starts() {
  std::vector<double> constants;
  for (const FormConstant& c : kMoeForm) constants.push_back(c.start);
  return constants;
}

// No overheads, perfect rates, a hard maximum: what is left is counting.
std::vector<double> ideal() {
  std::vector<double> c(MoeConstants, 0.0);
  c[MoeRate] = 1;
  c[MoeStream] = 1;
  return c;
}

MoePoint layer(double tokens, double experts = 64, double top_k = 4) {
  MoePoint p;
  p.tokens = tokens;
  p.hidden = 4096;
  p.inter = 1024;
  p.top_k = top_k;
  p.experts = experts;
  p.local_experts = experts;
  p.load = {.rows = tokens * top_k, .distinct = std::min(experts, tokens * top_k), .peak = 0};
  p.load.peak = p.load.rows / p.load.distinct;
  return p;
}

double seconds(const MoePoint& p, const std::vector<double>& c = starts()) {
  return moe_time(p, round_machine(), c).seconds;
}

TEST(Moe, FewTokensWaitForTheWeightsOfTheirExperts) {
  // 4 experts x 3 matrices x 4096 x 1024 x 2 B = 100,663,296 B at 1 TB/s
  EXPECT_NEAR(seconds(layer(1), ideal()), 100'663'296.0 / 1e12, 1e-9);
}

TEST(Moe, ManyTokensWaitForArithmetic) {
  // 2 x 3 x 4096 x 1024 x 65,536 rows at 750 TFLOP/s
  EXPECT_NEAR(seconds(layer(16384), ideal()), 2.0 * 3 * 4096 * 1024 * 65536 / 750e12, 1e-9);
}

TEST(Moe, WithoutAGateTwoThirdsOfTheWeightsAreLeft) {
  MoePoint p = layer(1);
  const double gated = seconds(p, ideal());
  p.gated = false;
  EXPECT_NEAR(seconds(p, ideal()) / gated, 2.0 / 3, 1e-9);
}

TEST(Moe, OneExpertIsItsDenseFeedForward) {
  // Gate and up, n = 2 x inter, k = hidden; down, n = hidden, k = inter: bytes and FLOPs of both.
  const MoePoint p = layer(512, 1, 1);
  const Machine m = round_machine();
  const double weights = (2.0 * 1024 * 4096 + 4096 * 1024) * 2;
  const double flops = 2.0 * 512 * (2.0 * 1024 * 4096 + 4096.0 * 1024);
  const FormTime t = moe_time(p, m, ideal());
  EXPECT_NEAR(t.memory, weights / 1e12, 1e-12);
  EXPECT_NEAR(t.compute, flops / 750e12, 1e-12);
}

TEST(Moe, TheFloorIsTheCachesWhereWeightsFitIt) {
  MoePoint p = layer(1, 1, 1);  // 25,165,824 B: below 50 MB
  EXPECT_NEAR(moe_floor(p, round_machine()), 25'165'824.0 / 6e12, 1e-12);
  p.load.distinct = 4;  // 100 MB: from memory
  EXPECT_NEAR(moe_floor(p, round_machine()), 100'663'296.0 / 1e12, 1e-12);
}

TEST(Moe, NeverBelowItsFloor) {
  CounterRng rng(11, 0);
  for (int i = 0; i < 20000; ++i) {
    MoePoint p = layer(std::floor(std::exp2(rng.uniform() * 15)), 1 + rng.below(256), 1);
    p.inter = 16.0 * (1 + rng.below(512));
    std::vector<double> c;
    for (const FormConstant& k : kMoeForm) c.push_back(k.low * std::pow(k.high / k.low, rng.uniform()));
    EXPECT_GE(seconds(p, c), moe_floor(p, round_machine()));
  }
}

// Raises one size at a time at random points and constants.
TEST(Moe, MoreWorkIsNeverFaster) {
  CounterRng rng(12, 0);
  for (int i = 0; i < 20000; ++i) {
    MoePoint p = layer(1 + rng.below(8192), 1 + rng.below(256), 1);
    p.load.distinct *= rng.uniform();
    p.load.peak = p.load.rows / p.load.distinct * (1 + 8 * rng.uniform());
    std::vector<double> c;
    for (const FormConstant& k : kMoeForm) c.push_back(k.low * std::pow(k.high / k.low, rng.uniform()));
    const double before = seconds(p, c) * (1 - 1e-12);
    MoePoint more = p;
    const double factor = 1 + rng.uniform();
    switch (i % 7) {
      case 0:
        more.load.rows *= factor;
        more.load.peak = std::max(more.load.peak, more.load.rows / more.load.distinct);
        break;
      case 1: more.load.distinct *= factor; break;
      case 2: more.load.peak *= factor; break;
      case 3: more.tokens *= factor; break;
      case 4: more.hidden *= factor; break;
      case 5: more.inter *= factor; break;
      default: more.weight_bytes *= factor; break;
    }
    EXPECT_GE(seconds(more, c), before) << i % 7;
  }
}

TEST(Moe, BetterHardwareIsNeverSlower) {
  CounterRng rng(13, 0);
  for (int i = 0; i < 5000; ++i) {
    const MoePoint p = layer(1 + rng.below(8192), 1 + rng.below(256), 1);
    std::vector<double> c;
    for (const FormConstant& k : kMoeForm) c.push_back(k.low * std::pow(k.high / k.low, rng.uniform()));
    const double before = seconds(p, c) * (1 + 1e-12);
    Machine better = round_machine();
    const double factor = 1 + rng.uniform();
    switch (i % 4) {
      case 0: better.bandwidth *= factor; break;
      case 1: better.cache *= factor; break;
      case 2: better.units *= factor; break;
      default:
        for (double& peak : better.peak) peak *= factor;
    }
    EXPECT_LE(moe_time(p, better, c).seconds, before) << i % 4;
  }
}

// mma.sync feeds a unit 2.25 times as wide two thirds as well, asynchronous instructions
// 2.25^(-1/3) = 0.763 as well: of equal totals on fewer, wider units.
TEST(Moe, DequantisingKernelsFeedAWiderUnitWorse) {
  MoePoint plain = layer(1e6);
  MoePoint dequantised = plain;
  dequantised.format = KernelFormat::Int4Wo;
  Machine wider = round_machine();
  wider.units /= 2.25;
  const auto slower = [&](const MoePoint& p) {
    return moe_time(p, wider, ideal()).compute / moe_time(p, round_machine(), ideal()).compute;
  };
  EXPECT_NEAR(slower(dequantised), 1.5, 1e-9);
  EXPECT_NEAR(slower(plain), std::cbrt(2.25), 1e-9);
}

TEST(Moe, UnevenExpertsCostMore) {
  MoePoint p = layer(4096);
  const double even = seconds(p);
  p.load.peak *= 8;
  EXPECT_GT(seconds(p), even);
}

TEST(Moe, StartsLieWithinTheirBounds) {
  for (const FormConstant& c : kMoeForm) {
    EXPECT_GE(c.start, c.low) << c.name;
    EXPECT_LE(c.start, c.high) << c.name;
    EXPECT_FALSE(c.help.empty()) << c.name;
  }
}

TEST(Moe, RegimesByRowsOfATouchedExpert) {
  MoePoint p = layer(256);
  p.load = {.rows = 1024, .distinct = 64, .peak = 16};
  EXPECT_EQ(moe_regime(p), 0);  // 16
  p.load.rows = 1088;
  EXPECT_EQ(moe_regime(p), 1);  // 17
  p.load.rows = 64 * 256 + 64;
  EXPECT_EQ(moe_regime(p), 2);
}

}  // namespace
}  // namespace moeplan
