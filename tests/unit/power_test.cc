// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/power.h"

#include <gtest/gtest.h>

#include <cmath>

#include "sim/cost/attention.h"

namespace moeplan {
namespace {

// 1,000 W, 1 TB/s, 100 TFLOP/s of bf16; constants that make round energies.
Machine board() {
  Machine machine;
  machine.bandwidth = 1e12;
  machine.power = 1000;
  machine.idle_power = 100;
  machine.peak.fill(1e14);
  return machine;
}

std::array<double, kPowerForm.size()> constants() {
  std::array<double, kPowerForm.size()> c{};
  for (std::size_t i = 0; i < c.size(); ++i) c[i] = kPowerForm[i].start;
  c[PowerFloor] = 0.2;
  c[PowerMemory] = 0.5;
  c[PowerBf16] = 1.0;
  c[PowerLimit] = 1.0;
  c[PowerRest] = 0.2;
  c[PowerSettle] = 1e-5;
  return c;
}

Activity bytes(double count) {
  Activity activity;
  activity.memory_bytes = count;
  return activity;
}

Activity products(double flops) {
  Activity activity;
  activity.flops = flops;
  return activity;
}

TEST(Power, AnIdleKernelDrawsTheFloor) {
  const PowerModel model = power_model(constants(), board());
  EXPECT_DOUBLE_EQ(model.joules({}, 2.0), 2 * 200.0);
}

TEST(Power, StreamingAtPeakDrawsItsShareAboveTheFloor) {
  const PowerModel model = power_model(constants(), board());
  // 1e12 B in a second: 0.2 x 1,000 + 0.5 x 1,000 W
  EXPECT_DOUBLE_EQ(model.joules(bytes(1e12), 1.0), 700.0);
}

TEST(Power, HalfThePaceDrawsHalfTheDynamicPower) {
  const PowerModel model = power_model(constants(), board());
  EXPECT_DOUBLE_EQ(model.joules(bytes(1e12), 2.0) / 2, 200 + 250);
}

TEST(Power, NothingDrawsMoreThanTheLimit) {
  const PowerModel model = power_model(constants(), board());
  // 0.2 + 1.0 x 0.9 of the rated power would be 1,100 W
  EXPECT_DOUBLE_EQ(model.joules(products(0.9e14), 1.0), 1000.0);
}

TEST(Power, MoreWorkInTheSameTimeNeverCostsLess) {
  const PowerModel model = power_model(constants(), board());
  double before = 0;
  for (double work = 0; work <= 2; work += 0.125) {
    Activity activity = products(work * 1e14);
    activity.memory_bytes = work * 1e12;
    activity.link_bytes = work * 1e11;
    const double joules = model.joules(activity, 1.0);
    EXPECT_GE(joules, before);
    before = joules;
  }
}

TEST(Power, TheSameWorkInMoreTimeNeverCostsLess) {
  const PowerModel model = power_model(constants(), board());
  double before = 0;
  for (double seconds = 0.25; seconds <= 4; seconds *= 1.25) {
    const double joules = model.joules(products(0.9e14), seconds);
    EXPECT_GE(joules, before);
    before = joules;
  }
}

TEST(Power, ABoardWithoutRatedPowerIsNotKnown) {
  Machine machine = board();
  machine.power = 0;
  EXPECT_FALSE(power_model(constants(), machine).is_known());
}

TEST(Power, ALowerLimitSlowsProducts) {
  const PowerModel model = limited_to(power_model(constants(), board()), 600);
  // Draws 1,000 W unlimited: 800 above the floor where 400 are left.
  EXPECT_DOUBLE_EQ(model.slowdown(products(0.9e14), 1.0), std::pow(800.0 / 400.0, kClockExponent));
}

TEST(Power, ALowerLimitLeavesMemoryItsPace) {
  const PowerModel model = limited_to(power_model(constants(), board()), 600);
  EXPECT_DOUBLE_EQ(model.slowdown(bytes(1e12), 1.0), 1.0);
}

TEST(Power, ALimitThatIsNotReachedCostsNoTime) {
  const PowerModel model = limited_to(power_model(constants(), board()), 600);
  EXPECT_DOUBLE_EQ(model.slowdown(products(0.3e14), 1.0), 1.0);  // 200 + 300 W
}

TEST(Power, ALimitAboveTheRatedPowerChangesNothing) {
  const PowerModel model = limited_to(power_model(constants(), board()), 1200);
  EXPECT_FALSE(model.lowered);
  EXPECT_DOUBLE_EQ(model.limit, 1000);
}

// The point the exponent is from: 8 H200 at 500 of 700 W, all products.
TEST(Power, TheClockExponentGivesTheThroughputOfALimitedH200) {
  Machine h200 = board();
  h200.power = 700;
  std::array<double, kPowerForm.size()> c = constants();
  c[PowerFloor] = 159.0 / 700;
  const PowerModel model = limited_to(power_model(c, h200), 500);
  EXPECT_NEAR(1 / model.slowdown(products(0.9e14), 1.0), 48988.0 / 59022.0, 0.01);
}

TEST(Power, AReadingOfALongKernelIsItsPower) {
  GemmPoint gemm;
  gemm.m = gemm.n = gemm.k = 1e4;  // 2e12 FLOP: 0.02 s at peak
  const PowerReading reading{.kernel = gemm, .seconds = 0.1, .limit = 1000};
  // 200 W + (2e12 x 10 pJ + 6e8 B x 0.5 nJ) / 0.1 s, all but 1e-4 of it settled
  EXPECT_NEAR(power_reading(reading, board(), constants()).seconds, 200 + 200 + 3, 0.5);
}

TEST(Power, AReadingOfAShortKernelShowsTheRestBefore) {
  GemmPoint gemm;
  gemm.m = 1;
  gemm.n = gemm.k = 4096;
  std::array<double, kPowerForm.size()> c = constants();
  c[PowerRest] = 0.1;
  const PowerReading reading{.kernel = gemm, .seconds = 1e-5, .limit = 1000};
  // Half settled: the middle of 100 W and its power, at the limit.
  EXPECT_NEAR(power_reading(reading, board(), c).seconds, 550, 1e-6);
}

TEST(Activity, AGemmReadsItsWeightsOnce) {
  GemmPoint gemm;
  gemm.m = 16;
  gemm.n = 1024;
  gemm.k = 2048;
  const Activity activity = activity_of(gemm, board());
  EXPECT_DOUBLE_EQ(activity.flops, 2.0 * 16 * 1024 * 2048);
  // No cache: weights 2 B, inputs and outputs 2 B.
  EXPECT_DOUBLE_EQ(activity.memory_bytes, 2.0 * 1024 * 2048 + 2.0 * 16 * (1024 + 2048));
}

TEST(Activity, SmallWorkingSetsComeFromTheCache) {
  Machine machine = board();
  machine.cache = 1e8;
  AttentionPoint attention;
  attention.sequences = 1;
  attention.q_len = 1;
  attention.kv_len = 128;
  attention.heads = attention.kv_heads = 8;
  attention.head_dim = attention.value_dim = 64;
  const Activity activity = activity_of(attention, machine);
  EXPECT_GT(activity.cache_bytes, 100 * activity.memory_bytes);
}

TEST(Activity, ExpertsTouchTheWeightsOfDistinctOnes) {
  MoePoint moe;
  moe.hidden = 1000;
  moe.inter = 100;
  moe.load = {.rows = 64, .distinct = 4, .peak = 16};
  const Activity activity = activity_of(moe, board());
  EXPECT_DOUBLE_EQ(activity.flops, 2.0 * 3 * 1000 * 100 * 64);
  EXPECT_GE(activity.memory_bytes, 4 * 3 * 1000 * 100 * 2.0);
}

TEST(Activity, AnAllReduceSendsTwiceWhatOthersHold) {
  CollectivePoint message;
  message.bytes = 8e6;
  message.ranks = 8;
  EXPECT_DOUBLE_EQ(activity_of(message, board()).link_bytes, 2 * 7.0 / 8 * 8e6);
}

}  // namespace
}  // namespace moeplan
