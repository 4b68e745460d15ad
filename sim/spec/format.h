// SPDX-License-Identifier: Apache-2.0
// How numbers are stored. A format says exactly how many bytes a rows x cols
// matrix takes, scales and zero points included, so that a file size never comes
// from a rounded bits-per-weight figure. The catalogue is models/formats.json.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/base/units.h"

namespace moeplan {

// Index into FormatTable::formats.
using FormatId = std::uint8_t;

// bytes(rows, cols) = rows * ceil(cols / group) * group_bytes        (payload + per-group scales)
//                   + ceil(rows / tile_rows) * ceil(cols / tile_cols) * tile_bytes   (2-d block scales)
//                   + cols * column_bytes                             (GPTQ's group of each input, g_idx)
//                   + tensor_bytes                                    (per-tensor scale)
// cols is the reduction dimension (the row length of GGUF, the group axis of
// AWQ/GPTQ/MXFP4/NVFP4).
struct QuantFormat {
  std::string id;  // "bf16", "fp8_block", "mxfp4", "q4_k"
  std::vector<std::string> aliases;
  std::string source;
  Count group = 1;        // elements
  Count group_bytes = 2;  // bytes per group
  Count tile_rows = 0;    // 0 = no tile scales
  Count tile_cols = 0;
  Count tile_bytes = 0;
  Count column_bytes = 0;
  Count tensor_bytes = 0;
  bool flattened = false;     // groups and tiles run over the whole tensor: rows = 1, cols = rows x cols (bitsandbytes)
  bool whole_groups = false;  // GGUF: cols must be a multiple of group, else `fallback`
  std::string fallback;       // format used for rows that are not a multiple of group
  bool tables = false;        // its checkpoints convert embedding and head too (MLX, GGUF)
  std::string rest;           // what such a file stores besides routed experts; empty = the same format
  bool for_kv = false;        // may hold a KV cache
  std::string math;           // multiply format of a GEMM with these weights: bf16, fp16, fp8, fp4, int8, fp32
  friend bool operator==(const QuantFormat&, const QuantFormat&) = default;
};

inline Bytes bytes_of(const QuantFormat& f, Count rows, Count cols) {
  if (f.flattened) {
    cols *= rows;
    rows = 1;
  }
  Count bytes = rows * ceil_div(cols, f.group) * f.group_bytes + cols * f.column_bytes + f.tensor_bytes;
  if (f.tile_bytes != 0) bytes += ceil_div(rows, f.tile_rows) * ceil_div(cols, f.tile_cols) * f.tile_bytes;
  return Bytes(bytes);
}

// Of a run of values without per-tensor or tile scales: a cache entry.
inline Bytes payload_bytes(const QuantFormat& f, Count values) {
  return Bytes(ceil_div(values, f.group) * f.group_bytes);
}

}  // namespace moeplan
