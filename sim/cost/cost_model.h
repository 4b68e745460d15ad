// SPDX-License-Identifier: Apache-2.0
// Prices of operators on one device: its figures, what was measured on it, and what was
// measured on its siblings. For each kernel the nearest fit is taken and the price says
// which.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sim/cost/family.h"
#include "sim/cost/measured_curve.h"
#include "sim/cost/price.h"
#include "sim/spec/overlay.h"

namespace moeplan {

// A device that was measured, as seen from the device that is priced.
struct MeasuredDevice {
  const Overlay* overlay = nullptr;  // not owned
  std::string device;
  std::string architecture;
  DeviceClass device_class = DeviceClass::DatacenterGpu;
  std::string vendor;
  std::string_view curves;  // text of its curves, not owned; "" = none
  std::string curves_file;
  // The device that is priced, but with these figures and links: what is priced is a hypothetical
  // one. Null = as it is, or another device.
  std::shared_ptr<const Machine> as_measured = nullptr;
};

inline constexpr std::size_t kMostConstants = 32;

// The constants a kernel is priced with.
struct ResolvedKernel {
  const FamilyFacts* family = nullptr;
  std::array<double, kMostConstants> constants{};
  std::array<FitBand, kRegimes> bands{};
  Tier tier = Tier::Default;
  KernelKey key;                             // of the fit; empty = none
  std::string architecture;                  // of the device it was fitted on
  std::shared_ptr<const CurveTable> curves;  // of exactly this kernel on this device; null = none
  // It was timed on this device with other figures: what was measured there goes by the form's
  // ratio. Null = on the device as it is.
  std::shared_ptr<const Machine> measured_on;
  std::string from;  // "h200: trtllm-1.3.0rc20 cutlass fp8_block"; for people
};

// 80 % bands where nothing of the device itself was measured, as ln(truth / prediction).
// A sibling's constants err more than they do at home: by a third more within an
// architecture (operator facts: 8/14/24 % at home, 12/20/43 % on a Hopper sibling), about
// three times
// as much across generations (A100 and L40S from H200, RTX PRO 6000 from GB200:
// scripts/accuracy). Another stack's, kernel's or format's constants, and starting
// constants: assumed.
inline constexpr double kSiblingBand = 1.3;
inline constexpr double kGenerationBand = 3.0;
inline constexpr FitBand kOtherKernelBand = {.low = -0.40, .high = 0.40};
inline constexpr FitBand kDefaultBand = {.low = -0.80, .high = 0.80};

// What curves measured at the very shape say goes before the form; where they do not reach,
// the form goes on from their end.
// Half of a price is its band: sweeps over many points leave it out (low = high = time).
enum class PriceDetail : std::uint8_t { Band, TimeOnly };

// At least the floor no kernel beats.
Price price_of(const ResolvedKernel& kernel, const OperatorPoint& point, const Machine& machine,
               PriceDetail detail = PriceDetail::Band);
// The same of a point whose kind is known: any of OperatorPoint that takes time.
template <class Point>
Price price_of(const ResolvedKernel& kernel, const Point& point, const Machine& machine,
               PriceDetail detail = PriceDetail::Band);
// Its shares, before rounding, for explanations.
FormTime time_of(const ResolvedKernel& kernel, const OperatorPoint& point, const Machine& machine);

class CostModel {
 public:
  CostModel(const DeviceSpec& device, Machine machine, std::vector<MeasuredDevice> measured);

  const Machine& machine() const { return machine_; }
  const std::string& device() const { return device_; }

  // What the kernel asked for is priced with. stack: a runtime ("vllm"; "" = any) or a
  // stack with its version; kernel "" = any; format as measurement files call it.
  // Nearest first: the same device before a sibling, the same format before a kindred
  // one, the same stack, the same kernel. Other vendors' devices are never taken.
  ResolvedKernel resolve(Family family, const KernelKey& wanted) const;

 private:
  std::string device_;
  std::string architecture_;
  std::string vendor_;
  DeviceClass device_class_;
  Machine machine_;
  std::vector<MeasuredDevice> measured_;
};

}  // namespace moeplan
