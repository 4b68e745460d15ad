// SPDX-License-Identifier: Apache-2.0
// Profiles of serving engines: as files, and what they add to a step.
#include "sim/spec/engine_profile.h"

#include <gtest/gtest.h>

#include "sim/engine/step_model.h"
#include "sim/spec/catalog.h"
#include "sim/study/pricing.h"

namespace moeplan {
namespace {

const Catalog& catalog() {
  static const Catalog kCatalog = Catalog::embedded();
  return kCatalog;
}

EngineProfile a_profile() {
  EngineProfile p;
  p.versions = "0.1 to 0.2";
  p.as_of = "2026-11-22";
  p.from = "2025-05";
  p.until = "2026-08";
  p.hardware = "datacenter_gpu";
  p.constants = {.step_s = 1e-4, .sequence_s = 2e-6, .kernels = 1.25, .experts = 1.5};
  p.models = {"a", "b"};
  p.without = {{"a", {.step_s = 2e-4}}, {"b", {.kernels = 1.5}}};
  p.rows = 7;
  p.left_out = {.rows = 7, .median = 0.1, .mean = 0.2, .p90 = 0.3, .bias = -0.05};
  p.source = "a table";
  return p;
}

TEST(EngineProfile, WrittenAndReadIsTheSame) {
  const EngineProfiles profiles{.id = "vllm", .profiles = {a_profile()}};
  EXPECT_EQ(read_engine_profiles(write_engine_profiles(profiles), "again"), profiles);
}

TEST(EngineProfile, FiveFittedConstantsAreOneTooMany) {
  EngineProfiles profiles{.id = "vllm", .profiles = {a_profile()}};
  EXPECT_TRUE(violations(profiles).empty());
  profiles.profiles[0].constants.sync_s = 1e-6;
  EXPECT_EQ(violations(profiles).size(), 1u);
}

TEST(EngineProfile, RunsOfAModelAreScoredWithoutThem) {
  EXPECT_EQ(constants_without(a_profile(), "b"), (EngineConstants{.kernels = 1.5}));
  EXPECT_EQ(constants_without(a_profile(), "c"), a_profile().constants);
}

TEST(EngineProfile, TheFirstThatMatchesTheDeviceHolds) {
  EngineProfile blackwell = a_profile();
  blackwell.hardware = "blackwell";
  const EngineProfiles profiles{.id = "vllm", .profiles = {blackwell, a_profile()}};
  EXPECT_EQ(profile_for(profiles, catalog().device("b200"))->hardware, "blackwell");
  EXPECT_EQ(profile_for(profiles, catalog().device("h200"))->hardware, "datacenter_gpu");
  EXPECT_EQ(profile_for(profiles, catalog().device("apple-m2-max")), nullptr);
}

TEST(EngineProfile, EveryShippedProfileIsSoundAndHasItsRuntime) {
  for (const std::string& id : catalog().runtime_ids()) {
    const std::optional<EngineProfiles> profiles = catalog().engine_profiles(catalog().runtime(id));
    if (!profiles) continue;
    EXPECT_TRUE(violations(*profiles).empty()) << id;
  }
}

// A decode step of a mixture on two ranks, priced with and without an engine.
class EngineTime : public ::testing::Test {
 protected:
  EngineTime() {
    kernels_ = pricing_of(catalog(), catalog().cluster("h200-x8"), runtime_, formats_).kernels;
    kernels_.engine = {};
    options_.layout = {.tp = 2, .moe_tp = 2};
  }
  StepResult step_with(const EngineConstants& engine) {
    kernels_.engine = engine;
    const StepModel model(plan_, runtime_, options_, kernels_, Phase::Decode);
    const Step step{{.sequences = 8, .new_tokens = 1, .context = 1024}};
    // Both ways to a time agree.
    EXPECT_NEAR(model.cost(step).seconds, model.step(step).time.seconds().base(), 1e-9);
    return model.step(step);
  }
  double seconds_with(const EngineConstants& engine) { return step_with(engine).time.seconds().base(); }

  FormatTable formats_ = catalog().formats();
  RuntimeSpec runtime_ = catalog().runtime("vllm");
  ModelPlan plan_ = plan_model(catalog().model("mixtral-8x7b"), formats_, "native");
  LowerOptions options_;
  Kernels kernels_;
};

TEST_F(EngineTime, HostTimeIsPaidOnceAStepAndOnceASequence) {
  const double bare = seconds_with({});
  EXPECT_NEAR(seconds_with({.step_s = 1e-3}) - bare, 1e-3, 1e-9);
  EXPECT_NEAR(seconds_with({.sequence_s = 1e-5}) - bare, 8e-5, 1e-9);  // 8 sequences
}

TEST_F(EngineTime, CollectivesWaitOnceEach) {
  const double bare = seconds_with({});
  // 32 layers with an all-reduce after attention and after the experts; the logits are gathered.
  EXPECT_NEAR((seconds_with({.sync_s = 1e-6}) - bare) / 1e-6, 65, 0.01);
}

TEST_F(EngineTime, KernelsAreSlowerAsAWhole) {
  const double bare = seconds_with({});
  EXPECT_NEAR(seconds_with({.kernels = 1.5}), 1.5 * bare, 1e-6 * bare);
  EXPECT_NEAR(seconds_with({.prompts = 1.5}), bare, 1e-12);  // a step that decodes
}

TEST_F(EngineTime, ExpertsAreSlowerAlone) {
  const StepResult bare = step_with({});
  const double experts = bare.shares[static_cast<std::size_t>(StepShare::Experts)].time.seconds().base();
  EXPECT_NEAR(seconds_with({.experts = 2}) - bare.time.seconds().base(), experts, 1e-9);
}

TEST_F(EngineTime, WhatIsAddedIsALineOfItsOwn) {
  const StepResult bare = step_with({});
  const StepResult with = step_with({.step_s = 1e-3, .kernels = 1.25});
  const double engine = with.shares[static_cast<std::size_t>(StepShare::Engine)].time.seconds().base();
  EXPECT_NEAR(engine, 1e-3 + 0.25 * bare.time.seconds().base(), 1e-9);
  Picoseconds sum;
  for (const ShareTime& share : with.shares) sum += share.time;
  EXPECT_EQ(sum, with.time);
}

}  // namespace
}  // namespace moeplan
