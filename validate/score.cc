// SPDX-License-Identifier: Apache-2.0
#include "validate/score.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace moeplan {
namespace {

double quantile_of_sorted(const std::vector<double>& sorted, double q) {
  if (sorted.empty()) return 0;
  const double place = q * static_cast<double>(sorted.size() - 1);
  const std::size_t below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

double quantile_of(std::span<const double> values, double q) {
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  return quantile_of_sorted(sorted, q);
}

FitError error_of(std::span<const double> log_ratios) {
  FitError error;
  error.rows = static_cast<Count>(log_ratios.size());
  if (log_ratios.empty()) return error;
  std::vector<double> shares;
  shares.reserve(log_ratios.size());
  for (const double ratio : log_ratios) shares.push_back(std::fabs(std::exp(ratio) - 1.0));
  std::sort(shares.begin(), shares.end());
  double sum = 0;
  for (const double share : shares) sum += share;
  error.median = quantile_of_sorted(shares, 0.5);
  error.mean = sum / static_cast<double>(shares.size());
  error.p90 = quantile_of_sorted(shares, 0.9);
  error.bias = quantile_of(log_ratios, 0.5);
  return error;
}

}  // namespace moeplan
