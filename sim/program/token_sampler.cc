// SPDX-License-Identifier: Apache-2.0
#include "sim/program/token_sampler.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace moeplan {
namespace {

constexpr double kCancelled = 1e-9;

// Experts of no weight at all still fill the last places of a token.
double floored(double weight) { return std::max(weight, 1e-12); }

// a or b, without a branch that would go either way like a coin.
std::uint32_t picked(std::uint32_t a, std::uint32_t b, bool first) {
  const std::uint32_t mask = 0U - static_cast<std::uint32_t>(first);
  return b ^ ((a ^ b) & mask);
}

}  // namespace

TokenSampler::TokenSampler(const Routing& routing, std::span<const double> weights, Count top_k)
    : routing_(routing), weights_(weights), taken_(weights.size(), 0), chosen_(static_cast<std::size_t>(top_k)) {
  const auto n = static_cast<std::uint32_t>(weights.size());
  keep_.resize(n);
  alias_.resize(n);
  if (routing.groups == 0) {
    make_alias(0, n);
    return;
  }
  even_ = std::all_of(weights.begin(), weights.end(), [](double w) { return w == 1.0; });
  const std::uint32_t size = n / static_cast<std::uint32_t>(routing.groups);
  judged_ = std::min<std::size_t>(size, static_cast<std::size_t>(routing.group_scores));
  for (std::uint32_t first = 0; first < n; first += size) {
    make_alias(first, first + size);
    Group g{.first = first, .size = size};
    for (std::uint32_t i = first; i < first + size; ++i) g.weight += floored(weights[i]);
    g.times.resize(size);
    g.experts.resize(size);
    order_.push_back(groups_.size());
    groups_.push_back(std::move(g));
  }
}

std::span<const std::uint32_t> TokenSampler::next(CounterRng& rng) {
  if (routing_.groups > 0) {
    draw_grouped(rng);
  } else {
    draw_free(rng);
  }
  return chosen_;
}

// Walker's alias method in Vose's form: one expert of [first, end) with probability w / sum w.
void TokenSampler::make_alias(std::uint32_t first, std::uint32_t end) {
  double sum = 0;
  for (std::uint32_t i = first; i < end; ++i) sum += weights_[i];
  const double mean = sum / static_cast<double>(end - first);
  std::vector<std::uint32_t> small;
  std::vector<std::uint32_t> large;
  for (std::uint32_t i = first; i < end; ++i) {
    keep_[i] = mean > 0 ? weights_[i] / mean : 1.0;
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
      choice = picked(i, alias_[i], rng.uniform() < keep_[i]);
    } while (taken_[choice] == token_ && ++tries < kPatience);
    if (taken_[choice] == token_) choice = draw_remaining(rng, 0, n);
    taken_[choice] = token_;
  }
}

std::uint32_t TokenSampler::draw_remaining(CounterRng& rng, std::uint32_t first, std::uint32_t end) const {
  double open = 0;
  for (std::uint32_t i = first; i < end; ++i)
    if (taken_[i] != token_) open += weights_[i];
  double left = rng.uniform() * open;
  std::uint32_t last = 0;
  for (std::uint32_t i = first; i < end; ++i) {
    if (taken_[i] == token_) continue;
    last = i;
    left -= weights_[i];
    if (left < 0 && weights_[i] > 0) break;
  }
  return last;
}

void TokenSampler::draw_grouped(CounterRng& rng) {
  ++token_;
  for (Group& g : groups_) {
    g.arrived = g.used = 0;
    g.left = g.weight;
    g.score = 0;
    for (std::size_t i = 0; i < judged_; ++i) {
      arrive(g, rng);
      g.score += std::exp(-g.times[i]);
    }
  }
  const auto kept = static_cast<std::size_t>(routing_.kept_groups);
  for (std::size_t i = 0; i < kept; ++i) {
    std::size_t best = i;
    for (std::size_t j = i + 1; j < order_.size(); ++j)
      best = groups_[order_[j]].score > groups_[order_[best]].score ? j : best;
    std::swap(order_[i], order_[best]);
  }
  for (std::uint32_t& choice : chosen_) {
    std::size_t first = order_[0];
    for (std::size_t i = 1; i < kept; ++i)
      first = groups_[order_[i]].next_time() < groups_[first].next_time() ? order_[i] : first;
    Group& group = groups_[first];
    choice = group.experts[group.used++];
    if (group.used == group.arrived && group.arrived < group.size) arrive(group, rng);
  }
}

// The next expert of a group whose clock rings: after Exp(weights that have not rung).
void TokenSampler::arrive(Group& g, CounterRng& rng) {
  constexpr int kPatience = 16;
  const double before = g.arrived == 0 ? 0 : g.times[g.arrived - 1];
  std::uint32_t expert = 0;
  int tries = 0;
  do {
    const std::uint32_t i = g.first + rng.below(g.size);
    expert = even_ ? i : picked(i, alias_[i], rng.uniform() < keep_[i]);
  } while (taken_[expert] == token_ && ++tries < kPatience);
  if (taken_[expert] == token_) expert = draw_remaining(rng, g.first, g.first + g.size);
  g.times[g.arrived] = before - std::log(1 - rng.uniform()) / g.left;
  g.experts[g.arrived] = expert;
  ++g.arrived;
  taken_[expert] = token_;
  g.left -= floored(weights_[expert]);
  // What cancels is summed again.
  if (g.left > kCancelled * g.weight) return;
  g.left = 0;
  for (std::uint32_t i = g.first; i < g.first + g.size; ++i)
    if (taken_[i] != token_) g.left += floored(weights_[i]);
}

}  // namespace moeplan
