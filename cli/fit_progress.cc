// SPDX-License-Identifier: Apache-2.0
#include "cli/fit_progress.h"

#include <fmt/format.h>

#include "sim/base/text.h"

namespace moeplan {

void FitProgress::operator()(std::size_t done, std::size_t all) {
  const std::size_t tenth = 10 * done / all;
  if (tenth == last_) return;
  last_ = tenth;
  session_->say(fmt::format("{}: {} of {} fits", file_, done, all));
}

void keep_gpu(OperatorTable& table, const std::string& gpu) {
  const std::string wanted = lower_case(gpu);
  std::erase_if(table.rows, [&](const OperatorRow& row) {
    return lower_case(table.groups[static_cast<std::size_t>(row.group)].gpu) != wanted;
  });
}

}  // namespace moeplan
