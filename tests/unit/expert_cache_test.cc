// SPDX-License-Identifier: Apache-2.0
#include "sim/program/expert_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <numeric>

namespace moeplan {
namespace {

constexpr Count kExperts = 128;
constexpr Count kTopK = 8;

ExpertCacheSpec spec(CachePolicy policy, Count capacity, double repeat = 0, Count sequences = 1) {
  return {.policy = policy, .capacity = capacity, .repeat = repeat, .sequences = sequences};
}

double hits(const ExpertCacheSpec& s, const Weights& weights) {
  return ExpertCache(s, weights, kTopK).decode().hit_rate();
}

double drawn_hits(const ExpertCacheSpec& s, const Weights& weights) {
  return draw_cache(s, weights, kTopK, 6000).misses.hit_rate();
}

const Weights kUniform(kExperts, 1.0);
const Weights kSkewed = zipf_weights(kExperts, 0.8);

class Policies : public testing::TestWithParam<CachePolicy> {};

TEST_P(Policies, NoPlaceHitsNothingAllPlacesHitEverything) {
  EXPECT_EQ(hits(spec(GetParam(), 0), kSkewed), 0);
  EXPECT_EQ(hits(spec(GetParam(), kExperts), kSkewed), 1);
}

TEST_P(Policies, MorePlacesNeverHitLess) {
  double before = 0;
  for (const Count capacity : {8, 16, 32, 64, 96, 128}) {
    const double now = hits(spec(GetParam(), capacity), kSkewed);
    EXPECT_GE(now, before) << capacity;
    before = now;
  }
}

TEST_P(Policies, SkewHelps) { EXPECT_GT(hits(spec(GetParam(), 32), kSkewed), hits(spec(GetParam(), 32), kUniform)); }

TEST_P(Policies, MissesAreAtMostWhatTheStepNeeds) {
  const ExpertCache cache(spec(GetParam(), 16, 0.3, 4), kSkewed, kTopK);
  for (const double tokens : {1.0, 4.0, 7.0, 64.0, 4096.0}) {
    const CacheMisses m = cache.at(tokens);
    EXPECT_GE(m.missed, 0);
    EXPECT_LE(m.missed, m.distinct);
    EXPECT_GE(m.any, std::min(1.0, m.missed / m.distinct) - 1e-9);
    EXPECT_LE(m.any, 1);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Policies,
                         testing::Values(CachePolicy::Static, CachePolicy::Lru, CachePolicy::Lfu, CachePolicy::Oracle),
                         [](const auto& policy) { return std::string(word_of(policy.param)); });

// Whatever is kept, a quarter of the experts answers a quarter of the draws: nothing that
// was seen says anything about what comes.
TEST(ExpertCache, OfUniformDrawsTheShareKeptHits) {
  EXPECT_NEAR(hits(spec(CachePolicy::Static, 32), kUniform), 0.25, 1e-12);
  EXPECT_NEAR(hits(spec(CachePolicy::Lru, 32), kUniform), 0.25, 1e-6);
  EXPECT_NEAR(hits(spec(CachePolicy::Lfu, 32), kUniform), 0.25, 0.01);
}

TEST(ExpertCache, StaticHitsTheMostPopular) {
  std::vector<double> inclusion = inclusion_probabilities(kSkewed, kTopK);
  std::sort(inclusion.begin(), inclusion.end(), std::greater<>());
  // sum of the 16 largest inclusion probabilities, of 8 in all
  const double largest = std::accumulate(inclusion.begin(), inclusion.begin() + 16, 0.0);
  EXPECT_NEAR(hits(spec(CachePolicy::Static, 16), kSkewed), largest / kTopK, 1e-12);
}

// Che's approximation against the cache itself.
TEST(ExpertCache, LruInClosedFormIsTheDrawnLru) {
  for (const Weights* weights : {&kUniform, &kSkewed})
    for (const Count capacity : {16, 48, 96})
      for (const double repeat : {0.0, 0.4}) {
        const ExpertCacheSpec s = spec(CachePolicy::Lru, capacity, repeat);
        EXPECT_NEAR(hits(s, *weights), drawn_hits(s, *weights), 0.015) << capacity << " " << repeat;
      }
}

TEST(ExpertCache, LruOfSeveralSequencesIsTheDrawnLru) {
  for (const Count sequences : {2, 4}) {
    const ExpertCacheSpec s = spec(CachePolicy::Lru, 64, 0.3, sequences);
    EXPECT_NEAR(hits(s, kSkewed), drawn_hits(s, kSkewed), 0.02) << sequences;
  }
}

TEST(ExpertCache, StaticInClosedFormIsTheDrawnStatic) {
  const ExpertCacheSpec s = spec(CachePolicy::Static, 24, 0.5, 3);
  EXPECT_NEAR(hits(s, kSkewed), drawn_hits(s, kSkewed), 0.01);
}

TEST(ExpertCache, NothingBeatsTheOracle) {
  for (const double repeat : {0.0, 0.5})
    for (const Weights* weights : {&kUniform, &kSkewed})
      for (const Count capacity : {12, 48}) {
        const double best = drawn_hits(spec(CachePolicy::Oracle, capacity, repeat), *weights);
        for (const CachePolicy policy : {CachePolicy::Static, CachePolicy::Lru, CachePolicy::Lfu})
          EXPECT_GE(best, drawn_hits(spec(policy, capacity, repeat), *weights)) << word_of(policy) << " " << capacity;
      }
}

// Without repetition the most used are the most popular; with it recency wins.
TEST(ExpertCache, LfuSuitsSkewAndLruRepetition) {
  EXPECT_GT(hits(spec(CachePolicy::Lfu, 32), kSkewed), hits(spec(CachePolicy::Lru, 32), kSkewed));
  EXPECT_GT(hits(spec(CachePolicy::Lru, 32, 0.8), kSkewed), hits(spec(CachePolicy::Lfu, 32, 0.8), kSkewed));
}

TEST(ExpertCache, ARepeatedTokenFindsAllItsExperts) {
  EXPECT_NEAR(hits(spec(CachePolicy::Lru, kTopK, 1.0), kUniform), 1, 1e-9);
  EXPECT_EQ(draw_cache(spec(CachePolicy::Lru, kTopK, 1.0), kUniform, kTopK, 400).misses.missed, 0);
}

// repeat + (1 - repeat) x what fresh draws hit, while a token's experts have room.
TEST(ExpertCache, RepetitionAddsItsShareToLru) {
  const double fresh = hits(spec(CachePolicy::Lru, 32), kSkewed);
  EXPECT_NEAR(hits(spec(CachePolicy::Lru, 32, 0.4), kSkewed), 0.4 + 0.6 * fresh, 0.01);
}

// A prompt draws nearly all experts: only what lies there hits.
TEST(ExpertCache, APromptHitsWhatLiesThere) {
  const ExpertCache cache(spec(CachePolicy::Lru, 32, 0.5), kUniform, kTopK);
  EXPECT_NEAR(cache.at(100'000).hit_rate(), 0.25, 1e-6);
}

TEST(ExpertCache, TheSameSeedDrawsTheSame) {
  const ExpertCacheSpec s = spec(CachePolicy::Lfu, 20, 0.2);
  EXPECT_EQ(hits(s, kSkewed), hits(s, kSkewed));
}

}  // namespace
}  // namespace moeplan
