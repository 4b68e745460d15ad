// SPDX-License-Identifier: Apache-2.0
// Bytes from each rank to each other one.
#pragma once

#include <vector>

#include "sim/base/units.h"

namespace moeplan {

struct ByteMatrix {
  Count ranks = 0;
  std::vector<double> bytes;  // row by row: source x ranks + destination; the diagonal stays on its rank

  ByteMatrix() = default;
  explicit ByteMatrix(Count n) : ranks(n), bytes(static_cast<std::size_t>(n * n)) {}
  double& at(Count source, Count destination) { return bytes[static_cast<std::size_t>(source * ranks + destination)]; }
  double at(Count source, Count destination) const {
    return bytes[static_cast<std::size_t>(source * ranks + destination)];
  }
};

}  // namespace moeplan
