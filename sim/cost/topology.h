// SPDX-License-Identifier: Apache-2.0
// How devices reach each other, level by level from the inside out, and what a rank sends
// over each level:
//
//   fast     inside one fast domain: an NVLink island, a rack, a mesh, a torus, a PCIe host
//   network  leaves the domain through the device's own adapter (rails)
//   spine    leaves the group of nodes below one set of leaf switches; what crosses it gets
//            1 / oversubscription of the adapter's rate
//
// A message over a level takes latency + bytes / rate there; levels work side by side, so at
// its peak an exchange takes the largest of them (seconds_at_peak). Closed forms that follow,
// n ranks, S bytes to each other one (tests): a star takes L + (n - 1) S / bw; domains of g
// behind adapters L + (n - g) S / nic; behind shared uplinks of rate u per domain, which is
// an oversubscription of g nic / u, L + g (n - g) S / u.
//
// A torus has no crossbar: uniform all-to-all is bound by its bisection. A ring of s devices
// (line: twice that) with rate b of each link takes s S_total / (8 b); see torus_share.
#pragma once

#include <array>
#include <cstdint>

#include "sim/program/program.h"
#include "sim/spec/cluster.h"

namespace moeplan {

enum class Fabric : std::uint8_t {
  Switch,  // every pair at full rate
  Mesh,    // a link to each other device
  Torus,
  Bus  // PCIe: devices share a host
};

inline constexpr std::size_t kTorusDimensions = 3;

// Rates are bytes per second, per device and direction; latencies seconds.
struct Topology {
  double bandwidth = 0;  // inside the fast domain
  double latency = 0;    // smallest message there; 0 = none stated
  double domain = 1;     // devices that reach each other at it
  bool reduces = false;  // its switches add
  Fabric fabric = Fabric::Switch;
  std::array<double, kTorusDimensions> dimensions{};  // of a torus; 0 = it has fewer
  double network_bandwidth = 0;                       // of a device's adapter
  double network_latency = 0;                         // 0 = none stated
  double leaf = 0;                                    // devices below one set of leaf switches; 0 = all
  double oversubscription = 1;                        // beyond them
  friend bool operator==(const Topology&, const Topology&) = default;
};

// Where a profile states no links: devices of one box on PCIe 4.0 x16, boxes on one 400 Gb/s
// adapter for each device (assumed).
inline constexpr double kAssumedBus = 25e9;
inline constexpr double kAssumedBox = 8;
inline constexpr double kAssumedNetwork = 50e9;

Topology topology_of(const ClusterSpec& cluster, const DeviceSpec& device);

// How the ranks of a group lie on the levels.
struct RankSpan {
  double ranks = 1;
  double near = 1;  // of them in one fast domain
  double leaf = 1;  // below one set of leaf switches
  double domains() const { return ranks / near; }
  friend bool operator==(const RankSpan&, const RankSpan&) = default;
};

// Ranks lie in the order the runtime deals them (RankOrder); a group that does not fill
// whole domains has as many members in each as its strides allow. Of pipeline stages some
// of whose neighbours are near and some far, a class counts as far: its slowest decides.
RankSpan span_of(RankGroup group, const Program& program, const Topology& topology);
// Ranks next to each other.
RankSpan packed(double ranks, const Topology& topology);

// What one rank sends.
struct TierBytes {
  double fast = 0;
  double network = 0;
  double spine = 0;  // of `network`
  double total() const { return fast + network; }
  TierBytes& operator+=(const TierBytes& other);
  friend TierBytes operator*(double n, TierBytes bytes) { return {n * bytes.fast, n * bytes.network, n * bytes.spine}; }
  friend bool operator==(const TierBytes&, const TierBytes&) = default;
};

// `bytes` from each rank in equal parts to every rank of the group, itself included.
TierBytes uniform_bytes(double bytes, const RankSpan& span);

// The time of the busiest level at its peak, without latency.
double seconds_at_peak(const TierBytes& bytes, const Topology& topology);

// The largest stated latency on the way between ranks of the group.
double latency_of(const RankSpan& span, const Topology& topology);

// What `near` neighbours out of a torus are by dimension: as nearly a cube as its sizes allow.
std::array<double, kTorusDimensions> torus_block(double near, const Topology& topology);

// Share of the injection bandwidth that `near` devices reach inside the domain.
// Neighbours: rings, of gathers and sums. Everyone: all-to-all. One: a single peer.
enum class Pattern : std::uint8_t { Neighbours, Everyone, One };
double fast_share(Pattern pattern, double near, const Topology& topology);

}  // namespace moeplan
