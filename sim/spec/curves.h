// SPDX-License-Identifier: Apache-2.0
// Measured curves of a device: what single kernels took at the very shapes that were
// measured, thinned to the sizes that tell the rest. One text file per device
// (hw_profiles/curves/<device>.txt), read kernel by kernel because a deployment needs a
// handful of them:
//
//   device h200
//   as_of 2026-11-22
//   source ...
//   kernel|gemm|sglang-0.5.14|deepgemm|fp8_block|2430|0.01|0.02|0.05|0|-0.03|0.03
//   128 128: 1=2310/2290 64=2400/2350 16384=88100/90012
//
// After the key of a kernel: rows that were scored, their error where sizes were left out
// (median, mean, P90, bias), the 80 % band. Then a line per shape: the sizes that make it
// (sim/cost/measured_curve.h says which) and its knots, size=measured/form, in nanoseconds,
// sizes rising. The form is that of the overlay beside it: the two files are made together.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/spec/overlay.h"

namespace moeplan {

struct CurveKnot {
  double size = 0;
  double measured = 0;  // nanoseconds
  double form = 0;      // nanoseconds
  friend bool operator==(const CurveKnot&, const CurveKnot&) = default;
};

struct ShapeCurve {
  std::vector<double> shape{};
  std::vector<CurveKnot> knots{};
  friend bool operator==(const ShapeCurve&, const ShapeCurve&) = default;
};

struct KernelCurves {
  KernelKey key{};
  FitError left_out{};  // of sizes predicted by a curve without them; each row once
  FitBand band{};
  std::vector<ShapeCurve> shapes{};
  friend bool operator==(const KernelCurves&, const KernelCurves&) = default;
};

struct CurveFile {
  std::string device;  // DeviceSpec id
  std::string as_of;
  std::string source;
  std::vector<KernelCurves> kernels;
  friend bool operator==(const CurveFile&, const CurveFile&) = default;
};

// Throw InputError(InvalidInput) naming the line. Writing then reading gives an equal file.
CurveFile read_curves(std::string_view text, const std::string& file);
std::string write_curves(const CurveFile& curves);

// The curves of one kernel, found in the text without reading the rest.
std::optional<KernelCurves> curves_of(std::string_view text, const std::string& file, const KernelKey& key);

}  // namespace moeplan
