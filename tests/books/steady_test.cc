// SPDX-License-Identifier: Apache-2.0
// The books of the steady load: Little's law, and what more requests may and may not do.
#include <gtest/gtest.h>

#include "sim/study/pricing.h"
#include "sim/study/steady.h"

namespace moeplan {
namespace {

const Catalog& catalog() {
  static const Catalog kCatalog = Catalog::embedded();
  return kCatalog;
}

class Steady : public ::testing::Test {
 protected:
  Steady() {
    FitQuestion& d = question_.deployment;
    d.model = catalog().model("mixtral-8x7b");
    d.formats = catalog().formats();
    d.runtime = catalog().runtime("vllm");
    const ClusterSpec cluster = usual_cluster(catalog(), "h200");
    const DeviceSpec& device = cluster.devices.front();
    d.device = {.device = device.id, .capacity = device.memory.value - device.unallocatable.value};
    d.layout = {.tp = 2, .moe_tp = 2};
    pricing_ = pricing_of(catalog(), cluster, d.runtime, d.formats);
  }
  SteadyState at(Count concurrency, Count isl = 1024, Count osl = 1024) const {
    return steady_state(question_, {.isl = isl, .osl = osl, .concurrency = concurrency}, pricing_.kernels,
                        pricing_.rates);
  }
  SimulateQuestion question_;
  Pricing pricing_;
};

TEST_F(Steady, RequestsInFlightAreTokensPerSecondTimesTimePerToken) {
  for (const Count c : {1, 7, 64}) {
    const SteadyState s = at(c);
    EXPECT_DOUBLE_EQ(s.output_tokens_per_s * s.tpot.base(), static_cast<double>(c));
    EXPECT_DOUBLE_EQ(s.output_tokens_per_s_per_user * static_cast<double>(c), s.output_tokens_per_s);
    EXPECT_DOUBLE_EQ(s.output_tokens_per_s_per_gpu * 2, s.output_tokens_per_s);
  }
}

TEST_F(Steady, TimePerTokenIsTheDecodeStepAndItsShareOfReadingPrompts) {
  const SteadyState s = at(32);
  EXPECT_GT(s.prefill_share, 0);
  EXPECT_LT(s.prefill_share, 1);
  EXPECT_NEAR(s.tpot.base() * (1 - s.prefill_share), s.decode.time.base(), 1e-12);
}

TEST_F(Steady, SequencesStandAtTheMiddleOfTheirAnswer) {
  const SteadyState s = at(4, 1000, 200);
  EXPECT_EQ(s.decode.question.load.context, 1000 + 200 / 2);
}

TEST_F(Steady, TwiceTheRequestsGiveMoreTokensAndLongerSteps) {
  SteadyState last = at(1);
  for (Count c = 2; c <= 256; c *= 2) {
    const SteadyState s = at(c);
    EXPECT_GE(s.output_tokens_per_s, last.output_tokens_per_s) << c;
    EXPECT_GE(s.tpot, last.tpot) << c;
    EXPECT_GE(s.ttft, last.ttft) << c;
    last = s;
  }
}

TEST_F(Steady, LongerPromptsCostTokensAndFirstTokens) {
  const SteadyState short_prompts = at(32, 256, 256);
  const SteadyState long_prompts = at(32, 8192, 256);
  EXPECT_LT(long_prompts.output_tokens_per_s, short_prompts.output_tokens_per_s);
  EXPECT_GT(long_prompts.ttft, short_prompts.ttft);
  EXPECT_GT(long_prompts.prefill_share, short_prompts.prefill_share);
}

TEST_F(Steady, MaxIsTheMostThatFits) {
  const SteadyState most = at(0);
  EXPECT_TRUE(most.fits);
  EXPECT_EQ(most.load.concurrency, most.limit);
  EXPECT_TRUE(most.decode.fits);
}

TEST_F(Steady, OneMoreThanFitsIsRefusedWithTheLimit) {
  const Count limit = at(0).limit;
  EXPECT_TRUE(at(limit).fits);
  const SteadyState refused = at(limit + 1);
  EXPECT_FALSE(refused.fits);
  EXPECT_EQ(refused.limit, limit);
  EXPECT_EQ(refused.decode.question.load.batch, limit + 1);
}

TEST_F(Steady, TheEnginesAdmissionLimitsToo) {
  question_.deployment.admitted = 8;
  EXPECT_EQ(at(0).limit, 8);
}

TEST_F(Steady, AModelThatDoesNotFitTakesNoRequest) {
  question_.deployment.device.capacity = Bytes(Count{20} << 30);
  const SteadyState s = at(0);
  EXPECT_FALSE(s.fits);
  EXPECT_EQ(s.limit, 0);
}

TEST_F(Steady, TwoReplicasServeTwiceTheRequestsAtTheSamePace) {
  const SteadyState one = at(32);
  question_.deployment.layout.replicas = 2;
  const SteadyState two = at(64);
  EXPECT_DOUBLE_EQ(two.tpot.base(), one.tpot.base());
  EXPECT_DOUBLE_EQ(two.ttft.base(), one.ttft.base());
  EXPECT_DOUBLE_EQ(two.output_tokens_per_s, 2 * one.output_tokens_per_s);
  EXPECT_EQ(two.limit, 2 * one.limit);
  ASSERT_TRUE(one.bill.energy && two.bill.energy);
  EXPECT_DOUBLE_EQ(two.bill.energy->board_joules, one.bill.energy->board_joules);
}

// The shortest answer: one token comes with the prompt, one is decoded.
TEST_F(Steady, TheShortestAnswerSpendsMostTimeReadingPrompts) {
  const SteadyState s = at(16, 4096, 2);
  EXPECT_TRUE(s.fits);
  EXPECT_GT(s.prefill_share, 0.9);
  EXPECT_DOUBLE_EQ(s.output_tokens_per_s * s.tpot.base(), 16);
}

}  // namespace
}  // namespace moeplan
