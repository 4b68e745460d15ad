// SPDX-License-Identifier: Apache-2.0
// A checkpoint as its header lists it: tensors, types, bytes by part and by layer.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "reports/document.h"
#include "sim/base/json.h"
#include "sim/spec/stored.h"

namespace moeplan {

// Bytes of one layer, or of what is outside every layer (layer -1).
struct StoredLayer {
  Stack stack = Stack::Decoder;
  Count layer = -1;
  Bytes bytes;
  std::array<Bytes, kPartWords.size()> by_part{};
};

// In the order of the model: outside, encoder, decoder, MTP.
std::vector<StoredLayer> layers_of(const StoredWeights& stored);

void add_stored(Document& document, const StoredWeights& stored, bool by_layer);

// Members of an open object: file, files, tensors, file_bytes, types, layers, unplaced.
void write_stored(JsonWriter& out, const StoredWeights& stored);

// moeplan.models.tensors/1: a header without a config beside it.
Document describe_stored(const StoredWeights& stored, bool by_layer);
Document tabulate_stored(const StoredWeights& stored);  // layer, part, bytes
std::string json_of_stored(const StoredWeights& stored);

}  // namespace moeplan
