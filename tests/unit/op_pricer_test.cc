// SPDX-License-Identifier: Apache-2.0
// The worked example of the architecture: one MoE layer of DeepSeek-V3 in decode.
#include "sim/cost/op_pricer.h"

#include <gtest/gtest.h>

#include "sim/engine/step_model.h"
#include "sim/lower/lower.h"
#include "sim/spec/catalog.h"

namespace moeplan {
namespace {

class OpPricer : public ::testing::Test {
 protected:
  OpPricer() {
    const DeviceSpec device = catalog_.device("h200");
    kernels_ = kernels_of(CostModel(device, machine_of(catalog_.cluster("h200-x8"), device), {}), runtime_,
                          catalog_.formats(), device.architecture);
    options_.layout = {.tp = 1, .dp = 64, .moe_tp = 1, .ep = 64, .pp = 1, .replicas = 1};
    options_.kv_format = default_kv_format(plan_, runtime_);
  }
  Program program(Phase phase) const {
    return lower(plan_, runtime_, options_, rank_classes(plan_, options_.layout).front(), phase);
  }
  // The point of the first operator of this name.
  OperatorPoint point(const Program& p, OpName name, const Step& step) const {
    const OpPlan ops = plan_ops(p, kernels_, plan_.formats);
    for (std::size_t i = 0; i < ops.count; ++i) {
      if (p.op_array[ops.ops[i].op].name == name) return point_of(ops.ops[i], p, kernels_, bind(p, step));
    }
    ADD_FAILURE() << "no operator " << word_of(name);
    return StreamPoint{};
  }
  const Catalog catalog_ = Catalog::embedded();
  const RuntimeSpec runtime_ = catalog_.runtime("generic");
  const ModelPlan plan_ = plan_model(catalog_.model("deepseek-v3"), catalog_.formats(), "native");
  LowerOptions options_;
  Kernels kernels_;
  const Step decode_{{.sequences = 64 * 128, .new_tokens = 1, .context = 4095}};
};

TEST_F(OpPricer, AnExpertLayerIsOneKernelOfFourExperts) {
  const MoePoint p = std::get<MoePoint>(point(program(Phase::Decode), OpName::ExpertGateUp, decode_));
  EXPECT_EQ(p.local_experts, 4);
  EXPECT_EQ(p.hidden, 7168);
  EXPECT_EQ(p.inter, 2048);
  EXPECT_TRUE(p.gated);
  EXPECT_EQ(p.format, KernelFormat::Fp8Block);
  EXPECT_DOUBLE_EQ(p.load.rows, 64 * 128 * 8 * 4 / 256.0);  // 1,024 routed rows on each rank
  EXPECT_NEAR(p.load.distinct, 4, 1e-6);
}

// Four stages repeat each other's layers; each is priced once for all.
TEST_F(OpPricer, AStepOfSharedPricesIsTheSumOfItsOperators) {
  options_.layout = {.tp = 2, .dp = 2, .moe_tp = 1, .ep = 4, .pp = 4, .replicas = 1};
  const StepModel model(plan_, runtime_, options_, kernels_, Phase::Decode);
  const Step step{{.sequences = 96, .new_tokens = 1, .context = 3000}};
  double sum = 0;
  for (const StepModel::RankModel& rank : model.rank_models()) {
    Picoseconds of_stage;
    for (std::size_t i = 0; i < rank.ops.count; ++i)
      of_stage += price_op(rank.ops.ops[i], rank.program, kernels_, bind(rank.program, step)).time *
                  rank.program.op_array[rank.ops.ops[i].op].repeat;
    sum += of_stage.seconds().base() * static_cast<double>(rank.rank_class.stages);
  }
  EXPECT_EQ(model.rank_models().size(), 4U);  // 61 layers make no two stages alike
  EXPECT_NEAR(model.step(step).time.seconds().base() / sum, 1, 1e-12);
  EXPECT_NEAR(model.cost(step).seconds / sum, 1, 1e-12);
}

TEST_F(OpPricer, DispatchSendsTheTokensOfOneRank) {
  const EpPoint p = std::get<EpPoint>(point(program(Phase::Decode), OpName::Dispatch, decode_));
  EXPECT_EQ(p.tokens, 128);
  EXPECT_EQ(p.ranks, 64);
  EXPECT_EQ(p.hidden, 7168);
  EXPECT_EQ(p.top_k, 8);
  EXPECT_EQ(p.experts, 256);
}

TEST_F(OpPricer, DecodeRunsInLatentSpace) {
  const MlaPoint p = std::get<MlaPoint>(point(program(Phase::Decode), OpName::Attention, decode_));
  EXPECT_FALSE(p.context);
  EXPECT_EQ(p.latent, 512);
  EXPECT_EQ(p.rope, 64);
  EXPECT_EQ(p.sequences, 128);
  EXPECT_EQ(p.kv_len, 4096);
  EXPECT_EQ(p.heads, 128);
}

TEST_F(OpPricer, PrefillOfAnEngineThatExpandsRunsOverHeads) {
  const RuntimeSpec vllm = catalog_.runtime("vllm");
  const Program p = lower(plan_, vllm, options_, rank_classes(plan_, options_.layout).front(), Phase::Prefill);
  const MlaPoint m =
      std::get<MlaPoint>(point(p, OpName::Attention, {{.sequences = 64, .new_tokens = 2048, .context = 0}}));
  EXPECT_TRUE(m.context);
  EXPECT_EQ(m.key_dim, 192);
  EXPECT_EQ(m.value_dim, 128);
}

TEST_F(OpPricer, EveryOperatorBecomesOneKernelOrPartOfOne) {
  const Program p = program(Phase::Decode);
  const OpPlan ops = plan_ops(p, kernels_, plan_.formats);
  std::size_t fused = 0;
  for (const Op& op : p.ops()) {
    switch (op.name) {
      case OpName::TopK:
      case OpName::Permute:
      case OpName::Unpermute:
      case OpName::ExpertActivation:
      case OpName::ExpertDown: ++fused; break;
      default: break;
    }
  }
  EXPECT_EQ(ops.count + fused, p.ops().size());
}

TEST_F(OpPricer, WhatADeviceCannotMultiplyIsDequantised) {
  const Machine a100 = machine_of(catalog_.device("a100-80"));
  const FormatTable formats = catalog_.formats();
  EXPECT_EQ(kernel_format_of(*formats.find("fp8"), a100, "ampere"), KernelFormat::WeightOnly);
  EXPECT_EQ(kernel_format_of(*formats.find("q4_k"), kernels_.machine, "hopper"), KernelFormat::WeightOnly);
  EXPECT_EQ(kernel_format_of(*formats.find("mxfp4"), kernels_.machine, "hopper"), KernelFormat::W4A16Mxfp4);
  EXPECT_EQ(kernel_format_of(*formats.find("mxfp4"), kernels_.machine, "blackwell"), KernelFormat::W4A8Mxfp4);
}

TEST_F(OpPricer, AMixedStepPricesAttentionSegmentBySegment) {
  const Program p = program(Phase::Decode);
  const OpPlan ops = plan_ops(p, kernels_, plan_.formats);
  for (std::size_t i = 0; i < ops.count; ++i) {
    if (p.op_array[ops.ops[i].op].name != OpName::Attention) continue;
    const Segment a{.sequences = 64, .new_tokens = 1, .context = 1000};
    const Segment b{.sequences = 128, .new_tokens = 1, .context = 8000};
    const Picoseconds apart =
        price_op(ops.ops[i], p, kernels_, bind(p, {a})).time + price_op(ops.ops[i], p, kernels_, bind(p, {b})).time;
    EXPECT_EQ(price_op(ops.ops[i], p, kernels_, bind(p, {a, b})).time, apart);
    return;
  }
  FAIL() << "no attention";
}

}  // namespace
}  // namespace moeplan
