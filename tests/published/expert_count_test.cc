// SPDX-License-Identifier: Apache-2.0
// "At which expert count does routing overhead eat the benefit?" What the study finds for a model
// of 1.3e9 active parameters (OLMoE's layers), and why it must be so. The benefit is Clark et al.'s
// law of routed models (arXiv:2202.01169), inside its range up to 512 times as many experts as a token uses.
#include "sim/study/expert_count.h"

#include <gtest/gtest.h>

#include <cmath>

namespace moeplan {
namespace {

const Catalog& catalog() {
  static const Catalog embedded = Catalog::embedded();
  return embedded;
}

ExpertCountCurve with_active_held(Count batch, Phase phase = Phase::Decode) {
  ExpertCountAsk ask;
  ask.batch = batch;
  ask.phase = phase;
  ask.skew = Skew::Balanced;
  ask.law = true;
  return ExpertCountStudy(catalog()).curve(ask);
}

Count best_inside(const ExpertCountCurve& curve) { return curve.rows[curve.best_inside->row].sizes.experts; }

TEST(ExpertCountFindings, AtSmallBatchesAnH200NodePaysForDistinctExpertsBeyond256) {
  // 8 ranks x 32 tokens x 8 = 2,048 pairs touch E (1 - (1 - 8/E)^256) experts: nearly all of 256, 890
  // of 1,024. Each doubling doubles the weights read, while the law gives 1.2 times the parameters.
  const ExpertCountCurve curve = with_active_held(32);
  ASSERT_TRUE(curve.best_inside);
  EXPECT_EQ(best_inside(curve), 256);
  EXPECT_EQ(curve.best_inside->cause, ExpertPart::Spread);
  EXPECT_GT(curve.best_inside->cause_share, 0.5);
  EXPECT_FALSE(curve.best_inside->at_end);
}

TEST(ExpertCountFindings, LargerBatchesAndPromptsMoveTheKneeOut) {
  // Weights are read once for all tokens of a step: with 8 times the tokens they are as large beside the rest
  // of the step at several times the experts.
  EXPECT_EQ(best_inside(with_active_held(256)), 1024);
  EXPECT_EQ(best_inside(with_active_held(1, Phase::Prefill)), 1024);
}

TEST(ExpertCountFindings, OneTokenTouchesNoMoreThanKSoOnlyItsRouterGrows) {
  // A sequence on each of 8 devices: at most 64 experts are touched however many there are, so the
  // benefit lasts to the end of the law's range; what grows then is the router.
  const ExpertCountCurve curve = with_active_held(1);
  ASSERT_TRUE(curve.best_inside);
  EXPECT_EQ(best_inside(curve), 4096);
  EXPECT_TRUE(curve.best_inside->at_end);
  EXPECT_EQ(curve.best_inside->cause, ExpertPart::Router);
  for (const ExpertCountRow& row : curve.rows) EXPECT_LE(row.split.load.distinct, 8.0 + 1e-9);  // of 64 on 8 ranks
}

TEST(ExpertCountFindings, ALaptopsPromptsPayForTilePaddingBeyond64) {
  ExpertCountAsk ask;
  ask.hardware = "laptop-16gb";
  ask.gpus = 1;
  ask.runtime = "llama.cpp";
  ask.weights = "q4_k_m";
  ask.phase = Phase::Prefill;
  ask.batch = 1;
  ask.law = true;
  const ExpertCountCurve curve = ExpertCountStudy(catalog()).curve(ask);
  ASSERT_TRUE(curve.best_inside);
  // A chunk of 512 tokens x 8 over 64 experts: 64 rows for each product; over 128: 32 rows, about as many as
  // a tile leaves empty.
  EXPECT_EQ(best_inside(curve), 64);
  EXPECT_EQ(curve.best_inside->cause, ExpertPart::Padding);
  // and at q4_k_m 128 experts (13.4e9 parameters) fit its 12 GiB, 256 do not
  EXPECT_EQ(curve.rows[4].status, PointStatus::Ok);
  EXPECT_EQ(curve.rows[5].status, PointStatus::NoFit);
}

TEST(ExpertCountFindings, ARackMovesTheKneeOutAndExchangePaysMore) {
  // A rank of 64 holds an eighth of the experts that one of 8 does: its weights weigh as much at several times
  // the experts. With one sequence a device few are touched, and what grows is dispatch and combine.
  ExpertCountAsk ask;
  ask.hardware = "gb200-nvl72";
  ask.gpus = 64;
  ask.runtime = "trtllm";
  ask.skew = Skew::Balanced;
  ask.law = true;
  EXPECT_EQ(best_inside(ExpertCountStudy(catalog()).curve(ask)), 1024);
  ask.batch = 1;
  const ExpertCountCurve alone = ExpertCountStudy(catalog()).curve(ask);
  EXPECT_EQ(best_inside(alone), 1024);
  EXPECT_EQ(alone.best_inside->cause, ExpertPart::Exchange);
  EXPECT_EQ(alone.rows.back().status, PointStatus::Ok);  // 1.65e12 parameters in 11.8 TB of memory
}

TEST(ExpertCountFindings, DistinctExpertsAreReadAtTheRateOfMemory) {
  // Batch 256, 1,024 experts: 128 on a rank, all touched, where one dense feed-forward of the active width cut
  // over 8 ranks has 1: 127 x 3 x 2,048 x 1,024 x 2 B in 16 layers = 25.6 GB of 4.8 TB/s, 5.3 ms.
  const ExpertCountCurve curve = with_active_held(256);
  const ExpertCountRow& row = curve.rows[7];
  ASSERT_EQ(row.sizes.experts, 1024);
  EXPECT_NEAR(row.split.load.distinct, 128, 0.1);
  const double floor = 127.0 * 3 * 2048 * 1024 * 2 * 16 / 4.8e12;
  const double spread = row.split.of(ExpertPart::Spread).seconds().base();
  const double padding = row.split.of(ExpertPart::Padding).seconds().base();
  // Padded products hide part of it, so it is split between the two.
  EXPECT_GT(spread + padding, floor);
  EXPECT_LT(spread, 2 * floor);
}

}  // namespace
}  // namespace moeplan
