// SPDX-License-Identifier: Apache-2.0
// Safetensors: 8 bytes of length, a JSON header that lists every tensor, then the data,
// which is never read (a sparse file of 100 GB costs as much as its header). Beside
// sharded files lies an index: the names of all tensors and the file of each.
// Source of the rules: the reference implementation (Rust crate safetensors, tensor.rs).
//
//   {"__metadata__": {"format": "pt"},
//    "model.norm.weight": {"dtype": "BF16", "shape": [7168], "data_offsets": [0, 14336]}, ...}
//
// Memory: a header of at most 100 MB as in the reference implementation, kept because
// names point into it, and at most 2^21 tensors of about 130 bytes each.
#pragma once

#include <optional>
#include <string>

#include "sim/spec/import/tensor_list.h"

namespace moeplan {

inline constexpr Bytes kMaxSafetensorsHeader{100'000'000};
inline constexpr Count kMaxListedTensors = Count{1} << 21;

// Bits of one value of a safetensors dtype ("BF16"); 0 = unknown.
int bits_of_dtype(std::string_view dtype);

// The JSON of a header. data: bytes of the file after it, nullopt when the header was
// saved alone. Throws InputError(InvalidInput): not JSON, not UTF-8, a tensor without
// dtype, shape or offsets, unknown dtypes, sizes that are not shape x dtype, data that
// overlaps, leaves gaps or the file, names given twice.
TensorList read_safetensors_header(std::string json, const std::string& file, std::optional<Bytes> data = std::nullopt);

// The header of a .safetensors file.
TensorList read_safetensors_file(const std::string& path);

// An index: names and files without sizes (sized = false); payload is its total_size, 0
// when it says none. Files must be plain names: nothing outside the folder is ever opened.
TensorList read_safetensors_index(std::string json, const std::string& file);

// Whether a JSON text is a header saved alone, or an index.
bool is_safetensors_header(std::string_view text);
bool is_safetensors_index(std::string_view text);

// A file of its first bytes that Git LFS left instead of the real one.
bool is_lfs_pointer(const std::string& path);

}  // namespace moeplan
