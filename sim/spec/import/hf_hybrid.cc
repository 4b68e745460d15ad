// SPDX-License-Identifier: Apache-2.0
// Layers with a fixed-size state beside layers with a cache.
#include <algorithm>
#include <string>

#include "sim/spec/import/hf_families.h"

namespace moeplan {

// Qwen3-Next and Qwen3.5: gated delta rule, every full_attention_interval-th layer softmax
// with a q projection twice as wide (output gate).
void import_qwen3_next(HfReader& in, ShapeBuilder& out) {
  read_trunk(in, out, false);
  SoftmaxAttention full = read_gqa(in, out.model.hidden, {.bias = "attention_bias", .out_bias = true});
  full.qk_norm = QkNorm::PerDim;
  full.output_gate = true;
  in.expect_flag("attn_output_gate", true, "only the gated form is modelled");
  in.expect_flag("use_sliding_window", false, "windows are not modelled for this family");
  LinearAttention linear;
  linear.key_heads = in.size("linear_num_key_heads");
  linear.value_heads = in.size("linear_num_value_heads");
  linear.key_dim = in.size("linear_key_head_dim");
  linear.value_dim = in.size("linear_value_head_dim");
  linear.conv_kernel = in.size("linear_conv_kernel_dim");
  in.understand({"mamba_ssm_dtype"});
  in.require(linear.value_heads % linear.key_heads == 0, "linear_num_value_heads", {"linear_num_key_heads"},
             "a multiple of linear_num_key_heads");
  MoeFfn moe = read_moe(in, {"num_experts", "num_experts_per_tok", "moe_intermediate_size"});
  moe.shared_width = in.size("shared_expert_intermediate_size");
  moe.shared_scalar_gate = true;
  const Count dense_width = in.count_or("intermediate_size", 0);
  const Count step = in.size_or("decoder_sparse_step", 1);
  const std::vector<Count> dense_only = in.counts("mlp_only_layers");
  const Count layers = in.layers("num_hidden_layers");
  const std::vector<std::size_t> kinds = in.layer_words("layer_types", layers, {"full_attention", "linear_attention"});
  const Count interval = in.size_or("full_attention_interval", 4);
  for (Count i = 0; i < layers; ++i) {
    const bool is_full = kinds.empty() ? (i + 1) % interval == 0 : kinds[static_cast<std::size_t>(i)] == 0;
    const bool is_dense = (i + 1) % step != 0 || std::find(dense_only.begin(), dense_only.end(), i) != dense_only.end();
    out.layer({is_full ? out.block("attention", 1, full) : out.block("linear", 1, linear),
               is_dense ? out.block("dense", 1, DenseFfn{.width = dense_width}) : out.block("moe", 1, moe)});
  }
  in.expect_flag("mtp_use_dedicated_embeddings", false, "not modelled");
  // Qwen3-Next does not declare the module that its files hold.
  const bool declares = in.has("mtp_num_hidden_layers");
  if (declares)
    out.model.mlx.quantised = {"router"};  // Qwen3.5, converted by mlx-vlm
  else
    out.model.mlx.eight_bit = {"router"};
  const Count modules = declares ? in.count_or("mtp_num_hidden_layers", 0) : 1;
  add_mtp(out, modules, {out.block("attention", 1, full), out.block("moe", 1, moe)});
  if (!declares)
    out.remark(
        "Qwen3-Next files hold a multi-token-prediction layer that config.json does not declare; it is counted apart. "
        "Qwen3-Coder-Next files do not.");
}

// MiniMax-M1: lightning attention, softmax where attn_type_list says 1.
void import_minimax_m1(HfReader& in, ShapeBuilder& out) {
  read_trunk(in, out, false);
  const SoftmaxAttention full = read_gqa(in, out.model.hidden, {});
  in.understand({"layernorm_full_attention_alpha", "layernorm_full_attention_beta", "layernorm_linear_attention_alpha",
                 "layernorm_linear_attention_beta", "layernorm_mlp_alpha", "layernorm_mlp_beta", "postnorm",
                 "shared_moe_mode"});
  in.expect_zero("shared_intermediate_size", "MiniMax-M1 has no shared expert");
  in.expect_zero("sliding_window", "windows are not modelled for this family");
  LinearAttention linear;
  linear.kind = LinearKind::Lightning;
  linear.key_heads = linear.value_heads = full.heads;
  linear.key_dim = linear.value_dim = full.head_dim;
  const MoeFfn moe = read_moe(in, {"num_local_experts", "num_experts_per_tok", "intermediate_size"});
  const Count layers = in.layers("num_hidden_layers");
  const std::vector<Count> types = in.counts("attn_type_list");
  in.require(static_cast<Count>(types.size()) == layers, "attn_type_list", {"num_hidden_layers"},
             "one entry for each of the " + std::to_string(layers) + " layers");
  const BlockIndex ffn = out.block("moe", 1, moe);
  for (Count i = 0; i < layers; ++i) {
    const bool is_full = static_cast<std::size_t>(i) < types.size() && types[static_cast<std::size_t>(i)] != 0;
    out.layer({is_full ? out.block("attention", 1, full) : out.block("lightning", 1, linear), ffn});
  }
}

namespace {

enum class NemotronLayer { Mamba, Moe, Attention, Dense };

// "MEM*E-": M mamba, E experts, * attention, - dense.
std::vector<NemotronLayer> read_pattern(HfReader& in, std::string_view key) {
  std::vector<NemotronLayer> out;
  for (char c : in.text_or(key, "")) {
    const std::size_t at = std::string_view("ME*-").find(c);
    if (at == std::string_view::npos) {
      in.complain(key, "only M, E, * and -");
      return {};
    }
    out.push_back(static_cast<NemotronLayer>(at));
  }
  return out;
}

std::vector<NemotronLayer> read_block_types(HfReader& in, std::string_view key) {
  static const std::vector<std::string> kWords = {"mamba", "moe", "attention", "mlp"};
  std::vector<NemotronLayer> out;
  const std::vector<std::string> texts = in.texts(key);
  for (std::size_t index : in.layer_words(key, static_cast<Count>(texts.size()), kWords))
    out.push_back(static_cast<NemotronLayer>(index));
  return out;
}

struct NemotronBlocks {
  MambaMixer mamba;
  MoeFfn moe;
  SoftmaxAttention attention;
  DenseFfn dense;

