// SPDX-License-Identifier: Apache-2.0
// A sweep goes on only as what it was: another study, option, input or program is refused.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/sweeps/sweep_words.h"

namespace moeplan::testing {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string>& base() {
  static const std::vector<std::string> kWords = {"sweep",  "--model",       "mixtral-8x7b",  "--hardware", "h200",
                                                  "--axis", "context=16,4k", "--no-progress", "--out",      kDirectory};
  return kWords;
}
using Words = std::vector<std::string>;

void expect_refused(const Scratch& place, const Words& words, const StartOptions& options = {}) {
  const std::string rows = file_text(place / (kDirectory + "/results.csv"));
  const Ended refused = run(place.path(), words + Words{"--resume"}, options);
  EXPECT_EQ(refused.status, 2) << refused.err;
  EXPECT_NE(refused.err.find("another sweep"), std::string::npos) << refused.err;
  EXPECT_EQ(file_text(place / (kDirectory + "/results.csv")), rows);
}

TEST(ChangedSweep, AnotherAxisIsRefused) {
  const Scratch place;
  ASSERT_EQ(run(place.path(), base() + Words{"--axis", "batch=1,2"}).status, 0);
  expect_refused(place, base() + Words{"--axis", "batch=1,3"});
  expect_refused(place, base() + Words{"--axis", "batch=1,2,3"});
  expect_refused(place, base());
  EXPECT_EQ(run(place.path(), base() + Words{"--axis", "batch=1,2", "--resume"}).status, 0);
}

TEST(ChangedSweep, AnotherOptionIsRefused) {
  const Scratch place;
  const Words words = base() + Words{"--axis", "batch=1,2"};
  ASSERT_EQ(run(place.path(), words).status, 0);
  for (const Words& more : {Words{"--weights", "fp8"}, Words{"--where", "batch > 1"}, Words{"--metrics", "tpot_s"},
                            Words{"--rows", "csv"}, Words{"--gpus", "2"}})
    expect_refused(place, words + more);
}

// How much is done at once, and what is said meanwhile, changes nothing.
TEST(ChangedSweep, OtherThreadsAreFine) {
  const Scratch place;
  const Words words = base() + Words{"--axis", "batch=1,2"};
  ASSERT_EQ(run(place.path(), words).status, 0);
  EXPECT_EQ(run(place.path(), words + Words{"--threads", "3", "--quiet", "--resume"}).status, 0);
}

TEST(ChangedSweep, OtherBestPointsAreRefused) {
  const Scratch place;
  ASSERT_EQ(run(place.path(), base() + Words{"--axis", "batch=1,2", "--best", "5"}).status, 0);
  expect_refused(place, base() + Words{"--axis", "batch=1,2", "--best", "6"});
  expect_refused(place, base() + Words{"--axis", "batch=1,3", "--best", "5"});
}

TEST(ChangedSweep, AnotherModelFileIsRefused) {
  const Scratch place;
  const std::string path = place / "model.json";
  fs::copy_file(MOEPLAN_SOURCE_DIR "/models/mixtral-8x7b.json", path);
  const Words words = {"sweep",  "--model",   "model.json", "--hardware", "h200",
                       "--axis", "batch=1,2", "--out",      kDirectory};
  ASSERT_EQ(run(place.path(), words).status, 0);
  EXPECT_EQ(run(place.path(), words + Words{"--resume"}).status, 0);
  std::ofstream(path, std::ios::app) << "\n";
  expect_refused(place, words);
}

TEST(ChangedSweep, AnotherDataDirectoryIsRefused) {
  const Scratch place;
  const std::string models = place / "data/models";
  fs::create_directories(models);
  fs::copy_file(MOEPLAN_SOURCE_DIR "/models/mixtral-8x7b.json", models + "/mixtral-8x7b.json");
  const Words words = base() + Words{"--axis", "batch=1,2"};
  const Words with_data = words + Words{"--data-dir", "data"};
  ASSERT_EQ(run(place.path(), with_data).status, 0);
  expect_refused(place, words);
  std::ofstream(models + "/mixtral-8x7b.json", std::ios::app) << "\n";
  expect_refused(place, with_data);
}

// The same program but for its build id.
TEST(ChangedSweep, AnotherBuildIsRefused) {
  const Scratch place;
  const Words words = base() + Words{"--axis", "batch=1,2"};
  ASSERT_EQ(run(place.path(), words).status, 0);
  StartOptions copy;
  copy.binary = place / "moeplan";
  std::string program = file_text(MOEPLAN_BINARY);
  // A note of type 3 (NT_GNU_BUILD_ID) and 20 bytes, from "GNU".
  const std::string note("\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0", 16);
  const std::size_t at = program.find(note);
  ASSERT_NE(at, std::string::npos);
  const auto write_copy = [&] {
    std::ofstream(copy.binary, std::ios::binary | std::ios::trunc) << program;
    ::chmod(copy.binary.c_str(), 0755);
  };
  write_copy();
  EXPECT_EQ(run(place.path(), words + Words{"--resume"}, copy).status, 0);
  program[at + note.size()] ^= 1;
  write_copy();
  expect_refused(place, words, copy);
}

// A study whose first run came to nothing leaves the directory to the next one.
TEST(ChangedSweep, AnAbandonedDirectoryIsAsGoodAsNew) {
  const Scratch place;
  fs::create_directories(place / kDirectory);
  std::ofstream(place / (kDirectory + "/study.json")) << "{\"id\": \"another\"}\n";
  const Words words = base() + Words{"--axis", "batch=1,2", "--shard", "0/1"};
  ASSERT_EQ(run(place.path(), words).status, 0);
  const Ended merged = run(place.path(), {"merge", kDirectory});
  EXPECT_EQ(merged.status, 0) << merged.err;
}

}  // namespace
}  // namespace moeplan::testing
