// SPDX-License-Identifier: Apache-2.0
#include "sim/program/token_sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

namespace moeplan {
namespace {

// All scores u^(1/w), the best groups by their two best, the best experts of those.
std::vector<std::size_t> token_with_all_scores(const Weights& w, Count groups, Count kept, Count top_k,
                                               CounterRng& rng) {
  const std::size_t size = w.size() / static_cast<std::size_t>(groups);
  std::vector<double> score(w.size());
  for (std::size_t i = 0; i < w.size(); ++i) score[i] = std::pow(rng.uniform(), 1 / w[i]);
  std::vector<std::size_t> order(static_cast<std::size_t>(groups));
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto judged = [&](std::size_t g) {
    std::vector<double> own(score.begin() + static_cast<std::ptrdiff_t>(g * size),
                            score.begin() + static_cast<std::ptrdiff_t>((g + 1) * size));
    std::sort(own.begin(), own.end(), std::greater<>());
    return own[0] + own[1];
  };
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return judged(a) > judged(b); });
  std::vector<std::size_t> open;
  for (std::size_t g = 0; g < static_cast<std::size_t>(kept); ++g)
    for (std::size_t i = 0; i < size; ++i) open.push_back(order[g] * size + i);
  std::sort(open.begin(), open.end(), [&](std::size_t a, std::size_t b) { return score[a] > score[b]; });
  open.resize(static_cast<std::size_t>(top_k));
  return open;
}

TEST(TokenSampler, ClocksDrawGroupedTokensAsAllScoresDo) {
  const Weights w = zipf_weights(32, 0.7);
  const Routing routing{.skew = Skew::Zipf, .parameter = 0.7, .groups = 4, .kept_groups = 2};
  TokenSampler sampler(routing, w, 6);
  CounterRng rng(3, 0);
  CounterRng other(4, 0);
  constexpr int kTokens = 20'000;
  std::vector<double> by_clocks(32, 0.0);
  std::vector<double> by_scores(32, 0.0);
  for (int t = 0; t < kTokens; ++t) {
    for (const std::uint32_t e : sampler.next(rng)) by_clocks[e] += 1.0 / kTokens;
    for (const std::size_t e : token_with_all_scores(w, 4, 2, 6, other)) by_scores[e] += 1.0 / kTokens;
  }
  // Four standard errors of a difference: 4 sqrt(2 x 0.25 / 20,000).
  for (std::size_t e = 0; e < w.size(); ++e) EXPECT_NEAR(by_clocks[e], by_scores[e], 0.02) << e;
}

}  // namespace
}  // namespace moeplan
