// SPDX-License-Identifier: Apache-2.0
// The importer: each trap of published configs, each refusal, and wrong input of every
// kind. Configs are small ones of the family's shape, written here.
#include "sim/spec/import/hf_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "sim/base/error.h"
#include "sim/base/json.h"
#include "sim/spec/matrices.h"

namespace moeplan {
namespace {

const char* const kMixtral = R"({
  "model_type": "mixtral", "hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 8,
  "num_key_value_heads": 2, "num_hidden_layers": 4, "num_local_experts": 8, "num_experts_per_tok": 2,
  "max_position_embeddings": 2048, "vocab_size": 1000, "tie_word_embeddings": false, "rms_norm_eps": 1e-5
})";

const char* const kQwen3Moe = R"({
  "model_type": "qwen3_moe", "hidden_size": 64, "intermediate_size": 500, "moe_intermediate_size": 32, "head_dim": 16,
  "num_attention_heads": 8, "num_key_value_heads": 2, "num_hidden_layers": 4, "num_experts": 8, "num_experts_per_tok": 2,
  "max_position_embeddings": 2048, "vocab_size": 1000, "decoder_sparse_step": 1, "mlp_only_layers": [],
  "sliding_window": 128, "use_sliding_window": false, "max_window_layers": 2
})";

const char* const kDeepSeek = R"({
  "model_type": "deepseek_v3", "hidden_size": 64, "intermediate_size": 96, "moe_intermediate_size": 32,
  "num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 999, "num_hidden_layers": 4, "first_k_dense_replace": 1,
  "moe_layer_freq": 1, "n_routed_experts": 8, "n_shared_experts": 2, "num_experts_per_tok": 2, "n_group": 4, "topk_group": 2,
  "topk_method": "noaux_tc", "q_lora_rank": 32, "kv_lora_rank": 16, "qk_nope_head_dim": 8, "qk_rope_head_dim": 4,
  "v_head_dim": 8, "num_nextn_predict_layers": 1, "max_position_embeddings": 2048, "vocab_size": 1000
})";

const char* const kGptOss = R"({
  "model_type": "gpt_oss", "hidden_size": 45, "intermediate_size": 45, "head_dim": 16, "num_attention_heads": 8,
  "num_key_value_heads": 2, "num_hidden_layers": 4, "num_local_experts": 8, "experts_per_token": 2, "num_experts_per_tok": 2,
  "max_position_embeddings": 2048, "vocab_size": 1000, "sliding_window": 128, "attention_bias": true,
  "layer_types": ["sliding_attention", "full_attention", "sliding_attention", "full_attention"],
  "quantization_config": {"quant_method": "mxfp4", "modules_to_not_convert":
    ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"]}
})";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

// The config with one more member.
std::string with(std::string text, const std::string& member) { return text.insert(text.find('{') + 1, member + ", "); }

ModelSpec import(const std::string& text, const std::string& file = "small.config.json") {
  return import_hf_config(text, file);
}

std::string complaint(const std::string& text) {
  try {
    import(text);
  } catch (const InputError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::InvalidInput);
    EXPECT_FALSE(error.problems().empty());
    return error.what();
  }
  return "";
}

void expect_complaint(const std::string& text, const std::string& part) {
  const std::string found = complaint(text);
  EXPECT_NE(found.find(part), std::string::npos) << "looking for: " << part << "\nfound: " << found;
}

template <class Kind>
const Kind& block(const ModelSpec& model, const std::string& name) {
  for (const Block& b : model.blocks)
    if (b.name == name) return std::get<Kind>(b.kind);
  throw std::logic_error("no block " + name);
}

std::string shape_of(const ModelSpec& model) {
  std::string out;
  for (const LayerShape& layer : expand_layers(model, Stack::Decoder)) {
    for (BlockIndex b : layer) out += model.blocks[b].name + " ";
    out += "| ";
  }
  return out;
}

// ---- traps: names of keys ----

TEST(HfTraps, ExpertCountAndTopKHaveManyNames) {
  EXPECT_EQ(block<MoeFfn>(import(kMixtral), "moe").experts, 8);   // num_local_experts
  EXPECT_EQ(block<MoeFfn>(import(kQwen3Moe), "moe").experts, 8);  // num_experts
  EXPECT_EQ(block<MoeFfn>(import(kDeepSeek), "moe").experts, 8);  // n_routed_experts
  EXPECT_EQ(block<MoeFfn>(import(replaced(kGptOss, "\"num_experts_per_tok\": 2,", "")), "moe").top_k,
            2);  // experts_per_token
}

TEST(HfTraps, MixtralExpertsHaveTheIntermediateSize) { EXPECT_EQ(block<MoeFfn>(import(kMixtral), "moe").width, 96); }

TEST(HfTraps, Qwen3MoeDoesNotUseTheIntermediateSize) {
  const ModelSpec model = import(kQwen3Moe);
  EXPECT_EQ(block<MoeFfn>(model, "moe").width, 32);
  EXPECT_EQ(count_parameters(model).total, count_parameters(import(replaced(kQwen3Moe, "500", "700"))).total);
}

