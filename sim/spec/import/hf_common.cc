// SPDX-License-Identifier: Apache-2.0
#include "sim/spec/import/hf_families.h"

#include <algorithm>
#include <utility>

namespace moeplan {

void read_trunk(HfReader& in, ShapeBuilder& out, bool tied_by_default) {
  out.model.hidden = in.size("hidden_size");
  out.model.vocab = in.size("vocab_size");
  out.model.max_context = in.size("max_position_embeddings");
  out.model.tied_embeddings = in.tied(tied_by_default);
}

SoftmaxAttention read_gqa(HfReader& in, Count hidden, const GqaKeys& keys) {
  SoftmaxAttention a;
  a.heads = in.size("num_attention_heads");
  a.kv_heads = keys.kv_required ? in.size("num_key_value_heads") : in.size_or("num_key_value_heads", a.heads);
  in.require(a.heads % a.kv_heads == 0, "num_key_value_heads", {"num_attention_heads"},
             "a divisor of num_attention_heads (" + std::to_string(a.heads) + ")");
  // head_dim is not always hidden / heads: gpt-oss, Qwen3, GLM-4.5.
  if (in.has("head_dim")) {
    a.head_dim = in.size("head_dim");
  } else {
    a.head_dim = std::max<Count>(1, hidden / a.heads);
    in.require(hidden % a.heads == 0, "num_attention_heads", {"hidden_size"},
               "a divisor of hidden_size (" + std::to_string(hidden) + "), or a head_dim");
  }
  a.value_dim = a.head_dim;
  if (!keys.bias.empty()) {
    a.qkv_bias = in.flag_or(keys.bias, keys.bias_default);
    a.out_bias = a.qkv_bias && keys.out_bias;
  }
  return a;
}

MoeFfn read_moe(HfReader& in, const MoeKeys& keys) {
  MoeFfn moe;
  moe.experts = in.size(keys.experts);
  moe.top_k = keys.listed_layers > 0 ? in.uniform_size(keys.top_k, keys.listed_layers) : in.size(keys.top_k);
  moe.width = keys.listed_layers > 0 ? in.uniform_size(keys.width, keys.listed_layers) : in.size(keys.width);
  in.require(moe.top_k <= moe.experts, keys.top_k, {keys.experts},
             "at most " + std::string(keys.experts) + " (" + std::to_string(moe.experts) + ")");
  return moe;
}

void read_groups(HfReader& in, const MoeKeys& keys, MoeFfn& moe) {
  const Count groups = in.size_or("n_group", 1);
  const Count top_groups = in.size_or("topk_group", 1);
  in.require(moe.experts % groups == 0, "n_group", {keys.experts},
             "a divisor of " + std::string(keys.experts) + " (" + std::to_string(moe.experts) + ")");
  in.require(top_groups <= groups, "topk_group", {"n_group"}, "at most n_group (" + std::to_string(groups) + ")");
  if (groups == top_groups) return;  // no limit at all
  moe.groups = groups;
  moe.top_groups = top_groups;
  in.require(moe.top_k <= moe.experts / groups * top_groups, "topk_group", {"n_group", keys.experts, keys.top_k},
             "groups that hold at least top-k (" + std::to_string(moe.top_k) + ") experts");
}

void add_mtp(ShapeBuilder& out, Count modules, LayerShape shape) {
  if (modules == 0) return;
  out.model.mtp.modules = modules;
  out.model.mtp.shape = std::move(shape);
}

}  // namespace moeplan
