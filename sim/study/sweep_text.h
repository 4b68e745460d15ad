// SPDX-License-Identifier: Apache-2.0
// Rows of a sweep as text: a line of CSV (RFC 4180) or of JSON for each point, numbers in
// their shortest exact form; and CSV lines read back.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/study/sweep_points.h"

namespace moeplan {

class SweepText {
 public:
  // The grid must outlive it. Metrics that an axis already shows are left out.
  SweepText(const SweepGrid& grid, const std::vector<const SweepMetric*>& metrics);

  std::string header() const;  // of the CSV, with its newline
  void append_csv(const SweepRows& rows, std::string& out) const;
  void append_jsonl(const SweepRows& rows, std::string& out) const;

  // The same columns, for analysis and tables.
  SweepTable table(const SweepRows& rows) const;

  // A line without its newline: status, reason, layout and values of the row of `point` are
  // added to `rows`. False: this is no line of this sweep's, or not that of this point.
  bool read_csv(std::string_view line, Count point, SweepRows& rows) const;

 private:
  struct Axis {
    SweepGrid::Column column;
    std::vector<std::string> csv;   // "h200," by digit
    std::vector<std::string> json;  // "\"hardware\":\"h200\"," by digit
  };
  const SweepGrid* grid_;
  std::vector<Axis> axes_;
  bool shows_layout_ = true;
  struct Shown {
    std::string name;
    std::string json;       // "\"tpot_s\":"
    std::size_t value = 0;  // index into the values of a row
  };
  std::vector<Shown> shown_;
  std::size_t values_ = 0;  // of a row
};

// One of several lines of text; the cell in quotes where it has to be.
std::string csv_cell(std::string_view text);
std::string json_text(std::string_view text);

}  // namespace moeplan
