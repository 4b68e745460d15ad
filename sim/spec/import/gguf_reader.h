// SPDX-License-Identifier: Apache-2.0
// Reads the header of a GGUF file: metadata and tensor list, never the data. Whatever the
// header claims, memory stays in proportion to what the file really holds, and what is
// wrong is named with its byte, what was found, and what was expected.
// Source of the format: ggml's docs/gguf.md and ggml/src/gguf.cpp (llama.cpp b8763).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sim/spec/import/tensor_list.h"
#include "sim/spec/weights.h"

namespace moeplan {

// One metadata value. Long texts and long lists are only counted.
struct GgufValue {
  enum class Kind : std::uint8_t { Integer, Real, Flag, Text, List };
  Kind kind = Kind::Integer;
  std::int64_t integer = 0;  // also a flag; larger unsigned values are kept at the largest
  double real = 0;
  std::string text;
  std::vector<std::int64_t> list;  // of a list of integers or flags that is short enough
  std::uint64_t length = 0;        // of a text or list
};

using GgufMetadata = std::map<std::string, GgufValue, std::less<>>;

struct GgufHeader {
  std::uint32_t version = 0;
  GgufMetadata metadata;
  TensorList list;  // shards empty
};

// Throws InputError(InvalidInput). The file may be larger than memory.
GgufHeader read_gguf_header(const std::string& path, const FormatTable& formats);

// The same of bytes in memory that begin a file of `file_size` bytes.
GgufHeader read_gguf_bytes(std::string_view bytes, std::uint64_t file_size, const std::string& name,
                           const FormatTable& formats);

}  // namespace moeplan
