// SPDX-License-Identifier: Apache-2.0
// Where a curve bends. In logarithms of both axes, scaled to the unit square, the knee is the point
// farthest from the chord between the ends: Kneedle's criterion without its smoothing, which
// computed curves need none of (Satopaa et al. 2011, "Finding a 'Kneedle' in a Haystack"), on
// log-log axes as for L-curves (Hansen 1992). A power law is a straight line there and has none.
#pragma once

#include <optional>
#include <span>

namespace moeplan {

// Of the unit square: less is a straight line to anyone who looks at it.
inline constexpr double kLeastBend = 0.05;

struct Knee {
  std::size_t at = 0;       // index of the point
  double distance = 0;      // below the chord: negative where the curve bulges above it
  double slope_before = 0;  // d log y / d log x up to the knee, and beyond it
  double slope_after = 0;
};

// x rises strictly, x and y are above 0; else, of fewer than three points, or without a bend: none.
std::optional<Knee> find_knee(std::span<const double> x, std::span<const double> y);

// d log y / d log x between two points.
double elasticity(double x1, double y1, double x2, double y2);

}  // namespace moeplan
