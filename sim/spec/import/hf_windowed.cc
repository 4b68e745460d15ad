// SPDX-License-Identifier: Apache-2.0
// Softmax attention whose reach differs by layer: windows, chunks, sparse selection.
#include <algorithm>
#include <string>

#include "sim/spec/import/hf_families.h"

namespace moeplan {
namespace {

const std::vector<std::string> kSlidingWords = {"full_attention", "sliding_attention"};

}  // namespace

void import_gpt_oss(HfReader& in, ShapeBuilder& out) {
  read_trunk(in, out, false);
  SoftmaxAttention full =
      read_gqa(in, out.model.hidden, {.bias = "attention_bias", .bias_default = true, .out_bias = true});
  full.sinks = true;
  SoftmaxAttention sliding = full;
  sliding.window = in.size("sliding_window");
  const std::string top_k = in.first_of({"num_experts_per_tok", "experts_per_token"});
  MoeFfn moe = read_moe(in, {"num_local_experts", top_k, "intermediate_size"});
  moe.expert_bias = true;
  moe.router_bias = true;
  const Count layers = in.layers("num_hidden_layers");
  const std::vector<std::size_t> kinds = in.layer_words("layer_types", layers, kSlidingWords);
  const BlockIndex ffn = out.block("moe", 1, moe);
  for (Count i = 0; i < layers; ++i) {
    // Without a list: alternating, the first one slides.
    const bool slides = kinds.empty() ? i % 2 == 0 : kinds[static_cast<std::size_t>(i)] == 1;
    out.layer({slides ? out.block("sliding", 1, sliding) : out.block("full", 1, full), ffn});
  }
}

// The one shared expert per MoE layer is not in the config at all; dense layers have
// the width intermediate_size_mlp. Every fourth layer has no rope and sees everything.
void import_llama4(HfReader& in, ShapeBuilder& out) {
  read_trunk(in, out, false);
  out.model.mlx.quantised = {"vision"};
  const SoftmaxAttention full = read_gqa(in, out.model.hidden, {.bias = "attention_bias", .out_bias = true});
  in.understand({"use_qk_norm", "attn_temperature_tuning", "attn_scale", "floor_scale", "for_llm_compressor",
                 "cache_implementation"});
  SoftmaxAttention chunked = full;
  chunked.chunk = in.count_or("attention_chunk_size", 0);
  MoeFfn moe = read_moe(in, {"num_local_experts", "num_experts_per_tok", "intermediate_size"});
  moe.shared_width = moe.width;
  const Count dense_width = in.size("intermediate_size_mlp");
  const Count layers = in.layers("num_hidden_layers");
  const Count step = in.size_or("interleave_moe_layer_step", 1);
  const std::vector<Count> moe_list = in.counts("moe_layers");
  const std::vector<Count> rope = in.counts("no_rope_layers");  // 1 = has rope, hence chunked
  const Count interval = in.size_or("no_rope_layer_interval", 4);
  const std::vector<std::size_t> kinds = in.layer_words("layer_types", layers, {"full_attention", "chunked_attention"});
  in.require(rope.empty() || static_cast<Count>(rope.size()) == layers, "no_rope_layers", {"num_hidden_layers"},
             "one entry for each of the " + std::to_string(layers) + " layers");
  for (Count i = 0; i < layers; ++i) {
    const std::size_t at = static_cast<std::size_t>(i);
    bool is_chunked = (i + 1) % interval != 0;
    if (static_cast<Count>(rope.size()) == layers) is_chunked = rope[at] != 0;
    if (!kinds.empty()) is_chunked = kinds[at] == 1;
    const bool is_moe =
        moe_list.empty() ? (i + 1) % step == 0 : std::find(moe_list.begin(), moe_list.end(), i) != moe_list.end();
    out.layer({is_chunked && chunked.chunk > 0 ? out.block("chunked", 1, chunked) : out.block("full", 1, full),
               is_moe ? out.block("moe", 1, moe) : out.block("dense", 1, DenseFfn{.width = dense_width})});
  }
}

// A dense FFN beside the experts in every layer; global layers have wider heads, fewer
// KV heads and no V projection.
void import_gemma4(HfReader& in, ShapeBuilder& out) {
  read_trunk(in, out, true);
  out.model.mlx.eight_bit = {"dense", "router"};
  in.expect_zero("num_kv_shared_layers", "layers that share a cache are not modelled for this family");
  in.expect_zero("hidden_size_per_layer_input", "per-layer embeddings are not modelled");
  in.expect_flag("use_double_wide_mlp", false, "not modelled");
  in.expect_flag("enable_moe_block", true, "the dense form is not modelled");
  in.understand({"vocab_size_per_layer_input", "use_bidirectional_attention"});
  SoftmaxAttention sliding = read_gqa(in, out.model.hidden, {.bias = "attention_bias", .out_bias = true});
  sliding.qk_norm = QkNorm::PerDim;
  sliding.window = in.size("sliding_window");
  SoftmaxAttention full = sliding;
  full.window = 0;
  full.head_dim = full.value_dim = in.size_or("global_head_dim", sliding.head_dim);
  full.key_is_value = in.flag_or("attention_k_eq_v", false);
  if (full.key_is_value) full.kv_heads = in.size_or("num_global_key_value_heads", sliding.kv_heads);
  in.understand({"num_global_key_value_heads"});
  in.require(full.heads % full.kv_heads == 0, "num_global_key_value_heads",
             {"num_attention_heads", "num_key_value_heads"}, "a divisor of num_attention_heads");
  const MoeFfn moe =
      read_moe(in, {"num_experts", in.first_of({"top_k_experts", "num_experts_per_tok"}), "moe_intermediate_size"});
  const DenseFfn dense{.width = in.size("intermediate_size")};
  const Count layers = in.layers("num_hidden_layers");
  const std::vector<std::size_t> kinds = in.layer_words("layer_types", layers, kSlidingWords);
  if (!in.has("layer_types")) in.complain("layer_types", "one entry per layer");
  // Norms before and after each half; the experts have three and a hidden-wide router scale.
  const BlockIndex f = out.block("dense", 2, dense);
  const BlockIndex m = out.block("moe", 4, moe);
  for (Count i = 0; i < layers; ++i) {
    const bool slides = !kinds.empty() && kinds[static_cast<std::size_t>(i)] == 1;
    out.layer({slides ? out.block("sliding", 2, sliding) : out.block("full", 2, full), f, m});
  }
  out.remark("Per-expert and per-layer scalars are not counted.");
}

// Sliding layers have their own head counts (attention_other_setting), and every head a gate.
void import_step3p7(HfReader& in, ShapeBuilder& out) {
  read_trunk(in, out, false);
  out.model.mlx.eight_bit = {"router"};
  SoftmaxAttention full = read_gqa(in, out.model.hidden, {});
  full.qk_norm = QkNorm::PerDim;
  full.head_gate = true;
  SoftmaxAttention sliding = full;
  sliding.window = in.size("sliding_window");
  // Without it 0.56 % of the weights would be lost in silence.
  HfReader other = in.object("attention_other_setting");
  sliding.heads = other.size("num_attention_heads");
  sliding.kv_heads = other.size("num_attention_groups");
  other.understand({"attention_type", "head_dim", "true_head_dim"});
  other.refuse_unknown("step3p7");
  other.require(sliding.heads % sliding.kv_heads == 0, "num_attention_groups", {"num_attention_heads"},
                "a divisor of num_attention_heads");
  MoeFfn moe = read_moe(in, {"num_experts", "num_experts_per_tok", "moe_intermediate_size"});
  moe.shared_width = in.count_or("n_shared_experts", 1) * in.size("share_expert_dim");
  moe.correction_bias = in.flag_or("use_moe_router_bias", false);
  const DenseFfn dense{.width = in.size("intermediate_size")};
  const Count first = in.count_or("first_k_dense_replace", 0);
  const Count layers = in.layers("num_hidden_layers");
  const std::vector<std::size_t> kinds = in.layer_words("layer_types", layers, kSlidingWords);
  if (!in.has("layer_types")) in.complain("layer_types", "one entry per layer");
  for (Count i = 0; i < layers; ++i) {
    const bool slides = !kinds.empty() && kinds[static_cast<std::size_t>(i)] == 1;
    out.layer({slides ? out.block("sliding", 1, sliding) : out.block("full", 1, full),
               i < first ? out.block("dense", 1, dense) : out.block("moe", 1, moe)});
  }
  if (in.count_or("num_nextn_predict_layers", 0) > 0)
    out.remark("The multi-token-prediction layers are not counted: their shape is not published.");
}

// Layers with block-sparse attention have index projections; head norms per head.
void import_minimax_m3(HfReader& in, ShapeBuilder& out) {
  read_trunk(in, out, false);
  out.model.mlx.eight_bit = {"router"};
  SoftmaxAttention full = read_gqa(in, out.model.hidden, {});
  if (in.text_or("qk_norm_type", "per_head") != "per_head") in.complain("qk_norm_type", "per_head");
  if (in.flag_or("use_qk_norm", false)) full.qk_norm = QkNorm::PerHead;
  in.expect_flag("attention_output_gate", false, "an output gate is not modelled for this family");
  in.understand({"use_gemma_norm"});
  const Count layers = in.layers("num_hidden_layers");
  HfReader sparse = in.object("sparse_attention_config");
  const std::vector<Count> is_sparse = sparse.counts("sparse_attention_freq");
  sparse.require(static_cast<Count>(is_sparse.size()) == layers || !in.read_well({"num_hidden_layers"}),
                 "sparse_attention_freq", {}, "one entry for each of the " + std::to_string(layers) + " layers");
  sparse.expect_flag("use_sparse_attention", true, "the dense form is not modelled");
  SoftmaxAttention selective = full;
  selective.index_heads = sparse.size("sparse_num_index_heads");
  selective.index_dim = sparse.size("sparse_index_dim");
  selective.index_topk = sparse.size("sparse_topk_blocks") * sparse.size("sparse_block_size");
  sparse.understand({"sparse_disable_index_value", "sparse_init_block", "sparse_local_block", "sparse_score_type"});
  sparse.refuse_unknown("minimax_m3");
  MoeFfn moe = read_moe(
      in, {"num_local_experts", "num_experts_per_tok", in.first_of({"moe_intermediate_size", "intermediate_size"})});
  moe.shared_width = in.count_or("n_shared_experts", 0) * in.count_or("shared_intermediate_size", 0);
  moe.correction_bias = in.flag_or("use_routing_bias", false);
  in.understand({"intermediate_size"});
  const DenseFfn dense{.width = in.size("dense_intermediate_size")};
  const std::vector<Count> is_moe = in.counts("moe_layer_freq");
  const Count first = in.count_or("first_k_dense_replace", 0);
  in.require(is_moe.empty() || static_cast<Count>(is_moe.size()) == layers, "moe_layer_freq", {"num_hidden_layers"},
             "one entry for each of the " + std::to_string(layers) + " layers");
  for (Count i = 0; i < layers; ++i) {
    const std::size_t at = static_cast<std::size_t>(i);
    const bool selects = at < is_sparse.size() && is_sparse[at] != 0;
    const bool routes = at < is_moe.size() ? is_moe[at] != 0 : i >= first;
    out.layer({selects ? out.block("selective", 1, selective) : out.block("full", 1, full),
               routes ? out.block("moe", 1, moe) : out.block("dense", 1, dense)});
  }
  in.understand({"num_nextn_predict_layers", "num_mtp_modules"});
  out.remark("Multi-token-prediction modules are not counted: their shape is not published.");
}

}  // namespace moeplan
