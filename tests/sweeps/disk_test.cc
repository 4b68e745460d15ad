// SPDX-License-Identifier: Apache-2.0
// A disk that is full, or that cannot be written at all.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "tests/sweeps/sweep_words.h"

namespace moeplan::testing {
namespace {

constexpr uid_t kNobody = 65534;

// A small disk in memory, seen by this process and its children only and gone with them.
class SmallDisk {
 public:
  SmallDisk(const std::string& folder, const char* size) : folder_(folder) {
    if (::unshare(CLONE_NEWNS) != 0) return;
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return;
    mounted_ = ::mkdir(folder.c_str(), 0755) == 0 && ::mount("tmpfs", folder.c_str(), "tmpfs", 0, size) == 0;
  }
  ~SmallDisk() {
    if (mounted_) ::umount2(folder_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  bool is_there() const { return mounted_; }
  bool remount(unsigned long flags, const char* options) {
    return ::mount("none", folder_.c_str(), "tmpfs", MS_REMOUNT | flags, options) == 0;
  }

 private:
  std::string folder_;
  bool mounted_ = false;
};

constexpr const char* kNoMount = "only root may mount a small disk";

TEST(FullDisk, AFileThatMayNotGrowEndsTheSweepWithASentence) {
  const Scratch calm;
  const Ended whole = run(calm.path(), words_of_rows());
  ASSERT_EQ(whole.status, 0) << whole.err;
  const Scratch place;
  // A third of the larger file.
  const long room = file_bytes(calm / (kDirectory + "/results.jsonl")) / 3;
  const Ended full = run(place.path(), words_of_rows(), {.most_file_bytes = room});
  EXPECT_EQ(full.status, 5) << "signal " << full.signal;
  EXPECT_NE(full.err.find("results.jsonl"), std::string::npos) << full.err;
  EXPECT_NE(full.err.find("--resume"), std::string::npos) << full.err;
  const Ended again = run(place.path(), words_of_rows({"--resume"}));
  EXPECT_EQ(again.out, whole.out);
  EXPECT_EQ(difference(place / kDirectory, calm / kDirectory), "");
}

TEST(FullDisk, WithRoomAgainTheSweepGoesOn) {
  const Scratch calm;
  const Ended whole = run(calm.path(), words_of_rows());
  const Scratch place;
  // Half of what is needed.
  const long need =
      file_bytes(calm / (kDirectory + "/results.csv")) + file_bytes(calm / (kDirectory + "/results.jsonl"));
  SmallDisk disk(place / "disk", ("size=" + std::to_string(need / 2)).c_str());
  if (!disk.is_there()) GTEST_SKIP() << kNoMount;
  // Its output goes to the other disk.
  const std::vector<std::string> words = words_without_directory({"--out", "disk/" + kDirectory});
  const Ended full = run(place.path(), words);
  EXPECT_EQ(full.status, 5) << full.err;
  EXPECT_NE(full.err.find("No space left on device"), std::string::npos) << full.err;
  EXPECT_NE(full.err.find("--resume"), std::string::npos) << full.err;
  // Still full: the same answer, nothing lost.
  EXPECT_EQ(run(place.path(), words + std::vector<std::string>{"--resume"}).status, 5);
  ASSERT_TRUE(disk.remount(0, "size=1g"));
  const Ended again = run(place.path(), words + std::vector<std::string>{"--resume"});
  EXPECT_EQ(again.out, whole.out);
  EXPECT_EQ(difference(place / ("disk/" + kDirectory), calm / kDirectory), "");
}

// No room for the very first file, nor for the lease of a worker: nobody waits for ever.
TEST(FullDisk, NotEvenRoomToBeginIsSaidAtOnce) {
  const Scratch place;
  SmallDisk disk(place / "disk", "size=64k,nr_inodes=4");
  if (!disk.is_there()) GTEST_SKIP() << kNoMount;
  for (const std::vector<std::string>& more : {std::vector<std::string>{}, std::vector<std::string>{"--shard", "0/2"},
                                               std::vector<std::string>{"--best", "5"}}) {
    const Ended full = run(place.path(), words_without_directory({"--out", "disk/" + kDirectory}) + more);
    EXPECT_EQ(full.status, 5) << full.err;
    EXPECT_NE(full.err.find("No space left on device"), std::string::npos) << full.err;
    std::system(("rm -rf " + place / "disk/*").c_str());
  }
}

TEST(FullDisk, AWorkerWithoutRoomForItsChunksEnds) {
  const Scratch place;
  SmallDisk disk(place / "disk", "size=1m");
  if (!disk.is_there()) GTEST_SKIP() << kNoMount;
  const Ended full = run(place.path(), words_without_directory({"--out", "disk/" + kDirectory, "--shard", "0/2"}));
  EXPECT_EQ(full.status, 5) << full.err;
  EXPECT_NE(full.err.find("No space left on device"), std::string::npos) << full.err;
}

void expect_refused(const Scratch& place, const std::string& directory, const StartOptions& options = {}) {
  const Ended refused = run(place.path(), words_without_directory({"--out", directory}), options);
  EXPECT_EQ(refused.status, 2) << refused.err;
  EXPECT_NE(refused.err.find("--out"), std::string::npos) << refused.err;
  EXPECT_EQ(refused.out, "");
}

TEST(NoDirectory, BelowAFileIsRefused) {
  const Scratch place;
  std::ofstream(place / "file") << "text";
  expect_refused(place, "file/out");
  expect_refused(place, "file");
  EXPECT_EQ(file_text(place / "file"), "text");
}

TEST(NoDirectory, WhereNobodyCanMakeOneIsRefused) {
  const Scratch place;
  expect_refused(place, "/proc/moeplan");
}

TEST(NoDirectory, OnADiskThatIsReadOnlyIsRefused) {
  const Scratch place;
  SmallDisk disk(place / "disk", "size=1m");
  if (!disk.is_there()) GTEST_SKIP() << kNoMount;
  ASSERT_EQ(::mkdir((place / "disk/there").c_str(), 0755), 0);
  ASSERT_TRUE(disk.remount(MS_RDONLY, ""));
  expect_refused(place, "disk/new");
  expect_refused(place, "disk/there");
  EXPECT_TRUE(names_in(place / "disk/there").empty());
}

TEST(NoDirectory, ThatMayNotBeWrittenIsRefused) {
  const Scratch place;
  ASSERT_EQ(::mkdir((place / "mine").c_str(), 0555), 0);
  StartOptions options;
  if (::geteuid() == 0) {
    options.user = kNobody;
    ::chmod(place.path().c_str(), 0755);
    if (run(place.path(), {"--version"}, options).status != 0) GTEST_SKIP() << "the program may be run by root only";
  }
  expect_refused(place, "mine", options);
  expect_refused(place, "mine/new", options);
  EXPECT_TRUE(names_in(place / "mine").empty());
}

}  // namespace
}  // namespace moeplan::testing
