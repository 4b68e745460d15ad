// SPDX-License-Identifier: Apache-2.0
// Smooth stand-ins for max and ceil that forms share. All are continuous, rise in
// each argument and scale with them; none but soft_maximum needs more than square roots.
#pragma once

#include <algorithm>
#include <cmath>

namespace moeplan {

// Two activities of which the share `together` (0..1) cannot overlap: 0 = their maximum,
// 1 = their sum. (a + b + sqrt((a - b)^2 + 4 s^2 a b)) / 2.
inline double overlapped(double a, double b, double together) {
  const double d = a - b;
  return 0.5 * (a + b + std::sqrt(d * d + 4.0 * together * together * a * b));
}

// Fourth-power norm: the largest, 19 % above it where two are equal.
inline double norm4(double a, double b, double c = 0) {
  const double a2 = a * a;
  const double b2 = b * b;
  const double c2 = c * c;
  return std::sqrt(std::sqrt(a2 * a2 + b2 * b2 + c2 * c2));
}

// The largest where one is far above the other, more the closer they are:
// (a^s + b^s)^(1/s), twice either at s = 1.
inline double soft_maximum(double a, double b, double sharpness) {
  const double high = std::max(a, b);
  if (!(high > 0)) return 0;
  const double power = sharpness * std::log(std::min(a, b) / high);
  constexpr double kNothing = -40;  // e^-40 beside 1
  return power < kNothing ? high : high * std::exp(std::log(1 + std::exp(power)) / sharpness);
}

// Tiles that hold x tiles' worth of rows: 1 for few, x for many.
inline double whole_tiles(double x) { return x + 1.0 / (1.0 + x); }

// How much of a working set stays in a cache between replays: 1 when it is small
// against it, 1/2 when it just fits, 0 beyond.
inline double cached_share(double bytes, double cache) {
  const double squared = cache * cache;
  return squared > 0 ? squared / (squared + bytes * bytes) : 0.0;
}

}  // namespace moeplan
