// SPDX-License-Identifier: Apache-2.0
// A CSV file with a header row (RFC 4180: quotes, doubled quotes), kept as text so that
// rows can be written again as they were.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/error.h"

namespace moeplan {

class CsvTable {
 public:
  // Throws InputError(InvalidInput): empty, no header, unclosed quotes, a row with another
  // number of fields than the header (all of them, up to ten).
  CsvTable(std::string text, std::string file);

  const std::string& file() const { return file_; }
  const std::vector<std::string>& columns() const { return columns_; }
  std::size_t rows() const { return rows_.size(); }
  // Column index, or -1.
  int column(std::string_view name) const;
  const std::string& cell(std::size_t row, std::size_t column) const { return rows_[row].cells[column]; }
  int line(std::size_t row) const { return rows_[row].line; }  // 1-based, where it starts
  std::string_view raw(std::size_t row) const;                 // without the line end
  std::string_view raw_header() const;

 private:
  struct Row {
    std::vector<std::string> cells;
    int line = 0;
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  Row read_row(std::size_t& at, int& line);
  std::string text_;
  std::string file_;
  std::vector<std::string> columns_;
  Row header_;
  std::vector<Row> rows_;
};

// One row with its cells by name. Wrong cells are collected, not thrown.
class CsvRow {
 public:
  CsvRow(const CsvTable& table, std::size_t row, std::vector<Problem>& problems)
      : table_(&table), row_(row), problems_(&problems) {}
  const std::string& text(std::string_view column) const;
  // A number from least up; 0 for an empty cell where `empty_is_zero`.
  double number(std::string_view column, double least = 0, bool empty_is_zero = false) const;
  bool has(std::string_view column) const { return table_->column(column) >= 0; }
  void complain(std::string_view column, std::string expected) const;

 private:
  const CsvTable* table_;
  std::size_t row_;
  std::vector<Problem>* problems_;
};

}  // namespace moeplan
