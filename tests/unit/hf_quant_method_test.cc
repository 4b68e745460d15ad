// SPDX-License-Identifier: Apache-2.0
// Quantisation configs, method by method: the format of each matrix, and its bytes as the
// tensors of the published layouts have them.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "sim/base/error.h"
#include "sim/base/json.h"
#include "sim/spec/catalog.h"
#include "sim/spec/import/hf_config.h"
#include "sim/spec/weights.h"

namespace moeplan {
namespace {

// 4 layers; the head 1,000 x 64, gates and ups 96 x 64, downs 64 x 96, 2 KV heads of 8.
std::string config_with(const std::string& quant) {
  return R"({"model_type": "mixtral", "hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 8,
    "num_key_value_heads": 2, "num_hidden_layers": 4, "num_local_experts": 8, "num_experts_per_tok": 2,
    "max_position_embeddings": 2048, "vocab_size": 1000, "tie_word_embeddings": false)" +
         (quant.empty() ? "" : ", \"quantization_config\": {" + quant + "}") + "}";
}

ModelSpec model_with(const std::string& quant, const std::string& beside = "") {
  return import_hf_config(config_with(quant), "config.json", WeightFormats::FromConfig,
                          {beside, "hf_quant_config.json"});
}

std::string complaint(const std::string& quant) {
  try {
    model_with(quant);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

const FormatTable& formats() {
  static const FormatTable table = Catalog::embedded().formats();
  return table;
}

// Format of a role in a layer, as plan_weights("native") has it.
std::string format_in(const ModelSpec& model, MatrixRole role, std::size_t layer) {
  const WeightPlan plan = plan_weights(model, formats(), "native");
  for (const BlockPlan& block : plan.blocks)
    for (const MatrixPlan& m : block.matrices)
      if (m.matrix.role == role)
        for (std::size_t s = 0; s < m.share_count; ++s)
          if (m.share_count == 1 || m.shares[s].instances.test(layer)) return formats()[m.shares[s].format].id;
  return "none";
}

Count bytes(const std::string& format, Count rows, Count cols) {
  return bytes_of(formats()[formats().id_of(format)], rows, cols).count();
}

// qweight INT32 [cols / 32 x bits, rows], qzeros INT32 [groups, rows / 32 x bits], scales FP16
// [groups, rows], g_idx INT32 [cols]: QuantLinear of AutoGPTQ and GPTQModel.
Count gptq_bytes(Count bits, Count group, Count rows, Count cols) {
  const Count groups = group == -1 ? 1 : cols / group;
  return cols / 32 * bits * rows * 4 + groups * (rows / 32 * bits) * 4 + groups * rows * 2 + cols * 4;
}

TEST(QuantFormats, GptqHasTheBytesOfItsFourTensors) {
  for (const Count bits : {2, 3, 4, 8})
    for (const Count group : {-1, 32, 64, 128}) {
      const std::string word = group == -1 ? "channel" : "g" + std::to_string(group);
      EXPECT_EQ(bytes("int" + std::to_string(bits) + "_" + word + "_gptq", 768, 2048),
                gptq_bytes(bits, group, 768, 2048))
          << bits << " " << word;
    }
}

// qweight INT32 [cols, rows / 8], qzeros INT32 [1, rows / 8], scales FP16 [1, rows]: WQLinear_GEMM.
TEST(QuantFormats, AwqWithoutGroupsHasOneScaleAndZeroPointPerOutput) {
  EXPECT_EQ(bytes("int4_channel_awq", 768, 2048), 2048 * 768 / 8 * 4 + 768 / 8 * 4 + 768 * 2);
}

// weight_packed INT32 [rows, cols / per], weight_scale BF16 [rows, groups], weight_shape 8 B,
// asymmetric: weight_zero_point INT32 [rows / per, groups].
TEST(QuantFormats, CompressedTensorsPacksValuesAndZeroPoints) {
  EXPECT_EQ(bytes("int8_g128_sym", 768, 2048), 768 * 2048 + 768 * 16 * 2 + 8);
  EXPECT_EQ(bytes("int8_g128_asym", 768, 2048), 768 * 2048 + 768 * 16 * 2 + 768 / 4 * 16 * 4 + 8);
  EXPECT_EQ(bytes("int4_g64_sym", 768, 2048), 768 * 2048 / 2 + 768 * 32 * 2 + 8);
  EXPECT_EQ(bytes("int4_g32_asym", 768, 2048), 768 * 2048 / 2 + 768 * 64 * 2 + 768 / 8 * 64 * 4 + 8);
  EXPECT_EQ(bytes("int4_channel_sym", 768, 2048), 768 * 2048 / 2 + 768 * 2 + 8);
  EXPECT_EQ(bytes("int4_g128_sym_act", 768, 2048), 768 * 2048 / 2 + 768 * 16 * 2 + 8 + 2048 * 4);
}

TEST(QuantMethod, GptqNamesItsWidthAndGroup) {
  const auto format = [](const std::string& quant) {
    return model_with("\"quant_method\": \"gptq\", " + quant).quant.format;
  };
  EXPECT_EQ(format(R"("bits": 3, "group_size": 128, "desc_act": true)"), "int3_g128_gptq");
  EXPECT_EQ(format(R"("bits": 2, "group_size": 64)"), "int2_g64_gptq");
  EXPECT_EQ(format(R"("bits": 8, "group_size": -1)"), "int8_channel_gptq");
}

TEST(QuantMethod, GptqDynamicRulesDecideByTheFirstThatHolds) {
  const ModelSpec model = model_with(R"("quant_method": "gptq", "bits": 4, "group_size": 128, "lm_head": true,
    "dynamic": {"-:.*self_attn.*": {}, "+:model\\.layers\\.2\\..*": {"bits": 8, "group_size": 32}})");
  EXPECT_EQ(format_in(model, MatrixRole::ExpertUp, 1), "int4_g128_gptq");
  EXPECT_EQ(format_in(model, MatrixRole::ExpertUp, 2), "int8_g32_gptq");
  EXPECT_EQ(format_in(model, MatrixRole::Q, 2), "bf16");
  const WeightPlan plan = plan_weights(model, formats(), "native");
  EXPECT_EQ(formats()[plan.head.shares[0].format].id, "int4_g128_gptq");
}

TEST(QuantMethod, AwqOfGemvIsRefusedForItsPadding) {
  EXPECT_NE(complaint(R"("quant_method": "awq", "bits": 4, "version": "gemv")").find("gemv pads"), std::string::npos);
  EXPECT_EQ(model_with(R"("quant_method": "awq", "bits": 4, "group_size": -1)").quant.format, "int4_channel_awq");
}

TEST(QuantMethod, CompressedTensorsGroupsMayDiffer) {
  const ModelSpec model = model_with(R"("quant_method": "compressed-tensors", "format": "mixed-precision",
    "config_groups": {
      "all": {"targets": ["Linear"], "format": "pack-quantized",
              "weights": {"num_bits": 4, "type": "int", "strategy": "group", "group_size": 128, "symmetric": true}},
      "attention": {"targets": ["re:.*self_attn.*"], "format": "float-quantized",
                    "weights": {"num_bits": 8, "type": "float", "strategy": "channel"}}},
    "ignore": ["lm_head", "re:.*layers\\.3\\..*w2"])");
  EXPECT_EQ(format_in(model, MatrixRole::Q, 0), "fp8_channel");
  EXPECT_EQ(format_in(model, MatrixRole::ExpertUp, 0), "int4_g128_sym");
  EXPECT_EQ(format_in(model, MatrixRole::ExpertDown, 2), "int4_g128_sym");
  EXPECT_EQ(format_in(model, MatrixRole::ExpertDown, 3), "bf16");
}

constexpr const char* kMixed = R"({"producer": {"name": "modelopt", "version": "0.40"}, "quantization": {
  "quant_algo": "MIXED_PRECISION", "kv_cache_quant_algo": "FP8", "exclude_modules": ["model.layers.1*"],
  "quantized_layers": {
    "model.layers.0.block_sparse_moe.experts.0.w1": {"quant_algo": "NVFP4", "group_size": 16},
    "model.layers.1.block_sparse_moe.experts.0.w1": {"quant_algo": "NVFP4", "group_size": 16},
    "model.layers.2.block_sparse_moe.experts": {"quant_algo": "W4A16_NVFP4", "group_size": 16},
    "model.layers.3.self_attn.q_proj": {"quant_algo": "FP8"},
    "lm_head": {"quant_algo": "FP8"}}}})";

