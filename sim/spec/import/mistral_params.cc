// SPDX-License-Identifier: Apache-2.0
#include "sim/spec/import/mistral_params.h"

#include <algorithm>
#include <string>

namespace moeplan {
namespace {

LatentAttention read_latent(HfReader& in) {
  LatentAttention a;
  a.heads = in.size("n_heads");
  a.q_lora = in.count_or("q_lora_rank", 0);
  a.kv_lora = in.size("kv_lora_rank");
  a.nope_dim = in.size("qk_nope_head_dim");
  a.rope_dim = in.size("qk_rope_head_dim");
  a.value_dim = in.size("v_head_dim");
  in.understand({"head_dim", "n_kv_heads"});  // meaningless under MLA
  return a;
}

SoftmaxAttention read_gqa(HfReader& in) {
  SoftmaxAttention a;
  a.heads = in.size("n_heads");
  a.kv_heads = in.size_or("n_kv_heads", a.heads);
  a.head_dim = a.value_dim = in.size("head_dim");
  in.require(a.heads % a.kv_heads == 0, "n_kv_heads", {"n_heads"},
             "a divisor of n_heads (" + std::to_string(a.heads) + ")");
  return a;
}

MoeFfn read_moe(HfReader& in) {
  HfReader m = in.object("moe");
  MoeFfn moe;
  moe.experts = m.size("num_experts");
  moe.top_k = m.size("num_experts_per_tok");
  moe.width = m.size_or("expert_hidden_dim", in.size("hidden_dim"));
  moe.shared_width = m.count_or("num_shared_experts", 0) * moe.width;
  m.require(moe.top_k <= moe.experts, "num_experts_per_tok", {"num_experts"},
            "at most num_experts (" + std::to_string(moe.experts) + ")");
  const Count groups = m.size_or("num_expert_groups", 1);
  const Count top_groups = m.size_or("num_expert_groups_per_tok", 1);
  if (groups != top_groups) {
    moe.groups = groups;
    moe.top_groups = top_groups;
  }
  if (m.size_or("route_every_n", 1) != 1) m.complain("route_every_n", "1", "other patterns are not modelled");
  m.understand({"first_k_dense_replace", "expert_parallel", "expert_model_parallel", "routed_scale"});
  m.refuse_unknown("params.json");
  return moe;
}

Count dense_layers(HfReader& in) {
  const JsonNode* moe = in.node("moe");
  const JsonNode* first = moe == nullptr ? nullptr : moe->find("first_k_dense_replace");
  return first == nullptr ? 0 : first->integer;
}

}  // namespace

bool is_mistral_params(const JsonNode& root) {
  return root.find("dim") != nullptr && root.find("n_layers") != nullptr && root.find("n_heads") != nullptr &&
         root.find("model_type") == nullptr;
}

void import_mistral_params(HfReader& in, ShapeBuilder& out) {
  ModelSpec& model = out.model;
  model.hidden = in.size("dim");
  model.vocab = in.size("vocab_size");
  model.max_context = in.size(in.first_of({"max_position_embeddings", "max_seq_len"}));
  model.tied_embeddings = in.flag_or("tied_embeddings", false);
  const BlockIndex attention =
      in.has("kv_lora_rank") ? out.block("mla", 1, read_latent(in)) : out.block("attention", 1, read_gqa(in));
  const bool has_experts = in.has("moe");
  const Count dense_count = has_experts ? dense_layers(in) : kMaxConfigLayers;
  const MoeFfn moe = has_experts ? read_moe(in) : MoeFfn{};
  const Count dense_width = has_experts && dense_count == 0 ? 1 : in.size("hidden_dim");
  in.understand({"hidden_dim"});
  const Count layers = in.layers("n_layers");
  for (Count i = 0; i < layers; ++i)
    out.layer({attention,
               i < dense_count ? out.block("dense", 1, DenseFfn{.width = dense_width}) : out.block("moe", 1, moe)});
}

}  // namespace moeplan
