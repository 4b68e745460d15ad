// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/gemm.h"

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace moeplan {
namespace {

// Round figures: 100 units, 1 TB/s, 100 TFLOP/s in 16 bits, 200 in 8.
Machine round_machine() {
  Machine m;
  m.bandwidth = 1e12;
  m.units = 100;
  m.peak.fill(100e12);
  m.peak[static_cast<std::size_t>(MathKind::Fp8)] = 200e12;
  m.clock_headroom = 1.1;
  return m;
}

std::vector<double> starts() {
  std::vector<double> constants;
  for (const FormConstant& c : kGemmForm) constants.push_back(c.start);
  return constants;
}

// No overheads, perfect rates, a hard maximum: what is left is counting.
std::vector<double> ideal() {
  std::vector<double> c = starts();
  c[GemmFloor] = 0;
  c[GemmStream] = 1;
  c[GemmRate] = 1;
  c[GemmTileArea] = 0;
  c[GemmUnitLoad] = 1e9;
  c[GemmStep] = 0;
  c[GemmSplit] = 1;  // a second: never splits
  c[GemmSharpness] = 200;
  c[GemmWave] = 1;
  c[GemmThrottle] = 0;
  c[GemmQuantPasses] = 0;
  c[GemmQuantRow] = 0;
  return c;
}

GemmPoint gemm(double m, double n, double k, KernelFormat format = KernelFormat::Bf16) {
  GemmPoint p;
  p.format = format;
  p.weight_bytes = facts_of(format).weight_bytes;
  p.m = m;
  p.n = n;
  p.k = k;
  return p;
}

double seconds(const GemmPoint& p, const Machine& m, const std::vector<double>& c) {
  return gemm_time(p, m, c).seconds;
}

TEST(Gemm, FullWavesTakeTheArithmeticOverThePeak) {
  // 20 x 10 tiles of 128 x 128 are two waves on 100 units, each 2 * 128^2 * 4096 / 1e12 s
  // = 134.2 us; 2 m n k / peak is the same. Other tiles leave units idle or equal it.
  const GemmPoint p = gemm(20 * 128, 10 * 128, 4096);
  EXPECT_NEAR(seconds(p, round_machine(), ideal()), 2.0 * 2560 * 1280 * 4096 / 100e12, 1e-9);
}

TEST(Gemm, OneRowMoreThanATileStartsAnotherWave) {
  GemmPoint p = gemm(128, 128 * 100, 4096);
  p.kernel = GemmKernel::TilesByRows;  // 64 x 128 up to m = 128: two waves; 128 x 128 beyond
  const double wave = 2.0 * 128 * 128 * 4096 / 1e12;
  EXPECT_NEAR(seconds(p, round_machine(), ideal()), wave, 1e-9);
  p.m = 129;
  EXPECT_NEAR(seconds(p, round_machine(), ideal()), 2 * wave, 1e-9);
}

TEST(Gemm, ASingleRowTakesTheWeightsOverTheBandwidth) {
  // 4096 x 4096 x 2 B = 33.6 MB; x and out are 16 KB on top.
  const GemmPoint p = gemm(1, 4096, 4096);
  std::vector<double> c = ideal();
  c[GemmResident] = 0;
  c[GemmSplit] = 0;
  c[GemmSplitBytes] = 0;
  // The grid takes nearly as long: within 2^(1/200).
  EXPECT_NEAR(seconds(p, round_machine(), c) / (4096.0 * 4096 * 2 / 1e12), 1, 4e-3);
  EXPECT_EQ(gemm_time(p, round_machine(), c).bound, Bound::Memory);
}

TEST(Gemm, SplittingKFillsIdleUnits) {
  // One column of tiles and a long k: without splits one unit in a hundred works.
  std::vector<double> c = starts();
  const GemmPoint p = gemm(64, 128, 65536);
  const double split = seconds(p, round_machine(), c);
  GemmPoint whole = p;
  whole.kernel = GemmKernel::FittedTiles;
  EXPECT_LT(split, 0.5 * seconds(whole, round_machine(), c));
}

TEST(Gemm, HostTimeIsPaidOnlyOutsideAGraph) {
  GemmPoint p = gemm(1, 128, 128);
  const double recorded = seconds(p, round_machine(), starts());
  p.recorded = false;
  EXPECT_DOUBLE_EQ(seconds(p, round_machine(), starts()), kGemmForm[GemmHost].start);
  EXPECT_LT(recorded, kGemmForm[GemmHost].start);
  p.m = 32768;
  p.n = p.k = 8192;  // 44 ms of arithmetic hide it
  const double large = seconds(p, round_machine(), starts());
  p.recorded = true;
  EXPECT_DOUBLE_EQ(seconds(p, round_machine(), starts()), large);
}

TEST(Gemm, SixteenBitInputsAreNotQuantised) {
  std::vector<double> c = starts();
  const double plain = seconds(gemm(4096, 512, 512), round_machine(), c);
  const double quantised = seconds(gemm(4096, 512, 512, KernelFormat::Fp8), round_machine(), c);
  c[GemmQuantRow] = 1e-8;
  EXPECT_DOUBLE_EQ(seconds(gemm(4096, 512, 512), round_machine(), c), plain);
  // 4096 rows of 10 ns less 0.1 ns each.
  EXPECT_NEAR(seconds(gemm(4096, 512, 512, KernelFormat::Fp8), round_machine(), c) - quantised, 4096 * 9.9e-9, 1e-12);
}

// Points over five decades of each size, all formats and kernels.
class RandomGemms : public ::testing::Test {
 protected:
  GemmPoint next() {
    std::uniform_real_distribution<double> size(0.0, 1.0);
    GemmPoint p = gemm(std::floor(std::exp(size(random_) * std::log(32768.0))),
                       128 * std::floor(std::exp(size(random_) * std::log(512.0))),
                       128 * std::floor(std::exp(size(random_) * std::log(512.0))),
                       static_cast<KernelFormat>(random_() % kKernelFormats));
    if (p.weight_bytes == 0) p.weight_bytes = 0.6;
    p.kernel = static_cast<GemmKernel>(random_() % 3);
    return p;
  }
  std::vector<double> constants() {
    std::uniform_real_distribution<double> share(0.0, 1.0);
    std::vector<double> values;
    for (const FormConstant& c : kGemmForm) {
      const double x = share(random_);
      values.push_back(c.logarithmic ? c.low * std::pow(c.high / c.low, x) : c.low + (c.high - c.low) * x);
    }
    return values;
  }
  std::mt19937_64 random_{20261122};
};

TEST_F(RandomGemms, MoreWorkIsNeverFaster) {
  for (int i = 0; i < 3000; ++i) {
    const GemmPoint p = next();
    const std::vector<double> c = constants();
    const double before = seconds(p, round_machine(), c);
    for (double GemmPoint::*size : {&GemmPoint::m, &GemmPoint::n, &GemmPoint::k, &GemmPoint::weight_bytes}) {
      GemmPoint larger = p;
      larger.*size *= 1 + 0.7 * static_cast<double>(random_() % 100) / 100;
      ASSERT_GE(seconds(larger, round_machine(), c), before * (1 - 1e-12)) << i;
    }
  }
}

TEST_F(RandomGemms, BetterHardwareIsNeverSlower) {
  for (int i = 0; i < 3000; ++i) {
    const GemmPoint p = next();
    const std::vector<double> c = constants();
    const double before = seconds(p, round_machine(), c);
    Machine wider = round_machine();
    wider.bandwidth *= 1.5;
    ASSERT_LE(seconds(p, wider, c), before * (1 + 1e-12)) << i;
    Machine faster = round_machine();
    for (double& peak : faster.peak) peak *= 1.5;
    ASSERT_LE(seconds(p, faster, c), before * (1 + 1e-12)) << i;
  }
}

TEST_F(RandomGemms, NothingIsFasterThanItsFloor) {
  for (int i = 0; i < 3000; ++i) {
    const GemmPoint p = next();
    ASSERT_GE(seconds(p, round_machine(), constants()), gemm_floor(p, round_machine())) << i;
  }
}

TEST_F(RandomGemms, BetweenTilesTimeIsSmooth) {
  // The middle of 16 rows (of 32 beyond 256) is the mean of the ends.
  for (int i = 0; i < 3000; ++i) {
    GemmPoint p = next();
    const double base = 64 * std::floor(p.m / 64);
    if (base == 0) continue;
    const double half = base < 256 ? 8 : 16;
    const std::vector<double> c = starts();
    const auto at = [&](double m) {
      p.m = m;
      return seconds(p, round_machine(), c);
    };
    const double middle = at(base + 32);
    ASSERT_NEAR(0.5 * (at(base + 32 - half) + at(base + 32 + half)) / middle, 1, 1e-3)
        << i << " m " << base << " n " << p.n;
  }
}

TEST(Gemm, TheFloorTakesTheLevelThatHoldsTheOperands) {
  Machine m = round_machine();
  const GemmPoint p = gemm(1, 1024, 1024);  // 2 MiB of weights
  EXPECT_DOUBLE_EQ(gemm_floor(p, m), 2.0 * 1024 * 1024 / 1e12);
  m.cache = 50e6;
  EXPECT_DOUBLE_EQ(gemm_floor(p, m), 2.0 * 1024 * 1024 / (kCacheOverMemory * 1e12));
  // 2 * 4096^3 / 110 TFLOP/s: the highest clock.
  EXPECT_DOUBLE_EQ(gemm_floor(gemm(4096, 4096, 4096), m), 2.0 * 4096 * 4096 * 4096 / 110e12);
}

}  // namespace
}  // namespace moeplan
