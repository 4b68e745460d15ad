// SPDX-License-Identifier: Apache-2.0
// The files of a sweep while it runs, so that a process killed at any moment has lost nothing
// that it said was done:
//
//   results.csv, results.jsonl   rows, appended piece after piece
//   journal                      after each piece one line: points done, bytes of both files,
//                                a checksum of what the piece added
//
// To go on, the last line of the journal whose bytes are there and have that checksum is
// looked for; what stands behind them is cut off. So neither a torn write nor a page that
// never reached the disk is taken for a row.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "sim/base/units.h"

namespace moeplan {

// Appends to a file. Throws InputError(MissingResource) when the text cannot be written
// (disk full, device gone), naming the file.
class AppendFile {
 public:
  AppendFile() = default;
  // Opened to be written behind its first `size` bytes; made where there is none. Throws
  // InputError(Usage) when that is not possible.
  AppendFile(const std::string& path, Count size);
  AppendFile(AppendFile&& other) noexcept;
  AppendFile& operator=(AppendFile&& other) noexcept;
  ~AppendFile();
  void append(std::string_view text);
  void flush_to_disk();
  Count size() const { return size_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  int descriptor_ = -1;
  Count size_ = 0;
};

// How far a sweep has come.
struct SweepProgress {
  Count points = 0;  // of the grid, from the first
  Count csv_bytes = 0;
  Count jsonl_bytes = 0;
};

class SweepFiles {
 public:
  // fingerprint: of the study, its inputs and this program. Throws InputError: Usage when the
  // directory cannot be made or written, another process writes there, it holds a sweep and
  // `resume` is false, or the sweep it holds has another fingerprint.
  SweepFiles(std::string directory, const std::string& fingerprint, const std::string& header, bool with_jsonl,
             bool resume);
  ~SweepFiles();
  SweepFiles(const SweepFiles&) = delete;
  SweepFiles& operator=(const SweepFiles&) = delete;

  const SweepProgress& progress() const { return progress_; }
  // Lines of the rows that were on disk when this began, in order, without the header.
  void read_rows(const std::function<void(std::string_view line)>& line) const;
  // All points before `points` are done now.
  void append(Count points, std::string_view csv, std::string_view jsonl);
  void finish();

  static bool holds_a_sweep(const std::string& directory);

 private:
  void recover(const std::string& journal_path, const std::string& fingerprint);
  void begin(const std::string& fingerprint, const std::string& header);

  std::string directory_;
  bool with_jsonl_ = true;
  int lock_ = -1;
  SweepProgress progress_;
  Count header_bytes_ = 0;
  Count rows_before_ = 0;  // bytes of rows that were there
  AppendFile csv_;
  AppendFile jsonl_;
  AppendFile journal_;
};

// FNV-1a over 64 bits.
inline constexpr std::uint64_t kHashStart = 0xcbf29ce484222325;
std::uint64_t hash_of(std::string_view text, std::uint64_t before = kHashStart);

// The whole of it appears under its name, or nothing does. Throws as AppendFile.
void write_whole_file(const std::string& path, std::string_view text);

// Throws InputError(MissingResource): the disk is full, or gone.
[[noreturn]] void throw_not_written(const std::string& path, int error);

// A directory that can be written. Throws InputError(Usage) naming the option.
void make_directory(const std::string& directory, std::string_view option);

}  // namespace moeplan
