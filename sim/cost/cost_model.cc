// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/cost_model.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sim/base/error.h"
#include "sim/cost/forms.h"

namespace moeplan {
namespace {

// "vllm-0.24.0" -> "vllm"; "deepep(sglang-0.5.12)" -> "deepep".
std::string_view engine_of(std::string_view stack) { return stack.substr(0, stack.find_first_of("-(")); }

// The math a format multiplies with, for kinship: a price of fp8 in blocks says more
// about fp8 per tensor than bf16 does.
bool is_kindred(std::string_view a, std::string_view b) {
  const auto kind = [](std::string_view format) {
    const std::optional<KernelFormat> known = kernel_format_named(format.substr(0, format.find('/')));
    return known ? facts_of(*known).math : MathKind::Bf16;
  };
  return kind(a) == kind(b);
}

constexpr int kNever = std::numeric_limits<int>::max();

// Steps of distance. One device's other kernels are nearer than a sibling's own kernel
// only across generations: stacks differ 1.4x in the median, siblings 1.1x within one.
constexpr int kOtherKernel = 1;
constexpr int kOtherVersion = 1;
constexpr int kOtherStack = 3;
constexpr int kSibling = 2;
constexpr int kCousin = 5;
constexpr int kOtherGeneration = 8;
constexpr int kOtherClass = 4;
constexpr int kKindredFormat = 5;
constexpr int kOtherFormat = 20;

// "blackwell-geforce" and "blackwell" are cousins.
int device_distance(std::string_view a, std::string_view b) {
  if (a == b) return kSibling;
  return a.substr(0, a.find('-')) == b.substr(0, b.find('-')) ? kCousin : kOtherGeneration;
}

int distance(const KernelKey& wanted, const KernelKey& key) {
  int far = 0;
  if (!wanted.stack.empty() && wanted.stack != key.stack)
    far += engine_of(wanted.stack) == engine_of(key.stack) ? kOtherVersion : kOtherStack;
  if (!wanted.kernel.empty() && wanted.kernel != key.kernel) far += kOtherKernel;
  if (wanted.format != key.format) far += is_kindred(wanted.format, key.format) ? kKindredFormat : kOtherFormat;
  return far;
}

}  // namespace

CostModel::CostModel(const DeviceSpec& device, Machine machine, std::vector<MeasuredDevice> measured)
    : device_(device.id),
      architecture_(device.architecture),
      vendor_(device.vendor),
      device_class_(device.device_class),
      machine_(machine),
      measured_(std::move(measured)) {}

ResolvedKernel CostModel::resolve(Family family, const KernelKey& wanted) const {
  ResolvedKernel kernel;
  kernel.family = facts_of(family);
  CHECK(kernel.family != nullptr && kernel.family->constants.size() <= kMostConstants);
  for (std::size_t i = 0; i < kernel.family->constants.size(); ++i)
    kernel.constants[i] = kernel.family->constants[i].start;
  kernel.bands.fill(kDefaultBand);
  kernel.from = "starting constants";

  int nearest = kNever;
  const MeasuredDevice* curves_of_own = nullptr;  // the nearest fit is the kernel itself, on this device
  for (const MeasuredDevice& m : measured_) {
    if (m.vendor != vendor_) continue;
    int far_device = 0;
    if (m.device != device_ || m.architecture != architecture_) {
      far_device = device_distance(m.architecture, architecture_);
      if (m.device_class != device_class_) far_device += kOtherClass;
    }
    for (const KernelFit& fit : m.overlay->fits) {
      if (fit.key.family != kernel.family->id) continue;
      const int far = far_device + distance(wanted, fit.key);
      if (far >= nearest) continue;
      nearest = far;
      for (std::size_t i = 0; i < kernel.family->constants.size(); ++i) {
        const std::string_view name = kernel.family->constants[i].name;
        const auto found = std::find_if(fit.constants.begin(), fit.constants.end(),
                                        [&](const auto& constant) { return constant.first == name; });
        kernel.constants[i] = found == fit.constants.end() ? kernel.family->constants[i].start : found->second;
      }
      const bool own = far_device == 0;
      kernel.tier = own ? Tier::Structured : Tier::Transferred;
      kernel.bands = fit.bands;
      const double wider = own ? 1.0 : far_device <= kSibling ? kSiblingBand : kGenerationBand;
      const bool same_kernel = far - far_device <= kOtherVersion;
      for (FitBand& band : kernel.bands) {
        band = {.low = wider * band.low, .high = wider * band.high};
        // What kernels differ by comes on top of the form's own error.
        if (!same_kernel)
          band = {.low = std::min(band.low, kOtherKernelBand.low), .high = std::max(band.high, kOtherKernelBand.high)};
      }
      kernel.key = fit.key;
      kernel.architecture = m.architecture;
      kernel.measured_on = own ? m.as_measured : nullptr;
      curves_of_own = own && same_kernel && wanted.format == fit.key.format ? &m : nullptr;
      kernel.from = m.device + ": " + fit.key.stack + " " + fit.key.kernel + " " + fit.key.format;
    }
  }
  if (curves_of_own != nullptr && !curves_of_own->curves.empty()) {
    if (const std::optional<KernelCurves> curves =
            curves_of(curves_of_own->curves, curves_of_own->curves_file, kernel.key))
      kernel.curves = std::make_shared<CurveTable>(*curves);
  }
  return kernel;
}

FormTime time_of(const ResolvedKernel& kernel, const OperatorPoint& point, const Machine& machine) {
  return kernel.family->time(point, machine, std::span(kernel.constants).first(kernel.family->constants.size()));
}

namespace {

// Seconds, and what to believe of them.
struct Estimate {
  double seconds = 0;
  Bound bound = Bound::Memory;
  Tier tier = Tier::Default;
  bool on_curve = false;
};

// What was measured at the very shape, or around it, instead of the form.
template <class Point>
void read_curve(const ResolvedKernel& kernel, const Point& point, Estimate& estimate) {
  if (kernel.curves == nullptr) return;
  const std::optional<CurvePlace> place = place_of(point);
  if (!place) return;
  if (const std::optional<CurveTable::Reading> reading = kernel.curves->at(*place, estimate.seconds)) {
    const double trust = trust_of(point);
    estimate.on_curve = true;
    estimate.seconds =
        trust == 1 ? reading->seconds : estimate.seconds * std::pow(reading->seconds / estimate.seconds, trust);
    if (reading->reaches && trust == 1) estimate.tier = Tier::Measured;
  }
}

template <class Point>
Estimate estimate_of(const ResolvedKernel& kernel, const Point& point, const Machine& machine) {
  const Family family = kernel.family->family;
  const std::span<const double> constants = std::span(kernel.constants).first(kernel.family->constants.size());
  const FormTime form = form_time(family, point, machine, constants);
  Estimate estimate{.seconds = form.seconds, .bound = form.bound, .tier = kernel.tier};
  double moved = 1;
  if (kernel.measured_on != nullptr) {
    const double there = form_time(family, point, *kernel.measured_on, constants).seconds;
    moved = there > 0 ? form.seconds / there : 1;
    estimate.seconds = there;
  }
  read_curve(kernel, point, estimate);
  estimate.seconds *= moved;
  if (moved != 1) estimate.tier = Tier::Transferred;
  return estimate;
}

// The resource that more than half of the time is needed for even at its peak; the form's
// word where there is none. A form may see a memory-bound kernel wait for half-empty tiles.
template <class Point>
Bound bound_of(const Estimate& estimate, const Point& point, const Machine& machine) {
  constexpr double kMost = 0.5;
  if (estimate.bound != Bound::Compute && estimate.bound != Bound::Memory) return estimate.bound;
  Machine only_bytes = machine;
  only_bytes.peak.fill(std::numeric_limits<double>::max());
  if (form_floor(point, only_bytes) >= kMost * estimate.seconds) return Bound::Memory;
  Machine only_flops = machine;
  only_flops.bandwidth = std::numeric_limits<double>::max();
  if (form_floor(point, only_flops) >= kMost * estimate.seconds) return Bound::Compute;
  return estimate.bound;
}

}  // namespace

template <class Point>
Price price_of(const ResolvedKernel& kernel, const Point& point, const Machine& machine, PriceDetail detail) {
  const Estimate estimate = estimate_of(kernel, point, machine);
  const bool is_above = kAboveFloor<Point> && !estimate.on_curve;
  const double floor = is_above && detail == PriceDetail::TimeOnly ? 0 : form_floor(point, machine);
  const double seconds = std::max(estimate.seconds, floor);
  Price price;
  price.time = price.low = price.high = picoseconds_of(seconds);
  price.bound = estimate.bound;
  price.tier = estimate.tier;
  if (detail == PriceDetail::TimeOnly) return price;
  price.bound = bound_of(estimate, point, machine);
  const FitBand& own = estimate.tier == Tier::Measured ? kernel.curves->band()
                                                       : kernel.bands[static_cast<std::size_t>(form_regime(point))];
  const bool moved = kernel.measured_on != nullptr && estimate.tier == Tier::Transferred;
  const double wider = moved ? kSiblingBand : 1;
  const FitBand band = {.low = wider * own.low, .high = wider * own.high};
  price.low = picoseconds_of(std::min(seconds, std::max(floor, seconds * std::exp(band.low))));
  price.high = picoseconds_of(seconds * std::exp(std::max(0.0, band.high)));
  return price;
}

template Price price_of(const ResolvedKernel&, const GemmPoint&, const Machine&, PriceDetail);
template Price price_of(const ResolvedKernel&, const MoePoint&, const Machine&, PriceDetail);
template Price price_of(const ResolvedKernel&, const AttentionPoint&, const Machine&, PriceDetail);
template Price price_of(const ResolvedKernel&, const MlaPoint&, const Machine&, PriceDetail);
template Price price_of(const ResolvedKernel&, const CollectivePoint&, const Machine&, PriceDetail);
template Price price_of(const ResolvedKernel&, const EpPoint&, const Machine&, PriceDetail);
template Price price_of(const ResolvedKernel&, const StreamPoint&, const Machine&, PriceDetail);

Price price_of(const ResolvedKernel& kernel, const OperatorPoint& point, const Machine& machine, PriceDetail detail) {
  return std::visit([&](const auto& kind) { return price_of(kernel, kind, machine, detail); }, point);
}

}  // namespace moeplan
