// SPDX-License-Identifier: Apache-2.0
#include "validate/make_overlay.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace moeplan {
namespace {

double to_digits(double value, int digits) {
  if (value == 0 || !std::isfinite(value)) return 0;
  const double scale = std::pow(10.0, digits - 1 - std::floor(std::log10(std::fabs(value))));
  return std::round(value * scale) / scale;
}

double to_decimals(double value) { return std::round(value * 1e4) / 1e4; }

FitError rounded(FitError error) {
  for (double* value : {&error.median, &error.mean, &error.p90, &error.bias}) *value = to_decimals(*value);
  return error;
}

// Errors of shapes that were left out; a lone shape has its own errors only.
const std::vector<double>& errors_of(const GroupFit& fit) {
  return fit.left_out.empty() ? fit.in_sample : fit.left_out;
}

}  // namespace

KernelFit kernel_fit_of(const OperatorTable& table, const GroupFit& fit) {
  KernelFit out;
  out.key = fit.group.key;
  const FamilyFacts& family = *facts_of(fit.family);
  for (std::size_t i = 0; i < family.constants.size(); ++i)
    out.constants.emplace_back(family.constants[i].name, to_digits(fit.constants[i], 5));
  out.rows = static_cast<Count>(fit.rows.size());
  std::set<std::string> shapes;
  std::array<std::vector<double>, kRegimes> by_regime;
  const std::vector<double>& errors = errors_of(fit);
  for (std::size_t i = 0; i < fit.rows.size(); ++i) {
    const OperatorRow& row = table.rows[fit.rows[i]];
    shapes.insert(table.seen[static_cast<std::size_t>(row.seen_as)]);
    by_regime[static_cast<std::size_t>(row.regime)].push_back(errors[i]);
  }
  out.shapes.assign(shapes.begin(), shapes.end());
  if (!fit.left_out.empty()) out.left_out = rounded(error_of(fit.left_out));
  for (std::size_t r = 0; r < kRegimes; ++r) {
    out.bands[r] = {.low = to_decimals(fit.bands[r].low), .high = to_decimals(fit.bands[r].high)};
    out.bias[r] = to_decimals(quantile_of(by_regime[r], 0.5));
  }
  return out;
}

Overlay merged(Overlay overlay, const std::vector<KernelFit>& fits) {
  for (const KernelFit& fit : fits) {
    std::erase_if(overlay.fits, [&](const KernelFit& old) { return old.key == fit.key; });
    overlay.fits.push_back(fit);
  }
  std::sort(overlay.fits.begin(), overlay.fits.end(),
            [](const KernelFit& a, const KernelFit& b) { return a.key < b.key; });
  return overlay;
}

}  // namespace moeplan
