// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/cost_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/spec/catalog.h"

namespace moeplan {
namespace {

using ::testing::HasSubstr;

// The floor of an empty kernel tells fits apart.
KernelFit gemm_fit(const std::string& stack, const std::string& kernel, const std::string& format, double floor_s) {
  KernelFit fit;
  fit.key = {.family = "gemm", .stack = stack, .kernel = kernel, .format = format};
  fit.constants = {{"floor_s", floor_s}};
  fit.rows = 100;
  fit.shapes = {"n=1 k=1"};
  fit.bands = {{{-0.1, 0.1}, {-0.1, 0.1}, {-0.1, 0.1}}};
  return fit;
}

class CostModels : public ::testing::Test {
 protected:
  CostModels() {
    h200_.id = "h200";
    h200_.fits = {gemm_fit("trtllm-1.3", "torch_flow", "bfloat16", 1e-6), gemm_fit("vllm-0.24", "cutlass", "fp8", 2e-6),
                  gemm_fit("vllm-0.24", "torch_linear", "bfloat16", 3e-6)};
    gb200_.id = "gb200";
    gb200_.fits = {gemm_fit("trtllm-1.3", "torch_flow", "nvfp4", 4e-6),
                   gemm_fit("trtllm-1.3", "torch_flow", "bfloat16", 5e-6)};
  }
  CostModel on(const std::string& device) const {
    const DeviceSpec spec = catalog_.device(device);
    return {spec, machine_of(spec), {seen(h200_), seen(gb200_)}};
  }
  double floor_of(const std::string& device, const KernelKey& key) const {
    return on(device).resolve(Family::Gemm, key).constants[0];
  }
  const Catalog catalog_ = Catalog::embedded();
  Overlay h200_;
  Overlay gb200_;

