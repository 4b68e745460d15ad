// SPDX-License-Identifier: Apache-2.0
// The tensors of a safetensors checkpoint as the weights of a model: sorted by name into
// layers and roles, values counted (an I32 holds eight 4-bit values, a U8 two), scales
// and zero points added to the matrix they belong to. Nothing is dropped: what no table
// knows keeps its bytes as Extra and is reported, so that the entries sum to the payload.
#pragma once

#include <string>

#include "sim/spec/import/tensor_list.h"
#include "sim/spec/model.h"
#include "sim/spec/stored.h"

namespace moeplan {

// list must be sized, or model null: an index has names alone, so entries count tensors. model: the shape from the
// config beside the file, nullptr when there is none: then parts and layers are known, and a fused tensor stays one
// entry. Throws InputError(InvalidInput): tensors that are not the matrices of the config, each with what was found and
// expected, and matrices of the config that are not in the file.
StoredWeights stored_weights_of(const TensorList& list, const ModelSpec* model, const std::string& file);

}  // namespace moeplan
