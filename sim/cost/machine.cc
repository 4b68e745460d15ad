// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/machine.h"

#include <algorithm>
#include <cmath>

namespace moeplan {
namespace {

// What a device without units of this kind multiplies with instead.
MathKind stand_in(MathKind kind) {
  switch (kind) {
    case MathKind::Fp4: return MathKind::Fp8;
    case MathKind::Fp8:
    case MathKind::Int8: return MathKind::Bf16;
    case MathKind::Bf16:
    case MathKind::Tf32:
    case MathKind::Fp32: return MathKind::Fp32;
  }
  return MathKind::Fp32;
}

double stated_peak(const DeviceSpec& device, MathKind kind) {
  const PeakRate* peak = peak_of(device, word_of(kind));
  if (peak == nullptr && kind == MathKind::Bf16) peak = peak_of(device, "fp16");
  return peak == nullptr ? 0 : peak->rate.value.base();
}

}  // namespace

Machine machine_of(const DeviceSpec& device) {
  Machine m;
  m.bandwidth = device.bandwidth.value.base();
  if (device.last_level_cache) m.cache = static_cast<double>(device.last_level_cache->value.count());
  for (std::size_t i = 0; i < kMathKinds; ++i) {
    MathKind kind = static_cast<MathKind>(i);
    m.peak[i] = stated_peak(device, kind);
    m.native[i] = m.peak[i] > 0;
    while (m.peak[i] == 0 && kind != MathKind::Fp32) {
      kind = stand_in(kind);
      m.peak[i] = stated_peak(device, kind);
    }
    // A part that states tensor peaks only: fp32 at no more than them.
    if (m.peak[i] == 0) m.peak[i] = stated_peak(device, MathKind::Bf16);
  }
  m.units = device.units > 0 ? static_cast<double>(device.units)
                             : std::max(1.0, std::round(m.peak_of(MathKind::Bf16) / kAssumedUnitPeak));
  m.launch_stream = device.launch.stream ? device.launch.stream->value.base() : kAssumedStreamLaunch;
  m.launch_graph = device.launch.graph ? device.launch.graph->value.base() : kAssumedGraphLaunch;
  if (device.power_cap) m.power = device.power_cap->value.base();
  if (device.power_idle) m.idle_power = device.power_idle->value.base();
  m.small_units = device.device_class != DeviceClass::DatacenterGpu && device.device_class != DeviceClass::Accelerator;
  return m;
}

Machine machine_of(const ClusterSpec& cluster, const DeviceSpec& device) {
  Machine m = machine_of(device);
  m.link = topology_of(cluster, device);
  return m;
}

}  // namespace moeplan
