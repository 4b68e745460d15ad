// SPDX-License-Identifier: Apache-2.0
// How many values a stored matrix holds, and which format of models/formats.json it is:
// read off storage type, scales and zero points. Bytes never come from here, they are
// the file's; the format decides how the matrix multiplies.
#pragma once

#include <string>
#include <string_view>

#include "sim/base/units.h"

namespace moeplan {

struct PackedMatrix {
  std::string_view dtype;    // of the values
  bool packed = false;       // named so: qweight, weight_packed, _blocks
  Count tensors = 0;         // matrices counted here (one per expert)
  Count storage_values = 0;  // by shape
  Count storage_bits = 0;
  Count scales = 0;
  std::string_view scale_dtype;
  std::string_view scale_suffix;
  bool double_scaled = false;  // bitsandbytes: scales of scales
  Count zeros_bits = 0;        // of packed zero points
  std::string_view zeros_dtype;
  Count expected = 0;  // values by the config; 0 = unknown
};

struct UnpackedMatrix {
  Count values = 0;
  std::string format;
};

UnpackedMatrix unpack(const PackedMatrix& m);

// What a group of tensors came to.
struct Stored {
  Count values = 0;
  Bytes bytes;
  Count tensors = 0;
  std::string format;
};

}  // namespace moeplan
