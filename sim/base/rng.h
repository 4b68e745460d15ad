// SPDX-License-Identifier: Apache-2.0
// Random numbers by counting: the n-th number of a stream is a function of (seed,
// stream, n) alone, so draws are equal at any number of threads and in any order.
// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators,
// OOPSLA 2014): a counter times the golden ratio through a 64-bit mixing function.
#pragma once

#include <cstdint>

namespace moeplan {

class CounterRng {
 public:
  CounterRng(std::uint64_t seed, std::uint64_t stream) : key_(mixed(mixed(seed) ^ (stream * kGolden))) {}

  std::uint64_t next() { return mixed(key_ + kGolden * ++count_); }
  // In [0, 1), 53 bits.
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  // In [0, bound); the bias of at most bound / 2^32 is far below any noise of ours.
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(((next() >> 32) * bound) >> 32); }

 private:
  static constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15;
  static constexpr std::uint64_t mixed(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }

  std::uint64_t key_;
  std::uint64_t count_ = 0;
};

}  // namespace moeplan