TEST(HfTraps, SharedExpertsOfDeepSeekAreACountOfExpertWidths) {
  const MoeFfn moe = block<MoeFfn>(import(kDeepSeek), "moe");
  EXPECT_EQ(moe.shared_width, 2 * 32);
  EXPECT_FALSE(moe.shared_scalar_gate);
}

TEST(HfTraps, TheSharedExpertOfQwen2MoeIsAnAbsoluteWidthWithAScalarGate) {
  std::string text = replaced(kQwen3Moe, "qwen3_moe", "qwen2_moe");
  const MoeFfn moe = block<MoeFfn>(import(with(text, "\"shared_expert_intermediate_size\": 77")), "moe");
  EXPECT_EQ(moe.shared_width, 77);
  EXPECT_TRUE(moe.shared_scalar_gate);
}

TEST(HfTraps, HeadDimIsNotHiddenOverHeads) {
  const SoftmaxAttention a = block<SoftmaxAttention>(import(kGptOss), "full");
  EXPECT_EQ(a.head_dim, 16);  // hidden 45 / 8 heads is not even whole
  EXPECT_EQ(block<SoftmaxAttention>(import(kMixtral), "attention").head_dim, 64 / 8);  // absent: it is
}

TEST(HfTraps, HeadDimAndKvHeadsAreMeaninglessUnderLatentAttention) {
  const Count total = count_parameters(import(kDeepSeek)).total;
  EXPECT_EQ(count_parameters(import(replaced(kDeepSeek, "999", "1"))).total, total);
  EXPECT_EQ(
      count_parameters(import(replaced(kDeepSeek, "\"num_key_value_heads\": 4", "\"num_key_value_heads\": 3"))).total,
      total);
}

TEST(HfTraps, DenseLayersComeFirstByFirstKDenseReplace) {
  EXPECT_EQ(shape_of(import(kDeepSeek)), "mla dense | mla moe | mla moe | mla moe | ");
}

TEST(HfTraps, MoeLayerFreqIsANumberOrAList) {
  EXPECT_EQ(shape_of(import(replaced(kDeepSeek, "\"moe_layer_freq\": 1", "\"moe_layer_freq\": 2"))),
            "mla dense | mla dense | mla moe | mla dense | ");
  EXPECT_EQ(shape_of(import(replaced(kDeepSeek, "\"moe_layer_freq\": 1", "\"moe_layer_freq\": [0, 1, 0, 1]"))),
            "mla dense | mla moe | mla dense | mla moe | ");
  expect_complaint(replaced(kDeepSeek, "\"moe_layer_freq\": 1", "\"moe_layer_freq\": [0, 1]"), "moe_layer_freq");
}

TEST(HfTraps, DenseLayersOfQwenAreOneListOrAStep) {
  EXPECT_EQ(shape_of(import(replaced(kQwen3Moe, "\"mlp_only_layers\": []", "\"mlp_only_layers\": [1]"))),
            "attention moe | attention dense | attention moe | attention moe | ");
  EXPECT_EQ(shape_of(import(replaced(kQwen3Moe, "\"decoder_sparse_step\": 1", "\"decoder_sparse_step\": 2"))),
            "attention dense | attention moe | attention dense | attention moe | ");
}

TEST(HfTraps, ASlidingWindowAloneDoesNotSlide) {
  EXPECT_EQ(block<SoftmaxAttention>(import(kQwen3Moe), "attention").window, 0);
  const ModelSpec sliding =
      import(replaced(kQwen3Moe, "\"use_sliding_window\": false", "\"use_sliding_window\": true"));
  EXPECT_EQ(shape_of(sliding),
            "attention moe | attention moe | sliding moe | sliding moe | ");  // from max_window_layers on
}

TEST(HfTraps, AWindowOfTheWholeContextIsNone) {
  EXPECT_EQ(block<SoftmaxAttention>(import(with(kMixtral, "\"sliding_window\": 2048")), "attention").window, 0);
  EXPECT_EQ(block<SoftmaxAttention>(import(with(kMixtral, "\"sliding_window\": 2047")), "attention").window, 2047);
  EXPECT_EQ(block<SoftmaxAttention>(import(with(kMixtral, "\"sliding_window\": null")), "attention").window, 0);
}

TEST(HfTraps, LayerTypesSayWhichLayersSlide) {
  EXPECT_EQ(shape_of(import(kGptOss)), "sliding moe | full moe | sliding moe | full moe | ");
  expect_complaint(replaced(kGptOss, "\"sliding_attention\", \"full_attention\"]", "\"full_attention\"]"),
                   "layer_types");
  expect_complaint(replaced(kGptOss, "\"full_attention\"]", "\"fast_attention\"]"), "fast_attention");
}

