// SPDX-License-Identifier: Apache-2.0
// How many threads work, with oneTBB or without, in one process or several: the same bytes.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "tests/sweeps/sweep_words.h"

namespace moeplan::testing {
namespace {

using Words = std::vector<std::string>;

struct Case {
  const char* name;
  Words words;
};

// Plain points, points of a millisecond each, rows that are refused, and points left out.
std::vector<Case> cases() {
  return {
      {"Plain",
       {"--model", "mixtral-8x7b", "--hardware", "h200", "--axis", "batch=1:100", "--axis", "context=1k:100k:1k"}},
      {"Deployments",
       {"--axis", "model=mixtral-8x7b,gpt-oss-120b,llama-3.1-8b", "--axis", "hardware=h200,b200,rtx-4090,laptop-16gb",
        "--axis", "weights=native,fp8,q4_k_m", "--axis", "batch=1:64:*2", "--axis", "context=1k,8k,64k"}},
      {"Layouts",
       {"--model", "deepseek-v3", "--hardware", "h200", "--gpus", "8", "--axis", "layout=all", "--axis",
        "batch=1:512:*2", "--axis", "context=1k,16k"}},
      {"Slow",
       {"--model", "mixtral-8x7b", "--hardware", "h200", "--metrics", "tpot_s,experts_s,bytes_read", "--axis",
        "batch=1:32", "--axis", "context=1k:4k:1k"}},
      {"Steady",
       {"--model", "mixtral-8x7b", "--hardware", "h200", "--isl", "1k", "--osl", "128", "--axis",
        "concurrency=1:16:*2"}},
      {"Refused",
       {"--model", "mixtral-8x7b", "--hardware", "h200", "--axis", "gpus=1,3,8", "--axis", "tp=1,2,3,7,8", "--axis",
        "batch=1,8,4096", "--axis", "context=1k,128k"}},
      {"Constrained",
       {"--model", "mixtral-8x7b", "--hardware", "h200", "--axis", "batch=1:200", "--axis", "context=1k:50k:1k",
        "--where", "batch * context <= 1e6 && batch % 3 != 1"}},
      {"Experts",
       {"--model", "mixtral-8x7b", "--hardware", "h200", "--gpus", "8", "--axis", "model.moe.experts@active=8:128:*2",
        "--axis", "model.moe.top_k=1,2", "--axis", "batch=1,64"}},
  };
}

class SameAnswer : public ::testing::TestWithParam<Case> {
 protected:
  static Words words(const Words& more) {
    return Words{"sweep"} + GetParam().words + Words{"--no-progress", "--out", kDirectory} + more;
  }
};

TEST_P(SameAnswer, AtAnyNumberOfThreadsWithAndWithoutOneTbb) {
  const Scratch one;
  const Ended alone = run(one.path(), words({"--threads", "1"}));
  ASSERT_EQ(alone.status, 0) << alone.err;
  // Beside a copy there is no library.
  const Scratch binaries;
  StartOptions copy;
  copy.binary = binaries / "moeplan";
  std::filesystem::copy_file(MOEPLAN_BINARY, copy.binary);
  for (const StartOptions& program : {StartOptions{}, copy}) {
    for (const char* threads : {"2", "5"}) {
      const Scratch place;
      const Ended ended = run(place.path(), words({"--threads", threads}), program);
      EXPECT_EQ(ended.out, alone.out) << program.binary << " " << threads;
      EXPECT_EQ(ended.err, alone.err) << program.binary << " " << threads;
      EXPECT_EQ(difference(place / kDirectory, one / kDirectory), "") << program.binary << " " << threads;
    }
  }
}

TEST_P(SameAnswer, OfTwoWorkersMerged) {
  const Scratch one;
  const Ended alone = run(one.path(), words({}));
  const Scratch place;
  Program first(place.path(), words({"--shard", "0/2", "--lease", "1"}));
  Program second(place.path(), words({"--shard", "1/2", "--lease", "1"}));
  EXPECT_EQ(first.wait().status, 0) << first.wait().err;
  EXPECT_EQ(second.wait().status, 0) << second.wait().err;
  const Ended merged = run(place.path(), {"merge", kDirectory, "--no-progress"});
  EXPECT_EQ(merged.out, alone.out);
  EXPECT_EQ(difference(place / kDirectory, one / kDirectory), "");
}

// What was done before a stop is told too: nothing of the answer hangs on who computed it.
TEST_P(SameAnswer, ToldAgain) {
  const Scratch place;
  const Ended first = run(place.path(), words({}));
  const Ended again = run(place.path(), words({"--resume"}));
  EXPECT_EQ(again.out, first.out);
  EXPECT_EQ(again.err, first.err);
}

INSTANTIATE_TEST_SUITE_P(Sweeps, SameAnswer, ::testing::ValuesIn(cases()),
                         [](const auto& each) { return each.param.name; });

TEST(SweepRows, AreAsManyAsThePlanSays) {
  for (const Case& each : cases()) {
    const Scratch place;
    const Words words = Words{"sweep"} + each.words + Words{"--no-progress"};
    const Ended plan = run(place.path(), words + Words{"--dry-run", "--json"});
    ASSERT_EQ(run(place.path(), words + Words{"--out", kDirectory}).status, 0);
    const std::string rows = file_text(place / (kDirectory + "/results.csv"));
    const auto lines = std::count(rows.begin(), rows.end(), '\n') - 1;
    EXPECT_NE(plan.out.find(": " + std::to_string(lines)), std::string::npos) << each.name << lines << plan.out;
  }
}

}  // namespace
}  // namespace moeplan::testing