TEST(QuantMethod, HfQuantConfigNamesTheAlgorithmOfEachModule) {
  const ModelSpec model = model_with("", kMixed);
  EXPECT_EQ(format_in(model, MatrixRole::ExpertGate, 0), "nvfp4_static");
  EXPECT_EQ(format_in(model, MatrixRole::ExpertGate, 1), "bf16");   // excluded
  EXPECT_EQ(format_in(model, MatrixRole::ExpertDown, 2), "nvfp4");  // by its parent
  EXPECT_EQ(format_in(model, MatrixRole::Q, 3), "fp8_static");
  EXPECT_EQ(format_in(model, MatrixRole::K, 3), "bf16");
  const WeightPlan plan = plan_weights(model, formats(), "native");
  EXPECT_EQ(formats()[plan.head.shares[0].format].id, "fp8_static");
}

TEST(QuantMethod, WhatLayersDifferInIsKeptByAModelFile) {
  const ModelSpec model = model_with("", kMixed);
  ASSERT_FALSE(model.quant.rules.empty());
  EXPECT_EQ(read_model(write_model(model), "small.json").quant, model.quant);
}

TEST(QuantMethod, AlgorithmsWithoutAFixedSetOfTensorsAreRefusedByName) {
  for (const char* name : {"W4A16_AWQ", "NVFP4_AWQ", "W4A8_AWQ", "INT8_SQ"})
    EXPECT_NE(complaint("\"quant_method\": \"modelopt\", \"quant_algo\": \"" + std::string(name) + "\"").find(name),
              std::string::npos);
}

