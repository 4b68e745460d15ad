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
// Dense FP8 runs at twice the BF16 rate and FP4 at four times; a 2:4 sparse figure is twice
// that. Some parts are made otherwise: Blackwell Ultra adds FP4 (15 PF over 2.25), GeForce
// Blackwell halves BF16 and FP8 with FP32 accumulate but not FP4, Rubin and Trainium3 are
// built around narrow formats.
struct FormatRatio {
  std::string_view architecture;
  std::string_view format;
  double ratio;
};
constexpr std::array<FormatRatio, 5> kFormatRatios = {{{"blackwell-ultra", "fp4", 6.67},
                                                       {"blackwell-geforce", "fp4", 8},
                                                       {"rubin", "fp8", 4.375},
                                                       {"rubin", "fp4", 8.75},
                                                       {"trainium3", "fp8", 3.75}}};
constexpr double kFp8OverBf16 = 2;
constexpr double kFp4OverBf16 = 4;
constexpr double kRatioSlack = 1.25;

// BF16 multiply-adds per SM or CU and clock, FP32 accumulate: 4 tensor cores x 256, 512,
// 1024 on A100, Hopper, Blackwell; GeForce halves what the RTX PRO and L cards do.
struct MatrixWidth {
  std::string_view architecture;
  Count fma;
};
constexpr std::array<MatrixWidth, 11> kMatrixWidths = {{{"ampere", 1024},
                                                        {"ampere-geforce", 256},
                                                        {"hopper", 2048},
                                                        {"ada", 512},
                                                        {"ada-geforce", 256},
                                                        {"blackwell", 4096},
                                                        {"blackwell-ultra", 4096},
                                                        {"blackwell-pro", 512},
                                                        {"blackwell-geforce", 256},
                                                        {"cdna3", 1024},
                                                        {"cdna4", 2048}}};

constexpr double kBusTolerance = 0.03;
constexpr double kMostOverPeak = 1.35;  // a 5090 reaches 1.21 x its nominal BF16: clocks exceed their rating
// No part of 2026 passes 10 TFLOP/s of dense BF16 per watt (Rubin about 2, Thor 2).
constexpr double kMostFlopPerJoule = 1e13;

constexpr std::array<std::string_view, 9> kPeakFormats = {"fp64", "fp32", "tf32", "bf16", "fp16",
                                                          "fp8",  "fp6",  "fp4",  "int8"};
// weights: one GEMV after the other; experts: a grouped GEMM that hits all of a rank's.
constexpr std::array<std::string_view, 7> kAccesses = {"weights", "experts", "copy", "triad", "read", "cpu", "gpu"};
constexpr std::array<std::string_view, 3> kRegimes = {"typical", "sustained", "best"};

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

void check_ratio(Sentences& out, const DeviceSpec& device, std::string_view format, double bf16, double usual) {
  const PeakRate* peak = peak_of(device, format);
  if (peak == nullptr) return;
  double expected = usual;
  for (const FormatRatio& known : kFormatRatios) {
    if (known.architecture == device.architecture && known.format == format) expected = known.ratio;
  }
  const double ratio = peak->rate.value.base() / bf16;
  if (ratio > expected * kRatioSlack) {
    out.push_back(fmt::format("peak of {}, {:g} TFLOP/s, is {:.2f} x bf16, more than {:g} x: a sparse figure?", format,
                              peak->rate.value.base() / 1e12, ratio, expected * kRatioSlack));
  }
}

void check_matrix_width(Sentences& out, const DeviceSpec& device) {
  if (device.matrix_fma_per_unit == 0) return;
  for (const MatrixWidth& known : kMatrixWidths) {
    if (known.architecture != device.architecture || known.fma == device.matrix_fma_per_unit) continue;
    out.push_back(fmt::format("matrix_fma_per_unit is {}, but {} does {} per unit and clock",
                              device.matrix_fma_per_unit, device.architecture, known.fma));
  }
}

void check_bus(Sentences& out, const DeviceSpec& device) {
  if (device.bus_bits == 0 || !device.memory_data_rate) return;
  const double carried = static_cast<double>(device.bus_bits) / 8 * device.memory_data_rate->value.base();
  const double ratio = device.bandwidth.value.base() / carried;
  if (std::abs(ratio - 1) <= kBusTolerance) return;
  out.push_back(fmt::format("bandwidth is {:g} GB/s but {} bit x {:g} GT/s / 8 = {:g} GB/s ({:+.1f} %){}",
                            device.bandwidth.value.base() / 1e9, device.bus_bits,
                            device.memory_data_rate->value.base() / 1e9, carried / 1e9, 100 * (ratio - 1),
                            std::abs(ratio / 2 - 1) <= kBusTolerance ? ": a clock where the data rate belongs?" : ""));
}

void check_over_peak(Sentences& out, const std::string& what, double ratio) {
  if (ratio <= kMostOverPeak) return;
  out.push_back(fmt::format("{} is {:.2f} x the peak, more than {:g} x", what, ratio, kMostOverPeak));
}

