// SPDX-License-Identifier: Apache-2.0
// How far a long command is, on stderr: a bar where that is a terminal, else a line for each
// tenth; points a second and the time that is left.
#pragma once

#include <chrono>
#include <string>

#include "sim/base/units.h"

namespace moeplan {

class ProgressBar {
 public:
  // quiet: says nothing. done: points that are done before this begins.
  ProgressBar(bool quiet, Count all, Count done = 0);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  void at(Count done);

 private:
  std::string line(Count done) const;
  void clear();
  bool quiet_;
  bool terminal_;
  Count all_;
  Count before_;
  Count tenth_ = 0;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point begin_;
  std::chrono::steady_clock::time_point drawn_at_;
};

}  // namespace moeplan
