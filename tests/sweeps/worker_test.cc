// SPDX-License-Identifier: Apache-2.0
// Several processes on one directory, some of which die, sleep or come late: merged, their
// chunks are what one process would have written.
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <memory>

#include "tests/sweeps/sweep_words.h"

namespace moeplan::testing {
namespace {

std::vector<std::string> worker(int index, int count) {
  return words_of_rows({"--threads", "1", "--no-progress", "--lease", "1", "--shard",
                        std::to_string(index) + "/" + std::to_string(count)});
}

class Workers : public ::testing::Test {
 protected:
  void SetUp() override {
    whole_ = run(calm_.path(), words_of_rows());
    ASSERT_EQ(whole_.status, 0) << whole_.err;
  }
  // The lease that a process holds; "" = none.
  std::string lease_of(const Program& program) const {
    for (const std::string& name : names_in(place_ / (kDirectory + "/leases"))) {
      if (name.find('.') != std::string::npos) continue;
      const std::string owner = file_text(place_ / (kDirectory + "/leases/" + name));
      if (owner.ends_with("." + std::to_string(program.id()) + "\n")) return name;
    }
    return "";
  }
  // Stopped while it holds a lease; false: it came to its end first.
  bool stop_at_work(Program& program) const {
    while (program.is_running()) {
      sleep_s(0.003);
      program.send(SIGSTOP);
      if (!program.wait_until_stopped()) return false;
      if (!lease_of(program).empty()) return true;
      program.send(SIGCONT);
    }
    return false;
  }
  void expect_merged_is_whole() {
    const Ended merged = run(place_.path(), {"merge", kDirectory, "--no-progress"});
    ASSERT_EQ(merged.status, 0) << merged.err;
    EXPECT_EQ(merged.out, whole_.out);
    EXPECT_EQ(difference(place_ / kDirectory, calm_ / kDirectory), "");
  }
  Scratch calm_;
  Scratch place_;
  Ended whole_;
};

TEST_F(Workers, TheChunksOfADeadOneAreTakenOver) {
  Program dying(place_.path(), worker(0, 2));
  ASSERT_TRUE(stop_at_work(dying)) << dying.wait().err;
  const std::string held = lease_of(dying);
  dying.send(SIGKILL);
  EXPECT_EQ(dying.wait().signal, SIGKILL);
  EXPECT_EQ(run(place_.path(), {"merge", kDirectory}).status, 2);
  const Ended other = run(place_.path(), worker(1, 2));
  EXPECT_EQ(other.status, 0) << other.err;
  EXPECT_NE(other.err.find("moeplan merge"), std::string::npos) << other.err;
  EXPECT_GT(file_bytes(place_ / (kDirectory + "/chunks/" + held + ".csv")), 0);
  expect_merged_is_whole();
}

TEST_F(Workers, BothAtWorkWhenOneDies) {
  Program dying(place_.path(), worker(0, 2));
  Program living(place_.path(), worker(1, 2));
  if (stop_at_work(dying)) dying.send(SIGKILL);
  const Ended other = living.wait();
  EXPECT_EQ(other.status, 0) << other.err;
  expect_merged_is_whole();
}

TEST_F(Workers, ThreeAtOnce) {
  std::vector<std::unique_ptr<Program>> workers;
  for (int i = 0; i < 3; ++i) workers.push_back(std::make_unique<Program>(place_.path(), worker(i, 3)));
  for (const std::unique_ptr<Program>& each : workers) EXPECT_EQ(each->wait().status, 0);
  expect_merged_is_whole();
  EXPECT_TRUE(names_in(place_ / (kDirectory + "/leases")).empty());
}

TEST_F(Workers, OneThatSleptBeyondItsLeaseDoesNoHarm) {
  Program slow(place_.path(), worker(0, 2));
  ASSERT_TRUE(stop_at_work(slow)) << slow.wait().err;
  const Ended other = run(place_.path(), worker(1, 2));
  EXPECT_EQ(other.status, 0) << other.err;
  slow.send(SIGCONT);
  EXPECT_EQ(slow.wait().status, 0);
  expect_merged_is_whole();
}

TEST_F(Workers, AMergeWithoutAllChunksNamesWhatIsMissing) {
  ASSERT_EQ(run(place_.path(), worker(0, 2)).status, 0);
  const std::string chunks = place_ / (kDirectory + "/chunks");
  // Each chunk is two files.
  const std::size_t all = names_in(chunks).size() / 2;
  for (const char* lost : {"/000003.csv", "/000007.csv"}) ASSERT_EQ(::unlink((chunks + lost).c_str()), 0);
  const Ended merged = run(place_.path(), {"merge", kDirectory});
  EXPECT_EQ(merged.status, 2);
  EXPECT_NE(merged.err.find("2 of " + std::to_string(all) + " chunks missing, the first is 3"), std::string::npos)
      << merged.err;
  EXPECT_EQ(file_bytes(place_ / (kDirectory + "/results.csv")), -1);
  ASSERT_EQ(run(place_.path(), worker(1, 2)).status, 0);
  expect_merged_is_whole();
}

TEST_F(Workers, AMergeThatIsKilledIsDoneAgain) {
  ASSERT_EQ(run(place_.path(), worker(0, 1)).status, 0);
  int kills = 0;
  for (int i = 0; i < 5; ++i) {
    Program merge(place_.path(), {"merge", kDirectory, "--no-progress"});
    while (merge.is_running() && file_bytes(place_ / (kDirectory + "/results.csv")) < (i + 1) * kRows * 10)
      sleep_s(0.0005);
    merge.send(SIGKILL);
    kills += merge.wait().signal == SIGKILL ? 1 : 0;
  }
  EXPECT_GE(kills, 1);
  expect_merged_is_whole();
}

TEST_F(Workers, TwoMergesMakeTheSame) {
  ASSERT_EQ(run(place_.path(), worker(0, 1)).status, 0);
  expect_merged_is_whole();
  expect_merged_is_whole();
}

TEST_F(Workers, OfAnotherStudyAreSentAway) {
  ASSERT_EQ(run(place_.path(), worker(0, 2)).status, 0);
  const Ended other = run(place_.path(), worker(1, 2) + std::vector<std::string>{"--gpus", "2"});
  EXPECT_EQ(other.status, 2);
  EXPECT_NE(other.err.find("another sweep"), std::string::npos) << other.err;
  expect_merged_is_whole();
}

TEST_F(Workers, OfMpirunKnowTheirPlaces) {
  if (std::system("command -v mpirun >/dev/null 2>&1") != 0) GTEST_SKIP() << "mpirun is not installed";
  std::string line = "cd " + place_.path() + " && mpirun --allow-run-as-root --oversubscribe -n 2 " MOEPLAN_BINARY;
  for (const std::string& word : words_of_rows({"--threads", "1", "--no-progress"})) line += " " + word;
  ASSERT_EQ(std::system((line + " >/dev/null 2>&1").c_str()), 0);
  expect_merged_is_whole();
}

}  // namespace
}  // namespace moeplan::testing
