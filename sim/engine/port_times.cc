// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/port_times.h"

#include <algorithm>

namespace moeplan {

PortTimes port_times(const ByteMatrix& matrix, Count near, const Topology& topology) {
  const Count n = matrix.ranks;
  const auto size = static_cast<std::size_t>(n);
  std::vector<double> in_fast(size), in_far(size), out(size);
  for (Count i = 0; i < n; ++i) {
    const Count home = i / near;
    const double* row = matrix.bytes.data() + i * n;
    double fast = 0;
    double far = 0;
    for (Count j = 0; j < n; ++j) {
      if (j == i) continue;
      const bool is_near = j / near == home;
      (is_near ? fast : far) += row[j];
      (is_near ? in_fast : in_far)[static_cast<std::size_t>(j)] += row[j];
    }
    out[static_cast<std::size_t>(i)] = seconds_at_peak({.fast = fast, .network = far, .spine = 0}, topology);
  }
  PortTimes times;
  times.done.resize(size);
  for (Count j = 0; j < n; ++j) {
    const auto at = static_cast<std::size_t>(j);
    double done = seconds_at_peak({.fast = in_fast[at], .network = in_far[at], .spine = 0}, topology);
    times.bound = std::max({times.bound, done, out[at]});
    done = std::max(done, out[at]);
    times.port.push_back(done);
    for (Count i = 0; i < n; ++i)
      if (i != j && matrix.bytes[static_cast<std::size_t>(i * n + j)] > 0)
        done = std::max(done, out[static_cast<std::size_t>(i)]);
    times.done[at] = done;
  }
  return times;
}

}  // namespace moeplan
