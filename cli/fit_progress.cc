// SPDX-License-Identifier: Apache-2.0
#include "cli/fit_progress.h"

#include <fmt/format.h>

#include "sim/base/error.h"
#include "sim/base/text.h"
#include "validate/leave_out.h"
#include "validate/power_rows.h"

namespace moeplan {

void FitProgress::operator()(std::size_t done, std::size_t all) {
  const std::size_t tenth = 10 * done / all;
  if (tenth == last_) return;
  last_ = tenth;
  session_->say(fmt::format("{}: {} of {} fits", file_, done, all));
}

OperatorTable read_measurements(const Catalog& catalog, const std::string& file,
                                const std::optional<std::string>& gpu) {
  OperatorTable table = read_operator_rows(file);
  std::string devices;
  for (const OperatorGroup& group : table.groups)
    if (devices.find(group.gpu) == std::string::npos) devices += (devices.empty() ? "" : ", ") + group.gpu;
  if (gpu) {
    const std::string wanted = lower_case(*gpu);
    std::erase_if(table.rows, [&](const OperatorRow& row) {
      return lower_case(table.groups[static_cast<std::size_t>(row.group)].gpu) != wanted;
    });
  }
  if (table.kind == "power") mark_unsettled_rows(table, machines_of(catalog, table));
  if (!table.rows.empty()) return table;
  Problem problem;
  problem.file = file;
  problem.found = gpu ? "no row of " + *gpu : "no row below the header";
  problem.expected = gpu && !devices.empty() ? "one of its devices: " + devices : "measurements";
  throw InputError(ErrorKind::InvalidInput, problem);
}

}  // namespace moeplan
