// SPDX-License-Identifier: Apache-2.0
#include "sim/program/expert_cache.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "sim/base/error.h"
#include "sim/program/token_sampler.h"

namespace moeplan {
namespace {

// Probability that a step of `tokens` independent tokens uses an expert.
double used(double inclusion, double tokens) {
  return inclusion < 1 ? -std::expm1(tokens * std::log1p(-inclusion)) : 1.0;
}

// ((1 - p) (1 - (1 - repeat) p)^(T - 1))^B; within the first step, T of its tokens.
double unused(double p, double steps, double repeat, double sequences) {
  if (p >= 1) return steps > 0 ? 0 : 1;
  const double first = std::log1p(-p) * std::min(steps, 1.0);
  const double later = std::log1p(-(1 - repeat) * p) * std::max(0.0, steps - 1);
  return std::exp(sequences * (first + later));
}

// At least one of independent misses; of a single one its probability.
double any_of(double missed, double distinct) {
  if (distinct <= 0 || missed <= 0) return 0;
  if (missed >= distinct) return 1;
  return -std::expm1(distinct * std::log1p(-missed / distinct));
}

using Step = std::vector<std::uint32_t>;  // distinct experts, rising

// The experts of `steps` steps of `spec.sequences` sequences.
std::vector<Step> drawn_steps(const ExpertCacheSpec& spec, std::span<const double> weights, Count top_k, Count steps) {
  const Routing free;
  TokenSampler sampler(free, weights, top_k);
  CounterRng tokens(spec.seed, 0);
  CounterRng repeats(spec.seed, 1);
  std::vector<Step> last(static_cast<std::size_t>(spec.sequences));
  std::vector<Step> all(static_cast<std::size_t>(steps));
  for (Step& step : all) {
    for (Step& sequence : last) {
      const bool again = !sequence.empty() && repeats.uniform() < spec.repeat;
      if (!again) {
        const std::span<const std::uint32_t> chosen = sampler.next(tokens);
        sequence.assign(chosen.begin(), chosen.end());
      }
      step.insert(step.end(), sequence.begin(), sequence.end());
    }
    std::sort(step.begin(), step.end());
    step.erase(std::unique(step.begin(), step.end()), step.end());
  }
  return all;
}

constexpr std::uint32_t kNever = std::numeric_limits<std::uint32_t>::max();

// For each step and place in it, the next step that uses the same expert.
std::vector<std::vector<std::uint32_t>> next_uses(const std::vector<Step>& steps, std::size_t experts) {
  std::vector<std::uint32_t> next(experts, kNever);
  std::vector<std::vector<std::uint32_t>> all(steps.size());
  for (std::size_t t = steps.size(); t-- > 0;) {
    all[t].reserve(steps[t].size());
    for (const std::uint32_t e : steps[t]) {
      all[t].push_back(next[e]);
      next[e] = static_cast<std::uint32_t>(t);
    }
  }
  return all;
}

// Keeps the `capacity` best of those that are there or were just used; higher scores are better.
void keep_best(std::vector<char>& present, const std::vector<double>& score, std::size_t capacity) {
  std::vector<std::uint32_t> candidates;
  for (std::uint32_t e = 0; e < present.size(); ++e)
    if (present[e] != 0) candidates.push_back(e);
  if (candidates.size() <= capacity) return;
  const auto kept = candidates.begin() + static_cast<std::ptrdiff_t>(capacity);
  std::nth_element(candidates.begin(), kept, candidates.end(), [&](std::uint32_t a, std::uint32_t b) {
    return score[a] != score[b] ? score[a] > score[b] : a < b;
  });
  for (auto lost = kept; lost != candidates.end(); ++lost) present[*lost] = 0;
}

// What a policy would keep: recency, uses so far, or how soon it is used again.
class Scores {
 public:
  Scores(CachePolicy policy, std::size_t experts, CounterRng rng)
      : policy_(policy), rng_(rng), score_(experts, policy == CachePolicy::Oracle ? -double{kNever} : 0.0) {}
  void use(std::uint32_t expert, std::size_t step, std::uint32_t next) {
    switch (policy_) {
      // Of one step no expert is older than another: chance decides.
      case CachePolicy::Lru: score_[expert] = static_cast<double>(step) + rng_.uniform(); return;
      case CachePolicy::Lfu:
      case CachePolicy::Static: score_[expert] += 1; return;
      case CachePolicy::Oracle: score_[expert] = -static_cast<double>(next); return;
    }
  }
  const std::vector<double>& all() const { return score_; }

 private:
  CachePolicy policy_;
  CounterRng rng_;
  std::vector<double> score_;
};

std::vector<std::uint32_t> by_popularity(std::span<const double> inclusion) {
  std::vector<std::uint32_t> order(inclusion.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return inclusion[a] > inclusion[b]; });
  return order;
}

}  // namespace

std::string_view word_of(CachePolicy policy) {
  switch (policy) {
    case CachePolicy::Static: return "static";
    case CachePolicy::Lru: return "lru";
    case CachePolicy::Lfu: return "lfu";
    case CachePolicy::Oracle: return "oracle";
  }
  return "";
}

