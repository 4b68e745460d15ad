// SPDX-License-Identifier: Apache-2.0
// The numbers GGUF files use for tensor types and for labels. Sources: ggml/include/ggml.h
// (ggml_type), include/llama.h (llama_ftype) and gguf-py/gguf/constants.py of llama.cpp;
// the types above 96 are those of the fork ik_llama.cpp.
#pragma once

#include <cstdint>
#include <string_view>

namespace moeplan {

struct GgmlType {
  std::uint32_t id = 0;
  std::string_view name;    // "Q4_K"
  std::string_view format;  // of models/formats.json; "" = known by name only
  std::string_view reason;  // why it has no format
};

// nullptr: never assigned.
const GgmlType* find_ggml_type(std::uint32_t id);
const GgmlType* find_ggml_type(std::string_view name);

// "Q4_K_M" of general.file_type; "" for a number that names none.
std::string_view gguf_label_of(std::uint64_t file_type);

}  // namespace moeplan
