// SPDX-License-Identifier: Apache-2.0
#include "sim/study/sweep_files.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>

#include "sim/base/error.h"

namespace moeplan {
namespace {

using testing::HasSubstr;

std::string whole(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {(std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>()};
}

class SweepFilesTest : public testing::Test {
 protected:
  SweepFilesTest() {
    directory_ = testing::TempDir() + "sweep_files_" + std::to_string(::getpid()) + "_" +
                 testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(directory_);
  }
  ~SweepFilesTest() override { std::filesystem::remove_all(directory_); }

  SweepFiles open(bool resume, const std::string& fingerprint = "f") {
    return {directory_, fingerprint, "h\n", true, resume};
  }
  std::string csv() const { return whole(directory_ + "/results.csv"); }
  std::string jsonl() const { return whole(directory_ + "/results.jsonl"); }
  void append_to(const std::string& name, const std::string& text) const {
    std::ofstream(directory_ + "/" + name, std::ios::binary | std::ios::app) << text;
  }
  void cut(const std::string& name, std::uintmax_t bytes) const {
    const std::string path = directory_ + "/" + name;
    std::filesystem::resize_file(path, std::filesystem::file_size(path) - bytes);
  }
  std::string refusal(bool resume, const std::string& fingerprint = "f") {
    try {
      open(resume, fingerprint);
    } catch (const InputError& error) {
      return describe(error.problems().front());
    }
    return "";
  }
  // Two pieces of two points each.
  void write_two_pieces() {
    SweepFiles files = open(false);
    files.append(2, "a\nb\n", "A\nB\n");
    files.append(4, "c\nd\n", "C\nD\n");
  }
  std::string directory_;
};

TEST_F(SweepFilesTest, GoesOnBehindTheLastPiece) {
  write_two_pieces();
  SweepFiles files = open(true);
  EXPECT_EQ(files.progress().points, 4);
  std::string lines;
  files.read_rows([&lines](std::string_view line) { lines += line; });
  EXPECT_EQ(lines, "abcd");
  files.append(5, "e\n", "E\n");
  EXPECT_EQ(csv(), "h\na\nb\nc\nd\ne\n");
  EXPECT_EQ(jsonl(), "A\nB\nC\nD\nE\n");
}

TEST_F(SweepFilesTest, CutsOffWhatNoJournalKnows) {
  write_two_pieces();
  append_to("results.csv", "half a r");
  append_to("results.jsonl", "more than that\n");
  SweepFiles files = open(true);
  EXPECT_EQ(files.progress().points, 4);
  EXPECT_EQ(csv(), "h\na\nb\nc\nd\n");
  EXPECT_EQ(jsonl(), "A\nB\nC\nD\n");
}

TEST_F(SweepFilesTest, ATornJournalLineCountsForNothing) {
  write_two_pieces();
  cut("journal", 1);
  EXPECT_EQ(open(true).progress().points, 2);
  EXPECT_EQ(csv(), "h\na\nb\n");
}

TEST_F(SweepFilesTest, RowsThatNeverReachedTheDiskAreDoneAgain) {
  write_two_pieces();
  cut("results.jsonl", 1);  // a page of it was lost with the power
  EXPECT_EQ(open(true).progress().points, 2);
  EXPECT_EQ(csv(), "h\na\nb\n");
  EXPECT_EQ(jsonl(), "A\nB\n");
}

TEST_F(SweepFilesTest, RowsThatAreNotWhatWasWrittenAreDoneAgain) {
  write_two_pieces();
  cut("results.csv", 4);
  append_to("results.csv", std::string(4, '\0'));  // as a file system leaves lost pages
  EXPECT_EQ(open(true).progress().points, 2);
}

TEST_F(SweepFilesTest, KilledBeforeTheHeaderItBeginsAnew) {
  open(false);
  std::ofstream(directory_ + "/journal", std::ios::trunc) << "moeplan sw";
  SweepFiles files = open(true);
  EXPECT_EQ(files.progress().points, 0);
  EXPECT_EQ(csv(), "h\n");
}

TEST_F(SweepFilesTest, RefusesAnotherSweep) {
  write_two_pieces();
  EXPECT_THAT(refusal(true, "g"), HasSubstr("journal of another sweep"));
  EXPECT_EQ(csv(), "h\na\nb\nc\nd\n");  // nothing is touched
}

TEST_F(SweepFilesTest, RefusesToBeginWhereASweepIs) {
  write_two_pieces();
  EXPECT_THAT(refusal(false), HasSubstr("--resume"));
  EXPECT_EQ(csv(), "h\na\nb\nc\nd\n");
}

TEST_F(SweepFilesTest, RefusesTwoProcessesAtOnce) {
  SweepFiles files = open(false);
  EXPECT_THAT(refusal(true), HasSubstr("another process is at work"));
}

TEST_F(SweepFilesTest, SaysWhereItCannotWrite) {
  std::ofstream(directory_) << "a file";
  EXPECT_THAT(refusal(false), HasSubstr("a directory that can be written"));
}

TEST(WriteWholeFile, LeavesNothingHalfWritten) {
  const std::string directory = testing::TempDir() + "no_such_directory";
  EXPECT_THROW(write_whole_file(directory + "/file", "text"), InputError);
}

}  // namespace
}  // namespace moeplan
