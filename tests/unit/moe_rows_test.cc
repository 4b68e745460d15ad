// SPDX-License-Identifier: Apache-2.0
#include "validate/moe_rows.h"

#include <gtest/gtest.h>

#include "sim/base/error.h"
#include "sim/program/expert_load.h"

namespace moeplan {
namespace {

TEST(HarnessLoad, FewBalancedTokensTouchDifferentExperts) {
  // stride 32: token i of 8 takes 4 i + 32 j: 64 experts, where drawn tokens would touch 57.4.
  const HarnessLoad all = harness_load({.tokens = 8, .experts = 256, .top_k = 8, .slots = 256});
  EXPECT_EQ(all.load.distinct, 64);
  EXPECT_EQ(all.load.rows, 64);
  EXPECT_EQ(all.tokens, 8);
  EXPECT_NEAR(balanced_load(256, 8, 256, 8).distinct, 57.4, 0.05);
}

TEST(HarnessLoad, BalancedTokensLoadTheFirstRank) {
  // Rank 0 of 16 holds experts 0-15: tokens 0-3 take 0, 4, 8, 12; tokens 4-7 start at 16.
  const HarnessLoad first = harness_load({.tokens = 8, .experts = 256, .top_k = 8, .ranks = 16, .slots = 256});
  EXPECT_EQ(first.load.rows, 4);
  EXPECT_EQ(first.load.distinct, 4);
  EXPECT_EQ(first.tokens, 4);
}

TEST(HarnessLoad, ManyBalancedTokensAreEven) {
  const HarnessLoad first = harness_load({.tokens = 4096, .experts = 256, .top_k = 8, .ranks = 16, .slots = 256});
  EXPECT_EQ(first.load.rows, 4096 * 8 / 16);
  EXPECT_EQ(first.load.distinct, 16);
  EXPECT_EQ(first.load.peak, 128);
  EXPECT_EQ(first.tokens, 2048);  // each of 32 starts reaches rank 0 from 16 of them
}

TEST(HarnessLoad, ExpertsThatTheStrideDoesNotDivide) {
  // E 512, k 10: stride 52, 10 x 52 = 520 wraps around; every pair lands on some expert.
  const HarnessLoad all = harness_load({.tokens = 1024, .experts = 512, .top_k = 10, .slots = 512});
  EXPECT_EQ(all.load.rows, 10240);
  EXPECT_EQ(all.load.distinct, 512);
}

TEST(HarnessLoad, APowerLawTimesTheBusiestRank) {
  const HarnessLoad one =
      harness_load({.tokens = 1024, .experts = 256, .top_k = 8, .ranks = 8, .slots = 256, .alpha = 1.2});
  EXPECT_GT(one.load.rows, 1.3 * 1024);  // mean 1,024
  EXPECT_LE(one.tokens, 1024);
  EXPECT_LE(one.tokens, one.load.rows);
  EXPECT_LE(one.load.peak, 1024);
}

TEST(HarnessLoad, RebalancingRelievesTheBusiestRank) {
  HarnessCase c{.tokens = 4096, .experts = 256, .top_k = 8, .ranks = 16, .slots = 256, .alpha = 1.2};
  const double before = harness_load(c).load.rows;
  c.rebalanced = true;
  c.slots = 288;
  EXPECT_LT(harness_load(c).load.rows, before);
  EXPECT_GE(harness_load(c).load.rows, 2048 - 1e-6);  // the mean
}

constexpr const char* kHeader =
    "gpu,stack,kernel,dtype,gated,num_tokens,hidden_size,inter_size,topk,num_experts,moe_tp,moe_ep,distribution,"
    "latency_us\n";

TEST(MoeRows, BecomePoints) {
  const OperatorTable table = read_operator_rows(
      std::string(kHeader) + "H200,trtllm-1,cutlass,fp8_block,1,8,7168,2048,8,256,2,16,balanced,50\n", "moe.csv");
  ASSERT_EQ(table.rows.size(), 1U);
  const auto& p = std::get<MoePoint>(table.rows[0].point);
  EXPECT_EQ(p.inter, 1024);  // 2048 / moe_tp 2
  EXPECT_EQ(p.local_experts, 16);
  EXPECT_EQ(p.load.rows, 4);
  EXPECT_EQ(table.shapes[0], "hidden=7168 inter=2048 topk=8 experts=256");
  EXPECT_EQ(table.groups[0].key.family, "moe");
}

TEST(MoeRows, OldSglangMultipliesThePairsOfOtherRanks) {
  const std::string row = ",triton,bfloat16,1,8,7168,2048,8,256,1,16,balanced,50\n";
  const OperatorTable table =
      read_operator_rows(kHeader + ("A100,sglang-0.5.10" + row) + "A100,sglang-0.5.14" + row, "moe.csv");
  // 4 of 8 tokens reach rank 0, with 8 pairs each of which one is its own.
  EXPECT_EQ(std::get<MoePoint>(table.rows[0].point).load.rows, 32);
  EXPECT_EQ(std::get<MoePoint>(table.rows[0].point).tokens, 4);
  EXPECT_EQ(std::get<MoePoint>(table.rows[1].point).load.rows, 4);
}

TEST(MoeRows, WrongCellsAreNamed) {
  EXPECT_THROW(read_operator_rows(std::string(kHeader) + "H200,t,c,fp8,1,8,64,64,8,4,1,1,sometimes,50\n", "moe.csv"),
               InputError);
}

}  // namespace
}  // namespace moeplan