TEST(HfTraps, TiedEmbeddingsDefaultByFamily) {
  EXPECT_FALSE(import(kQwen3Moe).tied_embeddings);
  EXPECT_TRUE(
      import(
          R"({"model_type": "gpt2", "n_embd": 64, "n_head": 4, "n_layer": 2, "n_positions": 128, "vocab_size": 100})")
          .tied_embeddings);
}

TEST(HfTraps, MtpIsCountedApartWithItsCopies) {
  const ModelSpec model = import(kDeepSeek);
  EXPECT_EQ(model.mtp.modules, 1);
  EXPECT_EQ(model.mtp.in_file_copies, 1);
  EXPECT_GT(count_parameters(model).total_with_mtp, count_parameters(model).total);
}

TEST(HfTraps, TheCorrectionBiasNeedsNoauxTc) {
  EXPECT_TRUE(block<MoeFfn>(import(kDeepSeek), "moe").correction_bias);
  EXPECT_FALSE(block<MoeFfn>(import(replaced(kDeepSeek, "noaux_tc", "group_limited_greedy")), "moe").correction_bias);
}

TEST(HfTraps, GptOssHasBiasesEverywhereAndSinks) {
  const ModelSpec model = import(kGptOss);
  const SoftmaxAttention& a = block<SoftmaxAttention>(model, "sliding");
  EXPECT_TRUE(a.qkv_bias && a.out_bias && a.sinks);
  const MoeFfn& moe = block<MoeFfn>(model, "moe");
  EXPECT_TRUE(moe.expert_bias && moe.router_bias);
}

TEST(HfTraps, GroupsThatAreAllUsedAreNoLimit) {
  EXPECT_EQ(block<MoeFfn>(import(kDeepSeek), "moe").groups, 4);
  EXPECT_EQ(block<MoeFfn>(import(replaced(kDeepSeek, "\"topk_group\": 2", "\"topk_group\": 4")), "moe").groups, 1);
}

TEST(HfTraps, ANullQueryRankIsAPlainProjectionAndAMissingOneIsAnError) {
  EXPECT_EQ(
      block<LatentAttention>(import(replaced(kDeepSeek, "\"q_lora_rank\": 32", "\"q_lora_rank\": null")), "mla").q_lora,
      0);
  expect_complaint(replaced(kDeepSeek, "\"q_lora_rank\": 32, ", ""), "q_lora_rank");
}

TEST(HfTraps, Llama4HasASharedExpertThatTheConfigDoesNotMention) {
  const ModelSpec model =
      import(R"({"model_type": "llama4", "text_config": {"model_type": "llama4_text", "hidden_size": 64,
    "intermediate_size": 32, "intermediate_size_mlp": 96, "head_dim": 16, "num_attention_heads": 8, "num_key_value_heads": 2,
    "num_hidden_layers": 4, "num_local_experts": 8, "num_experts_per_tok": 1, "interleave_moe_layer_step": 2,
    "attention_chunk_size": 128, "max_position_embeddings": 2048, "vocab_size": 1000}})");
  EXPECT_EQ(shape_of(model), "chunked dense | chunked moe | chunked dense | full moe | ");
  EXPECT_EQ(block<MoeFfn>(model, "moe").shared_width, 32);
  EXPECT_EQ(block<DenseFfn>(model, "dense").width, 96);
  ASSERT_EQ(model.extras.size(), 1u);
  EXPECT_EQ(model.extras[0].part, "vision");
}

// 34 layers of 1408 with their biases, embeddings, pixel-shuffle MLP (5632 -> 4096 -> 4096), projector 4096 -> 5120.
TEST(HfTraps, TheLlama4VisionTowerHas871932416Elements) {
  const ModelSpec model =
      import(R"({"model_type": "llama4", "text_config": {"model_type": "llama4_text", "hidden_size": 5120,
    "intermediate_size": 32, "intermediate_size_mlp": 96, "head_dim": 128, "num_attention_heads": 40, "num_key_value_heads": 8,
    "num_hidden_layers": 4, "num_local_experts": 8, "num_experts_per_tok": 1, "max_position_embeddings": 2048, "vocab_size": 1000}})");
  EXPECT_EQ(model.extras[0].elements, 871932416);
}

TEST(HfTraps, TiedEmbeddingsOfAMultimodalConfigMayStandOutside) {
  std::string text = R"({"model_type": "mistral3", "tie_word_embeddings": true, "text_config": {"model_type": "mistral",
    "hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 8, "num_hidden_layers": 2,
    "max_position_embeddings": 2048, "vocab_size": 1000},
    "vision_config": {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "patch_size": 4}})";
  EXPECT_TRUE(import(text).tied_embeddings);
  EXPECT_FALSE(import(replaced(text, "true", "false")).tied_embeddings);
}

