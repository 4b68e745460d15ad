// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/collective.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace moeplan {
namespace {

bool is_all_reduce(CollectiveOp op) { return op == CollectiveOp::AllReduce || op == CollectiveOp::AllReduceCustom; }

// NCCL lets switches add from five GPUs on (stas00/ml-engineering, commit 744d01e: H200; six on B200).
constexpr double kLeastInSwitch = 5;

double hops(double ranks) { return ranks <= 8 ? ranks - 1 : 7 + 4 * std::log2(ranks / 8); }

RankSpan span_of(const CollectivePoint& point, const Topology& topology) {
  RankSpan span = packed(point.ranks, topology);
  if (point.near > 0) span.near = point.near;
  if (point.leaf > 0) span.leaf = point.leaf;
  return span;
}

Pattern pattern_of(CollectiveOp op) {
  return op == CollectiveOp::AllToAll   ? Pattern::Everyone
         : op == CollectiveOp::SendRecv ? Pattern::One
                                        : Pattern::Neighbours;
}

double gain(const CollectivePoint& point, double ranks, const Topology& link, std::span<const double> c) {
  if (link.fabric == Fabric::Bus) return std::pow(2 / ranks, c[CollectiveCrowding]);
  if (link.fabric != Fabric::Switch) return fast_share(pattern_of(point.op), ranks, link);
  return (1 - c[CollectiveRanks] / ranks) / (1 - c[CollectiveRanks] / 2);
}

// A way across domains before it is priced.
struct Candidate {
  CollectiveWay way;
  TierBytes sent;
  double steps;  // over the network
};

struct Candidates {
  std::array<Candidate, 3> list;
  std::size_t count = 0;
  void add(const Candidate& candidate) { list[count++] = candidate; }
};

// Of a ring through all ranks, or of trees, one rank in each group of leaf switches sends on.
double ring_spine(double network, const RankSpan& s) { return network * s.near / s.leaf; }

Candidates ways_across(const CollectivePoint& point, const RankSpan& s, const Topology& link) {
  const double m = s.domains();
  const double b = point.bytes;
  const double inside = (s.near - 1) / s.near;
  const double across = (m - 1) / m;
  Candidates ways;
  const auto along_a_ring = [&](CollectiveWay way, double fast, double network, double steps) {
    const double spine = s.leaf < s.ranks ? ring_spine(network, s) : 0;
    ways.add({way, {.fast = fast, .network = network, .spine = spine}, steps});
  };
  switch (point.op) {
    case CollectiveOp::AllReduce:
    case CollectiveOp::AllReduceCustom: {
      const double whole = 2 * b * (s.ranks - 1) / s.ranks;
      along_a_ring(CollectiveWay::Ring, whole * inside, whole / s.near, 2 * (m - 1));
      along_a_ring(CollectiveWay::Tree, 2 * b * inside, 2 * b / s.near, 2 * std::log2(m));
      if (link.reduces)
        along_a_ring(CollectiveWay::Hierarchical, 2 * b * inside, 2 * across * b / s.near, 2 * std::log2(m));
      break;
    }
    case CollectiveOp::AllGather:
    case CollectiveOp::ReduceScatter: along_a_ring(CollectiveWay::Ring, b * inside, across * b / s.near, m - 1); break;
    case CollectiveOp::AllToAll: ways.add({CollectiveWay::Direct, uniform_bytes(b, s), 1 + std::log2(m)}); break;
    case CollectiveOp::SendRecv:
      ways.add({CollectiveWay::Direct, {.fast = 0, .network = b, .spine = s.leaf < s.ranks ? b : 0}, 1});
      break;
  }
  return ways;
}

// The quickest protocol inside one domain.
struct Inside {
  double fixed = 0;
  double moving = 0;
  std::size_t protocol = 0;
};

Inside inside_of(const CollectivePoint& point, double near, double wire, double one_shot, const Machine& machine,
                 std::span<const double> c) {
  const double scale = 1 + c[CollectiveStep] * (hops(near) - 1);
  Inside best{.fixed = c[CollectiveLatency] * scale};
  if (near <= 1) return best;
  const double rate = machine.link.bandwidth * gain(point, near, machine.link, c);
  double latency = 0;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t p = 0; p < 3; ++p) {
    latency += c[CollectiveLatency + p];
    const double moving = (p == 0 ? one_shot : wire) / (rate * c[CollectiveShare1 + p]);
    if (latency * scale + moving >= least) continue;
    least = latency * scale + moving;
    best = {.fixed = latency * scale, .moving = moving, .protocol = p};
  }
  return best;
}

