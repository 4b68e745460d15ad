// SPDX-License-Identifier: Apache-2.0
// Long fits say how far they are; rows of other devices are set aside.
#pragma once

#include <string>

#include "cli/session.h"
#include "validate/operator_rows.h"

namespace moeplan {

// A line on stderr for each tenth.
class FitProgress {
 public:
  FitProgress(const Session& session, std::string file) : session_(&session), file_(std::move(file)) {}
  void operator()(std::size_t done, std::size_t all);

 private:
  const Session* session_;
  std::string file_;
  std::size_t last_ = 0;
};

void keep_gpu(OperatorTable& table, const std::string& gpu);

}  // namespace moeplan
