// SPDX-License-Identifier: Apache-2.0
// The weights of one concrete checkpoint as its header lists them, sorted into the
// places of a ModelSpec: exact bytes and the format of every matrix, layer by layer.
// A ModelSpec that carries them has its "native" weights from here instead of from
// the published rules.
#pragma once

#include <string>
#include <vector>

#include "sim/base/units.h"
#include "sim/spec/matrices.h"

namespace moeplan {

// All tensors of one role in one layer (the experts of a layer together, with their
// scales and zero points). A fused tensor (gate_up, qkv) is several entries.
struct StoredEntry {
  Stack stack = Stack::Decoder;
  Count layer = -1;      // in its stack; -1 = outside every layer (embedding, head, final norm, vision);
                         // number of layers + i = MTP module i
  Count occurrence = 0;  // of the same role in the layer (LongCat has two attentions a layer)
  MatrixRole role = MatrixRole::Extra;
  Part part = Part::Attention;
  std::string format;  // id of models/formats.json
  Count elements = 0;  // values; scales and zero points do not count
  Bytes bytes;         // with scales and zero points
  Count tensors = 1;   // of the file that are summed here, scales and zero points included
  friend bool operator==(const StoredEntry&, const StoredEntry&) = default;
};

// Tensors of one storage type of the container.
struct StoredType {
  std::string dtype;  // "BF16", "Q4_K"
  Count tensors = 0;
  Bytes bytes;
  friend bool operator==(const StoredType&, const StoredType&) = default;
};

struct StoredWeights {
  std::string file;   // as the user named it
  std::string label;  // "Q4_K - Medium" of a GGUF; "" = none
  bool gguf = false;
  Count tensors = 0;
  Count shards = 1;  // files
  Bytes payload;     // of all tensors: the sum of entries[].bytes
  Bytes file_bytes;  // headers and padding included; 0 = not known
  std::vector<StoredEntry> entries;
  std::vector<StoredType> types;  // most bytes first
  // What no table or matrix explains: still in `entries`, as Extra of its likely part.
  Count unplaced_tensors = 0;
  Bytes unplaced_bytes;
  std::vector<std::string> unplaced_examples;  // names, the first few
  friend bool operator==(const StoredWeights&, const StoredWeights&) = default;
};

// The last component of a path.
inline std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace moeplan
