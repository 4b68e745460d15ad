// SPDX-License-Identifier: Apache-2.0
#include "sim/study/expert_overhead.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "sim/cost/moe.h"
#include "sim/study/expert_count.h"
#include "sim/study/pricing.h"

namespace moeplan {
namespace {

const Catalog& catalog() {
  static const Catalog embedded = Catalog::embedded();
  return embedded;
}

ExpertCountAsk on_h200(ExpertGrowth growth, Count batch) {
  ExpertCountAsk ask;
  ask.growth = growth;
  ask.batch = batch;
  ask.skew = Skew::Balanced;
  return ask;
}

ExpertCountCurve curve_of(const ExpertCountAsk& ask) { return ExpertCountStudy(catalog()).curve(ask); }

// E = k = 1 on one rank, through the form: nothing is overhead.
TEST(ExpertOverhead, B7OneExpertIsItsDenseFeedForward) {
  Machine machine;
  machine = pricing_of(catalog(), usual_cluster(catalog(), "h200"), catalog().runtime("sglang"), catalog().formats())
                .kernels.machine;
  std::array<double, MoeConstants> constants{};
  for (std::size_t i = 0; i < MoeConstants; ++i) constants[i] = kMoeForm[i].start;
  for (const double tokens : {1.0, 7.0, 64.0, 4096.0}) {
    MoePoint point;
    point.tokens = tokens;
    point.hidden = 2048;
    point.inter = 8192;
    point.top_k = point.experts = point.local_experts = 1;
    point.load = {.rows = tokens, .distinct = 1, .peak = tokens};
    const MoeWithout all{.bookkeeping = true, .copies = true, .padding = true, .spread = true};
    EXPECT_DOUBLE_EQ(moe_time_without(point, machine, constants, all, 1).seconds,
                     moe_time(point, machine, constants).seconds);
  }
}

class Splits : public ::testing::TestWithParam<ExpertGrowth> {};

TEST_P(Splits, AddUpToTheStepAndNoPartIsNegative) {
  for (const Count batch : {1, 64}) {
    for (const Phase phase : {Phase::Decode, Phase::Prefill}) {
      ExpertCountAsk ask = on_h200(GetParam(), batch);
      ask.phase = phase;
      ask.experts = {8, 64, 1024};
      for (const ExpertCountRow& row : curve_of(ask).rows) {
        if (row.status == PointStatus::Invalid) continue;
        Picoseconds sum;
        for (const Picoseconds part : row.split.parts) {
          EXPECT_GE(part.count(), 0);
          sum += part;
        }
        EXPECT_EQ(sum.count(), row.split.time.count());
      }
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Growths, Splits,
                         ::testing::Values(ExpertGrowth::ActiveHeld, ExpertGrowth::TotalHeld, ExpertGrowth::BothHeld),
                         [](const auto& growth) {
                           switch (growth.param) {
                             case ExpertGrowth::ActiveHeld: return "ActiveHeld";
                             case ExpertGrowth::TotalHeld: return "TotalHeld";
                             case ExpertGrowth::BothHeld: return "BothHeld";
                           }
                           return "";
                         });

TEST(ExpertOverhead, AllExpertsUsedByAllTokensReadNoFurtherWeights) {
  // 8 experts, k = 8: every token uses the same ones, as a dense feed-forward.
  ExpertCountAsk ask = on_h200(ExpertGrowth::ActiveHeld, 32);
  ask.experts = {8};
  EXPECT_EQ(curve_of(ask).rows[0].split.of(ExpertPart::Spread).count(), 0);
}

TEST(ExpertOverhead, DistinctExpertsFollowTheirClosedForm) {
  // 8 ranks x 32 tokens, top-8 of 1,024, 128 on a rank: 128 (1 - (1 - 8/1024)^256)
  ExpertCountAsk ask = on_h200(ExpertGrowth::ActiveHeld, 32);
  ask.experts = {1024};
  EXPECT_NEAR(curve_of(ask).rows[0].split.load.distinct, 128 * (1 - std::pow(1 - 8.0 / 1024, 256)), 1e-9);
}

TEST(ExpertOverhead, OneDeviceExchangesNothingAndNobodyWaits) {
  ExpertCountAsk ask = on_h200(ExpertGrowth::ActiveHeld, 8);
  ask.hardware = "laptop-16gb";
  ask.gpus = 1;
  ask.runtime = "llama.cpp";
  ask.weights = "q4_k_m";
  ask.experts = {64, 128, 256};
  const ExpertCountCurve curve = curve_of(ask);
  for (const ExpertCountRow& row : curve.rows) {
    EXPECT_EQ(row.split.of(ExpertPart::Exchange).count(), 0);
    EXPECT_EQ(row.split.of(ExpertPart::Imbalance).count(), 0);
  }
  // 13.4e9 parameters at 4.5 bits are 7.5 GB, 26.3e9 are 14.8 GB of the 12 GiB programs can have.
  EXPECT_EQ(curve.rows[1].status, PointStatus::Ok);
  EXPECT_EQ(curve.rows[2].status, PointStatus::NoFit);
  EXPECT_GT(curve.rows[2].gpu_seconds_per_token, 0);  // priced all the same
}

TEST(ExpertOverhead, ARouterReadsAColumnForEachExpert) {
  ExpertCountAsk ask = on_h200(ExpertGrowth::ActiveHeld, 1);
  ask.experts = {64, 1024, 16384};
  const ExpertCountCurve curve = curve_of(ask);
  EXPECT_LE(curve.rows[0].split.of(ExpertPart::Router), curve.rows[1].split.of(ExpertPart::Router));
  // 16,384 x 2,048 x 2 B in 16 layers at 4.8 TB/s: 224 us at least
  EXPECT_GT(curve.rows[2].split.of(ExpertPart::Router).seconds().base(), 16384.0 * 2048 * 2 * 16 / 4.8e12);
}

TEST(ExpertCount, HoldsWhatItSays) {
  ExpertCountAsk ask = on_h200(ExpertGrowth::BothHeld, 1);
  ask.experts = {8, 64, 256};
  const ExpertCountCurve curve = curve_of(ask);
  // OLMoE: 64 x 1,024 wide, 8 of them a token; 8 x 8,192 and 1, 256 x 256 and 32.
  EXPECT_EQ(curve.rows[0].sizes, (ExpertSizes{8, 1, 8192}));
  EXPECT_EQ(curve.rows[2].sizes, (ExpertSizes{256, 32, 256}));
  // But for the router: 192 more columns of 2,048 in 16 layers.
  EXPECT_EQ(curve.rows[2].total_parameters - curve.rows[1].total_parameters, 192 * 2048 * 16);
}

TEST(ExpertCount, ASizeThatCannotBeIsARowWithAReason) {
  ExpertCountAsk ask = on_h200(ExpertGrowth::BothHeld, 1);
  ask.experts_held = 512;
  ask.experts = {8, 48};
  const ExpertCountCurve curve = curve_of(ask);
  EXPECT_EQ(curve.rows[0].status, PointStatus::Invalid);
  EXPECT_EQ(curve.rows[0].reason, "a token would use 0.125 experts");
  EXPECT_EQ(curve.rows[1].status, PointStatus::Invalid);  // 524,288 columns by 48
}

TEST(ExpertCount, ALawIsUsedOnlyWhenAskedForAndSaysWhereItEnds) {
  ExpertCountAsk ask = on_h200(ExpertGrowth::ActiveHeld, 32);
  ask.experts = {64, 8192};
  EXPECT_FALSE(curve_of(ask).rows[0].law);
  EXPECT_FALSE(curve_of(ask).best);
  ask.law = true;
  const ExpertCountCurve curve = curve_of(ask);
  EXPECT_TRUE(curve.rows[0].law->outside.empty());
  // 8,192 / 8 = 1,024 experts of the law, which was fitted to 512
  EXPECT_EQ(curve.rows[1].law->outside.size(), 1u);
  ASSERT_TRUE(curve.best_inside);
  EXPECT_EQ(curve.best_inside->row, 0u);
}

TEST(ExpertCount, AModelWithoutExpertsIsRefused) {
  ExpertCountAsk ask;
  ask.model = "llama-3.1-8b";
  EXPECT_THROW(curve_of(ask), InputError);
}

}  // namespace
}  // namespace moeplan
