// SPDX-License-Identifier: Apache-2.0
#include "sim/study/sweep_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <random>
#include <system_error>
#include <utility>
#include <vector>

#include "sim/base/error.h"
#include "sim/base/text.h"

namespace moeplan {
namespace {

constexpr std::string_view kJournal = "journal";
constexpr std::string_view kCsv = "results.csv";
constexpr std::string_view kJsonl = "results.jsonl";
constexpr std::string_view kJournalTitle = "moeplan sweep journal 1";
constexpr std::size_t kBlock = 1 << 20;

std::string reason_of(int error) { return std::generic_category().message(error); }

bool is_full(int error) { return error == ENOSPC || error == EDQUOT; }

[[noreturn]] void throw_not_opened(const std::string& path, int error) {
  if (is_full(error)) throw_not_written(path, error);
  Problem problem;
  problem.file = path;
  problem.found = reason_of(error);
  problem.expected = "a directory that can be written";
  throw InputError(ErrorKind::Usage, problem);
}

// One line of the journal with a checksum of its own behind it.
std::string journal_line(const SweepProgress& p, std::uint64_t added) {
  const std::string line = fmt::format("{} {} {} {:016x}", p.points, p.csv_bytes, p.jsonl_bytes, added);
  return fmt::format("{} {:016x}\n", line, hash_of(line));
}

struct JournalEntry {
  SweepProgress progress;
  std::uint64_t added = 0;
};

bool read_entry(std::string_view line, JournalEntry& entry) {
  const std::size_t last = line.rfind(' ');
  if (last == std::string_view::npos) return false;
  const std::string_view body = line.substr(0, last);
  if (line.substr(last + 1) != fmt::format("{:016x}", hash_of(body))) return false;
  const char* at = body.data();
  const char* end = body.data() + body.size();
  for (Count* number : {&entry.progress.points, &entry.progress.csv_bytes, &entry.progress.jsonl_bytes}) {
    const std::from_chars_result read = std::from_chars(at, end, *number);
    if (read.ec != std::errc() || read.ptr == end) return false;
    at = read.ptr + 1;
  }
  return std::from_chars(at, end, entry.added, 16).ec == std::errc();
}

std::vector<std::string> lines_of(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream in(path, std::ios::binary);
  for (std::string line; std::getline(in, line) && !in.eof();) lines.push_back(line);  // a last one without \n is torn
  return lines;
}

// Goes on from `hash` over bytes [from, to) of a file; false when they are not all there.
bool hash_range(const std::string& path, Count from, Count to, std::uint64_t& hash) {
  std::ifstream in(path, std::ios::binary);
  in.seekg(from);
  std::vector<char> block(kBlock);
  for (Count left = to - from; left > 0;) {
    const Count wanted = std::min<Count>(left, static_cast<Count>(block.size()));
    in.read(block.data(), wanted);
    if (in.gcount() != wanted) return false;
    hash = hash_of({block.data(), static_cast<std::size_t>(wanted)}, hash);
    left -= wanted;
  }
  return true;
}

}  // namespace

void throw_not_written(const std::string& path, int error) {
  Problem problem;
  problem.file = path;
  problem.found = reason_of(error);
  problem.expected = "room for the rows";
  problem.hint = "what was done before is on disk: make room and go on with --resume";
  throw InputError(ErrorKind::MissingResource, problem);
}

std::uint64_t hash_of(std::string_view text, std::uint64_t hash) {
  // Eight bytes at a time keep up with the rows.
  constexpr std::uint64_t kPrime = 0x100000001b3;
  while (text.size() >= 8) {
    std::uint64_t word = 0;
    __builtin_memcpy(&word, text.data(), 8);
    hash = (hash ^ word) * kPrime;
    hash ^= hash >> 32;
    text.remove_prefix(8);
  }
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * kPrime;
  return hash;
}

AppendFile::AppendFile(const std::string& path, Count size) : path_(path), size_(size) {
  descriptor_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) throw_not_opened(path, errno);
  if (::ftruncate(descriptor_, size) != 0 || ::lseek(descriptor_, size, SEEK_SET) != size)
    throw_not_opened(path, errno);
}

AppendFile::AppendFile(AppendFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)), size_(other.size_) {}

AppendFile& AppendFile::operator=(AppendFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(size_, other.size_);
  return *this;
}

AppendFile::~AppendFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void AppendFile::append(std::string_view text) {
  while (!text.empty()) {
    const ssize_t done = ::write(descriptor_, text.data(), text.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) throw_not_written(path_, errno);
    size_ += done;
    text.remove_prefix(static_cast<std::size_t>(done));
  }
}

void AppendFile::flush_to_disk() {
  if (descriptor_ >= 0 && ::fsync(descriptor_) != 0 && errno != EINVAL) throw_not_written(path_, errno);
}

void make_directory(const std::string& directory, std::string_view option) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (!error && ::access(directory.c_str(), W_OK | X_OK) == 0) return;
  if (is_full(error.value())) throw_not_written(directory, error.value());
  Problem problem;
  problem.file = option;
  problem.found = in_quotes(directory) + ": " + (error ? error.message() : reason_of(errno));
  problem.expected = "a directory that can be written";
  throw InputError(ErrorKind::Usage, problem);
}