// The release's exclude list: the head, attention, the Mamba layer before each attention
// layer, convolutions. 19,323,906,944 B (exo model card) hold no scalars; ModelOpt's files
// have two FP32 for each of (23 x 128 + 23) x 2 + 17 x 2 = 5,968 quantised matrices, and our
// rules keep three values of each Mamba head in FP32 where these are BF16.
TEST(QuantMethod, Nemotron3NanoNvfp4HasThePublishedBytes) {
  const std::string path = std::string(MOEPLAN_SHARED_DIR) + "/models/hf/nemotron-3-nano-30b-a3b.config.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no published configs beside this checkout";
  const std::string pattern = "MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME";
  std::string exclude = "\"lm_head\"";
  for (std::size_t l = 0; l < pattern.size(); ++l) {
    const std::string mixer = ", \"backbone.layers." + std::to_string(l) + ".mixer.";
    if (pattern[l] == 'M') exclude += mixer + "conv1d\"";
    if (pattern[l] == 'M' && pattern[l + 1] == '*') exclude += mixer + "in_proj\"" + mixer + "out_proj\"";
    if (pattern[l] != '*') continue;
    for (const char* name : {"q_proj\"", "k_proj\"", "v_proj\"", "o_proj\""}) exclude += mixer + name;
  }
  const ModelSpec model = import_hf_config(
      read_text_file(path, Bytes(1'000'000)), "config.json", WeightFormats::FromConfig,
      {R"({"producer": {"name": "modelopt"}, "quantization": {"quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8",
           "group_size": 16, "exclude_modules": [)" +
           exclude + "]}}",
       "hf_quant_config.json"});
  const Bytes bytes = checkpoint_size(model, plan_weights(model, formats(), "native"), formats()).bytes;
  EXPECT_EQ(bytes, Bytes(19'323'906'944 + 5'968 * 8 + 23 * 3 * 64 * 2));
}

}  // namespace
}  // namespace moeplan
