// SPDX-License-Identifier: Apache-2.0
// Ctrl-C and a scheduler's SIGTERM: what is under way is written, and --resume goes on.
#include <gtest/gtest.h>

#include <csignal>

#include "tests/sweeps/sweep_words.h"

namespace moeplan::testing {
namespace {

class Interrupted : public ::testing::TestWithParam<int> {};

// Long enough to be met in its middle.
const std::vector<std::string>& words() {
  static const std::vector<std::string> kWords = words_of_rows({"--threads", "2", "--no-progress"});
  return kWords;
}

TEST_P(Interrupted, SweepSaysSoAndGoesOnAsIfNothingHadBeen) {
  const Scratch calm;
  const Ended whole = run(calm.path(), words());
  const Scratch place;
  Program program(place.path(), words());
  while (program.is_running() && file_bytes(place / (kDirectory + "/results.csv")) < 100'000) sleep_s(0.001);
  program.send(GetParam());
  const Ended stopped = program.wait();
  ASSERT_EQ(stopped.status, 130) << stopped.err;
  EXPECT_EQ(stopped.out, "");
  EXPECT_NE(stopped.err.find("interrupted"), std::string::npos) << stopped.err;
  EXPECT_NE(stopped.err.find("--resume"), std::string::npos) << stopped.err;
  EXPECT_EQ(file_bytes(place / (kDirectory + "/manifest.json")), -1);
  const Ended again = run(place.path(), words() + std::vector<std::string>{"--resume"});
  EXPECT_EQ(again.out, whole.out);
  EXPECT_EQ(difference(place / kDirectory, calm / kDirectory), "");
}

INSTANTIATE_TEST_SUITE_P(ByHandOrScheduler, Interrupted, ::testing::Values(SIGINT, SIGTERM),
                         [](const auto& each) { return each.param == SIGINT ? "SIGINT" : "SIGTERM"; });

TEST(InterruptedWorker, GivesItsLeaseBack) {
  const Scratch place;
  Program program(place.path(), words() + std::vector<std::string>{"--shard", "0/2"});
  while (program.is_running() && names_in(place / (kDirectory + "/chunks")).empty()) sleep_s(0.001);
  program.send(SIGTERM);
  EXPECT_EQ(program.wait().status, 130);
  EXPECT_TRUE(names_in(place / (kDirectory + "/leases")).empty());
}

}  // namespace
}  // namespace moeplan::testing
