// SPDX-License-Identifier: Apache-2.0
// Which GGUF type llama.cpp's quantizer gives each tensor under a label such as
// q4_k_m. Source: llama.cpp src/llama-quant.cpp, llama_tensor_get_type, without an
// importance matrix and without per-tensor overrides. Published files of the same
// label differ (newer rules, overrides, importance matrices), hence the band.
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
  double low = 1.0;  // published sizes of this label, as factors of ours
  double high = 1.0;
};

// By name, lower case, with llama.cpp's shorthands (q4_k = q4_k_m); nullptr = not a label.
const GgufLabel* find_gguf_label(std::string_view name);

// All labels, smallest files first.
std::vector<GgufLabel> gguf_labels();

// What the rules look at.
struct GgufTensor {
  MatrixRole role = MatrixRole::Extra;
  bool quantisable = true;
  Count layer = 0;        // 0-based
  Count layers = 1;       // in the model
  Count value_index = 0;  // how many attention layers with V came before
  Count value_layers = 1;
  Count experts = 0;  // of the model; 0 = dense
  Count heads_per_kv = 1;
  bool tied_embedding = false;
};

// Format id, before llama.cpp's fallback for rows that do not hold whole blocks.
std::string_view gguf_type(const GgufLabel& label, const GgufTensor& tensor);

}  // namespace moeplan
