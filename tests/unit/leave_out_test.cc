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

constexpr const char* kEp =
    "gpu,library,mode_or_dtype,op,num_nodes,ep_size,hidden_size,topk,num_experts,tokens_per_rank,comm_sms,latency_us\n"
    "GB200,trtllm-NVLinkTwoSided,bfloat16,dispatch,,8,7168,8,256,100,,30\n"
    "GB200,trtllm-NVLinkTwoSided,bfloat16,dispatch,,64,7168,8,256,100,,40\n"
    "GB200,trtllm-NVLinkTwoSided,bfloat16,dispatch,,64,7168,8,256,2,,20\n";

TEST(LeaveOutBy, RowsOfAValueAreOneShape) {
  OperatorTable table = read_operator_rows(kEp, "ep.csv");
  leave_out_by(table, "ep_size");
  EXPECT_EQ(table.shapes, (std::vector<std::string>{"ep_size=8", "ep_size=64"}));
  EXPECT_EQ(table.rows[1].shape, table.rows[2].shape);
}

TEST(LeaveOutBy, AColumnThatIsNotThereOrSaysNothingIsRefused) {
  OperatorTable table = read_operator_rows(kEp, "ep.csv");
  EXPECT_THROW(leave_out_by(table, "ep_sze"), InputError);
  EXPECT_THROW(leave_out_by(table, "topk"), InputError);  // 8 in all rows
}

TEST(EpRows, OfNvlinkKernelsWereDealtToRanksInTurn) {
  const OperatorTable table = read_operator_rows(kEp, "ep.csv");
  const auto point = [&](std::size_t row) { return std::get<EpPoint>(table.rows[row].point); };
  EXPECT_EQ(point(0).destinations, 8);  // every one of 8 ranks
  EXPECT_EQ(point(0).busiest, 1);
  EXPECT_EQ(point(1).destinations, 8);              // of 64
  EXPECT_DOUBLE_EQ(point(1).busiest, 104.0 / 100);  // 13 rounds of 8 groups of ranks
  EXPECT_DOUBLE_EQ(point(2).busiest, 4);            // 2 tokens for 8 groups
}

}  // namespace
}  // namespace moeplan
