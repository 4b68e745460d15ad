// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/two_batches.h"

#include <gtest/gtest.h>

namespace moeplan {
namespace {

// Half a step: so many microseconds of experts, of other operators, and of exchanges, of which
// the dispatch is a quarter.
StepResult half(double experts_us, double others_us, double exchange_us) {
  StepResult step;
  step.shares[static_cast<std::size_t>(StepShare::Experts)].time = picoseconds_of(experts_us * 1e-6);
  step.shares[static_cast<std::size_t>(StepShare::Attention)].time = picoseconds_of(others_us * 1e-6);
  step.shares[static_cast<std::size_t>(StepShare::Exchange)].time = picoseconds_of(exchange_us * 1e-6);
  step.traffic.dispatch.fast = 100;
  step.traffic.combine.network = 300;
  step.time = step.low = step.high = step.slowest_stage = picoseconds_of((experts_us + others_us + exchange_us) * 1e-6);
  return step;
}

double us(Picoseconds time) { return time.seconds().base() * 1e6; }

TEST(TwoBatches, HideMessagesBehindOperators) {
  // 2 x 100 of experts and 2 x 50 of the rest, 2 x 40 of messages behind them; 40 / 10 of the
  // ends meets nobody.
  EXPECT_NEAR(us(two_batches(half(100, 50, 40), 10, 0).time), 304, 1e-6);
}

TEST(TwoBatches, HideOperatorsBehindMessages) {
  // 2 x (25 + 75) of messages; 5 of experts and 20 of the rest behind each.
  EXPECT_NEAR(us(two_batches(half(5, 20, 100), 10, 0).time), 210, 1e-6);
}

// 10 us of experts cannot hide a combine of 60: 100 + 20 + 60 + 100, and 80 / 10 of the ends.
// All messages (160) against all operators (220) would say 228.
TEST(TwoBatches, WaitInEachStageForTheSlower) {
  EXPECT_NEAR(us(two_batches(half(10, 100, 80), 10, 0).time), 288, 1e-6);
}

TEST(TwoBatches, PayForUnitsThatMoveMessages) {
  // While 80 us of messages move, a quarter of the units is away: 20 us of operators later.
  EXPECT_NEAR(us(two_batches(half(100, 50, 40), 10, 0.25).time), 324, 1e-6);
}

TEST(TwoBatches, AreNeverSlowerThanOneHalfAfterTheOther) {
  EXPECT_NEAR(us(two_batches(half(100, 50, 40), 1, 1).time), 380, 1e-6);
}

TEST(TwoBatches, HideNothingWhereThereAreNoMessages) {
  const StepResult step = two_batches(half(100, 50, 0), 10, 0.5);
  EXPECT_NEAR(us(step.time), 300, 1e-6);
  EXPECT_EQ(step.hidden, Picoseconds(0));
}

TEST(TwoBatches, SharesExceedTheTimeByWhatIsHidden) {
  const StepResult step = two_batches(half(100, 50, 40), 10, 0.1);
  Picoseconds sum;
  for (const ShareTime& share : step.shares) sum += share.time;
  EXPECT_EQ(sum - step.hidden, step.time);
}

}  // namespace
}  // namespace moeplan
