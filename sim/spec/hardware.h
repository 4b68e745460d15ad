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

enum class DeviceClass { DatacenterGpu, ConsumerGpu, IntegratedGpu, Cpu };
std::string_view word_of(DeviceClass c);

struct PeakRate {
  std::string format;            // fp32, tf32, bf16, fp16, fp8, fp4, int8
  Sourced<FlopsPerSecond> rate;  // dense, FP32 accumulate
  friend bool operator==(const PeakRate&, const PeakRate&) = default;
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
  std::string status = "shipping";       // shipping | announced
  std::string default_runtime;           // runtime id
  Sourced<Bytes> memory;                 // as the driver reports
  Sourced<Bytes> unallocatable;          // of it, never handed to programs
  std::optional<Bytes> marketed;         // the number on the box, for the "--memory 80GB" warning
  std::vector<WorkingSet> working_sets;  // unified memory only, by RAM size; empty otherwise
  Sourced<BytesPerSecond> bandwidth;     // peak
  std::optional<Sourced<Bytes>> last_level_cache;
  std::vector<PeakRate> peaks;
  std::optional<Sourced<Watts>> power_cap;
  Count units = 0;                      // SMs, CUs, cores; 0 = not given
  std::optional<Sourced<Hertz>> clock;  // boost
  Count matrix_fma_per_unit = 0;        // bf16 FMA per unit per clock, for the identity lint; 0 = none
  std::string note;
  friend bool operator==(const DeviceSpec&, const DeviceSpec&) = default;
};

// Every rule a profile breaks, as sentences with the numbers; empty = sound. Besides
// shape (ids, sources, ranges) it looks for the classic slips of hardware tables:
// a sparse peak given as dense (tensor-core identity: matrix_fma_per_unit x units x
// 2 x clock within 3 % of the bf16 peak; fp8 at most 2.5 x bf16), GiB written as GB
// (memory 7.4 % below the number on the box) and the reverse.
std::vector<std::string> violations(const DeviceSpec& device);

}  // namespace moeplan
