// SPDX-License-Identifier: Apache-2.0
// The answer of `sweep`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "reports/document.h"
#include "sim/study/sweep_run.h"
#include "sim/study/sweep_table.h"

namespace moeplan {

struct SweepReport {
  SweepStudy study;
  const SweepGrid* grid = nullptr;
  std::vector<const SweepMetric*> metrics;
  std::vector<const SweepMetric*> front;
  SweepResult result;
  std::optional<SimulateQuestion> first;  // point of all that is one
  SweepTable rows;                        // kept ones
  SweepTable front_rows;
  std::vector<SweepTable> best_rows;  // of each front metric
  std::vector<std::string> files;     // that were written, with their directory
  std::vector<std::string> warnings;
};

// The table of its counts alone: what --dry-run answers.
Document describe_plan(const SweepReport& report, Count allowed);
std::string json_of_plan(const SweepReport& report, Count allowed);
Document describe_sweep(const SweepReport& report);
// The same with charts, and every kept row.
Document page_of_sweep(const SweepReport& report);
// Every kept row: for spreadsheets.
Document tabulate_sweep(const SweepReport& report);
std::string json_of_sweep(const SweepReport& report);
// Of a directory of results: what they are of, sizes and counts.
std::string manifest_of_sweep(const SweepReport& report, const std::string& fingerprint);

}  // namespace moeplan
