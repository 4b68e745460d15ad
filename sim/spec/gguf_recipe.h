// SPDX-License-Identifier: Apache-2.0
// Which GGUF type llama.cpp's quantizer gives each tensor under a label such as
// q4_k_m. Source: llama.cpp src/llama-quant.cpp, llama_tensor_get_type_impl, without
// per-tensor overrides; with an importance matrix exactly where the quantizer refuses
// to work without one (below 3 bits, iq3_xxs, iq3_xs). Left out, each below 0.3 % of a
// MoE: types of fused attn_qkv tensors and of attn_k_b, whose short rows fall back.
//
// Published files of one label differ: overrides such as "the experts' down projection
// like the other experts", importance matrices, newer rules. Hence the band: from the
// lean recipe, which raises no down projection above the base type, to a margin above
// the plain one. Where rows cannot hold the smaller type, lean and plain meet.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/spec/matrices.h"

namespace moeplan {

// One label. `base` is the type of tensors no rule singles out.
struct GgufLabel {
  std::string_view id;
  std::string_view base;
  double low = 1.0;             // smallest published size of this label, as a factor of the lean recipe
  double high = 1.0;            // largest, as a factor of the plain recipe
  std::string_view rules = {};  // the label whose rules apply; empty = its own
  bool q8_tables = false;       // embedding and head in q8_0 (model cards that offer q4_k_l)
};

enum class GgufRecipe { Plain, Lean };

// By name, lower case, with llama.cpp's shorthands (q4_k = q4_k_m); nullptr = not a label.
const GgufLabel* find_gguf_label(std::string_view name);

// All labels, smallest files first.
std::vector<GgufLabel> gguf_labels();

// What the rules look at.
struct GgufTensor {
  MatrixRole role = MatrixRole::Extra;
  bool quantisable = true;
  Count layer = 0;        // 0-based
  Count layers = 1;       // in the file, an MTP module included
  Count down_index = 0;   // how many down projections came before, shared experts' included
  Count value_index = 0;  // how many attention layers with V came before
  Count value_layers = 1;
  Count experts = 0;           // of the model; 0 = dense
  Count heads_per_kv = 1;      // in the first layer
  bool eighty_layers = false;  // a dense model of 80 layers with grouped heads ("70B")
  bool tied_embedding = false;
};

// Format id, before llama.cpp's fallback for rows that do not hold whole blocks.
std::string_view gguf_type(const GgufLabel& label, const GgufTensor& tensor, GgufRecipe recipe);

}  // namespace moeplan
