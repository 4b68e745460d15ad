// SPDX-License-Identifier: Apache-2.0
// Experts of one layer kept on the device while all lie behind a slower link: how often a
// step finds the experts it draws. A step reads the distinct experts of its tokens; those
// that were there when it began are hits, the others are fetched (or computed elsewhere)
// and compete for the places.
//
// Tokens of a sequence repeat: with probability `repeat` a token uses the experts of the
// one before it, else it draws anew by popularity. Sequences are independent. So two
// consecutive tokens share repeat + (1 - repeat) * k / E of their experts on average (equal
// popularity), which is how a published overlap reads as `repeat`.
//
// Closed forms, with p_i the inclusion probabilities (popularity.h), B sequences and
// C places:
//   Static   the C most popular stay: misses = sum over the others of 1 - (1 - p_i)^B, exact
//   Lru      Che's approximation: expert i is there if it was used in the last T steps,
//              Q_i(T) = ((1 - p_i) (1 - (1 - repeat) p_i)^(T - 1))^B   not used in T steps
//              sum_i 1 - Q_i(T) = C gives T;  misses = sum_i Q_i(T) - Q_i(T + 1)
// Drawn with a seed: Lfu (the most used so far stay) and Oracle (Belady: those used again
// soonest stay, a fetched expert need not).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "sim/program/popularity.h"

namespace moeplan {

enum class CachePolicy : std::uint8_t { Static, Lru, Lfu, Oracle };
std::string_view word_of(CachePolicy policy);

struct ExpertCacheSpec {
  CachePolicy policy = CachePolicy::Lru;
  Count capacity = 0;  // experts of each layer
  double repeat = 0;   // 0..1
  Count sequences = 1;
  std::uint64_t seed = 1;
};

// Of one step, on average.
struct CacheMisses {
  double distinct = 0;  // experts the step needs
  double missed = 0;    // of them, not on the device
  double any = 0;       // probability that one is missing
  double hit_rate() const { return distinct > 0 ? 1 - missed / distinct : 1; }
};

class ExpertCache {
 public:
  // weights: popularity of the E experts a token chooses `top_k` of.
  ExpertCache(const ExpertCacheSpec& spec, std::span<const double> weights, Count top_k);

  // A decode step of spec.sequences tokens.
  CacheMisses decode() const { return decode_; }
  // A step of this many tokens, against what decode steps left on the device.
  CacheMisses at(double tokens) const;
  const ExpertCacheSpec& spec() const { return spec_; }
  Count experts() const { return static_cast<Count>(inclusion_.size()); }
  Count top_k() const { return top_k_; }

 private:
  void keep_most_popular();
  void approximate_lru();
  void draw(std::span<const double> weights);

  ExpertCacheSpec spec_;
  Count top_k_ = 0;
  std::vector<double> inclusion_;
  std::vector<double> present_;  // probability that an expert is on the device
  CacheMisses decode_;
  double repetition_ = 1;  // misses of a decode step over those of independent tokens
};

// The same by drawing `steps` steps, whatever the policy: for the policies without a closed
// form, and to check those with one.
struct DrawnCache {
  CacheMisses misses;
  std::vector<double> present;
};
DrawnCache draw_cache(const ExpertCacheSpec& spec, std::span<const double> weights, Count top_k, Count steps);

}  // namespace moeplan
