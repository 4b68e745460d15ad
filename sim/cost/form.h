// SPDX-License-Identifier: Apache-2.0
// What every operator form has in common. A form is physics with a few constants:
//
//   FormTime moe_time(const MoePoint&, const Machine&, std::span<const double> constants)
//
// and a table of FormConstant that says what the constants are, where a fit may move
// them and what they are on a machine nobody measured. Constants are ratios to the
// device's own figures or seconds, so they carry over to a sibling device.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "sim/base/error.h"

namespace moeplan {

// What the largest share of an operator's time waits for.
enum class Bound : std::uint8_t { Launch, Memory, Cache, Compute, Link, Latency };
inline constexpr int kBounds = 6;
std::string_view word_of(Bound bound);

struct FormConstant {
  std::string_view name;  // with its unit at the end where it has one: "floor_s"
  double low;
  double start;  // the value for machines without measurements
  double high;
  bool logarithmic;  // fits search its logarithm; low > 0
  std::string_view help;
};

// The constants of a form of N, to be bound to names.
template <std::size_t N>
std::array<double, N> constants_of(std::span<const double> constants) {
  CHECK(constants.size() == N);
  std::array<double, N> bound;
  std::ranges::copy(constants, bound.begin());
  return bound;
}

// Shares of the time and which is largest; they need not sum to `seconds` (soft maximum).
struct FormTime {
  double seconds = 0;
  double compute = 0;  // seconds if only arithmetic took time
  double memory = 0;   // if only bytes took time
  double fixed = 0;    // launches, latency
  Bound bound = Bound::Memory;
};

}  // namespace moeplan