TEST(HfTraps, CrossLayerAttentionNeedsUseCla) {
  const std::string text =
      R"({"model_type": "hunyuan", "hidden_size": 64, "intermediate_size": 32, "num_attention_heads": 8,
    "num_key_value_heads": 2, "num_hidden_layers": 4, "num_experts": 8, "moe_topk": [2, 2, 2, 2], "num_shared_expert": 1,
    "cla_share_factor": 2, "use_cla": true, "use_qk_norm": true, "max_position_embeddings": 2048, "vocab_size": 1000})";
  EXPECT_EQ(shape_of(import(text)), "attention moe | attention_reuse moe | attention moe | attention_reuse moe | ");
  EXPECT_EQ(shape_of(import(replaced(text, "\"use_cla\": true", "\"use_cla\": false"))),
            "attention moe | attention moe | attention moe | attention moe | ");
  EXPECT_EQ(block<MoeFfn>(import(text), "moe").top_k, 2);
  expect_complaint(replaced(text, "[2, 2, 2, 2]", "[2, 2, 2, 1]"), "moe_topk");
}

TEST(HfTraps, NemotronLayersAreOneBlockEach) {
  const std::string text = R"({"model_type": "nemotron_h", "hidden_size": 64, "intermediate_size": 32, "head_dim": 16,
    "num_attention_heads": 8, "num_key_value_heads": 2, "hybrid_override_pattern": "MEM*E", "num_hidden_layers": 5,
    "mamba_num_heads": 8, "mamba_head_dim": 8, "ssm_state_size": 16, "n_groups": 2, "conv_kernel": 4, "use_conv_bias": true,
    "n_routed_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "n_shared_experts": 1,
    "moe_shared_expert_intermediate_size": 48, "max_position_embeddings": 2048, "vocab_size": 1000})";
  const ModelSpec model = import(text);
  EXPECT_EQ(shape_of(model), "mamba | moe | mamba | attention | moe | ");
  EXPECT_FALSE(block<MoeFfn>(model, "moe").gated);
  EXPECT_EQ(block<MoeFfn>(model, "moe").shared_width, 48);
  expect_complaint(replaced(text, "MEM*E", "MEMXE"), "hybrid_override_pattern");
  expect_complaint(replaced(text, "\"num_hidden_layers\": 5", "\"num_hidden_layers\": 6"), "num_hidden_layers");
}

TEST(HfTraps, SwitchIsAnEncoderAndADecoderWithCrossAttention) {
  const ModelSpec model =
      import(R"({"model_type": "switch_transformers", "d_model": 64, "d_ff": 128, "d_kv": 16, "num_heads": 4,
    "num_layers": 4, "num_decoder_layers": 2, "num_sparse_encoder_layers": 2, "num_sparse_decoder_layers": 1,
    "num_experts": 8, "vocab_size": 1000, "relative_attention_num_buckets": 32})");
  EXPECT_EQ(expand_layers(model, Stack::Encoder).size(), 4u);
  EXPECT_EQ(shape_of(model), "attention cross_attention dense | attention cross_attention moe | ");
  EXPECT_EQ(model.final_norms, 2);
  EXPECT_EQ(model.extras.size(), 2u);  // one table of 32 x 4 position biases for each stack
  EXPECT_EQ(model.extras[0].elements, 32 * 4);
}

TEST(HfTraps, NanAndInfinityAreReadAsPythonWritesThem) {
  EXPECT_EQ(
      complaint(with(kMixtral, "\"time_step_limit\": [0.0, Infinity], \"initializer_range\": NaN")).find("syntax"),
      std::string::npos);
  EXPECT_EQ(complaint(with(kMixtral, "\"initializer_range\": NaN")), "");
}

// ---- quantisation ----

TEST(HfQuantization, Fp8TilesQuantiseAllMatrices) {
  const ModelSpec model =
      import(with(kDeepSeek, R"("quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]})"));
  EXPECT_EQ(model.quant.format, "fp8_block");
  EXPECT_TRUE(model.quant.parts.empty());
  EXPECT_TRUE(model.quant.except.empty());
}

TEST(HfQuantization, IgnoredModulesBecomePartsOrRoles) {
  EXPECT_EQ(import(kGptOss).quant.parts, std::vector<std::string>{"experts"});
  const ModelSpec model = import(with(kDeepSeek, R"("quantization_config": {"quant_method": "fp8",
      "modules_to_not_convert": ["gate", "lm_head", "kv_a_proj_with_mqa", "q_a_proj"]})"));
  EXPECT_EQ(model.quant.format, "fp8");
  EXPECT_EQ(model.quant.except, (std::vector<std::string>{"q_a", "kv_a"}));
}

TEST(HfQuantization, CompressedTensorsInt4OfKimiQuantisesTheExpertsOnly) {
  const ModelSpec model = import(with(kDeepSeek, R"("quantization_config": {"quant_method": "compressed-tensors",
      "format": "pack-quantized", "config_groups": {"group_0": {"targets": ["Linear"], "weights":
      {"num_bits": 4, "type": "int", "strategy": "group", "group_size": 32, "symmetric": true}}},
      "ignore": ["lm_head", "re:.*self_attn.*", "re:.*shared_experts.*", "re:.*mlp\\.(gate|up|gate_up|down)_proj.*"]})"));
  EXPECT_EQ(model.quant.format, "int4_g32");
  EXPECT_EQ(model.quant.parts, std::vector<std::string>{"experts"});
}

