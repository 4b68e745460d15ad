// SPDX-License-Identifier: Apache-2.0
// A device as data with a source at every quantity.
// Datasheet facts and measured absolutes live side by side; there are no
// efficiency multipliers.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/units.h"

namespace moeplan {

// Where a quantity comes from.
enum class Basis { Datasheet, Driver, Published, Calibrated, Derived, Assumed };
std::string_view word_of(Basis basis);

// Which claim holds for every quantity in a profile: value, and why to believe it.
template <class T>
struct Sourced {
  T value{};
  Basis basis = Basis::Assumed;
  std::string source;
  friend bool operator==(const Sourced&, const Sourced&) = default;
};

enum class DeviceClass { DatacenterGpu, ConsumerGpu, IntegratedGpu, Cpu, Accelerator };
std::string_view word_of(DeviceClass c);

struct PeakRate {
  std::string format;            // fp32, tf32, bf16, fp16, fp8, fp4, int8
  Sourced<FlopsPerSecond> rate;  // dense, FP32 accumulate
  friend bool operator==(const PeakRate&, const PeakRate&) = default;
};

// Measured by someone and stored as absolute values, above the datasheet: peaks are
// disputed and clocks exceed their rating, so no multipliers.
struct EffectiveBandwidth {
  std::string access;  // weights, experts, copy, triad, read, cpu, gpu
  Sourced<BytesPerSecond> rate;
  friend bool operator==(const EffectiveBandwidth&, const EffectiveBandwidth&) = default;
};

struct EffectiveRate {
  std::string format;
  std::string regime;  // typical (large GEMMs), sustained (until power limits), best
  Sourced<FlopsPerSecond> rate;
  friend bool operator==(const EffectiveRate&, const EffectiveRate&) = default;
};

// What starting work costs, however small it is.
struct LaunchFloors {
  std::optional<Sourced<Seconds>> stream;  // kernels queued one after the other
  std::optional<Sourced<Seconds>> graph;   // the same, recorded
  std::optional<Sourced<Seconds>> gemm;    // the smallest, in a graph
  friend bool operator==(const LaunchFloors&, const LaunchFloors&) = default;
};

// A laptop part: its rate depends on the power the maker configured.
struct PowerPoint {
  Watts power{};
  std::string format;
  Sourced<FlopsPerSecond> rate;
  friend bool operator==(const PowerPoint&, const PowerPoint&) = default;
};

// Unified memory: how much of a RAM size the GPU may use by default.
struct WorkingSet {
  Bytes ram;
  Bytes usable;
  std::string source{};
  friend bool operator==(const WorkingSet&, const WorkingSet&) = default;
};

struct DeviceSpec {
  std::string id;
  std::string name;
  std::vector<std::string> aliases;  // driver name strings and short names
  std::string vendor;
  std::string architecture;
  DeviceClass device_class = DeviceClass::DatacenterGpu;
  std::string status = "shipping";                 // shipping | announced | unvalidated (peaks only)
  std::string default_runtime;                     // runtime id
  Sourced<Bytes> memory;                           // as the driver reports
  Sourced<Bytes> unallocatable;                    // of it, never handed to programs
  std::optional<Bytes> marketed;                   // the number on the box, for the "--memory 80GB" warning
  std::vector<WorkingSet> working_sets;            // unified memory only, by RAM size; empty otherwise
  Sourced<BytesPerSecond> bandwidth;               // peak
  Count bus_bits = 0;                              // memory interface, for the check of bandwidth; 0 = not given
  std::optional<Sourced<Hertz>> memory_data_rate;  // transfers per second and pin: twice the clock of DDR
  std::optional<Sourced<Bytes>> last_level_cache;
  std::vector<PeakRate> peaks;
  std::vector<EffectiveBandwidth> effective_bandwidth;
  std::vector<EffectiveRate> effective_rates;
  LaunchFloors launch;
  std::vector<PowerPoint> power_points;  // rising in power, one format after the other
  std::optional<Sourced<Watts>> power_cap;
  std::optional<Sourced<Watts>> power_idle;
  Count units = 0;                      // SMs, CUs, cores; 0 = not given
  std::optional<Sourced<Hertz>> clock;  // boost
  Count matrix_fma_per_unit = 0;        // bf16 FMA per unit per clock, for the identity lint; 0 = none
  std::string note;
  friend bool operator==(const DeviceSpec&, const DeviceSpec&) = default;
};

// The peak of a format as the datasheet has it; nullptr = not stated.
const PeakRate* peak_of(const DeviceSpec& device, std::string_view format);
// What was measured, in this regime, or of this access; nullptr = nobody did.
const EffectiveRate* effective_rate_of(const DeviceSpec& device, std::string_view format, std::string_view regime);
const EffectiveBandwidth* effective_bandwidth_of(const DeviceSpec& device, std::string_view access);
// The rate of a laptop part at a configured power: linear between its power points, the
// nearest point beyond them; nothing without points.
std::optional<FlopsPerSecond> rate_at_power(const DeviceSpec& device, std::string_view format, Watts power);

// Every rule a profile breaks, as sentences with the numbers; empty = sound. Besides
// shape (ids, sources, ranges) it looks for the classic slips of hardware tables:
// a sparse peak given as dense (tensor-core identity: matrix_fma_per_unit x units x
// 2 x clock within 3 % of the bf16 peak, with the constant of the generation; fp8 and fp4
// against bf16), GiB written as GB (memory 7.4 % below the number on the box) and the
// reverse, a bandwidth that the bus cannot carry, a measurement beyond 1.35 x the peak.
std::vector<std::string> violations(const DeviceSpec& device);

}  // namespace moeplan
