// SPDX-License-Identifier: Apache-2.0
// The tensors of a checkpoint as its header lists them, before anyone says what they
// mean. Both readers (safetensors, GGUF) fill it; the data of the tensors is never read.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/units.h"

namespace moeplan {

inline constexpr std::size_t kMaxTensorRank = 8;

struct ListedTensor {
  std::string_view name;                      // in TensorList::names
  std::string_view dtype;                     // "BF16", "F8_E4M3", "Q4_K": as the container calls it
  std::array<Count, kMaxTensorRank> shape{};  // outermost first (GGUF writes innermost first: turned round)
  std::uint8_t rank = 0;
  std::uint32_t shard = 0;  // file it lies in
  Bytes bytes;              // 0 with sized = false: an index names tensors without sizes
  Count elements() const {
    Count n = 1;
    for (std::size_t i = 0; i < rank; ++i) n *= shape[i];
    return n;
  }
};

struct TensorList {
  TensorList() = default;
  TensorList(TensorList&&) = default;
  TensorList& operator=(TensorList&&) = default;
  TensorList(const TensorList&) = delete;  // the tensors point into names
  TensorList& operator=(const TensorList&) = delete;
  std::deque<std::string> names;  // texts the tensors point into; a text never moves
  std::vector<ListedTensor> tensors;
  std::vector<std::string> shards;  // file names
  bool sized = true;
  Bytes payload;     // of all tensors
  Bytes file_bytes;  // 0 = not known
};

}  // namespace moeplan
