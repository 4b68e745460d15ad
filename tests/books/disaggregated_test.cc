// SPDX-License-Identifier: Apache-2.0
// The books of units apart and of batches in halves: neither idles, nothing is lost.
#include <gtest/gtest.h>

#include "sim/study/disaggregated.h"
#include "sim/study/pricing.h"

namespace moeplan {
namespace {

const Catalog& catalog() {
  static const Catalog kCatalog = Catalog::embedded();
  return kCatalog;
}

struct Unit {
  Unit(const char* model, const Layout& layout, const char* runtime = "sglang") {
    FitQuestion& d = question.deployment;
    d.model = catalog().model(model);
    d.formats = catalog().formats();
    d.runtime = catalog().runtime(runtime);
    const ClusterSpec cluster = usual_cluster(catalog(), "h200");
    const DeviceSpec& device = cluster.devices.front();
    d.device = {.device = device.id, .capacity = device.memory.value - device.unallocatable.value};
    d.layout = layout;
    pricing = pricing_of(catalog(), cluster, d.runtime, d.formats);
  }
  DisaggregatedUnit of() const { return {.question = question, .kernels = &pricing.kernels, .rates = pricing.rates}; }
  SimulateQuestion question;
  Pricing pricing;
};

constexpr SteadyLoad kLoad{.isl = 4096, .osl = 1024, .concurrency = 64};

TEST(Disaggregated, PrefillUnitsReadAsManyPromptsAsDecodeUnitsFinishAnswers) {
  const Unit unit("mixtral-8x7b", {.tp = 2, .moe_tp = 2});
  const Disaggregated s = disaggregate(unit.of(), unit.of(), kLoad);
  ASSERT_TRUE(s.fits);
  // 64 sequences, each 1,024 tokens of TPOT.
  const double answers_per_s = 64 / (1024 * s.tpot.base());
  EXPECT_NEAR(s.prefill_units * s.prefill_prompts_per_s / answers_per_s, 1, 1e-12);
}

TEST(Disaggregated, RateOfADeviceIsThatOfAllDevicesTogether) {
  const Unit prefill("mixtral-8x7b", {.tp = 4, .moe_tp = 4});
  const Unit decode("mixtral-8x7b", {.tp = 2, .moe_tp = 2});
  const Disaggregated s = disaggregate(prefill.of(), decode.of(), kLoad);
  const double devices = 2 + s.prefill_units * 4;
  EXPECT_NEAR(s.output_tokens_per_s_per_gpu * devices * s.tpot.base(), 64, 1e-9);
}

TEST(Disaggregated, TokensComeAsFastAsDecodeStepsAlone) {
  const Unit unit("mixtral-8x7b", {.tp = 2, .moe_tp = 2});
  const Disaggregated apart = disaggregate(unit.of(), unit.of(), kLoad);
  const SteadyState together = steady_state(unit.question, kLoad, unit.pricing.kernels, unit.pricing.rates);
  EXPECT_DOUBLE_EQ(apart.tpot.base(), together.decode.time.base());
  EXPECT_LT(apart.tpot.base(), together.tpot.base());
}

// DeepSeek-V3 caches 61 layers x 576 x 2 B = 70,272 B a token.
TEST(Disaggregated, HandsOverTheCacheOfAPrompt) {
  const Unit unit("deepseek-v3", {.tp = 8, .moe_tp = 8});
  const Disaggregated s = disaggregate(unit.of(), unit.of(), kLoad);
  EXPECT_EQ(s.cache_of_prompt.count(), 70272 * 4096);
  EXPECT_NEAR(s.handover.base() * unit.pricing.kernels.machine.link.network_bandwidth, 70272.0 * 4096, 1);
}

TEST(Disaggregated, SaysHowManySequencesFit) {
  const Unit unit("mixtral-8x7b", {.tp = 2, .moe_tp = 2});
  SteadyLoad load = kLoad;
  load.concurrency = Count{1} << 20;
  const Disaggregated s = disaggregate(unit.of(), unit.of(), load);
  EXPECT_FALSE(s.fits);
  EXPECT_GT(s.limit, 0);
  EXPECT_LT(s.limit, load.concurrency);
}

class Overlapped : public ::testing::Test {
 protected:
  Simulation at(Count batch, Overlap overlap, Phase phase = Phase::Decode) const {
    SimulateQuestion q = unit_.question;
    q.load = {.phase = phase, .batch = batch, .context = 2048};
    q.load.overlap = overlap;
    q.deployment.workload = {.context = 2048, .sequences = batch};
    return simulate(q, unit_.pricing.kernels, unit_.pricing.rates);
  }
  const Unit unit_{"deepseek-v3", {.tp = 1, .dp = 16, .moe_tp = 1, .ep = 16}};
};

TEST_F(Overlapped, SharesLessWhatIsHiddenAreTheTime) {
  const Simulation s = at(1024, Overlap::TwoBatches);
  Picoseconds sum;
  for (const ShareTime& share : s.step.shares) sum += share.time;
  EXPECT_GT(s.step.hidden, Picoseconds(0));
  EXPECT_EQ(sum - s.step.hidden, s.step.time);
}

TEST_F(Overlapped, TheFasterOfBothIsNeverSlowerThanEither) {
  for (const Count batch : {16, 32, 128, 1024, 4096}) {
    const double one = at(batch, Overlap::None).time.base();
    const double two = at(batch, Overlap::TwoBatches).time.base();
    EXPECT_DOUBLE_EQ(at(batch, Overlap::Faster).time.base(), std::min(one, two)) << batch;
  }
}

TEST_F(Overlapped, ASequenceOnEachRankCannotBeHalved) {
  EXPECT_EQ(at(16, Overlap::TwoBatches).step.hidden, Picoseconds(0));
}

// Both halves read their own experts: with few tokens that costs more than messages hide.
TEST_F(Overlapped, FewTokensLoseManyWin) {
  EXPECT_GT(at(32, Overlap::TwoBatches).time.base(), at(32, Overlap::None).time.base());
  EXPECT_LT(at(4096, Overlap::TwoBatches).time.base(), at(4096, Overlap::None).time.base());
}

TEST(Accepted, TokensFollowTheChanceOfEach) {
  EXPECT_NEAR(accepted_tokens(3, 0.8), 1 + 0.8 + 0.64 + 0.512, 1e-12);
  EXPECT_EQ(accepted_tokens(5, 1), 6);
  EXPECT_EQ(accepted_tokens(5, 0), 1);
}

}  // namespace
}  // namespace moeplan
