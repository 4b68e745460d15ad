// SPDX-License-Identifier: Apache-2.0
// The built moeplan as a process that can be stopped, killed, starved of disk and started anew.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace moeplan::testing {

// A folder of its own for one test, gone with all in it when the test ends.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

struct StartOptions {
  std::string binary = MOEPLAN_BINARY;
  std::vector<std::string> environment = {};  // NAME=VALUE, beside what there is
  long most_file_bytes = -1;                  // RLIMIT_FSIZE
  uid_t user = 0;                             // 0 = as this process
};

struct Ended {
  int status = -1;  // of exit; -1 = by a signal
  int signal = 0;
  std::string out;
  std::string err;
  double peak_mib = 0;
};

// A moeplan at work. Its output goes to files of the folder it runs in.
class Program {
 public:
  Program(const std::string& folder, const std::vector<std::string>& words, const StartOptions& options = {});
  ~Program();  // kills what still runs
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  pid_t id() const { return child_; }
  bool is_running();
  void send(int signal) const;
  // True as soon as it is seen to be stopped by SIGSTOP.
  bool wait_until_stopped();
  Ended wait();

 private:
  void reap(int options);
  std::string out_path_;
  std::string err_path_;
  pid_t child_ = -1;
  bool ended_ = false;
  Ended result_;
};

Ended run(const std::string& folder, const std::vector<std::string>& words, const StartOptions& options = {});

std::vector<std::string> operator+(std::vector<std::string> words, const std::vector<std::string>& more);

std::string file_text(const std::string& path);  // "" = none
long file_bytes(const std::string& path);        // -1 = none
std::vector<std::string> names_in(const std::string& folder);
void sleep_s(double seconds);

// "" when the files that a sweep leaves are the same in both folders, else which differ.
std::string difference(const std::string& folder, const std::string& expected);

}  // namespace moeplan::testing