void check_effective(Sentences& out, const DeviceSpec& device) {
  for (const EffectiveBandwidth& e : device.effective_bandwidth) {
    const std::string what = fmt::format("effective bandwidth of {}", e.access);
    if (std::find(kAccesses.begin(), kAccesses.end(), e.access) == kAccesses.end()) {
      out.push_back(fmt::format("access \"{}\" must be one of {}", e.access, fmt::join(kAccesses, ", ")));
    }
    check_quantity(out, what, e.rate, 1e8, 1e14, "B/s");
    check_over_peak(out, what, e.rate.value / device.bandwidth.value);
  }
  for (const EffectiveRate& e : device.effective_rates) {
    const std::string what = fmt::format("effective {} ({})", e.format, e.regime);
    if (std::find(kRegimes.begin(), kRegimes.end(), e.regime) == kRegimes.end()) {
      out.push_back(fmt::format("regime \"{}\" must be one of {}", e.regime, fmt::join(kRegimes, ", ")));
    }
    check_quantity(out, what, e.rate, 1e10, 1e18, "FLOP/s");
    const PeakRate* peak = peak_of(device, e.format);
    if (peak != nullptr) check_over_peak(out, what, e.rate.value / peak->rate.value);
  }
  const std::array<std::pair<std::string_view, const std::optional<Sourced<Seconds>>*>, 3> floors = {
      {{"launch stream", &device.launch.stream},
       {"launch graph", &device.launch.graph},
       {"launch gemm", &device.launch.gemm}}};
  for (const auto& [what, floor] : floors) {
    if (*floor) check_quantity(out, what, **floor, 1e-8, 1e-2, "s");
  }
}

void check_power(Sentences& out, const DeviceSpec& device) {
  if (device.power_cap) check_quantity(out, "power_cap", *device.power_cap, 1, 5000, "W");
  if (device.power_idle) check_quantity(out, "power_idle", *device.power_idle, 0, 2000, "W");
  if (device.power_cap && device.power_idle && device.power_idle->value >= device.power_cap->value) {
    out.push_back("power_idle is not below power_cap");
  }
  const PowerPoint* previous = nullptr;
  for (const PowerPoint& point : device.power_points) {
    check_quantity(out, fmt::format("{} at {:g} W", point.format, point.power.base()), point.rate, 1e10, 1e18,
                   "FLOP/s");
    if (previous != nullptr && previous->format == point.format && point.power <= previous->power) {
      out.push_back(fmt::format("power_points of {} must rise in power", point.format));
    }
    previous = &point;
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
  check_ratio(out, device, "fp8", rate, kFp8OverBf16);
  check_ratio(out, device, "fp4", rate, kFp4OverBf16);
  if (device.power_cap && rate > kMostFlopPerJoule * device.power_cap->value.base()) {
    out.push_back(fmt::format("peak of bf16 is {:g} TFLOP/s at {:g} W: more than any part does per watt", rate / 1e12,
                              device.power_cap->value.base()));
  }
  check_matrix_width(out, device);
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
    case DeviceClass::Accelerator: return "accelerator";
  }
  CHECK(false);
  return "";
}

const PeakRate* peak_of(const DeviceSpec& device, std::string_view format) {
  for (const PeakRate& peak : device.peaks) {
    if (peak.format == format) return &peak;
  }
  return nullptr;
}

const EffectiveRate* effective_rate_of(const DeviceSpec& device, std::string_view format, std::string_view regime) {
  for (const EffectiveRate& e : device.effective_rates) {
    if (e.format == format && e.regime == regime) return &e;
  }
  return nullptr;
}

const EffectiveBandwidth* effective_bandwidth_of(const DeviceSpec& device, std::string_view access) {
  for (const EffectiveBandwidth& e : device.effective_bandwidth) {
    if (e.access == access) return &e;
  }
  return nullptr;
}

std::optional<FlopsPerSecond> rate_at_power(const DeviceSpec& device, std::string_view format, Watts power) {
  const PowerPoint* below = nullptr;
  for (const PowerPoint& point : device.power_points) {
    if (point.format != format) continue;
    if (power <= point.power) {
      if (below == nullptr) return point.rate.value;
      const double share = (power - below->power) / (point.power - below->power);
      return below->rate.value + share * (point.rate.value - below->rate.value);
    }
    below = &point;
  }
  if (below == nullptr) return std::nullopt;
  return below->rate.value;
}

std::vector<std::string> violations(const DeviceSpec& device) {
  Sentences out;
  check_id(out, device.id);
  check_text(out, "name", device.name);
  check_text(out, "vendor", device.vendor);
  check_text(out, "architecture", device.architecture);
  check_text(out, "default_runtime", device.default_runtime);
  if (device.status != "shipping" && device.status != "announced" && device.status != "unvalidated") {
    out.push_back(fmt::format("status \"{}\" must be shipping, announced or unvalidated", device.status));
  }
  check_memory(out, device);
  check_working_sets(out, device);
  check_quantity(out, "bandwidth", device.bandwidth, 1e9, 1e14, "B/s");
  if (device.last_level_cache) {
    check_bytes(out, "last_level_cache", *device.last_level_cache, 1e5, 4e9);
  }
  check_peaks(out, device);
  check_bus(out, device);
  check_effective(out, device);
  check_power(out, device);
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
