// SPDX-License-Identifier: Apache-2.0
// Mistral's own params.json, with the vendor's key names.
#pragma once

#include "sim/spec/import/hf_reader.h"
#include "sim/spec/import/shape_builder.h"

namespace moeplan {

// True for an object with dim, n_layers and n_heads.
bool is_mistral_params(const JsonNode& root);

// Reads a params.json with latent attention and experts (Mistral Large 3), grouped-query
// attention with experts, or a dense FFN.
void import_mistral_params(HfReader& in, ShapeBuilder& out);

}  // namespace moeplan
