// SPDX-License-Identifier: Apache-2.0
// One function per family of model_type words: reads its keys, adds blocks and
// layers. Source of each: the transformers modeling and configuration files of the
// family, or the vendor's; the traps are named where they are handled.
#pragma once

#include "sim/spec/import/hf_reader.h"
#include "sim/spec/import/shape_builder.h"

namespace moeplan {

using ImportFunction = void (*)(HfReader& in, ShapeBuilder& out);

// hf_dense.cc
void import_llama(HfReader& in, ShapeBuilder& out);  // llama, mistral
void import_qwen2(HfReader& in, ShapeBuilder& out);
void import_qwen3(HfReader& in, ShapeBuilder& out);
void import_gpt2(HfReader& in, ShapeBuilder& out);

// hf_moe.cc: grouped-query attention with experts
void import_mixtral(HfReader& in, ShapeBuilder& out);
void import_qwen2_moe(HfReader& in, ShapeBuilder& out);
void import_qwen3_moe(HfReader& in, ShapeBuilder& out);
void import_olmoe(HfReader& in, ShapeBuilder& out);
void import_phimoe(HfReader& in, ShapeBuilder& out);
void import_granitemoe(HfReader& in, ShapeBuilder& out);
void import_dbrx(HfReader& in, ShapeBuilder& out);
void import_grok1(HfReader& in, ShapeBuilder& out);
void import_arctic(HfReader& in, ShapeBuilder& out);
void import_deepseek_moe(HfReader& in, ShapeBuilder& out);
void import_glm4_moe(HfReader& in, ShapeBuilder& out);
void import_bailing_v2(HfReader& in, ShapeBuilder& out);
void import_ernie4_5(HfReader& in, ShapeBuilder& out);
void import_minimax_m2(HfReader& in, ShapeBuilder& out);
void import_hunyuan(HfReader& in, ShapeBuilder& out);

// hf_windowed.cc: attention kind differs by layer
void import_gpt_oss(HfReader& in, ShapeBuilder& out);
void import_llama4(HfReader& in, ShapeBuilder& out);
void import_gemma4(HfReader& in, ShapeBuilder& out);
void import_step3p7(HfReader& in, ShapeBuilder& out);
void import_minimax_m3(HfReader& in, ShapeBuilder& out);

// hf_latent.cc
void import_deepseek_latent(HfReader& in, ShapeBuilder& out);  // deepseek_v2, v3, v32, kimi_k2, mistral4
void import_glm_moe_dsa(HfReader& in, ShapeBuilder& out);
void import_longcat(HfReader& in, ShapeBuilder& out);

// hf_hybrid.cc
void import_qwen3_next(HfReader& in, ShapeBuilder& out);  // and qwen3_5_moe
void import_minimax_m1(HfReader& in, ShapeBuilder& out);
void import_nemotron_h(HfReader& in, ShapeBuilder& out);

// hf_encoder_decoder.cc
void import_switch(HfReader& in, ShapeBuilder& out);

// hf_vision.cc: called with the outer object of a multimodal config
void import_llama4_vision(HfReader& in, ShapeBuilder& out);
void import_kimi_vision(HfReader& in, ShapeBuilder& out);
void import_mistral3_vision(HfReader& in, ShapeBuilder& out);
void import_qwen35_vision(HfReader& in, ShapeBuilder& out);
void import_gemma4_vision(HfReader& in, ShapeBuilder& out);
void remark_vision(HfReader& in, ShapeBuilder& out);  // present and not counted

// ---- shared by the families (hf_common.cc) ----

// hidden_size, vocab_size, max_position_embeddings, tie_word_embeddings.
void read_trunk(HfReader& in, ShapeBuilder& out, bool tied_by_default);

struct GqaKeys {
  bool kv_required = true;     // else num_key_value_heads defaults to the heads
  std::string_view bias = "";  // key of the flag; "" = never
  bool bias_default = false;
  bool out_bias = false;  // the flag covers the output projection too
};
SoftmaxAttention read_gqa(HfReader& in, Count hidden, const GqaKeys& keys);

// Experts, top-k and width under the given keys; k <= E and the groups are checked at their keys.
struct MoeKeys {
  std::string_view experts;
  std::string_view top_k;
  std::string_view width;
  Count listed_layers = 0;  // the family publishes top-k and width as lists of this length; 0 = never
};
MoeFfn read_moe(HfReader& in, const MoeKeys& keys);
// n_group, topk_group.
void read_groups(HfReader& in, const MoeKeys& keys, MoeFfn& moe);

// Multi-token-prediction modules, each one such layer.
void add_mtp(ShapeBuilder& out, Count modules, LayerShape shape);

}  // namespace moeplan
