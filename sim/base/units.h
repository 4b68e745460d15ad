// SPDX-License-Identifier: Apache-2.0
// Quantities with a dimension, so that a rate is never added to a size and a
// GB/s never divides a GiB by accident. A Quantity is one double in base units
// (byte, second, flop, joule, usd); a Bytes is an exact 64-bit count of bytes,
// because memory ledgers must sum exactly.
#pragma once

#include <cmath>
#include <compare>
#include <cstdint>

namespace moeplan {

// Anything counted: parameters, tokens, layers, devices.
using Count = std::int64_t;

struct Dim {
  std::int8_t byte = 0;
  std::int8_t second = 0;
  std::int8_t flop = 0;
  std::int8_t joule = 0;
  std::int8_t usd = 0;

  friend constexpr bool operator==(const Dim&, const Dim&) = default;
  friend constexpr Dim operator+(Dim a, Dim b) {
    return {static_cast<std::int8_t>(a.byte + b.byte), static_cast<std::int8_t>(a.second + b.second),
            static_cast<std::int8_t>(a.flop + b.flop), static_cast<std::int8_t>(a.joule + b.joule),
            static_cast<std::int8_t>(a.usd + b.usd)};
  }
  friend constexpr Dim operator-(Dim a, Dim b) {
    return {static_cast<std::int8_t>(a.byte - b.byte), static_cast<std::int8_t>(a.second - b.second),
            static_cast<std::int8_t>(a.flop - b.flop), static_cast<std::int8_t>(a.joule - b.joule),
            static_cast<std::int8_t>(a.usd - b.usd)};
  }
};

template <Dim D>
class Quantity {
 public:
  constexpr Quantity() = default;
  // The only way in and out: a number in base units, said aloud.
  static constexpr Quantity from_base(double value) { return Quantity(value); }
  constexpr double base() const { return value_; }

  friend constexpr auto operator<=>(const Quantity&, const Quantity&) = default;
  friend constexpr Quantity operator+(Quantity a, Quantity b) { return Quantity(a.value_ + b.value_); }
  friend constexpr Quantity operator-(Quantity a, Quantity b) { return Quantity(a.value_ - b.value_); }
  friend constexpr Quantity operator*(Quantity a, double f) { return Quantity(a.value_ * f); }
  friend constexpr Quantity operator*(double f, Quantity a) { return Quantity(a.value_ * f); }
  friend constexpr Quantity operator/(Quantity a, double f) { return Quantity(a.value_ / f); }
  friend constexpr double operator/(Quantity a, Quantity b) { return a.value_ / b.value_; }

 private:
  explicit constexpr Quantity(double value) : value_(value) {}
  double value_ = 0.0;
};

template <Dim A, Dim B>
  requires(!(A == B))
constexpr Quantity<A - B> operator/(Quantity<A> a, Quantity<B> b) {
  return Quantity<A - B>::from_base(a.base() / b.base());
}
template <Dim A, Dim B>
constexpr Quantity<A + B> operator*(Quantity<A> a, Quantity<B> b) {
  return Quantity<A + B>::from_base(a.base() * b.base());
}

using DataSize = Quantity<Dim{.byte = 1}>;
using Seconds = Quantity<Dim{.second = 1}>;
using Flops = Quantity<Dim{.flop = 1}>;
using Joules = Quantity<Dim{.joule = 1}>;
using Usd = Quantity<Dim{.usd = 1}>;
using BytesPerSecond = Quantity<Dim{.byte = 1, .second = -1}>;
using FlopsPerSecond = Quantity<Dim{.second = -1, .flop = 1}>;
using Watts = Quantity<Dim{.second = -1, .joule = 1}>;
using Hertz = Quantity<Dim{.second = -1}>;
using UsdPerSecond = Quantity<Dim{.second = -1, .usd = 1}>;

// An exact number of bytes (may be negative: a shortfall).
class Bytes {
 public:
  constexpr Bytes() = default;
  explicit constexpr Bytes(Count value) : value_(value) {}
  constexpr Count count() const { return value_; }
  constexpr DataSize size() const { return DataSize::from_base(static_cast<double>(value_)); }

  friend constexpr auto operator<=>(const Bytes&, const Bytes&) = default;
  friend constexpr Bytes operator+(Bytes a, Bytes b) { return Bytes(a.value_ + b.value_); }
  friend constexpr Bytes operator-(Bytes a, Bytes b) { return Bytes(a.value_ - b.value_); }
  friend constexpr Bytes operator-(Bytes a) { return Bytes(-a.value_); }
  friend constexpr Bytes operator*(Bytes a, Count n) { return Bytes(a.value_ * n); }
  friend constexpr Bytes operator*(Count n, Bytes a) { return Bytes(a.value_ * n); }
  constexpr Bytes& operator+=(Bytes b) {
    value_ += b.value_;
    return *this;
  }
  constexpr Bytes& operator-=(Bytes b) {
    value_ -= b.value_;
    return *this;
  }

 private:
  Count value_ = 0;
};

inline constexpr Bytes kKiB{Count{1} << 10};
inline constexpr Bytes kMiB{Count{1} << 20};
inline constexpr Bytes kGiB{Count{1} << 30};

constexpr double in_gib(Bytes b) { return static_cast<double>(b.count()) / static_cast<double>(kGiB.count()); }

// b * fraction, rounded to the nearest byte.
inline Bytes scaled(Bytes b, double fraction) {
  return Bytes(static_cast<Count>(std::llround(static_cast<double>(b.count()) * fraction)));
}

// ceil(a / b) for a >= 0, b > 0.
constexpr Count ceil_div(Count a, Count b) { return (a + b - 1) / b; }
constexpr Count round_up(Count a, Count multiple) { return ceil_div(a, multiple) * multiple; }

// Products of sizes a user asked for may pass 2^63; far beyond any memory they stop
// growing instead (72 PB), so that comparisons and sums of a few stay right.
inline constexpr Count kSaturated = Count{1} << 56;
constexpr Count saturating_product(Count a, Count b) {
  Count product = 0;
  if (__builtin_mul_overflow(a, b, &product) || product > kSaturated) return kSaturated;
  return product;
}
constexpr Count saturating_sum(Count a, Count b) { return a + b > kSaturated ? kSaturated : a + b; }

}  // namespace moeplan
