// SPDX-License-Identifier: Apache-2.0
// What the commands that read measurements share: rows of other devices are set aside,
// long fits say how far they are.
#pragma once

#include <optional>
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

// The rows of a file, of one device where asked. Throws InputError where none is left.
OperatorTable read_measurements(const Catalog& catalog, const std::string& file, const std::optional<std::string>& gpu);

}  // namespace moeplan
