// SPDX-License-Identifier: Apache-2.0
// Checks of device profiles. Each lint guards against a mistake found in published
// hardware tables: sparse peaks labelled dense, GB taken for GiB.
#include "sim/spec/hardware.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "sim/base/error.h"
#include "sim/spec/profile_checks.h"

namespace moeplan {
namespace {

constexpr double kIdentityTolerance = 0.03;  // datasheets round clocks and peaks
// 1 GiB / 1 GB = 1.0737: memory written in the wrong unit is off by 6.9 % down or 7.4 % up.
// Sound profiles lie between 0.1 % (B300) and 7.4 % (A100-80, exactly 80 GiB) above the
// number on the box.
constexpr double kBelowMarketed = 0.95;
constexpr double kAboveMarketed = 1.08;
// Dense FP8 runs at twice the BF16 rate on every part that has it; 2:4 sparse FP8 at four times.
constexpr double kFp8OverBf16 = 2.5;

constexpr std::array<std::string_view, 9> kPeakFormats = {"fp64", "fp32", "tf32", "bf16", "fp16",
                                                          "fp8",  "fp6",  "fp4",  "int8"};

const PeakRate* peak_of(const DeviceSpec& device, std::string_view format) {
  for (const PeakRate& peak : device.peaks) {
    if (peak.format == format) return &peak;
  }
  return nullptr;
}

void check_memory(Sentences& out, const DeviceSpec& device) {
  check_bytes(out, "memory", device.memory, 1e9, 2e12);
  check_source(out, "unallocatable", device.unallocatable);
  if (device.unallocatable.value < Bytes(0) || device.unallocatable.value >= device.memory.value) {
    out.push_back(fmt::format("unallocatable is {} B, must be at least 0 and less than memory, {} B",
                              device.unallocatable.value.count(), device.memory.value.count()));
  }
  if (!device.marketed) return;
  const double ratio = device.memory.value.size() / device.marketed->size();
  if (ratio < kBelowMarketed) {
    out.push_back(fmt::format("memory is {} B, {:.1f} % below the marketed {} B: a figure in GiB written as GB?",
                              device.memory.value.count(), 100 * (1 - ratio), device.marketed->count()));
  }
  if (ratio > kAboveMarketed) {
    out.push_back(fmt::format("memory is {} B, {:.1f} % above the marketed {} B: a figure in GB written as GiB?",
                              device.memory.value.count(), 100 * (ratio - 1), device.marketed->count()));
  }
}

void check_working_sets(Sentences& out, const DeviceSpec& device) {
  const WorkingSet* previous = nullptr;
  for (const WorkingSet& set : device.working_sets) {
    const double gib = in_gib(set.ram);
    if (set.source.empty()) out.push_back(fmt::format("working set of {:g} GiB has no source", gib));
    if (set.usable <= Bytes(0) || set.usable > set.ram) {
      out.push_back(fmt::format("working set of {:g} GiB: usable {:g} GiB must be more than 0 and at most the RAM", gib,
                                in_gib(set.usable)));
    }
    if (set.ram > device.memory.value) {
      out.push_back(fmt::format("working set of {:g} GiB exceeds memory, {:g} GiB", gib, in_gib(device.memory.value)));
    }
    if (previous != nullptr && (set.ram <= previous->ram || set.usable <= previous->usable)) {
      out.push_back(fmt::format("working sets must rise: {:g} GiB RAM, {:g} usable, follows {:g} and {:g}", gib,
                                in_gib(set.usable), in_gib(previous->ram), in_gib(previous->usable)));
    }
    previous = &set;
  }
}

void check_peaks(Sentences& out, const DeviceSpec& device) {
  for (const PeakRate& peak : device.peaks) {
    if (std::find(kPeakFormats.begin(), kPeakFormats.end(), peak.format) == kPeakFormats.end()) {
      out.push_back(
          fmt::format("peak format \"{}\" is unknown, expected one of {}", peak.format, fmt::join(kPeakFormats, ", ")));
    }
    if (&peak != peak_of(device, peak.format)) out.push_back(fmt::format("peak of {} is given twice", peak.format));
    check_quantity(out, fmt::format("peak of {}", peak.format), peak.rate, 1e10, 1e18, "FLOP/s");
  }
  const PeakRate* bf16 = peak_of(device, "bf16");
  if (bf16 == nullptr) return;
  const double rate = bf16->rate.value.base();
  const PeakRate* fp8 = peak_of(device, "fp8");
  if (fp8 != nullptr && fp8->rate.value.base() > kFp8OverBf16 * rate) {
    out.push_back(fmt::format("peak of fp8, {:g} TFLOP/s, is {:.2f} x bf16, more than {:g} x: a sparse figure?",
                              fp8->rate.value.base() / 1e12, fp8->rate.value.base() / rate, kFp8OverBf16));
  }
  if (device.matrix_fma_per_unit == 0 || device.units == 0 || !device.clock) return;
  // Tensor-core identity: FMA per unit per clock x units x 2 FLOP x clock.
  const double identity = static_cast<double>(device.matrix_fma_per_unit) * static_cast<double>(device.units) * 2.0 *
                          device.clock->value.base();
  if (std::abs(rate / identity - 1) > kIdentityTolerance) {
    out.push_back(
        fmt::format("peak of bf16 is {:g} TFLOP/s but {} FMA x {} units x 2 x {:g} MHz = {:g} TFLOP/s ({:+.1f} %): "
                    "a sparse figure, or the clock of another part?",
                    rate / 1e12, device.matrix_fma_per_unit, device.units, device.clock->value.base() / 1e6,
                    identity / 1e12, 100 * (rate / identity - 1)));
  }
}

}  // namespace

std::string_view word_of(Basis basis) {
  switch (basis) {
    case Basis::Datasheet: return "datasheet";
    case Basis::Driver: return "driver";
    case Basis::Published: return "published";
    case Basis::Calibrated: return "calibrated";
    case Basis::Derived: return "derived";
    case Basis::Assumed: return "assumed";
  }
  CHECK(false);
  return "";
}

std::string_view word_of(DeviceClass c) {
  switch (c) {
    case DeviceClass::DatacenterGpu: return "datacenter_gpu";
    case DeviceClass::ConsumerGpu: return "consumer_gpu";
    case DeviceClass::IntegratedGpu: return "integrated_gpu";
    case DeviceClass::Cpu: return "cpu";
  }
  CHECK(false);
  return "";
}

std::vector<std::string> violations(const DeviceSpec& device) {
  Sentences out;
  check_id(out, device.id);
  check_text(out, "name", device.name);
  check_text(out, "vendor", device.vendor);
  check_text(out, "architecture", device.architecture);
  check_text(out, "default_runtime", device.default_runtime);
  if (device.status != "shipping" && device.status != "announced") {
    out.push_back(fmt::format("status \"{}\" must be shipping or announced", device.status));
  }
  check_memory(out, device);
  check_working_sets(out, device);
  check_quantity(out, "bandwidth", device.bandwidth, 1e9, 1e14, "B/s");
  if (device.last_level_cache) {
    check_bytes(out, "last_level_cache", *device.last_level_cache, 1e5, 4e9);
  }
  check_peaks(out, device);
  if (device.power_cap) check_quantity(out, "power_cap", *device.power_cap, 1, 5000, "W");
  if (device.clock) check_quantity(out, "clock", *device.clock, 1e8, 1e10, "Hz");
  if (device.units < 0 || device.units > 100000) {
    out.push_back(fmt::format("units is {}, outside 0 to 100000", device.units));
  }
  if (device.matrix_fma_per_unit < 0) {
    out.push_back(fmt::format("matrix_fma_per_unit is {}, must not be negative", device.matrix_fma_per_unit));
  }
  return out;
}

}  // namespace moeplan
