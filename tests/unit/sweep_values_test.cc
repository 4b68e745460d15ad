// SPDX-License-Identifier: Apache-2.0
#include "sim/study/sweep_values.h"

#include <gmock/gmock.h>

namespace moeplan {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> values(std::string_view text) {
  std::optional<SweepTextProblem> problem;
  std::vector<std::string> found = expand_values(text, problem);
  EXPECT_FALSE(problem) << problem->found;
  return found;
}

std::string refused(std::string_view text) {
  std::optional<SweepTextProblem> problem;
  EXPECT_TRUE(expand_values(text, problem).empty());
  return problem ? problem->found + " | " + problem->expected : "";
}

TEST(SweepValues, ListsAreTakenAsTheyStand) {
  EXPECT_THAT(values("native,fp8,gini:0.15,hot:4:0.5"), ElementsAre("native", "fp8", "gini:0.15", "hot:4:0.5"));
}

TEST(SweepValues, RangesHoldBothEnds) {
  EXPECT_THAT(values("8:64:8"), ElementsAre("8", "16", "24", "32", "40", "48", "56", "64"));
  EXPECT_THAT(values("8:63:8"), ElementsAre("8", "16", "24", "32", "40", "48", "56"));
  EXPECT_THAT(values("3:5"), ElementsAre("3", "4", "5"));
  EXPECT_THAT(values("64:8:-28"), ElementsAre("64", "36", "8"));
}

TEST(SweepValues, FactorsReachTheirEnd) {
  // 8 x 2^11 = 16,384
  EXPECT_EQ(values("8:16384:*2").size(), 12U);
  EXPECT_EQ(values("8:16384:*2").back(), "16384");
  EXPECT_THAT(values("1:100:*10"), ElementsAre("1", "10", "100"));
}

TEST(SweepValues, TenthsAreWrittenAsTenths) {
  EXPECT_THAT(values("0.1:0.5:0.1"), ElementsAre("0.1", "0.2", "0.3", "0.4", "0.5"));
}

TEST(SweepValues, KIsA1024) { EXPECT_THAT(values("1k:4k:*2,64k"), ElementsAre("1024", "2048", "4096", "64k")); }

TEST(SweepValues, WhatNeverEndsIsRefused) {
  for (const char* text : {"1:10:0", "1:10:-1", "10:1", "10:1:*2", "1:10:*1", "0:10:*2", "1:10:*0.5"})
    EXPECT_THAT(refused(text), HasSubstr("reaches its end")) << text;
}

TEST(SweepValues, EmptyValuesAreRefused) {
  for (const char* text : {"", ",", "1,,2", "1,"}) EXPECT_THAT(refused(text), HasSubstr("between its commas")) << text;
}

TEST(SweepValues, BillionsAreRefusedBeforeTheyAreMade) {
  EXPECT_THAT(refused("1:1e12"), HasSubstr("1000000000000 values"));
}

}  // namespace
}  // namespace moeplan