DrawnCache draw_cache(const ExpertCacheSpec& spec, std::span<const double> weights, Count top_k, Count count) {
  const std::vector<Step> steps = drawn_steps(spec, weights, top_k, count);
  const std::vector<std::vector<std::uint32_t>> next = next_uses(steps, weights.size());
  const auto capacity = static_cast<std::size_t>(spec.capacity);
  const std::size_t warm = steps.size() / 4;  // not counted
  std::vector<char> present(weights.size(), 0);
  if (spec.policy == CachePolicy::Static) {
    const std::vector<std::uint32_t> order = by_popularity(weights);
    for (std::size_t i = 0; i < std::min(capacity, order.size()); ++i) present[order[i]] = 1;
  }
  Scores scores(spec.policy, weights.size(), CounterRng(spec.seed, 2));
  DrawnCache drawn;
  drawn.present.assign(weights.size(), 0);
  const double counted = static_cast<double>(steps.size() - warm);
  for (std::size_t t = 0; t < steps.size(); ++t) {
    double missed = 0;
    for (const std::uint32_t e : steps[t]) missed += present[e] == 0 ? 1 : 0;
    if (t >= warm) {
      drawn.misses.distinct += static_cast<double>(steps[t].size()) / counted;
      drawn.misses.missed += missed / counted;
      drawn.misses.any += missed > 0 ? 1 : 0;
      for (std::size_t e = 0; e < present.size(); ++e) drawn.present[e] += present[e] / counted;
    }
    if (spec.policy == CachePolicy::Static) continue;
    for (std::size_t i = 0; i < steps[t].size(); ++i) {
      scores.use(steps[t][i], t, next[t][i]);
      present[steps[t][i]] = 1;
    }
    keep_best(present, scores.all(), capacity);
  }
  drawn.misses.any /= counted;
  return drawn;
}

ExpertCache::ExpertCache(const ExpertCacheSpec& spec, std::span<const double> weights, Count top_k)
    : spec_(spec), top_k_(top_k), inclusion_(inclusion_probabilities(weights, top_k)) {
  CHECK(spec.sequences >= 1 && spec.repeat >= 0 && spec.repeat <= 1 && spec.capacity >= 0);
  present_.assign(inclusion_.size(), spec.capacity >= experts() ? 1.0 : 0.0);
  const double sequences = static_cast<double>(spec.sequences);
  decode_.distinct = distinct_of(inclusion_, sequences);
  if (spec.capacity >= experts()) return;
  decode_.missed = decode_.distinct;
  if (spec.capacity > 0) {
    switch (spec.policy) {
      case CachePolicy::Static: keep_most_popular(); break;
      case CachePolicy::Lru: approximate_lru(); break;
      case CachePolicy::Lfu:
      case CachePolicy::Oracle: draw(weights); break;
    }
  }
  const CacheMisses independent = at(sequences);
  repetition_ = independent.missed > 0 ? decode_.missed / independent.missed : 1;
  if (decode_.any == 0) decode_.any = any_of(decode_.missed, decode_.distinct);
}

void ExpertCache::keep_most_popular() {
  const std::vector<std::uint32_t> order = by_popularity(inclusion_);
  for (std::size_t i = 0; i < static_cast<std::size_t>(spec_.capacity); ++i) present_[order[i]] = 1;
  decode_.missed = at(static_cast<double>(spec_.sequences)).missed;
}

void ExpertCache::approximate_lru() {
  const double sequences = static_cast<double>(spec_.sequences);
  const auto present = [&](double steps) {
    double sum = 0;
    for (const double p : inclusion_) sum += 1 - unused(p, steps, spec_.repeat, sequences);
    return sum;
  };
  const double capacity = static_cast<double>(spec_.capacity);
  double low = 0;
  double high = 1;
  constexpr double kLongest = 1e12;
  while (present(high) < capacity && high < kLongest) high *= 2;
  for (int i = 0; i < 80; ++i) {
    const double middle = (low + high) / 2;
    (present(middle) < capacity ? low : high) = middle;
  }
  double missed = 0;
  for (std::size_t i = 0; i < inclusion_.size(); ++i) {
    const double gone = unused(inclusion_[i], high, spec_.repeat, sequences);
    present_[i] = 1 - gone;
    missed += gone - unused(inclusion_[i], high + 1, spec_.repeat, sequences);
  }
  decode_.missed = std::clamp(missed, 0.0, decode_.distinct);
  // A repeated token finds what it left, if all of it had room.
  if (spec_.sequences == 1 && spec_.capacity >= top_k_) {
    const double fresh = decode_.missed / std::max(1e-12, 1 - spec_.repeat);
    decode_.any = (1 - spec_.repeat) * any_of(fresh, decode_.distinct);
  }
}

void ExpertCache::draw(std::span<const double> weights) {
  constexpr Count kSteps = 4096;
  const DrawnCache drawn = draw_cache(spec_, weights, top_k_, kSteps);
  decode_.missed = decode_.distinct * (1 - drawn.misses.hit_rate());
  decode_.any = drawn.misses.any;
  present_ = drawn.present;
}

CacheMisses ExpertCache::at(double tokens) const {
  if (tokens == static_cast<double>(spec_.sequences) && decode_.any > 0) return decode_;
  CacheMisses misses;
  for (std::size_t i = 0; i < inclusion_.size(); ++i) {
    const double needed = used(inclusion_[i], tokens);
    misses.distinct += needed;
    misses.missed += needed * (1 - present_[i]);
  }
  // Between one decoding token and a prompt of eight times as many the memory of sequences fades.
  const double beyond = tokens / static_cast<double>(spec_.sequences);
  const double fades = std::clamp((8 - beyond) / 7, 0.0, 1.0);
  misses.missed = std::clamp(misses.missed * (1 + fades * (repetition_ - 1)), 0.0, misses.distinct);
  misses.any = any_of(misses.missed, misses.distinct);
  return misses;
}

}  // namespace moeplan
