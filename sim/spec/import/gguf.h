// SPDX-License-Identifier: Apache-2.0
// A GGUF file -> ModelSpec with the exact weights of the file (ModelSpec::stored). Of a
// split model any shard may be named; the others are opened from the same folder.
#pragma once

#include <string>
#include <vector>

#include "sim/spec/import/gguf_reader.h"
#include "sim/spec/model.h"

namespace moeplan {

// Throws InputError(InvalidInput): not a GGUF file, a header that contradicts itself or
// the file, an architecture that is not modelled, missing shards.
ModelSpec import_gguf(const std::string& path, const FormatTable& formats);

// The same of headers that were read: all shards in order.
ModelSpec import_gguf_headers(const std::vector<GgufHeader>& shards, const std::string& path);

}  // namespace moeplan
