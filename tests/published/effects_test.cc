// SPDX-License-Identifier: Apache-2.0
// Relative effects that others published (validate/effects.json), as the program itself
// answers them: `moeplan validate --effects NAME --json`. The mark is 15 points. That of the
// balancer takes minutes unoptimised and is a test of its own (tests/CMakeLists.txt).
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <memory>

#include "sim/base/json.h"

namespace moeplan {
namespace {

struct Answer {
  bool met = false;
  double largest = 0;
  std::string best;
  std::vector<double> predicted;  // relative, by point
};

Answer answer_of(const std::string& effect) {
  const std::string command = std::string(MOEPLAN_BINARY) + " validate --effects " + effect + " --json --quiet";
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::string text;
  std::array<char, 4096> part{};
  while (const std::size_t size = fread(part.data(), 1, part.size(), pipe.get())) text.append(part.data(), size);
  const JsonDocument document = parse_json(text, command);
  const JsonNode& found = document.root.find("effects")->items.at(0);
  Answer answer{.met = found.find("met")->boolean,
                .largest = found.find("largest_difference")->real,
                .best = found.find("best")->text,
                .predicted = {}};
  for (const JsonNode& point : found.find("points")->items)
    answer.predicted.push_back(point.find("predicted_relative")->real);
  return answer;
}

class Effects : public testing::TestWithParam<const char*> {};

TEST_P(Effects, AreWithinFifteenPoints) {
  const Answer answer = answer_of(GetParam());
  RecordProperty("largest_difference", std::to_string(answer.largest));
  EXPECT_TRUE(answer.met) << answer.largest;
  EXPECT_LE(answer.largest, 15);
}

INSTANTIATE_TEST_SUITE_P(Published, Effects,
                         testing::Values("mtp", "overlap", "ep-width-decode", "context", "fp8-kv", "residency"),
                         [](const testing::TestParamInfo<const char*>& effect) {
                           std::string name = effect.param;
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

// 17,552 / 12,929 tokens/s a node at 128 sequences a GPU, 0.73 at 32.
TEST(Effect, OfTwoBatchesHasBothSigns) {
  const Answer answer = answer_of("overlap");
  EXPECT_GT(answer.predicted.at(0), 1.2);
  EXPECT_LT(answer.predicted.at(1), 0.9);
}

// EP16 and EP24 were not published; with 256 sequences a GPU they read more experts each.
TEST(Effect, OfDecodeWidthHasItsOptimumInside) {
  const Answer answer = answer_of("ep-width-decode");
  EXPECT_EQ(answer.best, "EP32");
  EXPECT_LT(answer.predicted.at(0), 0.96);
}

// Each width of prefill is within 15 points, but one node is predicted fastest where two were:
// not met, and this is how far off it is.
TEST(Effect, OfPrefillWidthMissesItsOptimum) {
  const Answer answer = answer_of("ep-width-prefill");
  EXPECT_FALSE(answer.met);
  EXPECT_EQ(answer.best, "EP8");
  EXPECT_LE(answer.largest, 15);
}

// 27 % were won from 90 % to all experts on the device, 7 % from none to a tenth.
TEST(Effect, OfResidencyIsConvex) {
  const Answer answer = answer_of("residency");
  const double last = answer.predicted.at(10) / answer.predicted.at(9) - 1;
  const double first = answer.predicted.at(1) / answer.predicted.at(0) - 1;
  EXPECT_NEAR(last, 0.27, 0.05);
  EXPECT_NEAR(first, 0.07, 0.05);
}

}  // namespace
}  // namespace moeplan
