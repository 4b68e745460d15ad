// SPDX-License-Identifier: Apache-2.0
// Switch Transformers: the T5 layout (Raffel et al. 2020) with experts in some layers.
#include <algorithm>
#include <string>

#include "sim/spec/import/hf_families.h"

namespace moeplan {
namespace {

// transformers SwitchTransformersConfig: every (layers / sparse)-th layer is sparse, the second first.
bool is_sparse(Count layer, Count layers, Count sparse) {
  if (sparse == 0) return false;
  const Count step = std::max<Count>(1, layers / sparse);
  return step == 1 || layer % step == 1;
}

}  // namespace

void import_switch(HfReader& in, ShapeBuilder& out) {
  ModelSpec& model = out.model;
  model.hidden = in.size("d_model");
  model.vocab = in.size("vocab_size");
  model.max_context = in.size_or("n_positions", 512);
  model.tied_embeddings = in.tied(true);
  model.final_norms = 2;
  SoftmaxAttention self;
  self.heads = self.kv_heads = in.size("num_heads");
  self.head_dim = self.value_dim = in.size("d_kv");
  SoftmaxAttention encoder = self;
  encoder.causal = false;
  SoftmaxAttention cross = self;
  cross.cross = true;
  // Two-matrix FFNs and experts; "gated-gelu" has a third.
  const bool gated = in.text_or("feed_forward_proj", "relu").starts_with("gated") ||
                     in.text_or("dense_act_fn", "relu").starts_with("gated");
  const DenseFfn dense{.width = in.size("d_ff"), .gated = gated};
  MoeFfn moe;
  moe.experts = in.size("num_experts");
  moe.top_k = 1;
  moe.width = dense.width;
  moe.gated = gated;
  moe.router_bias = in.flag_or("router_bias", false);
  in.understand({"router_ignore_padding_tokens", "router_type", "num_selected_experts", "add_router_probs",
                 "relative_attention_max_distance", "batch_prioritized_routing", "use_router_bias"});
  const Count encoder_layers = in.layers("num_layers");
  const Count decoder_layers = in.has("num_decoder_layers") ? in.layers("num_decoder_layers") : encoder_layers;
  const Count sparse_encoder = in.count_or("num_sparse_encoder_layers", 3);
  const Count sparse_decoder = in.count_or("num_sparse_decoder_layers", 3);
  const auto ffn = [&](Count i, Count layers, Count sparse) {
    return is_sparse(i, layers, sparse) ? out.block("moe", 1, moe) : out.block("dense", 1, dense);
  };
  for (Count i = 0; i < encoder_layers; ++i)
    out.encoder_layer({out.block("encoder_attention", 1, encoder), ffn(i, encoder_layers, sparse_encoder)});
  for (Count i = 0; i < decoder_layers; ++i)
    out.layer({out.block("attention", 1, self), out.block("cross_attention", 1, cross),
               ffn(i, decoder_layers, sparse_decoder)});
  // The first self-attention of each stack owns a table of position biases.
  const Count buckets = in.size_or("relative_attention_num_buckets", 32);
  for (const char* stack : {"encoder relative attention bias", "decoder relative attention bias"})
    model.extras.push_back(
        {stack, "attention", buckets * self.heads, true, "relative_attention_num_buckets x num_heads"});
}

}  // namespace moeplan
