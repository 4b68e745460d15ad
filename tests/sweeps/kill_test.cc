// SPDX-License-Identifier: Apache-2.0
// A process killed at any moment, again and again: the result is that of one nobody disturbed.
#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <random>

#include "tests/sweeps/sweep_words.h"

namespace moeplan::testing {
namespace {

constexpr int kKills = 50;
constexpr int kKillsOfOneSweep = 5;

// MOEPLAN_SEED plays a run again.
class Moments {
 public:
  Moments() {
    const char* given = std::getenv("MOEPLAN_SEED");
    const unsigned seed = given != nullptr ? static_cast<unsigned>(std::atol(given)) : std::random_device()();
    std::printf("MOEPLAN_SEED=%u\n", seed);
    random_.seed(seed);
  }
  double between(double least, double most) { return std::uniform_real_distribution<double>(least, most)(random_); }

 private:
  std::mt19937_64 random_;
};

struct Undisturbed {
  Ended ended;
  double seconds = 0;
};

Undisturbed undisturbed(const Scratch& place, const std::vector<std::string>& words) {
  const auto begin = std::chrono::steady_clock::now();
  Undisturbed whole{run(place.path(), words)};
  whole.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return whole;
}

struct Killed {
  Ended ended;
  int kills = 0;
};

// One sweep to its end, killed `most` times on the way after pauses of least to longest seconds.
Killed with_kills(const Scratch& place, const std::vector<std::string>& words, Moments& moments, int most, double least,
                  double longest) {
  Killed result;
  for (bool again = false;; again = true) {
    Program program(place.path(), again ? words + std::vector<std::string>{"--resume"} : words);
    if (result.kills < most) {
      sleep_s(moments.between(least, longest));
      program.send(SIGKILL);
    }
    result.ended = program.wait();
    if (result.ended.signal != SIGKILL) return result;
    ++result.kills;
  }
}

TEST(KilledSweep, RowsAreThoseOfAnUndisturbedRunAfterFiftyKills) {
  const std::vector<std::string> words = words_of_rows({"--threads", "2", "--no-progress"});
  const Scratch calm;
  const Undisturbed whole = undisturbed(calm, words);
  ASSERT_EQ(whole.ended.status, 0) << whole.ended.err;
  Moments moments;
  int kills = 0;
  for (int sweep = 0; kills < kKills && sweep < kKills; ++sweep) {
    const Scratch place;
    // Five pauses of a sixth of the whole run each, on average: the last one falls near its end.
    const Killed killed = with_kills(place, words, moments, kKillsOfOneSweep, 0, whole.seconds / 3);
    kills += killed.kills;
    ASSERT_EQ(killed.ended.status, 0) << killed.ended.err;
    ASSERT_EQ(killed.ended.out, whole.ended.out);
    ASSERT_EQ(difference(place / kDirectory, calm / kDirectory), "") << "sweep " << sweep;
  }
  EXPECT_GE(kills, kKills);
}

TEST(KilledSweep, BestPointsAreThoseOfAnUndisturbedRun) {
#ifdef NDEBUG
  const std::string contexts_of_best = "context=1:33000";  // 9,900,000 points: seconds, a checkpoint in each
#else
  const std::string contexts_of_best = "context=1:1200";
#endif
  const std::vector<std::string> words = {"sweep",    "--model",      "mixtral-8x7b", "--hardware",     "h200",
                                          "--axis",   "batch=1:300",  "--axis",       contexts_of_best, "--best",
                                          "20",       "--out",        kDirectory,     "--threads",      "2",
                                          "--resume", "--no-progress"};
  const Scratch calm;
  const Undisturbed whole = undisturbed(calm, words);
  ASSERT_EQ(whole.ended.status, 0) << whole.ended.err;
  Moments moments;
  const Scratch place;
  Killed killed;
  // It may be done before the kill comes: then the next try begins and ends at once.
  for (int i = 0; i < 6 && killed.kills < 3; ++i) {
    Program program(place.path(), words);
    sleep_s(moments.between(0.1, 0.8) * whole.seconds);
    program.send(SIGKILL);
    killed.kills += program.wait().signal == SIGKILL ? 1 : 0;
  }
  EXPECT_GE(killed.kills, 1);
  const Ended ended = run(place.path(), words);
  ASSERT_EQ(ended.status, 0) << ended.err;
  EXPECT_EQ(ended.out, whole.ended.out);
  EXPECT_EQ(difference(place / kDirectory, calm / kDirectory), "");
}

TEST(KilledSweep, ASweepThatIsDoneIsOnlyToldAgain) {
  const Scratch place;
  const std::vector<std::string> words = words_of_rows({"--no-progress"});
  const Ended first = run(place.path(), words);
  const std::string rows = file_text(place / (kDirectory + "/results.csv"));
  const Ended again = run(place.path(), words + std::vector<std::string>{"--resume"});
  EXPECT_EQ(again.out, first.out);
  EXPECT_EQ(file_text(place / (kDirectory + "/results.csv")), rows);
}

TEST(KilledSweep, IsNotBegunAnewWithoutBeingAsked) {
  const Scratch place;
  ASSERT_EQ(run(place.path(), words_of_rows()).status, 0);
  const Ended again = run(place.path(), words_of_rows());
  EXPECT_EQ(again.status, 2);
  EXPECT_NE(again.err.find("--out"), std::string::npos);
  EXPECT_NE(again.err.find("--resume"), std::string::npos);
}

// Half a row, half a line of the journal, and a file that lost its end: each is put right.
TEST(KilledSweep, TornAndLostEndsAreWrittenAnew) {
  const Scratch calm;
  const Ended whole = run(calm.path(), words_of_rows());
  for (const std::string name : {"results.csv", "results.jsonl", "journal"}) {
    for (const long lost : {1L, 100'000L}) {
      const Scratch place;
      ASSERT_EQ(run(place.path(), words_of_rows()).status, 0);
      const std::string path = place / (kDirectory + "/" + name);
      ASSERT_EQ(::truncate(path.c_str(), std::max(0L, file_bytes(path) - lost)), 0);
      const Ended again = run(place.path(), words_of_rows({"--resume"}));
      EXPECT_EQ(again.out, whole.out) << name << " " << lost;
      EXPECT_EQ(difference(place / kDirectory, calm / kDirectory), "") << name << " " << lost;
    }
  }
}

}  // namespace
}  // namespace moeplan::testing
