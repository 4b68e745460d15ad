// SPDX-License-Identifier: Apache-2.0
// Files of operator measurements (CLI.md section 7): CSV whose columns tell which
// operator it is. Every row becomes the very point that prices are computed from.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/cost/family.h"
#include "sim/spec/overlay.h"
#include "validate/csv_table.h"

namespace moeplan {

struct OperatorGroup {
  std::string gpu;  // as the file names it
  KernelKey key;
  friend auto operator<=>(const OperatorGroup&, const OperatorGroup&) = default;
};

struct OperatorRow {
  std::size_t row = 0;  // of the file
  Family family = Family::Gemm;
  std::int32_t group = 0;     // OperatorTable::groups
  std::int32_t shape = 0;     // OperatorTable::shapes
  std::int32_t seen_as = 0;   // OperatorTable::seen
  std::int32_t regime = 0;    // of the family
  const char* bad = nullptr;  // why it is neither fitted nor scored; nullptr = sound
  double measured = 0;        // seconds, of power watts (FamilyFacts::measure)
  double size = 0;            // the running size of curves: tokens, bytes
  OperatorPoint point;
};

struct OperatorTable {
  std::string kind;  // "gemm", "moe", ...
  CsvTable csv;
  std::vector<OperatorGroup> groups;  // sorted
  // What is left out together: the sizes that make a model's shape, as "n=4096 k=7168".
  std::vector<std::string> shapes;
  // What a fit has seen once it was fitted to a row: the shape, of messages the ranks too.
  std::vector<std::string> seen;
  std::vector<OperatorRow> rows;
  std::string by;  // the column whose values are left out instead of shapes; "" = shapes
};

// From now on all rows of one value of `column` are left out together: `shapes` are its values,
// as "ep_size=8". Throws InputError(Usage) where the file has no such column or one value alone.
void leave_out_by(OperatorTable& table, std::string_view column);

// Throws InputError(InvalidInput): columns of no operator (names those that are missing
// for the nearest), cells that are no numbers, unknown formats (the first ten each).
OperatorTable read_operator_rows(const std::string& path);
OperatorTable read_operator_rows(std::string text, const std::string& file);

// The column sets that are recognised, for help and errors.
struct OperatorColumns {
  std::string_view kind;
  std::vector<std::string_view> columns;
};
std::vector<OperatorColumns> operator_columns();

}  // namespace moeplan