TEST(HfQuantization, TheOtherMethodsNameTheirFormat) {
  const auto format = [](const std::string& quant) {
    return import(with(kMixtral, "\"quantization_config\": {" + quant + "}")).quant.format;
  };
  EXPECT_EQ(format(R"("quant_method": "awq", "bits": 4, "group_size": 128)"), "int4_g128");
  EXPECT_EQ(format(R"("quant_method": "gptq", "bits": 4, "group_size": 32)"), "int4_g32_gptq");
  EXPECT_EQ(
      format(
          R"("quant_method": "bitsandbytes", "load_in_4bit": true, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": true)"),
      "nf4_dq");
  EXPECT_EQ(format(R"("quant_method": "bitsandbytes", "load_in_8bit": true)"), "int8");
  EXPECT_EQ(format(R"("quant_method": "modelopt", "quant_algo": "NVFP4")"), "nvfp4_static");
  EXPECT_EQ(format(R"("quant_method": "modelopt", "quant_algo": "FP8")"), "fp8_static");
  EXPECT_EQ(format(R"("quant_method": "compressed-tensors", "config_groups": {"g": {"targets": ["Linear"],
                       "weights": {"num_bits": 8, "type": "float", "strategy": "channel"}}})"),
            "fp8_channel");
  EXPECT_EQ(format(R"("quant_method": "compressed-tensors", "config_groups": {"g": {"targets": ["Linear"],
                       "weights": {"num_bits": 4, "type": "float", "group_size": 16, "strategy": "tensor_group"}}})"),
            "nvfp4");
}

TEST(HfQuantization, UnknownMethodsAndSchemesAreRefusedByName) {
  for (const char* method : {"aqlm", "quanto", "hqq", "torchao"})
    expect_complaint(with(kMixtral, R"("quantization_config": {"quant_method": ")" + std::string(method) + "\"}"),
                     method);
  expect_complaint(with(kMixtral, R"("quantization_config": {"quant_method": "hqq"})"),
                   "put the .safetensors files beside the config");
  expect_complaint(with(kMixtral, R"("quantization_config": {})"), "quant_method");
  expect_complaint(with(kMixtral, R"("quantization_config": 3)"), "quantization_config");
  expect_complaint(with(kMixtral, R"("quantization_config": {"quant_method": "gptq", "bits": 5})"), "bits");
  expect_complaint(with(kMixtral, R"("quantization_config": {"quant_method": "fp8", "weight_block_size": [64, 64]})"),
                   "weight_block_size");
  expect_complaint(
      with(kMixtral, R"("quantization_config": {"quant_method": "fp8", "modules_to_not_convert": ["re:(a+)+"]})"),
      "(a+)+");
}

TEST(HfQuantization, LayersThatDifferAreRules) {
  const ModelSpec model = import(with(kMixtral, R"("quantization_config": {"quant_method": "fp8",
      "ignored_layers": ["model.layers.0.self_attn.o_proj"]})"));
  EXPECT_TRUE(model.quant.except.empty());
  EXPECT_EQ(model.quant.rules, (std::vector<QuantRule>{{"o", "bf16", {0}}}));
}

TEST(HfQuantization, TheBaseIsTheDtype) {
  EXPECT_EQ(import(kMixtral).quant.base, "bf16");
  EXPECT_EQ(import(with(kMixtral, "\"torch_dtype\": \"float16\"")).quant.base, "fp16");
  EXPECT_EQ(import(with(kMixtral, "\"dtype\": \"float32\"")).quant.base, "fp32");
  expect_complaint(with(kMixtral, "\"torch_dtype\": \"float12\""), "torch_dtype");
}

// ---- refusals ----

TEST(HfRefusals, KnownButNotModelledTypesSaySo) {
  expect_complaint(R"({"model_type": "deepseek_v4"})", "deepseek_v4 is known and not modelled");
  expect_complaint(R"({"model_type": "kimi_k3"})", "kimi_k3 is known and not modelled");
  expect_complaint(R"({"model_type": "kimi_k25", "text_config": {"model_type": "kimi_linear"}})",
                   "kimi_linear is known and not modelled");
}

TEST(HfRefusals, UnknownTypesAreNotGuessed) {
  expect_complaint(R"({"model_type": "brand_new_moe"})", "\"brand_new_moe\" is unknown and its shapes are not guessed");
  expect_complaint(R"({"architectures": ["SomethingForCausalLM"]})", "model_type");
  expect_complaint(R"({"model_type": 3})", "model_type");
}

