// SPDX-License-Identifier: Apache-2.0
// One name of every kind and family: role, part, layer, and what the tensor holds.
#include "sim/spec/import/hf_tensor_names.h"

#include <gtest/gtest.h>

#include <string>

namespace moeplan {
namespace {

using R = MatrixRole;
using K = TensorKind;

struct Placed {
  NamePlace place;
  Count layer = -1;
  Count occurrence = 0;
};

Placed placed(std::string_view name) {
  NumberedName numbered;
  take_numbers(name, numbered);
  Placed p{place_of_pattern(numbered.pattern)};
  if (p.place.layer >= 0) p.layer = numbered.numbers[static_cast<std::size_t>(p.place.layer)];
  p.occurrence = p.place.first;
  if (p.place.occurrence >= 0) p.occurrence += numbered.numbers[static_cast<std::size_t>(p.place.occurrence)];
  return p;
}

struct Name {
  const char* name;
  R role;
  Part part;
  Count layer = -1;
  K kind = K::Values;
  bool one_expert = false;
};

void expect_places(std::initializer_list<Name> names) {
  for (const Name& n : names) {
    const Placed p = placed(n.name);
    EXPECT_TRUE(p.place.placed) << n.name;
    EXPECT_EQ(word_of(p.place.roles[0]), word_of(n.role)) << n.name;
    EXPECT_EQ(word_of(p.place.part), word_of(n.part)) << n.name;
    EXPECT_EQ(p.layer, n.layer) << n.name;
    EXPECT_EQ(p.place.kind, n.kind) << n.name;
    EXPECT_EQ(p.place.one_expert, n.one_expert) << n.name;
  }
}

TEST(TensorNames, NumbersAreTakenOutOfComponentsOnly) {
  NumberedName n;
  take_numbers("model.layers.12.mlp.experts.255.w1.weight_scale_2", n);
  EXPECT_EQ(n.pattern, "model.layers.*.mlp.experts.*.w1.weight_scale_2");
  ASSERT_EQ(n.count, 2U);
  EXPECT_EQ(n.numbers[0], 12);
  EXPECT_EQ(n.numbers[1], 255);
  take_numbers("encoder.block.1.layer.2.mlp.experts.expert_31.wi.weight", n);
  EXPECT_EQ(n.pattern, "encoder.block.*.layer.*.mlp.experts.expert_*.wi.weight");
  take_numbers("a.99999999999999999999.b", n);
  EXPECT_EQ(n.pattern, "a.99999999999999999999.b");
  take_numbers("1.2.3.4.5", n);
  EXPECT_EQ(n.pattern, "*.*.*.*.5");
  take_numbers("", n);
  EXPECT_EQ(n.pattern, "");
}

TEST(TensorNames, OfSoftmaxAttention) {
  expect_places({{"model.layers.3.self_attn.q_proj.weight", R::Q, Part::Attention, 3},
                 {"model.layers.3.self_attn.k_proj.bias", R::Bias, Part::Attention, 3, K::Bias},
                 {"model.layers.3.self_attn.q_norm.weight", R::QNorm, Part::Norm, 3},
                 {"model.layers.3.self_attn.sinks", R::Sinks, Part::Attention, 3},
                 {"model.layers.3.self_attn.g_proj.weight", R::Gate, Part::Attention, 3},
                 {"model.layers.3.attention.query_key_value.weight", R::Q, Part::Attention, 3},
                 {"model.layers.3.attention.query_layernorm.weight", R::QNorm, Part::Norm, 3},
                 {"model.layers.3.attention.dense.weight", R::O, Part::Attention, 3},
                 {"transformer.blocks.3.norm_attn_norm.attn.Wqkv.weight", R::Q, Part::Attention, 3},
                 {"transformer.blocks.3.norm_attn_norm.norm_1.weight", R::Norm, Part::Norm, 3},
                 {"h.3.attn.c_attn.weight", R::Q, Part::Attention, 3},
                 {"h.3.attn.c_proj.bias", R::Bias, Part::Attention, 3, K::Bias},
                 {"h.3.ln_1.bias", R::Norm, Part::Norm, 3, K::Bias},
                 {"layers.3.attention.wq.weight", R::Q, Part::Attention, 3},
                 {"layers.3.attention_norm.weight", R::Norm, Part::Norm, 3}});
}

TEST(TensorNames, OfLatentAttentionAndIndexers) {
  expect_places({{"model.layers.0.self_attn.q_a_proj.weight", R::QA, Part::Attention, 0},
                 {"model.layers.0.self_attn.q_a_layernorm.weight", R::QANorm, Part::Norm, 0},
                 {"model.layers.0.self_attn.kv_a_proj_with_mqa.weight_scale_inv", R::KvA, Part::Attention, 0, K::Scale},
                 {"model.layers.0.self_attn.kv_a_layernorm.weight", R::KvANorm, Part::Norm, 0},
                 {"model.layers.0.self_attn.kv_b_proj.weight", R::KvB, Part::Attention, 0},
                 {"model.layers.0.self_attn.indexer.wq_b.weight", R::IndexQ, Part::Indexer, 0},
                 {"model.layers.0.self_attn.indexer.k_norm.bias", R::IndexNorm, Part::Indexer, 0, K::Bias},
                 {"model.layers.0.self_attn.indexer.weights_proj.weight", R::IndexWeights, Part::Indexer, 0},
                 {"model.layers.3.self_attn.index_q_proj.weight", R::IndexQ, Part::Indexer, 3},
                 {"layers.0.attention.wkv_a_with_mqa.weight", R::KvA, Part::Attention, 0},
                 {"layers.0.attention.kv_a_norm.weight", R::KvANorm, Part::Norm, 0}});
}

TEST(TensorNames, OfLinearAttentionAndMamba) {
  expect_places({{"model.layers.1.linear_attn.in_proj_qkvz.weight", R::LinearQkvz, Part::Attention, 1},
                 {"model.layers.1.linear_attn.in_proj_ba.weight", R::LinearBa, Part::Attention, 1},
                 {"model.layers.1.linear_attn.conv1d.weight", R::LinearConv, Part::Attention, 1},
                 {"model.layers.1.linear_attn.dt_bias", R::LinearState, Part::Attention, 1},
                 {"model.layers.1.linear_attn.A_log", R::LinearState, Part::Attention, 1},
                 {"model.layers.1.linear_attn.norm.weight", R::LinearNorm, Part::Norm, 1},
                 {"backbone.layers.1.mixer.in_proj.weight", R::LinearQkvz, Part::Attention, 1},
                 {"backbone.layers.1.mixer.conv1d.bias", R::Bias, Part::Attention, 1, K::Bias},
                 {"backbone.layers.1.mixer.D", R::LinearState, Part::Attention, 1},
                 {"backbone.layers.1.norm.weight", R::Norm, Part::Norm, 1}});
}

TEST(TensorNames, OfExpertsOneByOneAndFused) {
  expect_places(
      {{"model.layers.3.mlp.experts.17.gate_proj.weight", R::ExpertGate, Part::Experts, 3, K::Values, true},
       {"model.layers.3.block_sparse_moe.experts.7.w2.weight", R::ExpertDown, Part::Experts, 3, K::Values, true},
       {"model.layers.3.mlp.experts.gate_up_proj_blocks", R::ExpertGate, Part::Experts, 3, K::Packed},
       {"model.layers.3.mlp.experts.gate_up_proj_scales", R::ExpertGate, Part::Experts, 3, K::Scale},
       {"model.layers.3.mlp.experts.down_proj_bias", R::Bias, Part::Experts, 3, K::Bias},
       {"language_model.model.layers.3.feed_forward.experts.gate_up_proj", R::ExpertGate, Part::Experts, 3},
       {"transformer.blocks.3.ffn.experts.mlp.v1", R::ExpertUp, Part::Experts, 3},
       {"model.layers.3.block_sparse_moe.input_linear.weight", R::ExpertGate, Part::Experts, 3},
       {"model.layers.3.moe.down_proj.weight", R::ExpertDown, Part::Experts, 3},
       {"model.layers.3.mlp.switch_mlp.up_proj.scales", R::ExpertUp, Part::Experts, 3, K::Scale},
       {"layers.3.experts.0.w1.weight", R::ExpertGate, Part::Experts, 3, K::Values, true},
       {"backbone.layers.3.mixer.experts.5.up_proj.weight", R::ExpertUp, Part::Experts, 3, K::Values, true},
       {"backbone.layers.3.mixer.fc1_latent_proj.weight", R::LatentDown, Part::Experts, 3},
       {"encoder.block.1.layer.1.mlp.experts.expert_3.wi.weight", R::ExpertUp, Part::Experts, 1, K::Values, true}});
}

TEST(TensorNames, OfRoutersSharedExpertsAndDenseLayers) {
  expect_places({{"model.layers.3.mlp.gate.weight", R::Router, Part::Router, 3},
                 {"model.layers.3.mlp.gate.e_score_correction_bias", R::CorrectionBias, Part::Router, 3},
                 {"model.layers.3.mlp.router.bias", R::RouterBias, Part::Router, 3, K::Bias},
                 {"model.layers.3.mlp.gate.wg.weight", R::Router, Part::Router, 3},
                 {"model.layers.3.mlp.router.classifier.weight", R::Router, Part::Router, 3},
                 {"model.language_model.layers.3.router.proj.weight", R::Router, Part::Router, 3},
                 {"layers.3.gate.weight", R::Router, Part::Router, 3},
                 {"model.layers.3.mlp.shared_expert_gate.weight", R::SharedScalar, Part::Shared, 3},
                 {"model.layers.3.mlp.shared_experts.up_proj.weight", R::SharedUp, Part::Shared, 3},
                 {"model.layers.3.share_expert.down_proj.weight", R::SharedDown, Part::Shared, 3},
                 {"layers.3.shared_experts.w3.weight", R::SharedUp, Part::Shared, 3},
                 {"model.layers.0.mlp.gate_proj.weight", R::FfnGate, Part::Dense, 0},
                 {"model.layers.0.residual_mlp.w2.weight", R::FfnDown, Part::Dense, 0},
                 {"layers.0.feed_forward.w1.weight", R::FfnGate, Part::Dense, 0},
                 {"h.0.mlp.c_fc.weight", R::FfnUp, Part::Dense, 0}});
}

TEST(TensorNames, OutsideTheLayers) {
  expect_places({{"model.embed_tokens.weight", R::Embedding, Part::Embedding},
                 {"model.language_model.embed_tokens.weight", R::Embedding, Part::Embedding},
                 {"tok_embeddings.weight", R::Embedding, Part::Embedding},
                 {"backbone.embeddings.weight", R::Embedding, Part::Embedding},
                 {"shared.weight", R::Embedding, Part::Embedding},
                 {"wpe.weight", R::Extra, Part::Embedding},
                 {"lm_head.weight", R::Head, Part::Head},
                 {"lm_head.bias", R::Bias, Part::Head, -1, K::Bias},
                 {"output.weight", R::Head, Part::Head},
                 {"model.norm.weight", R::Norm, Part::Norm},
                 {"ln_f.bias", R::Norm, Part::Norm, -1, K::Bias},
                 {"backbone.norm_f.weight", R::Norm, Part::Norm},
                 {"encoder.final_layer_norm.weight", R::Norm, Part::Norm},
                 {"vision_tower.encoder.layers.3.mlp.fc1.weight", R::Extra, Part::Vision},
                 {"model.visual.blocks.3.attn.qkv.weight", R::Extra, Part::Vision},
                 {"multi_modal_projector.linear_1.weight", R::Extra, Part::Vision}});
}

TEST(TensorNames, OfMultiTokenPrediction) {
  expect_places({{"model.layers.61.eh_proj.weight", R::MtpProjection, Part::Mtp, 61},
                 {"model.layers.61.enorm.weight", R::Norm, Part::Norm, 61},
                 {"model.layers.61.shared_head.head.weight", R::Head, Part::Head, 61},
                 {"mtp.layers.0.mlp.experts.1.up_proj.weight", R::ExpertUp, Part::Experts, 0, K::Values, true},
                 {"mtp.fc.weight", R::MtpProjection, Part::Mtp},
                 {"model.mtp_block.0.self_attn.q_proj.weight", R::Q, Part::Attention, 0}});
  for (const char* name : {"mtp.fc.weight", "model.mtp.layers.0.transformer_layer.self_attn.q_proj.weight",
                           "model.mtp_block.0.input_layernorm.weight", "model.mtp_emb_norm.0.weight"})
    EXPECT_TRUE(placed(name).place.mtp) << name;
}

TEST(TensorNames, OfEveryQuantisation) {
  const std::string at = "model.layers.0.mlp.experts.0.up_proj";
  const std::pair<const char*, K> suffixes[] = {{".weight_scale_inv", K::Scale},
                                                {".weight_scale", K::Scale},
                                                {".weight_scale_2", K::Scale},
                                                {".weight_global_scale", K::Scale},
                                                {".input_scale", K::Meta},
                                                {".input_global_scale", K::Meta},
                                                {".weight_packed", K::Packed},
                                                {".weight_shape", K::Meta},
                                                {".weight_zero_point", K::Zero},
                                                {".qweight", K::Packed},
                                                {".qzeros", K::Zero},
                                                {".scales", K::Scale},
                                                {".g_idx", K::Meta},
                                                {".biases", K::Zero},
                                                {".SCB", K::Scale},
                                                {".weight.absmax", K::Scale},
                                                {".weight.quant_map", K::Meta},
                                                {".weight.nested_absmax", K::Scale},
                                                {".weight.quant_state.bitsandbytes__nf4", K::Meta}};
  const std::string module = placed(at + ".weight").place.module;
  for (const auto& [suffix, kind] : suffixes) {
    const Placed p = placed(at + suffix);
    EXPECT_EQ(p.place.roles[0], R::ExpertUp) << suffix;
    EXPECT_EQ(p.place.kind, kind) << suffix;
    EXPECT_EQ(p.place.module, module) << suffix;
  }
}

// LongCat has two attentions a layer, T5 decoders a second one that looks at the encoder.
TEST(TensorNames, TheSecondAttentionOfALayerIsTold) {
  EXPECT_EQ(placed("model.layers.4.self_attn.1.q_a_proj.weight").occurrence, 1);
  EXPECT_EQ(placed("model.layers.4.mlps.1.up_proj.weight").occurrence, 1);
  EXPECT_EQ(placed("decoder.block.2.layer.1.EncDecAttention.q.weight").occurrence, 1);
  EXPECT_EQ(placed("decoder.block.2.layer.0.SelfAttention.q.weight").occurrence, 0);
  EXPECT_EQ(placed("encoder.block.2.layer.0.SelfAttention.q.weight").place.stack, Stack::Encoder);
}

TEST(TensorNames, TheUnknownIsGuessedAndSaid) {
  const Placed p = placed("model.layers.4.self_attn.novel_proj.weight");
  EXPECT_FALSE(p.place.placed);
  EXPECT_EQ(p.place.part, Part::Attention);
  EXPECT_FALSE(placed("zzz").place.known_part);
}

}  // namespace
}  // namespace moeplan
