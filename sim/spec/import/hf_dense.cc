// SPDX-License-Identifier: Apache-2.0
// Dense decoders.
#include <algorithm>

#include "sim/spec/import/hf_families.h"

namespace moeplan {
namespace {

// Attention, then one FFN, in every layer.
void add_equal_layers(HfReader& in, ShapeBuilder& out, const SoftmaxAttention& attention, const DenseFfn& ffn) {
  const BlockIndex a = out.block("attention", 1, attention);
  const BlockIndex f = out.block("dense", 1, ffn);
  const Count layers = in.layers("num_hidden_layers");
  for (Count i = 0; i < layers; ++i) out.layer({a, f});
}

// Qwen windows only the layers from max_window_layers on, and only with use_sliding_window.
void add_qwen_layers(HfReader& in, ShapeBuilder& out, const SoftmaxAttention& attention, const DenseFfn& ffn) {
  const bool windowed = in.flag_or("use_sliding_window", false);
  const Count window = in.count_or("sliding_window", 0);
  const Count layers = in.layers("num_hidden_layers");
  const Count first = in.count_or("max_window_layers", layers);
  std::vector<std::size_t> kinds = in.layer_words("layer_types", layers, {"full_attention", "sliding_attention"});
  SoftmaxAttention sliding = attention;
  sliding.window = window;
  for (Count i = 0; i < layers; ++i) {
    const bool slides =
        kinds.empty() ? windowed && window > 0 && i >= first : kinds[static_cast<std::size_t>(i)] == 1 && window > 0;
    const BlockIndex a = slides ? out.block("sliding", 1, sliding) : out.block("attention", 1, attention);
    out.layer({a, out.block("dense", 1, ffn)});
  }
}

}  // namespace

void import_llama(HfReader& in, ShapeBuilder& out) {
  read_trunk(in, out, /*tied_by_default=*/false);
  SoftmaxAttention a =
      read_gqa(in, out.model.hidden, {.kv_required = false, .bias = "attention_bias", .out_bias = true});
  // Mistral: a window smaller than the context holds for every layer.
  const Count window = in.count_or("sliding_window", 0);
  if (window > 0 && window < out.model.max_context) a.window = window;
  DenseFfn f;
  f.width = in.size("intermediate_size");
  f.bias = in.flag_or("mlp_bias", false);
  add_equal_layers(in, out, a, f);
}

void import_qwen2(HfReader& in, ShapeBuilder& out) {
  read_trunk(in, out, false);
  SoftmaxAttention a = read_gqa(in, out.model.hidden, {.kv_required = false});
  a.qkv_bias = true;
  add_qwen_layers(in, out, a, {.width = in.size("intermediate_size")});
}

void import_qwen3(HfReader& in, ShapeBuilder& out) {
  read_trunk(in, out, false);
  SoftmaxAttention a = read_gqa(in, out.model.hidden, {.bias = "attention_bias", .out_bias = true});
  a.qk_norm = QkNorm::PerDim;
  add_qwen_layers(in, out, a, {.width = in.size("intermediate_size")});
}

void import_gpt2(HfReader& in, ShapeBuilder& out) {
  ModelSpec& model = out.model;
  model.hidden = in.size("n_embd");
  model.vocab = in.size("vocab_size");
  model.max_context = in.size(in.first_of({"n_positions", "n_ctx"}));
  model.tied_embeddings = in.tied(true);
  model.norm = NormKind::Layer;
  model.quant.base = "fp32";  // the published files, whose config names no dtype
  SoftmaxAttention a;
  a.heads = in.size("n_head");
  a.kv_heads = a.heads;
  a.head_dim = std::max<Count>(1, model.hidden / a.heads);
  a.value_dim = a.head_dim;
  in.require(model.hidden % a.heads == 0, "n_head", {"n_embd"},
             "a divisor of n_embd (" + std::to_string(model.hidden) + ")");
  a.qkv_bias = a.out_bias = true;
  DenseFfn f;
  f.width = in.size_or("n_inner", 4 * model.hidden);
  f.gated = false;
  f.bias = true;
  const BlockIndex attention = out.block("attention", 1, a);
  const BlockIndex dense = out.block("dense", 1, f);
  const Count layers = in.layers("n_layer");
  for (Count i = 0; i < layers; ++i) out.layer({attention, dense});
  model.extras.push_back(
      {"position table", "embedding", model.max_context * model.hidden, true, "n_positions x n_embd"});
}

}  // namespace moeplan
