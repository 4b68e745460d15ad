// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/stream.h"

#include <algorithm>

namespace moeplan {
namespace {

// Bytes that one kernel moves.
double set_of(const StreamPoint& point) { return point.bytes / std::max(point.kernels, 1.0); }

}  // namespace

FormTime stream_time(const StreamPoint& point, const Machine& machine, std::span<const double> constants) {
  const double launch = point.recorded ? machine.launch_graph : machine.launch_stream;
  double resident = 1;
  if (machine.cache > 0) {
    const double fill = 4 * set_of(point) / machine.cache;
    resident += (constants[StreamCacheGain] - 1) / (1 + fill * fill);
  }
  FormTime time;
  time.fixed = point.kernels * (launch * constants[StreamLeast] + constants[StreamStart]);
  time.memory = point.bytes / (machine.bandwidth * constants[StreamShare] * resident);
  time.seconds = std::max(time.fixed + time.memory, stream_floor(point, machine));
  time.bound = time.fixed > time.memory ? Bound::Launch : Bound::Memory;
  if (time.bound == Bound::Memory && set_of(point) <= machine.cache) time.bound = Bound::Cache;
  return time;
}

double stream_floor(const StreamPoint& point, const Machine& machine) {
  const bool is_cached = set_of(point) <= machine.cache;
  return point.bytes / (is_cached ? kCacheOverMemory * machine.bandwidth : machine.bandwidth);
}

int stream_regime(const StreamPoint& point) {
  return point.bytes <= 1024 * 1024 ? 0 : point.bytes <= 64 * 1024 * 1024 ? 1 : 2;
}

}  // namespace moeplan
