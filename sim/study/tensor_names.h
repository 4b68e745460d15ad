// SPDX-License-Identifier: Apache-2.0
// The tensors of a model under the names a GGUF file has for them, for the patterns of
// llama.cpp's --override-tensor. Source: gguf-py/gguf/constants.py (llama.cpp b8763).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/lower/placement.h"
#include "sim/spec/model.h"

namespace moeplan {

struct TensorName {
  std::string name;                    // "blk.3.ffn_up_exps.weight"
  Count layer = -1;                    // -1 = outside every layer
  std::optional<ExpertMatrix> expert;  // what a placement moves
  bool input_table = false;
};

// Of a model without an encoder. Biases are left out: they lie with their matrices.
std::vector<TensorName> gguf_tensor_names(const ModelSpec& model);

}  // namespace moeplan