TEST(HfRefusals, AKeyThatChangesShapesIsNamed) {
  expect_complaint(with(kMixtral, "\"n_shared_experts\": 1"), "n_shared_experts");
  expect_complaint(with(kMixtral, "\"num_memory_tokens\": 4"), "num_memory_tokens");
  expect_complaint(with(kMixtral, "\"attention_bias\": true"), "attention_bias");
  expect_complaint(with(kMixtral, "\"layer_pattern\": \"ABAB\""), "layer_pattern");
  expect_complaint(with(kMixtral, "\"adapter\": {\"rank\": 8}"), "adapter");
  expect_complaint(with(kDeepSeek, "\"o_lora_rank\": 8"), "o_lora_rank");
}

TEST(HfRefusals, KeysWithoutInfluenceAreAccepted) {
  EXPECT_EQ(complaint(with(kMixtral, "\"rope_scaling\": {\"type\": \"yarn\", \"factor\": 4.0}")), "");
  EXPECT_EQ(complaint(with(kMixtral, "\"bos_token_id\": 1")), "");
  EXPECT_EQ(complaint(with(kMixtral, "\"attention_bias\": false")), "");
  EXPECT_EQ(complaint(with(kMixtral, "\"new_feature\": null")), "");
  EXPECT_EQ(complaint(with(kMixtral, "\"chat_style\": \"polite\"")), "");
}

TEST(HfRefusals, EveryPublishedConfigIsImportedOrRefusedByName) {
  const std::filesystem::path folder = std::string(MOEPLAN_SHARED_DIR) + "/models/hf";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no published configs in " << folder;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    const std::string text = read_text_file(entry.path().string(), kMiB);
    EXPECT_TRUE(is_hf_config(text)) << entry.path();
    const std::string name = entry.path().filename().string();
    const bool refused = name.starts_with("deepseek-v4") || name.starts_with("kimi-k3");
    const std::string found = complaint(text);
    EXPECT_EQ(found.empty(), !refused) << name << ": " << found;
    if (refused) {
      EXPECT_NE(found.find("is known and not modelled"), std::string::npos);
    }
  }
}

// ---- wrong input ----

TEST(HfWrongInput, MissingRequiredKeysAreAllNamed) {
  const std::string found = complaint(R"({"model_type": "mixtral"})");
  for (const char* key : {"hidden_size", "vocab_size", "num_hidden_layers", "num_attention_heads", "num_local_experts",
                          "num_experts_per_tok"})
    EXPECT_NE(found.find(key), std::string::npos) << key;
}

TEST(HfWrongInput, ValuesOfEveryWrongKindAreNamedWithTheirPlace) {
  for (const char* value :
       {"0", "-4", "4.5", "\"four\"", "true", "[4]", "{}", "1e30", "NaN", "123456789012345678901234567890"}) {
    const std::string found =
        complaint(replaced(kMixtral, "\"num_hidden_layers\": 4", std::string("\"num_hidden_layers\": ") + value));
    EXPECT_NE(found.find("small.config.json:"), std::string::npos) << value;
    EXPECT_NE(found.find("num_hidden_layers"), std::string::npos) << value << ": " << found;
  }
}

TEST(HfWrongInput, MoreExpertsPerTokenThanExpertsIsNamedAtItsKey) {
  expect_complaint(replaced(kMixtral, "\"num_experts_per_tok\": 2", "\"num_experts_per_tok\": 9"),
                   "num_experts_per_tok");
  EXPECT_EQ(complaint(replaced(kMixtral, "\"num_experts_per_tok\": 2", "\"num_experts_per_tok\": 8")), "");
}

TEST(HfWrongInput, HeadsThatDoNotDivideAreNamed) {
  expect_complaint(replaced(kMixtral, "\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3"),
                   "num_key_value_heads");
  expect_complaint(replaced(kMixtral, "\"hidden_size\": 64", "\"hidden_size\": 65"), "num_attention_heads");
}

TEST(HfWrongInput, GroupsThatDoNotDivideTheExpertsAreNamed) {
  expect_complaint(replaced(kDeepSeek, "\"n_group\": 4", "\"n_group\": 3"), "n_group");
  expect_complaint(replaced(kDeepSeek, "\"topk_group\": 2", "\"topk_group\": 5"), "topk_group");
}

TEST(HfWrongInput, HugeSizesAreRefusedNotComputed) {
  expect_complaint(replaced(kMixtral, "\"hidden_size\": 64", "\"hidden_size\": 2000000000"), "hidden");
  expect_complaint(replaced(kMixtral, "\"num_hidden_layers\": 4", "\"num_hidden_layers\": 1000000"),
                   "num_hidden_layers");
  expect_complaint(replaced(kMixtral, "\"num_local_experts\": 8", "\"num_local_experts\": 2000000000"), "experts");
}

