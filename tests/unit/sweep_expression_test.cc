// SPDX-License-Identifier: Apache-2.0
#include "sim/study/sweep_expression.h"

#include <gmock/gmock.h>

namespace moeplan {
namespace {

using testing::HasSubstr;

const std::vector<std::string> kNames = {"batch", "context", "hardware", "attention-dp", "model.moe.experts"};

// batch 8, context 1024, hardware h200, attention-dp 4, experts 64
bool holds(std::string_view text) {
  std::optional<SweepTextProblem> problem;
  const SweepExpression expression(text, kNames, problem);
  EXPECT_FALSE(problem) << text << ": " << problem->found << ", expected " << problem->expected;
  return !problem && expression.holds({{8, "8"}, {1024, "1k"}, {std::nullopt, "h200"}, {4, "4"}, {64, "64"}});
}

std::string refused(std::string_view text) {
  std::optional<SweepTextProblem> problem;
  const SweepExpression expression(text, kNames, problem);
  EXPECT_TRUE(problem) << text;
  return problem ? problem->found + " | " + problem->expected + " | " + problem->hint : "";
}

TEST(SweepExpression, ComparesAndReckons) {
  EXPECT_TRUE(holds("batch * context == 8k"));  // 8 x 1,024 = 8,192
  EXPECT_TRUE(holds("batch<=8"));
  EXPECT_FALSE(holds("batch < 8"));
  EXPECT_TRUE(holds("context % 3 == 1"));  // 1,024 = 3 x 341 + 1
  EXPECT_TRUE(holds("-batch + 16 / 2 == 0"));
  EXPECT_TRUE(holds("1e-3 < batch"));
}

TEST(SweepExpression, BindsAsInC) {
  EXPECT_TRUE(holds("2 + 3 * 2 == 8"));
  EXPECT_TRUE(holds("20 - 8 - 4 == batch"));  // from the left
  EXPECT_TRUE(holds("0 && 0 || 1"));          // && before ||
  EXPECT_FALSE(holds("0 && (0 || 1)"));
  EXPECT_TRUE(holds("1 < 2 == 1"));
  EXPECT_TRUE(holds("!(batch > 8) && !0"));
}

TEST(SweepExpression, KnowsWordsAndLongNames) {
  EXPECT_TRUE(holds("hardware == 'h200'"));
  EXPECT_TRUE(holds("hardware != 'b200' && attention-dp == 4"));
  EXPECT_TRUE(holds("model.moe.experts / attention-dp == 16"));
}

TEST(SweepExpression, AWordIsNoNumber) {
  EXPECT_FALSE(holds("hardware > 1"));
  EXPECT_FALSE(holds("hardware <= 1"));
  EXPECT_FALSE(holds("hardware + 1 > 0"));
  EXPECT_FALSE(holds("batch / 0 > 1"));  // nor is this
}

TEST(SweepExpression, NamesWhatItMentions) {
  std::optional<SweepTextProblem> problem;
  const SweepExpression expression("context > 1 && batch > 1 && context < 9", kNames, problem);
  EXPECT_THAT(expression.mentioned(), testing::ElementsAre(1U, 0U));
}

TEST(SweepExpression, SaysWhatItCannotRead) {
  EXPECT_THAT(refused("bacth > 1"), HasSubstr("did you mean batch?"));
  EXPECT_THAT(refused("batch >"), HasSubstr("the end of"));
  EXPECT_THAT(refused("(batch > 1"), HasSubstr("closing parenthesis"));
  EXPECT_THAT(refused("batch > 1)"), HasSubstr("an operator, or the end"));
  EXPECT_THAT(refused("hardware == 'h200"), HasSubstr("closing quote"));
  EXPECT_THAT(refused(""), HasSubstr("the end of"));
  EXPECT_THAT(refused("batch = 1"), HasSubstr("an operator"));
  EXPECT_THAT(refused(std::string(500, '(') + "1"), HasSubstr("fewer parentheses"));
}

}  // namespace
}  // namespace moeplan