  BlockIndex of(NemotronLayer kind, ShapeBuilder& out) const {
    switch (kind) {
      case NemotronLayer::Mamba: return out.block("mamba", 1, mamba);
      case NemotronLayer::Moe: return out.block("moe", 1, moe);
      case NemotronLayer::Attention: return out.block("attention", 1, attention);
      case NemotronLayer::Dense: return out.block("dense", 1, dense);
    }
    return 0;
  }
};

NemotronBlocks read_nemotron_blocks(HfReader& in, Count hidden) {
  NemotronBlocks blocks;
  blocks.attention = read_gqa(in, hidden, {.bias = "attention_bias", .out_bias = true});
  blocks.mamba.heads = in.size("mamba_num_heads");
  blocks.mamba.head_dim = in.size("mamba_head_dim");
  blocks.mamba.state = in.size("ssm_state_size");
  blocks.mamba.groups = in.size("n_groups");
  blocks.mamba.conv_kernel = in.size("conv_kernel");
  blocks.mamba.conv_bias = in.flag_or("use_conv_bias", true);
  blocks.mamba.proj_bias = in.flag_or("mamba_proj_bias", false) || in.flag_or("use_bias", false);
  in.understand({"use_bias", "expand", "chunk_size", "mamba_hidden_act", "mamba_ssm_cache_dtype", "residual_in_fp32",
                 "rescale_prenorm_residual", "time_step_floor", "time_step_limit", "time_step_max", "time_step_min",
                 "time_step_rank", "use_mamba_kernels", "moe_shared_expert_overlap", "sliding_window"});
  // Two-matrix experts with a squared ReLU.
  constexpr MoeKeys kRoutedKeys{"n_routed_experts", "num_experts_per_tok", "moe_intermediate_size"};
  blocks.moe = read_moe(in, kRoutedKeys);
  blocks.moe.gated = false;
  blocks.moe.shared_gated = false;
  blocks.moe.latent = in.count_or("moe_latent_size", 0);
  blocks.moe.shared_width = in.count_or("n_shared_experts", 0) * in.count_or("moe_shared_expert_intermediate_size", 0);
  blocks.moe.correction_bias = true;
  read_groups(in, kRoutedKeys, blocks.moe);
  blocks.dense.width = in.size("intermediate_size");
  blocks.dense.gated = false;
  blocks.dense.bias = in.flag_or("mlp_bias", false);
  return blocks;
}

}  // namespace

// Each layer is one block: mamba, experts, or attention.
void import_nemotron_h(HfReader& in, ShapeBuilder& out) {
  read_trunk(in, out, false);
  const NemotronBlocks blocks = read_nemotron_blocks(in, out.model.hidden);
  const bool as_words = in.has("layers_block_type");
  const std::vector<NemotronLayer> layers =
      as_words ? read_block_types(in, "layers_block_type") : read_pattern(in, "hybrid_override_pattern");
  in.require(!layers.empty() && static_cast<Count>(layers.size()) <= kMaxConfigLayers,
             as_words ? "layers_block_type" : "hybrid_override_pattern", {}, "one entry per layer, 1 to 1024");
  const Count declared = in.count_or("num_hidden_layers", static_cast<Count>(layers.size()));
  in.require(declared == static_cast<Count>(layers.size()), "num_hidden_layers",
             {as_words ? "layers_block_type" : "hybrid_override_pattern"},
             "the length of the layer pattern (" + std::to_string(layers.size()) + ")");
  if (layers.size() > static_cast<std::size_t>(kMaxConfigLayers)) return;
  for (NemotronLayer kind : layers) out.layer({blocks.of(kind, out)});
  const Count modules = in.count_or("num_nextn_predict_layers", 0);
  const std::vector<NemotronLayer> mtp = in.has("mtp_layers_block_type")
                                             ? read_block_types(in, "mtp_layers_block_type")
                                             : read_pattern(in, "mtp_hybrid_override_pattern");
  if (modules == 0) return;
  LayerShape shape;
  for (NemotronLayer kind : mtp) shape.push_back(blocks.of(kind, out));
  in.require(!shape.empty(), "mtp_hybrid_override_pattern", {"mtp_layers_block_type"},
             "the layer of the multi-token-prediction module");
  if (shape.empty()) return;
  add_mtp(out, modules, shape);
}

}  // namespace moeplan
