// SPDX-License-Identifier: Apache-2.0
#include "validate/leave_out.h"

#include <gtest/gtest.h>

namespace moeplan {
namespace {

TEST(LeaveOut, BandsOfFewShapesReachFurther) {
  EXPECT_DOUBLE_EQ(band_level(100), 0.9045);  // 0.9 (1 + 1 / 200)
  EXPECT_DOUBLE_EQ(band_level(20), 0.9225);   // 0.9 (1 + 1 / 40)
}

TEST(LeaveOut, BandsReachNoFurtherThanTheCap) {
  EXPECT_DOUBLE_EQ(band_level(18), 0.925);  // 0.9 (1 + 1 / 36) = 0.925
  EXPECT_DOUBLE_EQ(band_level(2), 0.925);
  EXPECT_DOUBLE_EQ(band_level(0), 0.925);
}

}  // namespace
}  // namespace moeplan
