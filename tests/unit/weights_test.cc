// SPDX-License-Identifier: Apache-2.0
#include "sim/spec/weights.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "sim/base/error.h"
#include "sim/spec/catalog.h"
#include "sim/spec/gguf_recipe.h"

namespace moeplan {
namespace {

const Catalog& catalog() {
  static const Catalog embedded = Catalog::embedded();
  return embedded;
}

const FormatTable& formats() {
  static const FormatTable table = catalog().formats();
  return table;
}

std::size_t block_index(const ModelSpec& model, const std::string& name) {
  for (std::size_t b = 0; b < model.blocks.size(); ++b)
    if (model.blocks[b].name == name) return b;
  ADD_FAILURE() << name;
  return 0;
}

const MatrixPlan& plan_of(const WeightPlan& plan, const ModelSpec& model, const std::string& block, MatrixRole role) {
  const std::vector<MatrixPlan>& all = plan.blocks[block_index(model, block)].matrices;
  return *std::find_if(all.begin(), all.end(), [&](const MatrixPlan& m) { return m.matrix.role == role; });
}

std::string format_of(const MatrixPlan& m) { return formats()[m.shares[0].format].id; }

// Instances that use the format.
std::size_t instances(const MatrixPlan& m, const std::string& format) {
  for (std::size_t s = 0; s < m.share_count; ++s)
    if (formats()[m.shares[s].format].id == format) return m.shares[s].instances.count();
  return 0;
}

TEST(NativeWeights, DeepSeekV3KeepsTablesRouterAndNormsInBf16AndTheCorrectionBiasInF32) {
  const ModelSpec model = catalog().model("deepseek-v3");
  const WeightPlan plan = plan_weights(model, formats(), "native");
  EXPECT_EQ(format_of(plan.embedding), "bf16");
  EXPECT_EQ(format_of(plan.head), "bf16");
  EXPECT_EQ(format_of(plan.mtp_projection), "bf16");
  EXPECT_EQ(format_of(plan_of(plan, model, "moe", MatrixRole::Router)), "bf16");
  EXPECT_EQ(format_of(plan_of(plan, model, "moe", MatrixRole::CorrectionBias)), "fp32");
  EXPECT_EQ(format_of(plan_of(plan, model, "moe", MatrixRole::ExpertUp)), "fp8_block");
  EXPECT_EQ(format_of(plan_of(plan, model, "mla", MatrixRole::KvB)), "fp8_block");
  EXPECT_EQ(format_of(plan.final_norm), "bf16");
  EXPECT_FALSE(plan.from_label);
}

TEST(NativeWeights, GptOssStoresOnlyTheExpertMatricesInMxfp4) {
  const ModelSpec model = catalog().model("gpt-oss-20b");
  const WeightPlan plan = plan_weights(model, formats(), "native");
  EXPECT_EQ(format_of(plan_of(plan, model, "moe", MatrixRole::ExpertDown)), "mxfp4");
  EXPECT_EQ(format_of(plan_of(plan, model, "moe", MatrixRole::Bias)), "bf16");
  EXPECT_EQ(format_of(plan_of(plan, model, "full", MatrixRole::Q)), "bf16");
}

TEST(NativeWeights, ExemptRolesStayInTheBase) {
  const ModelSpec model = catalog().model("mistral-large-3");
  const WeightPlan plan = plan_weights(model, formats(), "native");
  EXPECT_EQ(format_of(plan_of(plan, model, "mla", MatrixRole::KvA)), "bf16");
  EXPECT_EQ(format_of(plan_of(plan, model, "mla", MatrixRole::QB)), "fp8_block");
}

TEST(PlainWeights, OneFormatReplacesTheQuantisableMatricesOnly) {
  const ModelSpec model = catalog().model("mixtral-8x7b");
  const WeightPlan plan = plan_weights(model, formats(), "fp8");
  EXPECT_EQ(format_of(plan_of(plan, model, "attention", MatrixRole::Q)), "fp8");
  EXPECT_EQ(format_of(plan_of(plan, model, "moe", MatrixRole::Router)), "bf16");
  EXPECT_EQ(format_of(plan_of(plan, model, "moe", MatrixRole::Norm)), "bf16");
  EXPECT_EQ(format_of(plan.embedding), "bf16");
}

// 46,702,792,704 x 4 B
TEST(PlainWeights, AFloatFormatReplacesEverything) {
  const ModelSpec model = catalog().model("mixtral-8x7b");
  const CheckpointSize size = checkpoint_size(model, plan_weights(model, formats(), "fp32"), formats());
  EXPECT_EQ(size.bytes.count(), 46702792704 * 4);
  EXPECT_EQ(size.low, size.bytes);
  EXPECT_EQ(size.high, size.bytes);
}

TEST(PlainWeights, LabelsAndFormatsMayBeUpperCase) {
  const ModelSpec model = catalog().model("llama-3.1-8b");
  EXPECT_EQ(plan_weights(model, formats(), "Q4_K_M").label, "q4_k_m");
  EXPECT_EQ(plan_weights(model, formats(), "BF16").label, "bf16");
  EXPECT_EQ(plan_weights(model, formats(), "awq").label, "int4_g128");
}

TEST(PlainWeights, AnUnknownLabelSuggestsTheNearest) {
  const ModelSpec model = catalog().model("llama-3.1-8b");
  try {
    plan_weights(model, formats(), "q4_k_n");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::UnknownName);
    EXPECT_NE(std::string(error.what()).find("q4_k_"), std::string::npos);
  }
}

// use_more_bits over 32 layers: 0..3, 28..31, and every third of 4..27: 6, 9, ..., 27 = 8. In all 16.
TEST(PlainWeights, DoubleQuantisationCountsGroupsOfTheFlattenedTensor) {
  const QuantFormat& f = formats()[formats().id_of("nf4_dq")];
  // 1,024 x 4,096 / 64 = 65,536 groups of 33 B; / 16,384 = 256 scales of 4 B; 272 table entries of 4 B
  EXPECT_EQ(bytes_of(f, 1024, 4096).count(), 65536 * 33 + 256 * 4 + 272 * 4);
  EXPECT_EQ(bytes_of(f, 4096, 1024), bytes_of(f, 1024, 4096));
  EXPECT_EQ(bytes_of(f, 3, 32).count(), 2 * 33 + 4 + 1088);  // 96 elements: two groups
}

TEST(GgufLabels, Q4KMGivesHalfTheDownProjectionsOfLlama8bSixBits) {
  const ModelSpec model = catalog().model("llama-3.1-8b");
  const WeightPlan plan = plan_weights(model, formats(), "q4_k_m");
  const MatrixPlan& down = plan_of(plan, model, "dense", MatrixRole::FfnDown);
  EXPECT_EQ(instances(down, "q6_k"), 16u);
  EXPECT_EQ(instances(down, "q4_k"), 16u);
  EXPECT_EQ(format_of(plan.head), "q6_k");
  EXPECT_EQ(format_of(plan.embedding), "q4_k");
  EXPECT_EQ(format_of(plan.final_norm), "fp32");
  EXPECT_TRUE(plan.from_label);
}

// Eight experts: V and K in q8_0, the output projection in q5_k.
TEST(GgufLabels, MixtralHasTheRulesOfEightExperts) {
  const ModelSpec model = catalog().model("mixtral-8x7b");
  const WeightPlan plan = plan_weights(model, formats(), "q4_k_m");
  EXPECT_EQ(format_of(plan_of(plan, model, "attention", MatrixRole::V)), "q8_0");
  EXPECT_EQ(format_of(plan_of(plan, model, "attention", MatrixRole::K)), "q8_0");
  EXPECT_EQ(format_of(plan_of(plan, model, "attention", MatrixRole::O)), "q5_k");
  EXPECT_EQ(format_of(plan_of(plan, model, "moe", MatrixRole::Router)), "fp32");
}

// Expert rows of 1408 = 5.5 x 256 are no whole K-blocks: q4_k -> q5_0, q6_k -> q8_0.
TEST(GgufLabels, RowsThatAreNoWholeBlocksFallBack) {
  const ModelSpec model = catalog().model("deepseek-v2-lite");
  const WeightPlan plan = plan_weights(model, formats(), "q4_k_m");
  const MatrixPlan& down = plan_of(plan, model, "moe", MatrixRole::ExpertDown);
  EXPECT_GT(instances(down, "q5_0"), 0u);
  EXPECT_GT(instances(down, "q8_0"), 0u);
  EXPECT_EQ(instances(down, "q5_0") + instances(down, "q8_0"), 26u);
  EXPECT_EQ(format_of(plan_of(plan, model, "moe", MatrixRole::ExpertUp)), "q4_k");
}

TEST(GgufLabels, ATiedTableIsStoredLikeTheHead) {
  const ModelSpec model = catalog().model("qwen3-0.6b");
  EXPECT_EQ(format_of(plan_weights(model, formats(), "q4_k_m").embedding), "q6_k");
}

TEST(GgufLabels, Mxfp4ExpertsStayAsTheyAre) {
  const ModelSpec model = catalog().model("gpt-oss-120b");
  for (const char* label : {"q2_k", "q4_k_m", "q8_0"})
    EXPECT_EQ(format_of(plan_of(plan_weights(model, formats(), label), model, "moe", MatrixRole::ExpertUp)), "mxfp4")
        << label;
}

TEST(GgufLabels, DeepSeekFilesLeaveTheMtpModuleOutAndGlm45KeepsIt) {
  for (const auto& [id, keeps] : {std::pair{"deepseek-v3", false}, std::pair{"glm-4.5", true}}) {
    const ModelSpec model = catalog().model(id);
    const CheckpointSize size = checkpoint_size(model, plan_weights(model, formats(), "q8_0"), formats());
    EXPECT_EQ(size.by_part[static_cast<std::size_t>(Part::Mtp)].count() > 0, keeps) << id;
  }
}

TEST(GgufLabels, SharesCoverEveryInstanceOnce) {
  for (const std::string& id : catalog().model_ids()) {
    const ModelSpec model = catalog().model(id);
    std::vector<std::size_t> uses(model.blocks.size(), 0);
    for (Stack stack : {Stack::Encoder, Stack::Decoder})
      for (const LayerShape& layer : expand_layers(model, stack))
        for (BlockIndex b : layer) ++uses[b];
    for (const std::string& label : mixture_labels()) {
      const WeightPlan plan = plan_weights(model, formats(), label);
      for (std::size_t b = 0; b < plan.blocks.size(); ++b)
        for (const MatrixPlan& m : plan.blocks[b].matrices) {
          std::bitset<kMaxInstances> all;
          std::size_t sum = 0;
          for (std::size_t s = 0; s < m.share_count; ++s) {
            all |= m.shares[s].instances;
            sum += m.shares[s].instances.count();
          }
          ASSERT_EQ(all.count(), sum) << id << " " << label;
          if (m.share_count > 1) {
            ASSERT_EQ(sum, uses[b]) << id << " " << label;
          }
        }
    }
  }
}

// 48 layers: 6 at either end keep iq3_s, 36 between take iq3_xxs.
TEST(GgufLabels, Iq3XsSparesTheGateAndUpProjectionsOfTheMiddleLayers) {
  const ModelSpec model = catalog().model("qwen3-30b-a3b");
  const WeightPlan plan = plan_weights(model, formats(), "iq3_xs");
  EXPECT_EQ(instances(plan_of(plan, model, "moe", MatrixRole::ExpertUp), "iq3_xxs"), 36u);
  EXPECT_EQ(instances(plan_of(plan, model, "moe", MatrixRole::ExpertGate), "iq3_s"), 12u);
  EXPECT_EQ(format_of(plan_of(plan, model, "moe", MatrixRole::ExpertDown)), "iq3_s");
}

// The first 61 / 8 = 7 down projections of the file: 3 dense layers, then routed and shared
// experts in turn: 2 layers whole, and nothing of the third.
TEST(GgufLabels, LabelsBelowThreeBitsCountDownProjectionsNotLayers) {
  const ModelSpec model = catalog().model("deepseek-v3");
  const WeightPlan plan = plan_weights(model, formats(), "iq2_xxs");
  EXPECT_EQ(instances(plan_of(plan, model, "moe", MatrixRole::ExpertDown), "q2_k"), 2u);
  EXPECT_EQ(instances(plan_of(plan, model, "moe", MatrixRole::SharedDown), "q2_k"), 2u);
}

TEST(GgufLabels, ADenseModelOf80LayersKeepsItsValuesIn5Bits) {
  const ModelSpec model = catalog().model("llama-3.1-70b");
  EXPECT_EQ(format_of(plan_of(plan_weights(model, formats(), "q3_k_s"), model, "attention", MatrixRole::V)), "q5_k");
}

TEST(GgufLabels, AFileOfLargeTablesIsTheMediumMixtureWithQ8Tables) {
  const ModelSpec model = catalog().model("qwen3-30b-a3b");
  const WeightPlan medium = plan_weights(model, formats(), "q5_k_m");
  const WeightPlan large = plan_weights(model, formats(), "q5_k_l");
  EXPECT_EQ(format_of(large.embedding), "q8_0");
  EXPECT_EQ(format_of(large.head), "q8_0");
  EXPECT_EQ(instances(plan_of(large, model, "moe", MatrixRole::ExpertDown), "q6_k"),
            instances(plan_of(medium, model, "moe", MatrixRole::ExpertDown), "q6_k"));
}

// q2_k raises the down projections to q3_k. GLM-4.5-Air's have rows of 1,408, which hold
// neither: both recipes fall back to 4 bits, and nothing lean is left.
TEST(GgufLabels, TheRangeIsAsWideAsTheDownProjectionsLeaveIt) {
  const auto low_share = [](const char* id) {
    const ModelSpec model = catalog().model(id);
    const CheckpointSize size = checkpoint_size(model, plan_weights(model, formats(), "q2_k"), formats());
    return static_cast<double>(size.low.count()) / static_cast<double>(size.bytes.count());
  };
  EXPECT_GT(low_share("glm-4.5-air"), 0.999);
  EXPECT_LT(low_share("qwen3-235b-a22b"), 0.92);
}

TEST(MlxWeights, LabelsMayBeWrittenWithDashes) {
  const ModelSpec model = catalog().model("qwen3-30b-a3b");
  EXPECT_EQ(plan_weights(model, formats(), "MLX-4bit").label, "mlx_4bit");
  EXPECT_EQ(plan_weights(model, formats(), "mlx-mxfp4-q8").label, "mlx_mxfp4_q8");
}

TEST(MlxWeights, Mxfp4Q8StoresEverythingButRoutedExpertsIn8Bits) {
  const ModelSpec model = catalog().model("deepseek-v3");
  const WeightPlan plan = plan_weights(model, formats(), "mlx_mxfp4_q8");
  EXPECT_EQ(format_of(plan_of(plan, model, "moe", MatrixRole::ExpertUp)), "mlx_mxfp4_q8");
  EXPECT_EQ(format_of(plan_of(plan, model, "moe", MatrixRole::SharedUp)), "mlx_8bit");
  EXPECT_EQ(format_of(plan_of(plan, model, "moe", MatrixRole::Router)), "bf16");
  EXPECT_EQ(format_of(plan.embedding), "mlx_8bit");
}

TEST(MlxWeights, AModelsRuleStoresPartsIn8Bits) {
  const ModelSpec gemma = catalog().model("gemma-4-26b-a4b");
  const WeightPlan plan = plan_weights(gemma, formats(), "mlx_4bit");
  EXPECT_EQ(format_of(plan_of(plan, gemma, "dense", MatrixRole::FfnDown)), "mlx_8bit");
  EXPECT_EQ(format_of(plan_of(plan, gemma, "moe", MatrixRole::ExpertDown)), "mlx_4bit");
  const ModelSpec minimax = catalog().model("minimax-m2");
  EXPECT_EQ(format_of(plan_of(plan_weights(minimax, formats(), "mlx_4bit"), minimax, "moe", MatrixRole::Router)),
            "mlx_8bit_f32");
}

TEST(MlxWeights, TheMtpModuleIsDroppedAndTheVisionTowerKept) {
  const ModelSpec model = catalog().model("qwen3.5-397b-a17b");
  const CheckpointSize size = checkpoint_size(model, plan_weights(model, formats(), "mlx_4bit"), formats());
  EXPECT_EQ(size.by_part[static_cast<std::size_t>(Part::Mtp)].count(), 0);
  EXPECT_EQ(size.by_part[static_cast<std::size_t>(Part::Vision)].count(), 2 * Count{456010480});
}

TEST(GgufLabels, ShorthandsMeanTheMediumMixture) {
  EXPECT_EQ(find_gguf_label("q4_k")->id, "q4_k_m");
  EXPECT_EQ(find_gguf_label("q4_k_x"), nullptr);
}

// Every combination of a preset and a label names known formats and has a positive size.
TEST(CheckpointSizes, EveryPresetHasASizeInEveryFormatAndLabel) {
  std::vector<std::string> labels = mixture_labels();
  labels.push_back("native");
  for (const QuantFormat& f : formats().formats) labels.push_back(f.id);
  for (const std::string& id : catalog().model_ids()) {
    const ModelSpec model = catalog().model(id);
    for (const std::string& label : labels) {
      const CheckpointSize size = checkpoint_size(model, plan_weights(model, formats(), label), formats());
      ASSERT_GT(size.bytes.count(), 0) << id << " " << label;
      ASSERT_LE(size.low, size.bytes);
      ASSERT_GE(size.high, size.bytes);
    }
  }
}

}  // namespace
}  // namespace moeplan
