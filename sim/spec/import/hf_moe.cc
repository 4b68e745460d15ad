// SPDX-License-Identifier: Apache-2.0
// Grouped-query attention with experts, the same attention in every layer.
#include <algorithm>
#include <string>

#include "sim/spec/import/hf_families.h"

namespace moeplan {
namespace {

void add_layers(ShapeBuilder& out, Count layers, const SoftmaxAttention& attention, const MoeFfn& moe,
                Count attention_norms = 1, Count moe_norms = 1) {
  const BlockIndex a = out.block("attention", attention_norms, attention);
  const BlockIndex f = out.block("moe", moe_norms, moe);
  for (Count i = 0; i < layers; ++i) out.layer({a, f});
}

// The first `dense` layers have a dense FFN.
void add_layers_after_dense(ShapeBuilder& out, Count layers, Count dense, Count dense_width,
                            const SoftmaxAttention& attention, const MoeFfn& moe) {
  const BlockIndex a = out.block("attention", 1, attention);
  for (Count i = 0; i < layers; ++i)
    out.layer({a, i < dense ? out.block("dense", 1, DenseFfn{.width = dense_width}) : out.block("moe", 1, moe)});
}

// `sliding_window` counts only when it is smaller than the context (Phi-3.5-MoE: equal).
void read_window(HfReader& in, const ShapeBuilder& out, SoftmaxAttention& a) {
  const Count window = in.count_or("sliding_window", 0);
  if (window > 0 && window < out.model.max_context) a.window = window;
}

// Qwen-MoE: a layer is MoE if it is not in mlp_only_layers and (i + 1) % decoder_sparse_step == 0.
void add_qwen_layers(HfReader& in, ShapeBuilder& out, const SoftmaxAttention& attention, const MoeFfn& moe) {
  // In Qwen MoE configs intermediate_size is the width of dense layers only.
  const Count dense_width = in.count_or("intermediate_size", 0);
  const Count step = in.size_or("decoder_sparse_step", 1);
  const std::vector<Count> dense_only = in.counts("mlp_only_layers");
  const Count layers = in.layers("num_hidden_layers");
  const bool windowed = in.flag_or("use_sliding_window", false);
  const Count window = in.count_or("sliding_window", 0);
  const Count first_window = in.count_or("max_window_layers", layers);
  SoftmaxAttention sliding = attention;
  sliding.window = window;
  for (Count i = 0; i < layers; ++i) {
    const bool is_dense = (i + 1) % step != 0 || std::find(dense_only.begin(), dense_only.end(), i) != dense_only.end();
    const bool slides = windowed && window > 0 && i >= first_window;
    const BlockIndex a = slides ? out.block("sliding", 1, sliding) : out.block("attention", 1, attention);
    out.layer({a, is_dense ? out.block("dense", 1, DenseFfn{.width = dense_width}) : out.block("moe", 1, moe)});
  }
}

constexpr MoeKeys kQwenKeys{"num_experts", "num_experts_per_tok", "moe_intermediate_size"};
constexpr MoeKeys kRoutedKeys{"n_routed_experts", "num_experts_per_tok", "moe_intermediate_size"};
constexpr MoeKeys kLocalKeys{"num_local_experts", "num_experts_per_tok", "intermediate_size"};

}  // namespace

void import_mixtral(HfReader& in, ShapeBuilder& out) {
  read_trunk(in, out, false);
  SoftmaxAttention a = read_gqa(in, out.model.hidden, {});
  read_window(in, out, a);
  add_layers(out, in.layers("num_hidden_layers"), a, read_moe(in, kLocalKeys));
}

void import_qwen2_moe(HfReader& in, ShapeBuilder& out) {
  read_trunk(in, out, false);
  const SoftmaxAttention a = read_gqa(in, out.model.hidden, {.bias = "qkv_bias", .bias_default = true});
  MoeFfn moe = read_moe(in, kQwenKeys);
  // An absolute width, with a scalar sigmoid gate.
  moe.shared_width = in.size("shared_expert_intermediate_size");
  moe.shared_scalar_gate = true;
  add_qwen_layers(in, out, a, moe);
}

void import_qwen3_moe(HfReader& in, ShapeBuilder& out) {
  read_trunk(in, out, false);
  out.model.mlx.eight_bit = {"router"};
  SoftmaxAttention a = read_gqa(in, out.model.hidden, {.bias = "attention_bias", .out_bias = true});
  a.qk_norm = QkNorm::PerDim;
  in.expect_flag("use_qk_norm", true, "Qwen3 always normalises queries and keys");
  in.expect_flag("qkv_bias", false, "Qwen3 says attention_bias");
  in.expect_zero("shared_expert_intermediate_size", "Qwen3-MoE has no shared expert");
  add_qwen_layers(in, out, a, read_moe(in, kQwenKeys));
}

void import_olmoe(HfReader& in, ShapeBuilder& out) {
  read_trunk(in, out, false);
  SoftmaxAttention a =
      read_gqa(in, out.model.hidden, {.kv_required = false, .bias = "attention_bias", .out_bias = true});
  a.qk_norm = QkNorm::FullWidth;
  add_layers(out, in.layers("num_hidden_layers"), a,
             read_moe(in, {"num_experts", "num_experts_per_tok", "intermediate_size"}));
}

void import_phimoe(HfReader& in, ShapeBuilder& out) {
  read_trunk(in, out, false);
  out.model.norm = NormKind::Layer;
  out.model.head_bias = in.flag_or("lm_head_bias", false);
  SoftmaxAttention a = read_gqa(in, out.model.hidden, {.bias = "attention_bias", .out_bias = true});
  read_window(in, out, a);
  add_layers(out, in.layers("num_hidden_layers"), a, read_moe(in, kLocalKeys));
}

void import_granitemoe(HfReader& in, ShapeBuilder& out) {
  read_trunk(in, out, false);
  const SoftmaxAttention a =
      read_gqa(in, out.model.hidden, {.kv_required = false, .bias = "attention_bias", .out_bias = true});
  add_layers(out, in.layers("num_hidden_layers"), a, read_moe(in, kLocalKeys));
}

void import_dbrx(HfReader& in, ShapeBuilder& out) {
  ModelSpec& model = out.model;
  model.hidden = in.size("d_model");
  model.vocab = in.size("vocab_size");
  model.max_context = in.size("max_seq_len");
  model.tied_embeddings = in.tied(false);
  model.norm = NormKind::LayerNoBias;
  HfReader attn = in.object("attn_config");
  SoftmaxAttention a;
  a.heads = in.size("n_heads");
  a.kv_heads = attn.size("kv_n_heads");
  a.head_dim = a.value_dim = std::max<Count>(1, model.hidden / a.heads);
  in.require(model.hidden % a.heads == 0, "n_heads", {"d_model"},
             "a divisor of d_model (" + std::to_string(model.hidden) + ")");
  attn.require(a.heads % a.kv_heads == 0 || !in.read_well({"n_heads"}), "kv_n_heads", {},
               "a divisor of n_heads (" + std::to_string(a.heads) + ")");
  attn.refuse_unknown("dbrx");
  HfReader ffn = in.object("ffn_config");
  const MoeFfn moe = read_moe(ffn, {"moe_num_experts", "moe_top_k", "ffn_hidden_size"});
  ffn.understand({"ffn_act_fn", "moe_normalize_expert_weights", "uniform_expert_assignment"});
  ffn.refuse_unknown("dbrx");
  add_layers(out, in.layers("n_layers"), a, moe);
}

void import_grok1(HfReader& in, ShapeBuilder& out) {
  read_trunk(in, out, true);
  const SoftmaxAttention a = read_gqa(in, out.model.hidden, {});
  const MoeFfn moe = read_moe(in, {"num_experts", "num_experts_per_tok", "intermediate_size"});
  // A norm before and one after each half (xai-org/grok-1 model.py, DecoderLayer).
  add_layers(out, in.layers("num_hidden_layers"), a, moe, 2, 2);
}

// Experts on every moe_layer_frequency-th layer, beside a dense residual FFN of hidden width.
void import_arctic(HfReader& in, ShapeBuilder& out) {
  read_trunk(in, out, false);
  const SoftmaxAttention a = read_gqa(in, out.model.hidden, {.kv_required = false});
  const MoeFfn moe = read_moe(in, kLocalKeys);
  const Count every = in.size_or("moe_layer_frequency", 2);
  const bool residual = in.flag_or("parallel_attn_mlp_res", false);
  in.expect_flag("use_residual", true, "only the residual form is modelled");
  in.understand({"moe_train_capacity_factor", "moe_eval_capacity_factor", "moe_min_capacity", "moe_token_dropping",
                 "enable_expert_tensor_parallelism"});
  const Count layers = in.layers("num_hidden_layers");
  const BlockIndex attention = out.block("attention", 1, a);
  for (Count i = 0; i < layers; ++i) {
    if ((i + 1) % every != 0) {
      out.layer({attention, out.block("dense", 1, DenseFfn{.width = moe.width})});
      continue;
    }
    LayerShape layer{attention, out.block("moe", 1, moe)};
    if (residual) layer.push_back(out.block("residual", 1, DenseFfn{.width = out.model.hidden}));
    out.layer(layer);
  }
}

// DeepSeekMoE-16B: multi-head attention, not MLA.
void import_deepseek_moe(HfReader& in, ShapeBuilder& out) {
  read_trunk(in, out, false);
  const SoftmaxAttention a =
      read_gqa(in, out.model.hidden, {.kv_required = false, .bias = "attention_bias", .out_bias = true});
  MoeFfn moe = read_moe(in, kRoutedKeys);
  moe.shared_width = in.count_or("n_shared_experts", 0) * moe.width;
  if (in.size_or("moe_layer_freq", 1) != 1) in.complain("moe_layer_freq", "1", "other patterns are not modelled here");
  add_layers_after_dense(out, in.layers("num_hidden_layers"), in.count_or("first_k_dense_replace", 0),
                         in.size("intermediate_size"), a, moe);
}

void import_glm4_moe(HfReader& in, ShapeBuilder& out) {
  read_trunk(in, out, false);
  SoftmaxAttention a = read_gqa(in, out.model.hidden, {.bias = "attention_bias"});
  if (in.flag_or("use_qk_norm", false)) a.qk_norm = QkNorm::PerDim;
  MoeFfn moe = read_moe(in, kRoutedKeys);
  moe.shared_width = in.count_or("n_shared_experts", 0) * moe.width;
  moe.correction_bias = true;
  read_groups(in, kRoutedKeys, moe);
  add_layers_after_dense(out, in.layers("num_hidden_layers"), in.count_or("first_k_dense_replace", 0),
                         in.size("intermediate_size"), a, moe);
  const Count modules = in.count_or("num_nextn_predict_layers", 0);
  if (modules == 0) return;
  add_mtp(out, modules, {out.block("attention", 1, a), out.block("moe", 1, moe)});
  out.model.mtp.in_file_copies = 1;
  out.model.mtp.in_gguf = true;
  out.remark(
      "GLM-4.5 files repeat embedding and head for multi-token prediction; GLM-4.6 files, of the same config, do not.");
}

void import_bailing_v2(HfReader& in, ShapeBuilder& out) {
  read_trunk(in, out, false);
  SoftmaxAttention a = read_gqa(in, out.model.hidden, {.bias = "use_qkv_bias"});
  a.out_bias = in.flag_or("use_bias", false);
  if (in.flag_or("use_qk_norm", false)) a.qk_norm = QkNorm::PerDim;
  MoeFfn moe = read_moe(in, kQwenKeys);
  moe.shared_width = in.count_or("num_shared_experts", 0) * moe.width;
  moe.correction_bias = in.flag_or("moe_router_enable_expert_bias", false);
  read_groups(in, kQwenKeys, moe);
  add_layers_after_dense(out, in.layers("num_hidden_layers"), in.count_or("first_k_dense_replace", 0),
                         in.size("intermediate_size"), a, moe);
  in.expect_zero("num_nextn_predict_layers", "its layer is not modelled for this family");
}

void import_ernie4_5(HfReader& in, ShapeBuilder& out) {
  read_trunk(in, out, true);
  const SoftmaxAttention a = read_gqa(in, out.model.hidden, {.bias = "use_bias", .out_bias = true});
  MoeFfn moe = read_moe(in, {"moe_num_experts", "moe_k", "moe_intermediate_size"});
  moe.shared_width = in.count_or("moe_num_shared_experts", 0) * moe.width;
  moe.correction_bias = true;
  const Count dense_width = in.size("intermediate_size");
  const Count layers = in.layers("num_hidden_layers");
  const Count first = in.count_or("moe_layer_start_index", 1);
  const Count last = in.count_or("moe_layer_end_index", layers - 1);
  const Count interval = in.size_or("moe_layer_interval", 1);
  const BlockIndex attention = out.block("attention", 1, a);
  for (Count i = 0; i < layers; ++i) {
    const bool is_moe = i >= first && i <= last && (i + 1) % interval == 0;
    out.layer({attention, is_moe ? out.block("moe", 1, moe) : out.block("dense", 1, DenseFfn{.width = dense_width})});
  }
}

void import_minimax_m2(HfReader& in, ShapeBuilder& out) {
  read_trunk(in, out, false);
  out.model.mlx.eight_bit = {"router"};
  SoftmaxAttention a = read_gqa(in, out.model.hidden, {});
  // Normalised over the whole width, not per head.
  if (in.flag_or("use_qk_norm", false)) a.qk_norm = QkNorm::FullWidth;
  if (in.text_or("qk_norm_type", "per_layer") != "per_layer") in.complain("qk_norm_type", "per_layer");
  MoeFfn moe = read_moe(in, kLocalKeys);
  moe.correction_bias = in.flag_or("use_routing_bias", false);
  // The published FP8 files: 230,121,630,720 B of tensors leave 4 B for each router weight.
  moe.router_f32 = true;
  in.expect_zero("shared_intermediate_size", "MiniMax-M2 has no shared expert");
  in.understand({"attn_type_list"});
  if (in.flag_or("use_mtp", false) || in.count_or("num_mtp_modules", 0) > 0)
    out.remark(
        "The multi-token-prediction modules that the config declares are not in the released files and are not "
        "counted.");
  in.understand({"mtp_transformer_layers", "num_mtp_modules"});
  add_layers(out, in.layers("num_hidden_layers"), a, moe);
}

// Hunyuan-Large and Hunyuan-A13B. cla_share_factor counts only with use_cla.
void import_hunyuan(HfReader& in, ShapeBuilder& out) {
  read_trunk(in, out, false);
  in.expect_flag("use_mla", false, "latent attention is not modelled for this family");
  in.expect_zero("kv_lora_rank", "latent attention is not modelled for this family");
  in.expect_flag("mlp_bias", false, "FFN biases are not modelled for this family");
  in.understand({"attention_head_dim", "org_vocab_size", "q_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim",
                 "v_head_dim", "group_limited_greedy", "n_group", "topk_group", "norm_type", "num_media_embeds",
                 "moe_drop_tokens", "moe_random_routing_dropped_token"});
  // Leftovers of a vision and a classification head that the model does not have.
  in.understand({"anyres_pooling_size",
                 "anyres_vit_max_image_size",
                 "anyres_vit_two_views",
                 "class_num",
                 "dense_list",
                 "add_classification_head",
                 "mask_init_id",
                 "im_start_id",
                 "im_end_id",
                 "im_newline_id",
                 "text_start_id",
                 "text_end_id",
                 "video_start_id",
                 "video_end_id",
                 "pool_type",
                 "skip_cls_token",
                 "vit_input_resolution",
                 "vit_mapping_type",
                 "vit_norm_type",
                 "vit_patch",
                 "vit_path",
                 "vit_token",
                 "vit_type",
                 "vit_remove_prenorm",
                 "vit_used_rms_norm",
                 "vit_add_patchemb_bias",
                 "xdrope_section",
                 "position_embedding_xdrope"});
  SoftmaxAttention a = read_gqa(in, out.model.hidden, {.bias = "attention_bias", .out_bias = true});
  if (in.flag_or("use_qk_norm", false)) a.qk_norm = QkNorm::PerDim;
  const Count layers = in.layers("num_hidden_layers");
  const Count dense_width = in.uniform_size("intermediate_size", layers);
  MoeFfn moe = read_moe(in, {"num_experts", "moe_topk",
                             in.has("moe_intermediate_size") ? "moe_intermediate_size" : "intermediate_size", layers});
  const bool mixed = in.flag_or("use_mixed_mlp_moe", true);
  moe.shared_width =
      mixed && in.has("num_shared_expert") ? in.uniform_size("num_shared_expert", layers) * dense_width : 0;
  const Count skipped = in.count_or("moe_layer_num_skipped", 0);
  const Count share = in.flag_or("use_cla", false) ? in.size_or("cla_share_factor", 1) : 1;
  in.understand({"cla_share_factor"});
  SoftmaxAttention reuse = a;
  reuse.reuses_cache = true;
  for (Count i = 0; i < layers; ++i) {
    const BlockIndex attention = i % share == 0 ? out.block("attention", 1, a) : out.block("attention_reuse", 1, reuse);
    out.layer(
        {attention, i < skipped ? out.block("dense", 1, DenseFfn{.width = dense_width}) : out.block("moe", 1, moe)});
  }
}

}  // namespace moeplan
