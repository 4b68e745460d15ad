// SPDX-License-Identifier: Apache-2.0
#include "sim/study/knee.h"

#include <algorithm>
#include <cmath>

#include "sim/base/error.h"

namespace moeplan {

double elasticity(double x1, double y1, double x2, double y2) { return std::log(y2 / y1) / std::log(x2 / x1); }

std::optional<Knee> find_knee(std::span<const double> x, std::span<const double> y) {
  CHECK(x.size() == y.size());
  if (x.size() < 3) return std::nullopt;
  for (std::size_t i = 0; i < x.size(); ++i)
    if (!(x[i] > 0 && y[i] > 0) || (i > 0 && !(x[i] > x[i - 1]))) return std::nullopt;
  const auto [lowest, highest] = std::minmax_element(y.begin(), y.end());
  const double height = std::log(*highest / *lowest);
  const double width = std::log(x.back() / x.front());
  if (!(height > 0)) return std::nullopt;
  const double end = std::log(y.back() / y.front()) / height;  // the chord goes from (0, 0) to (1, end)
  const double chord = std::sqrt(1 + end * end);
  Knee knee;
  for (std::size_t i = 1; i + 1 < x.size(); ++i) {
    const double across = std::log(x[i] / x.front()) / width;
    const double up = std::log(y[i] / y.front()) / height;
    const double distance = (end * across - up) / chord;
    if (std::abs(distance) <= std::abs(knee.distance)) continue;
    knee.at = i;
    knee.distance = distance;
  }
  if (std::abs(knee.distance) < kLeastBend) return std::nullopt;
  knee.slope_before = elasticity(x.front(), y.front(), x[knee.at], y[knee.at]);
  knee.slope_after = elasticity(x[knee.at], y[knee.at], x.back(), y.back());
  return knee;
}

}  // namespace moeplan
