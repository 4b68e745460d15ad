// SPDX-License-Identifier: Apache-2.0
#include "sim/program/drawn_layer.h"

#include <gtest/gtest.h>

#include <limits>

namespace moeplan {
namespace {

constexpr double kNoLimit = std::numeric_limits<double>::infinity();

DrawnLayer layer_of(Count tokens, std::uint64_t stream, const Routing& routing = {.skew = Skew::Uniform}) {
  const ExpertGroup group{.choices = 128, .experts = 128, .top_k = 8, .ranks = 16};
  const Weights even(128, 1.0);
  CounterRng rng(11, stream);
  return DrawnLayer(routing, group, even, inclusion_probabilities(even, 8), tokens, true, rng);
}

double busiest(Count drawn, Count tokens) {
  constexpr int kLayers = 200;
  double rows = 0;
  for (int d = 0; d < kLayers; ++d)
    rows += layer_of(drawn, static_cast<std::uint64_t>(d)).at(tokens, kNoLimit).rows / kLayers;
  return rows;
}

TEST(DrawnLayer, GrowsAsIfMoreTokensWereDrawn) {
  // The busiest of 16 ranks over 200 layers: a standard error of 0.2 % of either mean.
  for (const Count tokens : {200, 400, 1024})
    EXPECT_NEAR(busiest(128, tokens) / busiest(tokens, tokens), 1.0, 0.008) << tokens;
}

TEST(DrawnLayer, HoldsEveryPairAtAnyNumberOfTokens) {
  const DrawnLayer layer = layer_of(128, 1);
  for (const Count tokens : {1, 127, 128, 129, 4096})
    EXPECT_NEAR(layer.at(tokens, kNoLimit).mean_rows * 16, static_cast<double>(tokens * 8),
                0.02 * static_cast<double>(tokens * 8))
        << tokens;
}

TEST(DrawnLayer, ReplicasShareThePairsOfTheirExpert) {
  // 32 more slots for 128 experts, none of which is hot: ranks hold ten slots, copies of some.
  const DrawnLayer layer = layer_of(128, 1, {.skew = Skew::Uniform, .redundant = 32});
  EXPECT_NEAR(layer.at(128, kNoLimit).mean_rows * 16, 128.0 * 8, 1e-9);
}

}  // namespace
}  // namespace moeplan