TEST(HfWrongInput, AValueOutOfRangeIsToldAtItsPlaceWithTheRealBounds) {
  expect_complaint(replaced(kMixtral, "\"vocab_size\": 1000", "\"vocab_size\": 2147483647"),
                   "small.config.json:4:50: vocab_size: found 2147483647, expected a whole number from 1 to 16777216");
  expect_complaint(replaced(kMixtral, "\"hidden_size\": 64", "\"hidden_size\": 0"), "from 1 to 262144");
}

TEST(HfWrongInput, OneMistakeBringsOneComplaint) {
  const auto one = [](const std::string& text, const std::string& key) {
    const std::string found = complaint(text);
    EXPECT_NE(found.find(key + ": found"), std::string::npos) << found;
    EXPECT_EQ(found.find('\n'), std::string::npos) << found;
  };
  one(replaced(kMixtral, "\"hidden_size\": 64", "\"hidden_size\": \"wide\""), "hidden_size");
  one(replaced(kMixtral, "\"num_local_experts\": 8", "\"num_local_experts\": null"), "num_local_experts");
  one(replaced(kMixtral, "\"num_local_experts\": 8", "\"num_local_experts\": -8"), "num_local_experts");
  one(replaced(kMixtral, "\"num_attention_heads\": 8", "\"num_attention_heads\": 0"), "num_attention_heads");
  one(replaced(kDeepSeek, "\"n_routed_experts\": 8", "\"n_routed_experts\": 0"), "n_routed_experts");
  one(replaced(kDeepSeek, "\"n_group\": 4", "\"n_group\": 0"), "n_group");
  one(replaced(kGptOss, "\"num_hidden_layers\": 4", "\"num_hidden_layers\": 0"), "num_hidden_layers");
}

TEST(HfWrongInput, AListIsNoNumber) {
  expect_complaint(replaced(kMixtral, "\"intermediate_size\": 96", "\"intermediate_size\": [96]"),
                   "intermediate_size: found an array");
  expect_complaint(replaced(kMixtral, "\"num_experts_per_tok\": 2", "\"num_experts_per_tok\": [2, 2, 2, 2]"),
                   "num_experts_per_tok: found an array");
}

TEST(HfWrongInput, AListOfHunyuanIsOneEqualEntryForEachLayer) {
  const auto config = [](const std::string& width, const std::string& top_k) {
    return R"({"model_type": "hunyuan_v1_moe", "hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 8,
      "num_key_value_heads": 2, "num_hidden_layers": 2, "num_experts": 8, "max_position_embeddings": 2048,
      "vocab_size": 1000, "moe_intermediate_size": )" +
           width + R"(, "moe_topk": )" + top_k + "}";
  };
  EXPECT_EQ(block<MoeFfn>(import(config("[32, 32]", "[2, 2]")), "moe").width, 32);
  EXPECT_EQ(block<MoeFfn>(import(config("32", "2")), "moe").top_k, 2);
  expect_complaint(config("[32]", "2"), "one equal entry for each of the 2 layers; found 1 entries");
  expect_complaint(config("32", "[2, 3]"), "sizes that differ by layer are not modelled");
}

TEST(HfWrongInput, SeveralProblemsAreToldTogether) {
  std::string text = replaced(kMixtral, "\"hidden_size\": 64", "\"hidden_size\": \"wide\"");
  text = with(replaced(text, "\"vocab_size\": 1000", "\"vocab_size\": -1"), "\"new_dim\": 5");
  for (const char* key : {"hidden_size", "vocab_size", "new_dim"}) expect_complaint(text, key);
}

TEST(HfWrongInput, NotJsonAndNotAnObject) {
  for (const char* text : {"", "{", "[]", "3", "\"x\"", "{\"model_type\": }", "\xff\xfe"})
    EXPECT_NE(complaint(text), "") << text;
}

TEST(HfWrongInput, AMultimodalConfigNeedsItsTextConfig) {
  expect_complaint(R"({"model_type": "llama4"})", "text_config");
  expect_complaint(R"({"model_type": "llama4", "text_config": []})", "text_config");
  expect_complaint(R"({"model_type": "llama4", "text_config": {}})", "model_type");
}

// ---- names ----

TEST(HfNames, TheIdComesFromTheConfigOrTheFile) {
  EXPECT_EQ(import(kMixtral).id, "small");
  EXPECT_EQ(import(kMixtral, "models/Mixtral-8x7B/config.json").id, "mixtral-8x7b");
  EXPECT_EQ(import(kMixtral, "config.json").id, "imported");
  EXPECT_EQ(import(with(kMixtral, "\"_name_or_path\": \"mistralai/Mixtral-8x7B-v0.1\"")).id, "mixtral-8x7b-v0.1");
  EXPECT_EQ(import(with(kMixtral, "\"_name_or_path\": \"\"")).id, "small");
}

TEST(IsHfConfig, LooksForModelTypeOrArchitectures) {
  EXPECT_TRUE(is_hf_config(kMixtral));
  EXPECT_TRUE(is_hf_config(R"({"architectures": []})"));
  EXPECT_FALSE(is_hf_config(R"({"id": "small", "hidden": 64})"));
  EXPECT_FALSE(is_hf_config("not json"));
}