 private:
  MeasuredDevice seen(const Overlay& overlay) const {
    const DeviceSpec device = catalog_.device(overlay.id);
    return {.overlay = &overlay,
            .device = device.id,
            .architecture = device.architecture,
            .device_class = device.device_class,
            .vendor = device.vendor};
  }
};

KernelKey asked(const std::string& stack, const std::string& kernel, const std::string& format) {
  return {.family = {}, .stack = stack, .kernel = kernel, .format = format};
}

TEST_F(CostModels, TheVeryKernelIsTaken) {
  const ResolvedKernel kernel = on("h200").resolve(Family::Gemm, asked("vllm", "torch_linear", "bfloat16"));
  EXPECT_EQ(kernel.constants[0], 3e-6);
  EXPECT_EQ(kernel.tier, Tier::Structured);
  EXPECT_EQ(kernel.bands[0], (FitBand{-0.1, 0.1}));
  EXPECT_EQ(kernel.from, "h200: vllm-0.24 torch_linear bfloat16");
}

TEST_F(CostModels, AnyStackTakesAFitOfTheFormat) { EXPECT_EQ(floor_of("h200", asked("", "", "fp8")), 2e-6); }

TEST_F(CostModels, TheFormatCountsForMoreThanTheStack) {
  EXPECT_EQ(floor_of("h200", asked("trtllm", "torch_flow", "fp8")), 2e-6);
}

TEST_F(CostModels, ASiblingOfTheArchitectureComesBeforeAnotherGeneration) {
  const ResolvedKernel kernel = on("h100").resolve(Family::Gemm, asked("trtllm", "torch_flow", "bfloat16"));
  EXPECT_EQ(kernel.constants[0], 1e-6);
  EXPECT_EQ(kernel.tier, Tier::Transferred);
}

TEST_F(CostModels, WhatOnlyAnotherGenerationHasIsTakenFromThere) {
  EXPECT_EQ(floor_of("b200", asked("trtllm", "torch_flow", "nvfp4")), 4e-6);
}

TEST_F(CostModels, ASiblingsBandIsWider) {
  const ResolvedKernel kernel = on("h100").resolve(Family::Gemm, asked("vllm", "torch_linear", "bfloat16"));
  EXPECT_DOUBLE_EQ(kernel.bands[0].low, kSiblingBand * -0.1);
  EXPECT_DOUBLE_EQ(kernel.bands[0].high, kSiblingBand * 0.1);
}

TEST_F(CostModels, AnotherStacksKernelHasTheBandKernelsDifferBy) {
  const ResolvedKernel kernel = on("h200").resolve(Family::Gemm, asked("sglang", "", "fp8"));
  EXPECT_EQ(kernel.bands[0], kOtherKernelBand);
}

TEST_F(CostModels, OtherVendorsDevicesStartFromNothing) {
  const ResolvedKernel kernel = on("mi300x").resolve(Family::Gemm, asked("vllm", "", "bfloat16"));
  EXPECT_EQ(kernel.tier, Tier::Default);
  EXPECT_EQ(kernel.from, "starting constants");
  EXPECT_EQ(kernel.bands[0], kDefaultBand);
}

TEST_F(CostModels, AConstantTheFitLacksKeepsItsStart) {
  const ResolvedKernel kernel = on("h200").resolve(Family::Gemm, asked("vllm", "torch_linear", "bfloat16"));
  const std::span<const FormConstant> form = facts_of(Family::Gemm)->constants;
  EXPECT_EQ(kernel.constants[1], form[1].start);
}

TEST_F(CostModels, APointOfAKnownKindCostsWhatThePointOfAnyKindCosts) {
  const CostModel model = on("h200");
  const GemmPoint gemm{.m = 300, .n = 4096, .k = 7168};
  const AttentionPoint prompt{.context = true,
                              .sequences = 2,
                              .q_len = 700,
                              .kv_len = 900,
                              .heads = 8,
                              .kv_heads = 2,
                              .head_dim = 128,
                              .value_dim = 128};
  const ResolvedKernel gemms = model.resolve(Family::Gemm, asked("vllm", "", "bfloat16"));
  const ResolvedKernel prompts = model.resolve(Family::AttentionContext, asked("vllm", "", "bfloat16/bfloat16"));
  const auto differ = [&](const ResolvedKernel& kernel, const auto& point) {
    const double seconds = time_of(kernel, OperatorPoint(point), model.machine()).seconds;
    return price_of(kernel, point, model.machine()).time !=
           picoseconds_of(std::max(seconds, kernel.family->floor(OperatorPoint(point), model.machine())));
  };
  EXPECT_FALSE(differ(gemms, gemm));
  EXPECT_FALSE(differ(prompts, prompt));
}

TEST_F(CostModels, APriceHoldsItsBandAndIsNeverBelowTheFloor) {
  const CostModel model = on("h200");
  const ResolvedKernel kernel = model.resolve(Family::Gemm, asked("vllm", "torch_linear", "bfloat16"));
  for (const double m : {1.0, 64.0, 8192.0}) {
    const OperatorPoint point =
        GemmPoint{.format = KernelFormat::Bf16, .weight_bytes = 2, .m = m, .n = 4096, .k = 7168};
    const Price price = price_of(kernel, point, model.machine());
    EXPECT_LE(price.low, price.time);
    EXPECT_GE(price.high, price.time);
    EXPECT_GE(price.time.seconds().base(), kernel.family->floor(point, model.machine()) * (1 - 1e-6));
    const Price bare = price_of(kernel, point, model.machine(), PriceDetail::TimeOnly);
    EXPECT_EQ(bare.time, price.time);
  }
}

// Mixtral's experts in bf16: 8 x 3 x 4096 x 14336 x 2 B = 2.8 GB take 587 us of an H200's bandwidth.
TEST(Bounds, AreOfTheResourceMostOfTheTimeIsNeededFor) {
  const Catalog catalog = Catalog::embedded();
  const DeviceSpec device = catalog.device("h200");
  const CostModel model(device, machine_of(device), {});
  const ResolvedKernel kernel = model.resolve(Family::Moe, {});
  const auto bound_of = [&](double tokens) {
    MoePoint point;
    point.tokens = tokens;
    point.hidden = 4096;
    point.inter = 14336;
    point.top_k = 2;
    point.experts = point.local_experts = 8;
    point.load = {.rows = 2 * tokens, .distinct = 8, .peak = tokens / 4};
    return price_of(kernel, point, model.machine()).bound;
  };
  EXPECT_EQ(bound_of(32), Bound::Memory);
  EXPECT_EQ(bound_of(16384), Bound::Compute);
}

TEST(Families, EveryFamilyHasAFormWithSoundConstants) {
  ASSERT_EQ(families().size(), static_cast<std::size_t>(kFamilies));
  for (std::size_t i = 0; i < families().size(); ++i) {
    const FamilyFacts& f = families()[i];
    EXPECT_EQ(static_cast<std::size_t>(f.family), i) << f.id;
    EXPECT_FALSE(f.help.empty()) << f.id;
    EXPECT_LE(f.constants.size(), kMostConstants) << f.id;
    EXPECT_EQ(family_named(f.id), &f);
    for (const FormConstant& c : f.constants) {
      EXPECT_LE(c.low, c.start) << f.id << " " << c.name;
      EXPECT_LE(c.start, c.high) << f.id << " " << c.name;
      EXPECT_FALSE(c.help.empty()) << f.id << " " << c.name;
      EXPECT_TRUE(!c.logarithmic || c.low > 0) << f.id << " " << c.name;
    }
  }
}

}  // namespace
}  // namespace moeplan
