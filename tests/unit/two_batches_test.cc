// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/two_batches.h"

#include <gtest/gtest.h>

namespace moeplan {
namespace {

// Half a step: so many microseconds of operators and of exchanges.
StepResult half(double operators_us, double exchange_us) {
  StepResult step;
  step.shares[static_cast<std::size_t>(StepShare::Experts)].time = picoseconds_of(operators_us * 1e-6);
  step.shares[static_cast<std::size_t>(StepShare::Exchange)].time = picoseconds_of(exchange_us * 1e-6);
  step.time = step.low = step.high = step.slowest_stage = picoseconds_of((operators_us + exchange_us) * 1e-6);
  return step;
}

double us(Picoseconds time) { return time.seconds().base() * 1e6; }

TEST(TwoBatches, HideMessagesBehindOperators) {
  // 2 x 100 of operators, 2 x 40 of messages behind them; 40 / 10 of the ends meets nobody.
  EXPECT_NEAR(us(two_batches(half(100, 40), 10, 0).time), 204, 1e-6);
}

TEST(TwoBatches, HideOperatorsBehindMessages) { EXPECT_NEAR(us(two_batches(half(40, 100), 10, 0).time), 210, 1e-6); }

TEST(TwoBatches, PayForUnitsThatMoveMessages) {
  // While 80 us of messages move, a quarter of the units is away: 20 us of operators later.
  EXPECT_NEAR(us(two_batches(half(100, 40), 10, 0.25).time), 224, 1e-6);
}

TEST(TwoBatches, AreNeverSlowerThanOneHalfAfterTheOther) {
  EXPECT_NEAR(us(two_batches(half(100, 40), 1, 1).time), 280, 1e-6);
}

TEST(TwoBatches, HideNothingWhereThereAreNoMessages) {
  const StepResult step = two_batches(half(100, 0), 10, 0.5);
  EXPECT_NEAR(us(step.time), 200, 1e-6);
  EXPECT_EQ(step.hidden, Picoseconds(0));
}

TEST(TwoBatches, SharesExceedTheTimeByWhatIsHidden) {
  const StepResult step = two_batches(half(100, 40), 10, 0.1);
  Picoseconds sum;
  for (const ShareTime& share : step.shares) sum += share.time;
  EXPECT_EQ(sum - step.hidden, step.time);
}

}  // namespace
}  // namespace moeplan
