// SPDX-License-Identifier: Apache-2.0
#include "sim/study/effects.h"

#include <gtest/gtest.h>

namespace moeplan {
namespace {

constexpr const char* kCurve = R"({"effects": [{
  "id": "curve", "title": "t", "source": "s", "setup": "u", "metric": "tokens_per_s_per_gpu", "options": "m --x",
  "reference": "one", "best": "two",
  "points": [{"at": "none", "options": "--n 0"},
             {"at": "one", "options": "--n 1", "published": 100},
             {"at": "two", "options": "--n 2", "published": 150}]
}]})";

Effect only(const std::string& text) { return read_effects(parse_json(text, "effects.json")).at(0); }

PredictedEffect scored(const Effect& effect, const std::vector<double>& values) {
  return score_effect(effect, values, values);
}

TEST(Effects, AreRelativeToTheirReference) {
  // 130 / 100 against 150 / 100: 20 points too little.
  const PredictedEffect p = scored(only(kCurve), {50, 100, 130});
  EXPECT_NEAR(p.points[2].difference, -20, 1e-9);
  EXPECT_NEAR(p.largest, 20, 1e-9);
  EXPECT_FALSE(p.met);
}

TEST(Effects, NobodyIsScoredOnWhatNobodyPublished) {
  const PredictedEffect p = scored(only(kCurve), {1, 200, 300});
  EXPECT_NEAR(p.largest, 0, 1e-9);
  EXPECT_TRUE(p.met);
}

TEST(Effects, MissWhereTheirBestPointIsAnother) {
  const PredictedEffect p = scored(only(kCurve), {400, 200, 290});
  EXPECT_LE(p.largest, 15);
  EXPECT_EQ(p.best, "none");
  EXPECT_FALSE(p.met);
}

TEST(Effects, OfRunsOfTheirOwnCountFromTheNearerEndOfARange) {
  const Effect effect = only(R"({"effects": [{
    "id": "gain", "title": "t", "source": "s", "setup": "u", "metric": "tokens_per_s_per_gpu", "options": "m",
    "points": [{"at": "a", "options": "--on", "against": "--off", "published": 1.2, "published_to": 1.3}]}]})");
  EXPECT_NEAR(score_effect(effect, {125}, {100}).largest, 0, 1e-9);
  EXPECT_NEAR(score_effect(effect, {140}, {100}).largest, 10, 1e-9);
  EXPECT_NEAR(score_effect(effect, {110}, {100}).points[0].difference, -10, 1e-9);
}

TEST(Effects, MayCountInPercent) {
  std::string text = kCurve;
  text.replace(text.find("\"best\": \"two\""), 13, "\"difference\": \"percent\"");
  // 1.65 over 1.5
  EXPECT_NEAR(scored(only(text), {1, 100, 165}).points[2].difference, 10, 1e-9);
}

TEST(Effects, ReplaceTheirChoiceInOptions) {
  Effect effect = only(kCurve);
  effect.choice = EffectChoice{.name = "g", .values = {0.1, 0.34}};
  effect.options = "m --routing gini:{g}";
  EXPECT_EQ(options_of(effect, "--a", 0.34), "m --routing gini:0.34 --a");
}

TEST(Effects, NeedAReferenceOrARunOfTheirOwn) {
  EXPECT_THROW(only(R"({"effects": [{
    "id": "x", "title": "t", "source": "s", "setup": "u", "metric": "tokens_per_s_per_gpu", "options": "m",
    "points": [{"at": "a", "published": 1}]}]})"),
               InputError);
}

}  // namespace
}  // namespace moeplan
