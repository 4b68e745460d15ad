// SPDX-License-Identifier: Apache-2.0
// Rows of a sweep as tables for people: each column in one unit.
#pragma once

#include <string>

#include "reports/document.h"
#include "sim/study/sweep_metric.h"
#include "sim/study/sweep_table.h"

namespace moeplan {

// "1,234,567"
std::string with_commas(Count count);
// Three digits at least, no exponent: "12.3", "1,234".
std::string digits_text(double value);

// How the numbers of a column are written.
struct ColumnScale {
  std::string unit{};  // "ms"; "" = none
  double factor = 1;   // shown = raw x factor
  bool bytes = false;  // in the unit of the report
};
// unit: of its metric; largest: of its numbers.
ColumnScale scale_of(MetricUnit unit, double largest);

// The first n rows.
SweepTable first_rows(const SweepTable& table, std::size_t n);

// At most `most` rows, evenly spread. Columns in which every row says the same stay out.
Table table_of_rows(const SweepTable& table, std::size_t most);

}  // namespace moeplan
