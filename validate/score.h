// SPDX-License-Identifier: Apache-2.0
// How far predictions are from measurements.
#pragma once

#include <span>

#include "sim/spec/overlay.h"

namespace moeplan {

// Over ln(predicted / measured) of each row; the order does not matter. No rows: zeros.
FitError error_of(std::span<const double> log_ratios);

// The q-quantile (0..1) by linear interpolation between order statistics; 0 without values.
double quantile_of(std::span<const double> values, double q);

}  // namespace moeplan
