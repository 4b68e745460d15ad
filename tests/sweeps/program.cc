// SPDX-License-Identifier: Apache-2.0
#include "tests/sweeps/program.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

extern char** environ;

namespace moeplan::testing {
namespace {

namespace fs = std::filesystem;

// In memory where that is possible: what is tested is moeplan, not a disk.
std::string parent_of_scratch() { return ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : fs::temp_directory_path(); }

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> all;
  for (std::string& word : words) all.push_back(word.data());
  all.push_back(nullptr);
  return all;
}

}  // namespace

Scratch::Scratch() {
  path_ = parent_of_scratch() + "/moeplan-sweeps-XXXXXX";
  if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("no folder for the test");
}

Scratch::~Scratch() {
  std::error_code error;
  fs::remove_all(path_, error);
}

Program::Program(const std::string& folder, const std::vector<std::string>& words, const StartOptions& options) {
  static std::atomic<int> number = 0;
  const std::string name = folder + "/.run" + std::to_string(number++);
  out_path_ = name + ".out";
  err_path_ = name + ".err";
  std::vector<std::string> arguments = std::vector<std::string>{options.binary} + words;
  std::vector<std::string> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) environment.emplace_back(*variable);
  environment = environment + options.environment;
  const std::vector<char*> argv = pointers(arguments);
  const std::vector<char*> envp = pointers(environment);
  const int out = ::open(out_path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  const int err = ::open(err_path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  child_ = ::fork();
  if (child_ == 0) {
    const auto limit = static_cast<rlim_t>(options.most_file_bytes);
    const rlimit size{limit, limit};
    bool good = ::dup2(out, STDOUT_FILENO) >= 0 && ::dup2(err, STDERR_FILENO) >= 0 && ::chdir(folder.c_str()) == 0;
    if (options.most_file_bytes >= 0) good = good && ::setrlimit(RLIMIT_FSIZE, &size) == 0;
    if (options.user != 0) good = good && ::setgid(options.user) == 0 && ::setuid(options.user) == 0;
    if (good) ::execve(argv.front(), argv.data(), envp.data());
    ::_exit(127);
  }
  ::close(out);
  ::close(err);
  if (child_ < 0) throw std::runtime_error("cannot start moeplan");
}

Program::~Program() {
  if (ended_) return;
  ::kill(child_, SIGKILL);
  reap(0);
}

void Program::send(int signal) const {
  if (!ended_) ::kill(child_, signal);
}

bool Program::is_running() {
  reap(WNOHANG);
  return !ended_;
}

void Program::reap(int options) {
  if (ended_) return;
  int status = 0;
  rusage usage{};
  pid_t found = -1;
  do found = ::wait4(child_, &status, options, &usage);
  while (found < 0 && errno == EINTR);
  if (found != child_) return;
  ended_ = true;
  result_.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  result_.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  result_.peak_mib = static_cast<double>(usage.ru_maxrss) / 1024.0;
}

bool Program::wait_until_stopped() {
  siginfo_t info{};
  // WNOWAIT leaves an end to be reaped.
  if (::waitid(P_PID, static_cast<id_t>(child_), &info, WSTOPPED | WEXITED | WNOWAIT) != 0) return false;
  return info.si_code == CLD_STOPPED;
}

Ended Program::wait() {
  reap(0);
  result_.out = file_text(out_path_);
  result_.err = file_text(err_path_);
  return result_;
}

Ended run(const std::string& folder, const std::vector<std::string>& words, const StartOptions& options) {
  return Program(folder, words, options).wait();
}

std::vector<std::string> operator+(std::vector<std::string> words, const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::string file_text(const std::string& path) {
  std::string text(static_cast<std::size_t>(std::max(0L, file_bytes(path))), '\0');
  std::ifstream in(path, std::ios::binary);
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

long file_bytes(const std::string& path) {
  std::error_code error;
  const std::uintmax_t size = fs::file_size(path, error);
  return error ? -1 : static_cast<long>(size);
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error))
    names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

void sleep_s(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

std::string difference(const std::string& folder, const std::string& expected) {
  std::string differ;
  for (const char* name : {"results.csv", "results.jsonl", "manifest.json", "study.json"}) {
    const std::string a = folder + "/" + name;
    const std::string b = expected + "/" + name;
    if (file_bytes(a) != file_bytes(b) || file_text(a) != file_text(b)) differ += std::string(name) + " ";
  }
  return differ;
}

}  // namespace moeplan::testing
