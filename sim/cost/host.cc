// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/host.h"

#include <algorithm>

#include "sim/cost/soft.h"

namespace moeplan {
namespace {

// Engines and page caches read ahead in pieces of this size (assumed: larger ones gain nothing).
constexpr double kLargestRead = 1024 * 1024;

double drive_seconds(const HostPoint& point, const HostMachine& host) {
  if (point.drive_bytes <= 0) return 0;
  const double piece = std::min(kLargestRead, point.bytes / std::max(1.0, point.pieces));
  const double requests = point.drive_bytes / std::max(1.0, piece);
  return (1 - host.drive_cached) *
         std::max(point.drive_bytes / host.drive, requests * host.drive_latency / host.constants[HostQueue]);
}

FormTime computed(const HostPoint& point, const HostMachine& host) {
  const HostValues& constants = host.constants;
  const double memory = host.bandwidth * constants[HostShare] * local_share(host, constants[HostRemote]);
  FormTime time;
  time.memory = norm4(point.bytes / memory, point.bytes / (host.cores * constants[HostCoreRate]));
  time.compute = point.flops / host.flops;
  time.fixed = point.handovers * constants[HostHandover] + point.sent / host.link;
  time.seconds = norm4(time.memory, time.compute) + time.fixed;
  return time;
}

FormTime streamed(const HostPoint& point, const HostMachine& host) {
  FormTime time;
  time.memory = point.bytes / std::min(host.link, host.bandwidth);
  time.compute = point.device;
  time.fixed = point.handovers * host.link_latency;
  time.seconds = time.fixed + (point.ahead ? norm4(time.memory, time.compute) : time.memory + time.compute);
  return time;
}

FormTime paged(const HostPoint& point, const HostMachine& host) {
  FormTime time;
  time.memory = point.bytes / std::min(host.link * host.constants[HostPageShare], host.bandwidth);
  time.compute = point.device;
  time.seconds = std::max(time.memory, time.compute);
  return time;
}

FormTime by_use(const HostPoint& point, const HostMachine& host) {
  switch (host.use) {
    case HostUse::Compute: return computed(point, host);
    case HostUse::Stream: return streamed(point, host);
    case HostUse::Page: return paged(point, host);
  }
  return {};
}

}  // namespace

double local_share(const HostMachine& host, double remote) {
  if (host.own_memory || host.sockets <= 1) return 1;
  const double own = 1 / host.sockets;
  return 1 / (own + (1 - own) / remote);
}

FormTime host_time(const HostPoint& point, const HostMachine& host) {
  FormTime time = by_use(point, host);
  const double drives = drive_seconds(point, host);
  time.memory += drives;
  time.seconds = std::max(time.seconds + drives, host_floor(point, host));
  const bool over_link = host.use != HostUse::Compute && drives < time.memory / 2;
  time.bound = over_link ? Bound::Link : Bound::Memory;
  if (time.compute > time.memory) time.bound = Bound::Compute;
  if (time.fixed > std::max(time.compute, time.memory)) time.bound = Bound::Latency;
  return time;
}

double host_floor(const HostPoint& point, const HostMachine& host) {
  const double from = host.use == HostUse::Compute ? host.bandwidth : std::min(host.link, host.bandwidth);
  return std::max(point.bytes / from, (1 - host.drive_cached) * point.drive_bytes / host.drive);
}

}  // namespace moeplan
