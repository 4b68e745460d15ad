// SPDX-License-Identifier: Apache-2.0
// The safetensors files of one checkpoint, found from whatever the user named: the
// folder, the index, one file, or one of several shards. Headers are read, data never.
#pragma once

#include <string>
#include <vector>

#include "sim/spec/import/tensor_list.h"

namespace moeplan {

struct CheckpointFiles {
  std::string folder;                // of everything below
  std::string config;                // config.json, or params.json of Mistral's own files; "" = none
  std::string index;                 // "" = none
  std::vector<std::string> weights;  // without an index: all of them
  bool named = false;                // the user named the one file: it must be there
};

// What lies in a folder: one checkpoint, even where a repository holds two (Mistral's
// consolidated files beside the transformers ones). Nothing found: empty fields.
CheckpointFiles find_checkpoint(const std::string& folder);

// The checkpoint a file belongs to: an index, a shard ("-00001-of-00163": all of them),
// or the one file.
CheckpointFiles checkpoint_of(const std::string& file);

struct ListedCheckpoint {
  TensorList list;                   // sized only when every file is there
  std::vector<std::string> missing;  // files of the index, or numbers of the series, that are not there
  Bytes index_total;                 // metadata.total_size of the index; 0 = it says none
};

// Throws InputError(InvalidInput): unreadable headers, and an index that names other
// tensors than its files have.
ListedCheckpoint list_checkpoint(const CheckpointFiles& files);

// "model-00001-of-00163.safetensors and 116 more".
std::string first_of_many(const std::vector<std::string>& names);

}  // namespace moeplan