TEST(SupportedModelTypes, HaveHelp) {
  for (const std::string& line : supported_model_types()) {
    const std::size_t colon = line.find(": ");
    ASSERT_NE(colon, std::string::npos);
    EXPECT_GT(line.size(), colon + 4) << line;
  }
}

// ---- Mistral's own params.json ----

const char* const kParams =
    R"({"dim": 64, "n_layers": 3, "n_heads": 4, "n_kv_heads": 4, "head_dim": 12, "hidden_dim": 96,
  "kv_lora_rank": 16, "q_lora_rank": 32, "qk_nope_head_dim": 8, "qk_rope_head_dim": 4, "v_head_dim": 8, "vocab_size": 1000,
  "max_position_embeddings": 2048, "norm_eps": 1e-6, "tied_embeddings": false,
  "moe": {"num_experts": 8, "num_experts_per_tok": 2, "expert_hidden_dim": 32, "num_shared_experts": 1,
          "first_k_dense_replace": 1, "route_every_n": 1, "routed_scale": 1.0}})";

TEST(MistralParams, LatentAttentionWithExperts) {
  const ModelSpec model = import(kParams);
  EXPECT_EQ(shape_of(model), "mla dense | mla moe | mla moe | ");
  EXPECT_EQ(block<MoeFfn>(model, "moe").width, 32);
  EXPECT_EQ(block<MoeFfn>(model, "moe").shared_width, 32);
}

TEST(MistralParams, ADenseModelHasNoMoe) {
  const ModelSpec model =
      import(R"({"dim": 64, "n_layers": 2, "n_heads": 8, "n_kv_heads": 2, "head_dim": 16, "hidden_dim": 96,
    "vocab_size": 1000, "max_seq_len": 2048})");
  EXPECT_EQ(shape_of(model), "attention dense | attention dense | ");
}

TEST(MistralParams, UnknownKeysAndWrongValuesAreNamed) {
  expect_complaint(with(kParams, "\"vision_encoder\": {\"hidden_size\": 3}"), "vision_encoder");
  expect_complaint(replaced(kParams, "\"num_experts_per_tok\": 2", "\"num_experts_per_tok\": 9"),
                   "moe/num_experts_per_tok");
}

TEST(MistralParams, TheTwoFilesOfMistralLarge3AgreeOnTheWeights) {
  const std::string folder = std::string(MOEPLAN_SHARED_DIR) + "/models/hf/mistral-large-3.";
  if (!std::filesystem::exists(folder + "params.json")) GTEST_SKIP() << "no published configs at " << folder;
  EXPECT_EQ(count_parameters(import_hf_config(read_text_file(folder + "params.json", kMiB), "a")).total,
            count_parameters(import_hf_config(read_text_file(folder + "config.json", kMiB), "b")).total);
}

// MLX names no method, repeats its key, and converts the tables too.
TEST(HfQuantization, MlxIsKnownByItsWidthAndGroup) {
  const ModelSpec model = import(with(kMixtral, R"("quantization": {"group_size": 64, "bits": 4},
    "quantization_config": {"group_size": 64, "bits": 4, "mode": "affine"})"));
  EXPECT_EQ(model.quant.format, "mlx_4bit");
  EXPECT_THAT(model.quant.parts, testing::IsSupersetOf({"attention", "experts", "embedding", "head"}));
  EXPECT_EQ(import(with(kMixtral, R"("quantization": {"group_size": 32, "bits": 4})")).quant.format, "mlx_4bit_g32");
  EXPECT_EQ(import(with(kMixtral, R"("quantization": {"group_size": 32, "bits": 4, "mode": "mxfp4"})")).quant.format,
            "mxfp4");
  expect_complaint(with(kMixtral, R"("quantization": {"group_size": 64, "bits": 7})"), "bits");
  expect_complaint(with(kMixtral, R"("quantization": {"group_size": 32, "bits": 8, "mode": "mxfp8"})"), "mode");
}

TEST(HfQuantization, ModulesWithAWidthOfTheirOwnAreSaid) {
  const ModelSpec model = import(with(kMixtral, R"("quantization": {"group_size": 64, "bits": 4,
    "model.layers.0.block_sparse_moe.gate": {"group_size": 64, "bits": 8}, "lm_head": false})"));
  EXPECT_NE(model.note.find("2 modules have a width of their own"), std::string::npos);
}

// The headers of the files say every byte: no method has to be known.
TEST(HfQuantization, IsNotReadWhereTheFilesAre) {
  const std::string config =
      with(kMixtral, R"("torch_dtype": "float16", "quantization_config": {"quant_method": "hqq"})");
  const ModelSpec model = import_hf_config(config, "config.json", WeightFormats::FromFile);
  EXPECT_EQ(model.quant.format, "");
  EXPECT_EQ(model.quant.base, "fp16");
}

}  // namespace
}  // namespace moeplan
