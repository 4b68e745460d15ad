// SPDX-License-Identifier: Apache-2.0
#include "sim/study/scaling_law.h"

#include <fmt/format.h>

#include <cmath>

#include "sim/base/error.h"

namespace moeplan {
namespace {

// Table 3 of arXiv:2202.01169.
constexpr std::array<RoutedLaw, kRouters> kRouted = {{{-0.082, -0.108, 0.009, 1.104, 1.847, 314.478},
                                                      {-0.083, -0.126, 0.012, 1.111, 1.880, 469.982},
                                                      {-0.087, -0.136, 0.012, 1.157, 4.175, 477.741}}};

// Table 1 of arXiv:2402.07871.
constexpr GranularityLaw kFineGrained{18.1, 0.115, 30.8, 0.147, 2.1, 0.58, 0.47};
constexpr GranularityLaw kDense{16.3, 0.126, 26.7, 0.127, 0, 1, 0.47};

}  // namespace

std::string_view word_of(Router router) {
  switch (router) {
    case Router::SinkhornBase: return "S-BASE";
    case Router::Reinforced: return "RL-R";
    case Router::Hash: return "Hash";
  }
  return "S-BASE";
}

double RoutedLaw::saturated(double experts) const {
  return 1 / (1 / (experts - 1 + 1 / (1 / start - 1 / most)) + 1 / most);
}

double RoutedLaw::loss(double parameters, double experts) const {
  const double n = std::log10(parameters);
  const double x = std::log10(saturated(experts));
  return std::pow(10, a * n + b * x + c * n * x + d);
}

// log L of a dense model is linear in its log N: solved for it.
double RoutedLaw::effective_parameters(double parameters, double experts) const {
  const double x = std::log10(saturated(1));
  return std::pow(10, (std::log10(loss(parameters, experts)) - d - b * x) / (a + c * x));
}

double RoutedLaw::cutoff_parameters() const { return std::pow(10, -b / c); }

const RoutedLaw& routed_law(Router router) { return kRouted[static_cast<std::size_t>(router)]; }

double GranularityLaw::loss(double parameters, double tokens, double granularity) const {
  return c + (g / std::pow(granularity, gamma) + a) / std::pow(parameters, alpha) + b / std::pow(tokens, beta);
}

double GranularityLaw::effective_factor(double granularity) const {
  return std::pow((g + a) / (g / std::pow(granularity, gamma) + a), 1 / alpha);
}

const GranularityLaw& granularity_law() { return kFineGrained; }

double dense_loss(double parameters, double tokens) { return kDense.loss(parameters, tokens, 1); }

std::vector<std::string> outside(std::span<const LawRange> ranges, std::span<const double> sizes) {
  CHECK(ranges.size() == sizes.size());
  std::vector<std::string> said;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const LawRange& range = ranges[i];
    if (sizes[i] > range.high)
      said.push_back(fmt::format("{} {:.3g} is beyond {:.3g}", range.name, sizes[i], range.high));
    if (sizes[i] < range.low) said.push_back(fmt::format("{} {:.3g} is below {:.3g}", range.name, sizes[i], range.low));
  }
  return said;
}

}  // namespace moeplan
