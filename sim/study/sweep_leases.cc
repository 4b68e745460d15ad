// SPDX-License-Identifier: Apache-2.0
#include "sim/study/sweep_leases.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <vector>

#include "sim/base/error.h"
#include "sim/study/sweep_files.h"

namespace moeplan {
namespace {

constexpr std::string_view kPlan = "plan";
constexpr double kPulsesPerLease = 4;

std::string host_and_process() {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return fmt::format("{}.{}", host.data(), ::getpid());
}

double modified_at(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return -1;
  return static_cast<double>(status.st_mtim.tv_sec) + 1e-9 * static_cast<double>(status.st_mtim.tv_nsec);
}

void touch(const std::string& path) { ::utimensat(AT_FDCWD, path.c_str(), nullptr, 0); }

// All workers do the same sweep in the same chunks.
void agree_on_plan(const std::string& path, const std::string& plan) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) write_whole_file(path, plan);
  std::ifstream in(path, std::ios::binary);
  const std::string found((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (found == plan) return;
  Problem problem;
  problem.file = path;
  problem.found = "the plan of another sweep: its study, its inputs, its options or the program differ";
  problem.expected = "the same ones for every worker";
  problem.hint = "begin anew in another directory";
  throw InputError(ErrorKind::Usage, problem);
}

}  // namespace

SweepLeases::SweepLeases(const std::string& directory, const std::string& fingerprint, Count chunks, double lease_s,
                         bool with_jsonl)
    : directory_(directory),
      owner_(host_and_process()),
      chunks_(chunks),
      lease_s_(lease_s),
      with_jsonl_(with_jsonl),
      seen_finished_(static_cast<std::size_t>(chunks)) {
  for (const char* folder : {"", "/chunks", "/leases"}) make_directory(directory + folder, "--out");
  agree_on_plan(directory_ + "/" + std::string(kPlan), fmt::format("moeplan sweep chunks 1\n{}\n{} chunks\n{} files\n",
                                                                   fingerprint, chunks, with_jsonl ? 2 : 1));
  pulse_ = std::thread([this] { keep_alive(); });
}

SweepLeases::~SweepLeases() {
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
  }
  ended_.notify_all();
  pulse_.join();
  give_back();
  ::unlink((directory_ + "/leases/clock." + owner_).c_str());
}

std::string SweepLeases::chunk_path(const std::string& directory, Count chunk, std::string_view ending) {
  return fmt::format("{}/chunks/{:06}.{}", directory, chunk, ending);
}

std::string SweepLeases::lease_path(Count chunk) const { return fmt::format("{}/leases/{:06}", directory_, chunk); }

bool SweepLeases::is_finished(Count chunk) const {
  const auto index = static_cast<std::size_t>(chunk);
  if (seen_finished_[index]) return true;
  // The CSV is written last.
  seen_finished_[index] = ::access(chunk_path(directory_, chunk, "csv").c_str(), F_OK) == 0;
  return seen_finished_[index];
}

Count SweepLeases::finished() const {
  Count count = 0;
  for (Count chunk = 0; chunk < chunks_; ++chunk) count += is_finished(chunk) ? 1 : 0;
  return count;
}

// Of the file system: the time it gives to a file that is touched now.
double SweepLeases::now() {
  const std::string path = directory_ + "/leases/clock." + owner_;
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor >= 0) ::close(descriptor);
  touch(path);
  return modified_at(path);
}

bool SweepLeases::is_dead(const std::string& path) {
  const double at = modified_at(path);
  return at >= 0 && now() - at > lease_s_;
}

bool SweepLeases::take(Count chunk) {
  const std::string path = lease_path(chunk);
  if (::access(path.c_str(), F_OK) == 0) {
    if (!is_dead(path)) return false;
    const std::string away = fmt::format("{}.dead.{}", path, owner_);
    if (::rename(path.c_str(), away.c_str()) != 0) return false;  // another one was faster
    ::unlink(away.c_str());
  }
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor < 0 && errno == EEXIST) return false;
  // Waiting would not help.
  if (descriptor < 0) throw_not_written(path, errno);
  const std::string owner = owner_ + "\n";
  const ssize_t written = ::write(descriptor, owner.data(), owner.size());
  const int error = errno;
  ::close(descriptor);
  if (written == static_cast<ssize_t>(owner.size())) return true;
  ::unlink(path.c_str());
  throw_not_written(path, written < 0 ? error : ENOSPC);
}

Count SweepLeases::claim(const SweepShard& shard) {
  const Count first = chunks_ * shard.index / shard.count;
  for (Count i = 0; i < chunks_; ++i) {
    const Count chunk = (first + i) % chunks_;
    if (is_finished(chunk) || !take(chunk)) continue;
    // Finished between the two looks: its lease was given back and taken again.
    if (is_finished(chunk)) {
      ::unlink(lease_path(chunk).c_str());
      continue;
    }
    const std::scoped_lock lock(mutex_);
    held_ = chunk;
    return chunk;
  }
  return -1;
}

void SweepLeases::finish(Count chunk, std::string_view csv, std::string_view jsonl) {
  if (with_jsonl_) write_whole_file(chunk_path(directory_, chunk, "jsonl"), jsonl);
  write_whole_file(chunk_path(directory_, chunk, "csv"), csv);
  give_back();
}

void SweepLeases::give_back() {
  const std::scoped_lock lock(mutex_);
  if (held_ >= 0) ::unlink(lease_path(held_).c_str());
  held_ = -1;
}

void SweepLeases::keep_alive() {
  std::unique_lock lock(mutex_);
  while (!ended_.wait_for(lock, std::chrono::duration<double>(lease_s_ / kPulsesPerLease), [this] { return ending_; }))
    if (held_ >= 0) touch(lease_path(held_));
}

}  // namespace moeplan
