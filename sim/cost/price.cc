// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/price.h"

#include <array>

namespace moeplan {

std::string_view word_of(Bound bound) {
  static constexpr std::array<std::string_view, kBounds> kWords = {"launch",  "memory", "cache",
                                                                   "compute", "link",   "latency"};
  return kWords[static_cast<std::size_t>(bound)];
}

std::string_view word_of(Tier tier) {
  static constexpr std::array<std::string_view, kTiers> kWords = {"measured", "structured", "transferred", "default"};
  return kWords[static_cast<std::size_t>(tier)];
}

}  // namespace moeplan