void write_whole_file(const std::string& path, std::string_view text) {
  // Processes of several machines may write the same file at once, under the same number.
  std::random_device random;
  const std::string temporary = fmt::format("{}.{:08x}{:08x}.part", path, random(), random());
  try {
    AppendFile file(temporary, 0);
    file.append(text);
    file.flush_to_disk();
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  if (::rename(temporary.c_str(), path.c_str()) == 0) return;
  const int error = errno;
  ::unlink(temporary.c_str());
  throw_not_written(path, error);
}

bool SweepFiles::holds_a_sweep(const std::string& directory) {
  std::error_code error;
  return std::filesystem::exists(directory + "/" + std::string(kJournal), error);
}

SweepFiles::SweepFiles(std::string directory, const std::string& fingerprint, const std::string& header,
                       bool with_jsonl, bool resume)
    : directory_(std::move(directory)), with_jsonl_(with_jsonl) {
  make_directory(directory_, "--out");
  const std::string journal = directory_ + "/" + std::string(kJournal);
  const bool held = holds_a_sweep(directory_);
  if (held && !resume) {
    Problem problem;
    problem.file = "--out";
    problem.found = in_quotes(directory_) + ", which holds a sweep";
    problem.expected = "an empty directory, or --resume to go on with that sweep";
    throw InputError(ErrorKind::Usage, problem);
  }
  lock_ = ::open(journal.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock_ < 0) throw_not_opened(journal, errno);
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    Problem problem;
    problem.file = "--out";
    problem.found = in_quotes(directory_) + ", where another process is at work";
    problem.expected = "a directory of its own, or --shard I/N to work together";
    ::close(lock_);
    throw InputError(ErrorKind::Usage, problem);
  }
  header_bytes_ = static_cast<Count>(header.size());
  recover(journal, fingerprint);
  if (progress_.csv_bytes == 0) begin(fingerprint, header);
  rows_before_ = progress_.csv_bytes - header_bytes_;
}

SweepFiles::~SweepFiles() {
  if (lock_ >= 0) ::close(lock_);
}

// After it `progress_` is what can be relied on, and the files hold just that.
void SweepFiles::recover(const std::string& path, const std::string& fingerprint) {
  const std::string csv = directory_ + "/" + std::string(kCsv);
  const std::string jsonl = directory_ + "/" + std::string(kJsonl);
  const std::vector<std::string> lines = lines_of(path);
  if (!lines.empty() && lines.front() != fmt::format("{} {} {}", kJournalTitle, fingerprint, with_jsonl_ ? 2 : 1)) {
    Problem problem;
    problem.file = path;
    problem.found = "the journal of another sweep: its study, its inputs, its options or the program have changed";
    problem.expected = "the same ones as when it began";
    problem.hint = "begin anew in another directory";
    throw InputError(ErrorKind::Usage, problem);
  }
  std::vector<JournalEntry> entries(1);
  std::vector<Count> journal_bytes = {lines.empty() ? 0 : static_cast<Count>(lines.front().size()) + 1};
  for (std::size_t i = 1; i < lines.size(); ++i) {
    JournalEntry entry;
    if (!read_entry(lines[i], entry)) break;
    entries.push_back(entry);
    journal_bytes.push_back(journal_bytes.back() + static_cast<Count>(lines[i].size()) + 1);
  }
  std::size_t last = entries.size() - 1;
  for (; last > 0; --last) {
    const SweepProgress& before = entries[last - 1].progress;
    const SweepProgress& after = entries[last].progress;
    std::uint64_t hash = kHashStart;
    const bool there = hash_range(csv, before.csv_bytes, after.csv_bytes, hash) &&
                       (!with_jsonl_ || hash_range(jsonl, before.jsonl_bytes, after.jsonl_bytes, hash));
    if (there && hash == entries[last].added) break;
  }
  progress_ = entries[last].progress;
  csv_ = AppendFile(csv, progress_.csv_bytes);
  if (with_jsonl_) jsonl_ = AppendFile(jsonl, progress_.jsonl_bytes);
  journal_ = AppendFile(path, journal_bytes[last]);
}

void SweepFiles::begin(const std::string& fingerprint, const std::string& header) {
  if (journal_.size() == 0) journal_.append(fmt::format("{} {} {}\n", kJournalTitle, fingerprint, with_jsonl_ ? 2 : 1));
  append(0, header, "");
}

void SweepFiles::append(Count points, std::string_view csv, std::string_view jsonl) {
  csv_.append(csv);
  if (with_jsonl_) jsonl_.append(jsonl);
  progress_ = {.points = points, .csv_bytes = csv_.size(), .jsonl_bytes = jsonl_.size()};
  journal_.append(journal_line(progress_, hash_of(with_jsonl_ ? jsonl : "", hash_of(csv))));
}

void SweepFiles::finish() {
  csv_.flush_to_disk();
  if (with_jsonl_) jsonl_.flush_to_disk();
  journal_.flush_to_disk();
}

void SweepFiles::read_rows(const std::function<void(std::string_view line)>& use) const {
  std::ifstream in(csv_.path(), std::ios::binary);
  in.seekg(header_bytes_);
  std::string rest;
  std::vector<char> block(kBlock);
  for (Count left = rows_before_; left > 0;) {
    in.read(block.data(), std::min<Count>(left, static_cast<Count>(block.size())));
    if (in.gcount() <= 0) throw_not_opened(csv_.path(), EIO);
    left -= in.gcount();
    rest.append(block.data(), static_cast<std::size_t>(in.gcount()));
    std::size_t begin = 0;
    for (std::size_t end = rest.find('\n'); end != std::string::npos; end = rest.find('\n', begin)) {
      use(std::string_view(rest).substr(begin, end - begin));
      begin = end + 1;
    }
    rest.erase(0, begin);
  }
}

}  // namespace moeplan
