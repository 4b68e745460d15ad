// SPDX-License-Identifier: Apache-2.0
#include "sim/base/units.h"

#include <gtest/gtest.h>

#include <type_traits>

namespace moeplan {
namespace {

TEST(Quantity, SizeOverRateIsTime) {
  const DataSize size = DataSize::from_base(9.6e12);
  const BytesPerSecond rate = BytesPerSecond::from_base(4.8e12);
  const Seconds time = size / rate;
  EXPECT_DOUBLE_EQ(time.base(), 2.0);  // 9.6 TB / 4.8 TB/s
}

TEST(Quantity, PowerTimesTimeIsEnergy) {
  const Joules energy = Watts::from_base(700.0) * Seconds::from_base(10.0);
  EXPECT_DOUBLE_EQ(energy.base(), 7000.0);
}

TEST(Quantity, RatioOfLikesIsAPlainNumber) {
  const double ratio = Seconds::from_base(3.0) / Seconds::from_base(2.0);
  EXPECT_DOUBLE_EQ(ratio, 1.5);
}

TEST(Quantity, IsMadeFromNoPlainNumber) {
  static_assert(!std::is_convertible_v<double, Seconds>);
  static_assert(!std::is_constructible_v<Seconds, double>);
  static_assert(!std::is_convertible_v<Seconds, double>);
  static_assert(!std::is_convertible_v<Seconds, Joules>);
  static_assert(!std::is_convertible_v<Count, Bytes>);
}

TEST(Bytes, AddAndCompareExactlyPastTheDoubleMantissa) {
  const Bytes big((Count{1} << 53) + 1);  // not a double
  EXPECT_EQ((big - Bytes(1)).count(), Count{1} << 53);
  EXPECT_GT(big, Bytes(Count{1} << 53));
  EXPECT_EQ(-Bytes(5) + Bytes(3), Bytes(-2));
}

TEST(Scaled, RoundsToTheNearestByte) {
  EXPECT_EQ(scaled(Bytes(10), 0.24), Bytes(2));  // 2.4
  EXPECT_EQ(scaled(Bytes(10), 0.26), Bytes(3));  // 2.6
  EXPECT_EQ(scaled(Bytes(10), 0.25), Bytes(3));  // 2.5 away from zero
}

TEST(CeilDiv, RoundsUpOnlyWhatIsNoMultiple) {
  EXPECT_EQ(ceil_div(0, 4), 0);
  EXPECT_EQ(ceil_div(1, 4), 1);
  EXPECT_EQ(ceil_div(4, 4), 1);
  EXPECT_EQ(ceil_div(5, 4), 2);
  EXPECT_EQ(round_up(5, 4), 8);
  EXPECT_EQ(round_up(8, 4), 8);
}

TEST(InGib, OfEightyGigabytesIsLessThanEighty) {
  EXPECT_DOUBLE_EQ(in_gib(Bytes(80'000'000'000)), 80e9 / 1073741824.0);  // 74.51 GiB
  EXPECT_DOUBLE_EQ(in_gib(80 * kGiB), 80.0);
}

}  // namespace
}  // namespace moeplan
