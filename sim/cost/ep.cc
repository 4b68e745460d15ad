// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/ep.h"

#include <algorithm>
#include <cmath>

#include "sim/base/error.h"
#include "sim/cost/soft.h"

namespace moeplan {
namespace {

constexpr double kScaleBytes = 4.0 / 128;  // of an 8-bit element in DeepEP
constexpr double kHeaderBytes = 16;        // of a low-latency copy
constexpr double kRoutingBytes = 4;        // of an expert's number

bool is_deepep(EpMode mode) { return mode == EpMode::Normal || mode == EpMode::LowLatency; }

double bytes_of(const EpPoint& point) {
  switch (point.op) {
    case EpOp::Prepare: return kRoutingBytes * point.top_k;
    case EpOp::Combine: return 2 * point.hidden;
    case EpOp::CombineLowPrecision: return point.element_bytes * point.hidden;
    case EpOp::Dispatch: break;
  }
  const double scales = is_deepep(point.mode) && point.element_bytes <= 1 ? kScaleBytes : 0;
  const double header = point.mode == EpMode::LowLatency ? kHeaderBytes : 0;
  return point.hidden * (point.element_bytes + scales) + header;
}

// Half of the units send, half receive; a block of one serves eight ranks, and each rank as many
// channels as there are blocks for (NVIDIA/TensorRT-LLM fusedMoeCommKernels.cu).
double two_sided_workers(double units, double ranks) {
  const double blocks = 2 * std::ceil(ranks / 8);
  return ranks * std::max(1.0, std::floor(units / 2 / blocks));
}

double network_seconds(const EpPoint& point, const EpTraffic& traffic, const Machine& machine) {
  if (traffic.network_copies == 0) return 0;
  CHECK(machine.link.network_bandwidth > 0);
  const double bytes = point.tokens * point.busiest * traffic.bytes;
  return seconds_at_peak({.fast = 0, .network = bytes * traffic.network_copies, .spine = bytes * traffic.spine_copies},
                         machine.link);
}

}  // namespace

double expected_destinations(double experts, double top_k, double groups) {
  const double others = experts - experts / groups;
  double missed = 1;  // C(others, k) / C(experts, k)
  for (double i = 0; i < top_k; ++i) missed *= std::max(0.0, others - i) / (experts - i);
  return groups * (1 - missed);
}

EpTraffic traffic_of(const EpPoint& point) {
  const double inside = std::min(point.ranks, point.ranks_per_node);
  const double nodes = point.ranks / inside;
  EpTraffic traffic{.bytes = bytes_of(point)};
  if (point.mode == EpMode::LowLatency) {
    traffic.copies = point.top_k / nodes;
    traffic.network_copies = point.top_k * (1 - 1 / nodes);
  } else {
    traffic.copies =
        point.destinations > 0 ? point.destinations : expected_destinations(point.experts, point.top_k, point.ranks);
    const double reached = point.nodes > 0 ? point.nodes : expected_destinations(point.experts, point.top_k, nodes);
    traffic.network_copies = nodes > 1 ? reached * (1 - 1 / nodes) : 0;
  }
  traffic.leaving = 1 - 1 / inside;
  if (point.ranks_per_leaf > 0 && point.ranks > inside)
    traffic.spine_copies = traffic.network_copies * (point.ranks - point.ranks_per_leaf) / (point.ranks - inside);
  return traffic;
}

TierBytes exchange_bytes(const EpPoint& point, double bytes) {
  if (point.ranks <= 1) return {};
  const EpTraffic t = traffic_of(point);
  return point.tokens * bytes *
         TierBytes{.fast = t.copies * t.leaving, .network = t.network_copies, .spine = t.spine_copies};
}

FormTime ep_time(const EpPoint& point, const Machine& machine, std::span<const double> constants) {
  FormTime time;
  time.bound = Bound::Latency;
  if (point.ranks <= 1) return time;
  const EpTraffic traffic = traffic_of(point);
  const bool low_latency = point.mode == EpMode::LowLatency;
  const double copies = point.tokens * traffic.copies * point.busiest;
  const double cost = traffic.leaving + constants[EpSelf] * (1 - traffic.leaving);
  const double link = copies * cost * traffic.bytes / (machine.link.bandwidth * constants[EpShare]);

  double units = machine.units;
  if (low_latency) units = std::min(units, point.experts);
  if (point.mode == EpMode::NvlinkTwoSided && point.op != EpOp::Prepare) units = two_sided_workers(units, point.ranks);
  if (point.comm_units > 0) units = point.comm_units;
  const double unit_rate = machine.link.bandwidth / machine.units * constants[EpUnitLoad];
  const double serial = low_latency ? machine.units / units : 1;
  const double work =
      copies / units * (constants[EpCopy] + traffic.bytes / unit_rate) + point.tokens * constants[EpToken] * serial;

  time.fixed = constants[EpFloor] + constants[EpRank] * std::log2(point.ranks) + constants[EpExpert] * point.experts +
               constants[EpWidth] * point.hidden;
  time.memory = soft_maximum(link, work, constants[EpSharpness]);
  const double network = network_seconds(point, traffic, machine) / kEpNetworkShare;
  if (network > 0) {
    time.fixed += kEpNetworkLatency;
    time.memory = std::max(time.memory, network);
  }
  time.seconds = time.fixed + time.memory + constants[EpFill] * std::sqrt(time.fixed * time.memory);
  time.seconds = std::max(time.seconds, ep_floor(point, machine));
  if (time.memory > time.fixed) time.bound = Bound::Link;
  return time;
}

double ep_floor(const EpPoint& point, const Machine& machine) {
  if (point.ranks <= 1) return 0;
  const EpTraffic traffic = traffic_of(point);
  const double leaving = point.tokens * traffic.copies * traffic.leaving * point.busiest;
  return std::max(leaving * traffic.bytes / machine.link.bandwidth, network_seconds(point, traffic, machine));
}

int ep_regime(const EpPoint& point) { return point.tokens <= 64 ? 0 : point.tokens <= 2048 ? 1 : 2; }

}  // namespace moeplan
