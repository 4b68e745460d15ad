// SPDX-License-Identifier: Apache-2.0
// Simulated time: an exact integer, so that sums do not depend on their order and the
// event engine can equal the analytic one. 2^63 ps are 107 days.
#pragma once

#include <cmath>
#include <compare>
#include <cstdint>

#include "sim/base/units.h"

namespace moeplan {

class Picoseconds {
 public:
  constexpr Picoseconds() = default;
  explicit constexpr Picoseconds(std::int64_t count) : count_(count) {}
  constexpr std::int64_t count() const { return count_; }
  constexpr Seconds seconds() const { return Seconds::from_base(static_cast<double>(count_) * 1e-12); }

  friend constexpr auto operator<=>(const Picoseconds&, const Picoseconds&) = default;
  friend constexpr Picoseconds operator+(Picoseconds a, Picoseconds b) { return Picoseconds(a.count_ + b.count_); }
  friend constexpr Picoseconds operator-(Picoseconds a, Picoseconds b) { return Picoseconds(a.count_ - b.count_); }
  friend constexpr Picoseconds operator*(Picoseconds a, std::int64_t n) { return Picoseconds(a.count_ * n); }
  constexpr Picoseconds& operator+=(Picoseconds b) {
    count_ += b.count_;
    return *this;
  }

 private:
  std::int64_t count_ = 0;
};

// Rounded to the nearest picosecond; `seconds` must be finite, at least 0 and below 9e6.
inline Picoseconds picoseconds_of(double seconds) {
  // llround is a call, and what it does better lies below half a picosecond.
  return Picoseconds(static_cast<std::int64_t>(seconds * 1e12 + 0.5));  // NOLINT(bugprone-incorrect-roundings)
}

}  // namespace moeplan
