// SPDX-License-Identifier: Apache-2.0
// Multi-head latent attention: DeepSeek-V2 and its descendants.
#include "sim/spec/import/hf_families.h"

#include <algorithm>
#include <optional>

namespace moeplan {
namespace {

// head_dim, qk_head_dim and num_key_value_heads are meaningless under MLA (GLM-5 says
// head_dim 64, GLM-5.2 says 192; the true query-key width is 256).
LatentAttention read_latent(HfReader& in) {
  in.understand({"head_dim", "qk_head_dim", "num_key_value_heads"});
  LatentAttention a;
  a.heads = in.size("num_attention_heads");
  if (in.has("q_lora_rank"))
    a.q_lora = in.size("q_lora_rank");
  else if (!in.present_or_null("q_lora_rank"))
    a.q_lora = in.size("q_lora_rank");  // complains: null must be said
  a.kv_lora = in.size("kv_lora_rank");
  a.nope_dim = in.size("qk_nope_head_dim");
  a.rope_dim = in.size("qk_rope_head_dim");
  a.value_dim = in.size("v_head_dim");
  a.bias = in.flag_or("attention_bias", false);
  return a;
}

void read_indexer(HfReader& in, LatentAttention& a) {
  a.indexer = Indexer::Full;
  a.index_heads = in.size("index_n_heads");
  a.index_dim = in.size("index_head_dim");
  a.index_topk = in.size("index_topk");
}

constexpr MoeKeys kRoutedKeys{"n_routed_experts", "num_experts_per_tok", "moe_intermediate_size"};

MoeFfn read_deepseek_moe(HfReader& in) {
  MoeFfn moe = read_moe(in, kRoutedKeys);
  moe.shared_width = in.count_or("n_shared_experts", 0) * moe.width;
  // V2 routes by softmax without a selection bias; noaux_tc (V3) has one.
  const std::string method = in.text_or("topk_method", "");
  moe.correction_bias = method == "noaux_tc";
  if (method != "greedy")
    read_groups(in, kRoutedKeys, moe);
  else
    in.understand({"n_group", "topk_group"});
  return moe;
}

// Per layer: is it MoE? By moe_layer_freq (a number or a list) and first_k_dense_replace.
std::vector<bool> moe_layers(HfReader& in, Count layers) {
  const std::vector<std::size_t> words = in.layer_words("mlp_layer_types", layers, {"dense", "sparse"});
  const Count first = in.count_or("first_k_dense_replace", 0);
  const JsonNode* frequency = in.node("moe_layer_freq");
  std::vector<bool> out(static_cast<std::size_t>(layers));
  std::vector<Count> list;
  if (frequency != nullptr && frequency->kind == JsonKind::Array) {
    list = in.counts("moe_layer_freq");
    if (static_cast<Count>(list.size()) != layers) {
      in.require(false, "moe_layer_freq", {"num_hidden_layers"},
                 "a number, or one entry for each of the " + std::to_string(layers) + " layers");
      list.clear();
    }
  }
  const Count every = frequency != nullptr && frequency->kind != JsonKind::Array ? in.size("moe_layer_freq") : 1;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const Count layer = static_cast<Count>(i);
    if (!words.empty())
      out[i] = words[i] == 1;
    else if (!list.empty())
      out[i] = list[i] != 0;
    else
      out[i] = layer >= first && layer % every == 0;
  }
  return out;
}

}  // namespace

void import_deepseek_latent(HfReader& in, ShapeBuilder& out) {
  read_trunk(in, out, false);
  LatentAttention a = read_latent(in);
  if (in.has("index_topk") || in.has("index_n_heads")) read_indexer(in, a);
  const MoeFfn moe = read_deepseek_moe(in);
  const Count dense_width = in.size("intermediate_size");
  const Count layers = in.layers("num_hidden_layers");
  const std::vector<bool> is_moe = moe_layers(in, layers);
  const BlockIndex mla = out.block("mla", 1, a);
  for (std::size_t i = 0; i < is_moe.size(); ++i)
    out.layer({mla, is_moe[i] ? out.block("moe", 1, moe) : out.block("dense", 1, DenseFfn{.width = dense_width})});
  const Count modules = in.count_or("num_nextn_predict_layers", 0);
  if (modules == 0) return;
  add_mtp(out, modules, {mla, out.block("moe", 1, moe)});
  out.model.mtp.in_file_copies = 1;  // the files repeat embedding and head for it
}

void import_glm_moe_dsa(HfReader& in, ShapeBuilder& out) {
  in.understand(
      {"index_share_for_mtp_iteration", "index_skip_topk_offset", "index_topk_freq", "indexer_rope_interleave"});
  read_trunk(in, out, false);
  LatentAttention full = read_latent(in);
  read_indexer(in, full);
  LatentAttention shared = full;
  shared.indexer = Indexer::Shared;
  const MoeFfn moe = read_deepseek_moe(in);
  const Count dense_width = in.size("intermediate_size");
  const Count layers = in.layers("num_hidden_layers");
  const std::vector<bool> is_moe = moe_layers(in, layers);
  // GLM-5.2: 57 of 78 layers use the selection of an earlier one.
  const std::vector<std::size_t> kinds = in.layer_words("indexer_types", layers, {"full", "shared"});
  in.expect_zero("index_topk_pattern", "only indexer_types is understood");
  for (std::size_t i = 0; i < is_moe.size(); ++i) {
    const bool shares = !kinds.empty() && kinds[i] == 1;
    const BlockIndex attention = shares ? out.block("mla_shared", 1, shared) : out.block("mla", 1, full);
    out.layer(
        {attention, is_moe[i] ? out.block("moe", 1, moe) : out.block("dense", 1, DenseFfn{.width = dense_width})});
  }
  const Count modules = in.count_or("num_nextn_predict_layers", 0);
  if (modules > 0) add_mtp(out, modules, {out.block("mla", 1, full), out.block("moe", 1, moe)});
}

// Each layer: two attentions, two dense FFNs, and experts beside the second half.
void import_longcat(HfReader& in, ShapeBuilder& out) {
  read_trunk(in, out, false);
  const LatentAttention a = read_latent(in);
  MoeFfn moe;
  moe.experts = in.size("n_routed_experts");
  moe.zero_experts = in.count_or("zero_expert_num", 0);
  moe.top_k = in.size("moe_topk");
  moe.width = in.size("expert_ffn_hidden_size");
  moe.correction_bias = true;
  in.require(moe.top_k <= moe.experts + moe.zero_experts, "moe_topk", {"n_routed_experts", "zero_expert_num"},
             "at most n_routed_experts + zero_expert_num");
  in.understand({"zero_expert_type"});
  const DenseFfn dense{.width = in.size("ffn_hidden_size")};
  const Count layers = in.layers(in.first_of({"num_layers", "num_hidden_layers"}));
  const BlockIndex mla = out.block("mla", 1, a);
  const BlockIndex ffn = out.block("dense", 1, dense);
  // The experts read the normalised input of the first dense FFN: no norm of their own.
  const BlockIndex experts = out.block("moe", 0, moe);
  for (Count i = 0; i < layers; ++i) out.layer({mla, ffn, mla, ffn, experts});
  // The released file has one, whatever the config says: latent attention and a dense FFN, and the
  // embedding again (but not the head): 1,197,899,776 elements.
  in.understand({"num_nextn_predict_layers"});
  out.model.mtp = {.modules = 1, .shape = {mla, ffn}, .in_file_copies = 1, .copies_head = false};
}

}  // namespace moeplan