CollectiveChoice choice_inside(const CollectivePoint& point, const RankSpan& s, const Machine& machine,
                               std::span<const double> c) {
  const double wire = wire_bytes(point.op, point.bytes, s.near);
  const double one_shot = point.op == CollectiveOp::AllReduceCustom ? point.bytes * (s.near - 1) : wire;
  const Inside inside = inside_of(point, s.near, wire, one_shot, machine, c);
  CollectiveChoice choice;
  choice.time.fixed = inside.fixed;
  choice.time.memory = inside.moving;
  choice.sent.fast = wire;
  if (point.op == CollectiveOp::AllToAll || point.op == CollectiveOp::SendRecv) {
    choice.way = CollectiveWay::Direct;
  } else if (point.op == CollectiveOp::AllReduceCustom && inside.protocol == 0) {
    choice.way = CollectiveWay::OneShot;
    choice.sent.fast = one_shot;
  } else if (point.op == CollectiveOp::AllReduce && inside.protocol == 2 && machine.link.reduces &&
             s.near >= kLeastInSwitch) {
    choice.way = CollectiveWay::InSwitch;
    choice.sent.fast = point.bytes;
  }
  return choice;
}

// log2 of domains that are no power of two is right between its neighbours: near enough for
// a number of steps.
CollectiveChoice choice_across(const CollectivePoint& point, const RankSpan& s, const Machine& machine,
                               std::span<const double> c) {
  const Topology& link = machine.link;
  const Candidates ways = ways_across(point, s, link);
  CollectiveChoice best;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < ways.count; ++i) {
    const Candidate& way = ways.list[i];
    const Inside inside = inside_of(point, s.near, way.sent.fast, way.sent.fast, machine, c);
    const double latency = kNetworkStep * way.steps;
    const TierBytes far{.fast = 0, .network = way.sent.network, .spine = way.sent.spine};
    const double network = seconds_at_peak(far, link) / kNetworkShare;
    const double fixed = inside.fixed + latency;
    const double moving = std::max(inside.moving, network + kNetworkFill * std::sqrt(latency * network));
    if (fixed + moving >= least) continue;
    least = fixed + moving;
    best.way = way.way;
    best.sent = way.sent;
    best.time.fixed = fixed;
    best.time.memory = moving;
  }
  return best;
}

}  // namespace

std::string_view word_of(CollectiveWay way) {
  static constexpr std::array<std::string_view, kCollectiveWays> kWords = {"one-shot",     "ring",      "tree",
                                                                           "hierarchical", "in-switch", "direct"};
  return kWords[static_cast<std::size_t>(way)];
}

double wire_bytes(CollectiveOp op, double bytes, double ranks) {
  if (op == CollectiveOp::SendRecv) return bytes;
  return (is_all_reduce(op) ? 2 : 1) * bytes * (ranks - 1) / ranks;
}

CollectiveChoice collective_choice(const CollectivePoint& point, const Machine& machine,
                                   std::span<const double> constants) {
  CollectiveChoice choice;
  if (point.ranks <= 1) {
    choice.time.bound = Bound::Latency;
    return choice;
  }
  const RankSpan span = span_of(point, machine.link);
  choice = span.ranks > span.near ? choice_across(point, span, machine, constants)
                                  : choice_inside(point, span, machine, constants);
  FormTime& time = choice.time;
  time.bound = time.memory > time.fixed ? Bound::Link : Bound::Latency;
  const double total = time.fixed + time.memory;
  const double square = total * total;
  const double least = constants[CollectiveLeast] * constants[CollectiveLeast];
  time.seconds = std::sqrt(std::sqrt(square * square + least * least));
  time.seconds = std::max(time.seconds, collective_floor(point, machine));
  return choice;
}

FormTime collective_time(const CollectivePoint& point, const Machine& machine, std::span<const double> constants) {
  return collective_choice(point, machine, constants).time;
}

double collective_floor(const CollectivePoint& point, const Machine& machine) {
  if (point.ranks <= 1) return 0;
  const Topology& link = machine.link;
  const RankSpan span = span_of(point, link);
  const double m = span.domains();
  TierBytes least;
  if (span.near > 1) {
    const double wire = wire_bytes(point.op, point.bytes, span.near);
    least.fast = link.reduces && is_all_reduce(point.op) ? std::min(wire, point.bytes) : wire;
    if (m > 1 && point.op == CollectiveOp::AllToAll) least.fast = uniform_bytes(point.bytes, span).fast;
    if (m > 1 && point.op == CollectiveOp::SendRecv) least.fast = 0;
  }
  if (m > 1) {
    // No fewer bytes can leave a domain than its half of the sum.
    least.network = is_all_reduce(point.op)              ? 2 * (m - 1) / m * point.bytes / span.near
                    : point.op == CollectiveOp::AllToAll ? uniform_bytes(point.bytes, span).network
                    : point.op == CollectiveOp::SendRecv ? point.bytes
                                                         : (m - 1) / m * point.bytes / span.near;
  }
  return seconds_at_peak(least, link);
}

int collective_regime(const CollectivePoint& point) {
  return point.bytes <= 64 * 1024 ? 0 : point.bytes <= 8 * 1024 * 1024 ? 1 : 2;
}

}  // namespace moeplan
