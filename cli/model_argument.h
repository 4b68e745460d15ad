// SPDX-License-Identifier: Apache-2.0
// MODEL on the command line: a preset or its alias; a project model file; a Hugging
// Face config.json or the folder that holds it; a safetensors file, one of its shards,
// or its index, with the config.json beside it; a GGUF file (of a split model any shard).
#pragma once

#include <optional>
#include <string>

#include "sim/spec/catalog.h"
#include "sim/spec/stored.h"

namespace moeplan {

// Names win over files. What looks like a path (a separator, a .json ending, an
// existing file) and is no name is read as a file. Throws InputError: InvalidInput for
// files, UnknownName for names.
ModelSpec load_model(const Catalog& catalog, const std::string& argument);

// A file or folder, never a name.
ModelSpec load_model_file(const Catalog& catalog, const std::string& path);

// A safetensors header or index without a config.json: tensors and bytes, but no shape of
// a model. nullopt: the argument is anything else.
std::optional<StoredWeights> load_tensors(const Catalog& catalog, const std::string& argument);

}  // namespace moeplan
