// SPDX-License-Identifier: Apache-2.0
// The figures of a device that operator forms use, in base units and without names:
// what is left of a DeviceSpec when a formula reads it a million times a second.
#pragma once

#include <array>

#include "sim/cost/kernel_format.h"
#include "sim/cost/topology.h"
#include "sim/spec/cluster.h"

namespace moeplan {

struct Machine {
  double bandwidth = 0;  // bytes per second, peak
  double cache = 0;      // bytes of the last level; 0 = none stated
  double units = 0;      // SMs, CUs, cores
  // Dense FLOP/s at rated clocks. Where the device has no unit of this kind, the rate of
  // what it would do instead: fp4 -> fp8 -> bf16 -> fp32.
  std::array<double, kMathKinds> peak{};
  std::array<bool, kMathKinds> native{};  // false: peak is a stand-in
  double clock_headroom = 1.1;            // highest clock over the rated one
  double launch_stream = 0;               // seconds per kernel, queued
  double launch_graph = 0;                // seconds per kernel, recorded
  Topology link;
  double power = 0;          // watts, rated; 0 = none stated
  double idle_power = 0;     // watts; 0 = none stated
  bool small_units = false;  // not a data-centre part: floors of laptops and CPUs differ

  double peak_of(MathKind kind) const { return peak[static_cast<std::size_t>(kind)]; }
  double peak_of(KernelFormat format) const { return peak_of(facts_of(format).math); }
  friend bool operator==(const Machine&, const Machine&) = default;
};

// Launch costs nobody published for a device: medians of te42kyfo/gpu-benches (commit 1c36d50) on H200.
inline constexpr double kAssumedStreamLaunch = 2.5e-6;
inline constexpr double kAssumedGraphLaunch = 1.3e-6;

// Bandwidth of the last level cache over the memory's: no kernel is faster. Assumed, from
// L2 read rates of te42kyfo/gpu-benches (commit 1c36d50), 1.5 to 4 times the memory's on
// data-centre parts, and GDDR cards up to 6.
inline constexpr double kCacheOverMemory = 6;

// bf16 FLOP/s of one unit where a profile does not count them: between an A100's (2.9e12)
// and a GB202's (2.7e12).
inline constexpr double kAssumedUnitPeak = 2.8e12;

Machine machine_of(const DeviceSpec& device);
// The same with the links of the cluster it stands in.
Machine machine_of(const ClusterSpec& cluster, const DeviceSpec& device);

}  // namespace moeplan
