// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/collective.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace moeplan {
namespace {

bool is_all_reduce(CollectiveOp op) { return op == CollectiveOp::AllReduce || op == CollectiveOp::AllReduceCustom; }

double hops(double ranks) { return ranks <= 8 ? ranks - 1 : 7 + 4 * std::log2(ranks / 8); }

// Bytes through each device's adapter when the ranks fill several domains.
double network_bytes(const CollectivePoint& point, double domain) {
  const double domains = point.ranks / domain;
  const double across = (domains - 1) / domains;
  switch (point.op) {
    case CollectiveOp::AllReduce:
    case CollectiveOp::AllReduceCustom: return 2 * across * point.bytes / domain;
    case CollectiveOp::AllGather:
    case CollectiveOp::ReduceScatter: return across * point.bytes / domain;
    case CollectiveOp::AllToAll: return across * point.bytes;
    case CollectiveOp::SendRecv: return point.bytes;
  }
  return point.bytes;
}

double gain(const LinkFacts& link, double ranks, std::span<const double> c) {
  if (!link.switched) return std::pow(2 / ranks, c[CollectiveCrowding]);
  return (1 - c[CollectiveRanks] / ranks) / (1 - c[CollectiveRanks] / 2);
}

}  // namespace

double wire_bytes(CollectiveOp op, double bytes, double ranks) {
  if (op == CollectiveOp::SendRecv) return bytes;
  return (is_all_reduce(op) ? 2 : 1) * bytes * (ranks - 1) / ranks;
}

FormTime collective_time(const CollectivePoint& point, const Machine& machine, std::span<const double> constants) {
  FormTime time;
  time.bound = Bound::Latency;
  if (point.ranks <= 1) return time;
  const LinkFacts& link = machine.link;
  const double inside = std::min(point.ranks, std::max(link.domain, 1.0));
  const double scale = 1 + constants[CollectiveStep] * (hops(point.ranks) - 1);
  time.fixed = constants[CollectiveLatency] * scale;
  if (inside > 1) {
    const double rate = link.bandwidth * gain(link, inside, constants);
    const double wire = wire_bytes(point.op, point.bytes, inside);
    const double one_shot = point.op == CollectiveOp::AllReduceCustom ? point.bytes * (inside - 1) : wire;
    double latency = 0;
    double best = std::numeric_limits<double>::infinity();
    for (std::size_t p = 0; p < 3; ++p) {
      latency += constants[CollectiveLatency + p];
      const double moving = (p == 0 ? one_shot : wire) / (rate * constants[CollectiveShare1 + p]);
      if (latency * scale + moving >= best) continue;
      best = latency * scale + moving;
      time.fixed = latency * scale;
      time.memory = moving;
    }
  }
  if (point.ranks > inside) {
    const double latency = kNetworkLatency * std::log2(2 * point.ranks / inside);
    const double moving = network_bytes(point, inside) / (link.network_bandwidth * kNetworkShare);
    time.fixed += latency;
    time.memory = std::max(time.memory, moving + kNetworkFill * std::sqrt(latency * moving));
  }
  const double total = time.fixed + time.memory;
  const double square = total * total;
  const double least = constants[CollectiveLeast] * constants[CollectiveLeast];
  time.seconds = std::sqrt(std::sqrt(square * square + least * least));
  time.seconds = std::max(time.seconds, collective_floor(point, machine));
  if (time.memory > time.fixed) time.bound = Bound::Link;
  return time;
}

double collective_floor(const CollectivePoint& point, const Machine& machine) {
  if (point.ranks <= 1) return 0;
  const LinkFacts& link = machine.link;
  const double inside = std::min(point.ranks, std::max(link.domain, 1.0));
  double seconds = 0;
  if (inside > 1) {
    const double wire = wire_bytes(point.op, point.bytes, inside);
    const double least = link.reduces && is_all_reduce(point.op) ? point.bytes : wire;
    seconds = std::min(wire, least) / link.bandwidth;
  }
  if (point.ranks > inside) seconds = std::max(seconds, network_bytes(point, inside) / link.network_bandwidth);
  return seconds;
}

int collective_regime(const CollectivePoint& point) {
  return point.bytes <= 64 * 1024 ? 0 : point.bytes <= 8 * 1024 * 1024 ? 1 : 2;
}

}  // namespace moeplan
