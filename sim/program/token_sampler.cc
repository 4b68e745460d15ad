// SPDX-License-Identifier: Apache-2.0
#include "sim/program/token_sampler.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

namespace moeplan {

TokenSampler::TokenSampler(const Routing& routing, std::span<const double> weights, Count top_k)
    : routing_(routing), weights_(weights), taken_(weights.size(), 0), chosen_(static_cast<std::size_t>(top_k)) {
  if (routing.groups == 0) {
    make_alias();
    return;
  }
  even_ = std::all_of(weights.begin(), weights.end(), [](double w) { return w == 1.0; });
  keys_.resize(weights.size());
  order_.resize(weights.size());
  group_score_.resize(static_cast<std::size_t>(routing.groups));
  groups_.resize(group_score_.size());
  best_.resize(std::min(weights.size() / group_score_.size(), static_cast<std::size_t>(routing.group_scores)));
}

std::span<const std::uint32_t> TokenSampler::next(CounterRng& rng) {
  if (routing_.groups > 0) {
    draw_grouped(rng);
  } else {
    draw_free(rng);
  }
  return chosen_;
}

// Walker's alias method in Vose's form: one expert with probability w / sum w.
void TokenSampler::make_alias() {
  const std::size_t n = weights_.size();
  const double mean = std::accumulate(weights_.begin(), weights_.end(), 0.0) / static_cast<double>(n);
  keep_.resize(n);
  alias_.resize(n);
  std::vector<std::uint32_t> small;
  std::vector<std::uint32_t> large;
  for (std::uint32_t i = 0; i < n; ++i) {
    keep_[i] = weights_[i] / mean;
    alias_[i] = i;
    (keep_[i] < 1 ? small : large).push_back(i);
  }
  while (!small.empty() && !large.empty()) {
    const std::uint32_t s = small.back();
    const std::uint32_t l = large.back();
    small.pop_back();
    alias_[s] = l;
    keep_[l] -= 1.0 - keep_[s];
    if (keep_[l] < 1) {
      large.pop_back();
      small.push_back(l);
    }
  }
  for (const std::uint32_t i : small) keep_[i] = 1.0;
  for (const std::uint32_t i : large) keep_[i] = 1.0;
}

// Plackett-Luce: draws with replacement, repeats ignored.
void TokenSampler::draw_free(CounterRng& rng) {
  constexpr int kPatience = 64;  // then the hot experts are all taken: look at the others alone
  ++token_;
  const auto n = static_cast<std::uint32_t>(weights_.size());
  for (std::uint32_t& choice : chosen_) {
    int tries = 0;
    do {
      const std::uint32_t i = rng.below(n);
      choice = rng.uniform() < keep_[i] ? i : alias_[i];
    } while (taken_[choice] == token_ && ++tries < kPatience);
    if (taken_[choice] == token_) choice = draw_remaining(rng);
    taken_[choice] = token_;
  }
}

std::uint32_t TokenSampler::draw_remaining(CounterRng& rng) const {
  double open = 0;
  for (std::uint32_t i = 0; i < weights_.size(); ++i)
    if (taken_[i] != token_) open += weights_[i];
  double left = rng.uniform() * open;
  std::uint32_t last = 0;
  for (std::uint32_t i = 0; i < weights_.size(); ++i) {
    if (taken_[i] == token_) continue;
    last = i;
    left -= weights_[i];
    if (left < 0 && weights_[i] > 0) break;
  }
  return last;
}

void TokenSampler::draw_grouped(CounterRng& rng) {
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    const double u = rng.uniform();
    keys_[i] = even_ ? u : std::log(u) / std::max(weights_[i], 1e-12);  // ordered as u^(1/w)
  }
  const std::size_t size = keys_.size() / group_score_.size();
  for (std::size_t g = 0; g < group_score_.size(); ++g) {
    const auto own = std::span(keys_).subspan(g * size, size);
    std::partial_sort_copy(own.begin(), own.end(), best_.begin(), best_.end(), std::greater<>());
    group_score_[g] = 0;
    for (const double key : best_) group_score_[g] += even_ ? key : std::exp(key);
  }
  std::iota(groups_.begin(), groups_.end(), 0U);
  const auto kept = groups_.begin() + static_cast<std::ptrdiff_t>(routing_.kept_groups);
  std::partial_sort(groups_.begin(), kept, groups_.end(),
                    [&](auto a, auto b) { return group_score_[a] > group_score_[b]; });
  auto end = order_.begin();
  for (auto g = groups_.begin(); g != kept; ++g)
    for (std::size_t i = 0; i < size; ++i) *end++ = static_cast<std::uint32_t>(*g * size + i);
  const auto wanted = order_.begin() + static_cast<std::ptrdiff_t>(chosen_.size());
  std::partial_sort(order_.begin(), wanted, end, [&](auto a, auto b) { return keys_[a] > keys_[b]; });
  std::copy(order_.begin(), wanted, chosen_.begin());
}

}  // namespace moeplan
