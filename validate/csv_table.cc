// SPDX-License-Identifier: Apache-2.0
#include "validate/csv_table.h"

#include <charconv>

#include "sim/base/text.h"

namespace moeplan {
namespace {

constexpr std::size_t kMostProblems = 10;

}  // namespace

CsvTable::CsvTable(std::string text, std::string file) : text_(std::move(text)), file_(std::move(file)) {
  std::vector<Problem> problems;
  std::size_t at = text_.rfind("\xEF\xBB\xBF", 0) == 0 ? 3 : 0;
  int line = 1;
  header_ = read_row(at, line);
  columns_ = header_.cells;
  if (columns_.size() == 1 && columns_[0].empty())
    throw InputError(ErrorKind::InvalidInput, Problem{.file = file_,
                                                      .line = 1,
                                                      .path = {},
                                                      .found = "no header",
                                                      .expected = "a row of column names",
                                                      .hint = {}});
  while (at < text_.size()) {
    Row row = read_row(at, line);
    if (row.cells.size() == 1 && row.cells[0].empty()) continue;  // a blank line
    if (row.cells.size() != columns_.size() && problems.size() < kMostProblems)
      problems.push_back(Problem{.file = file_,
                                 .line = row.line,
                                 .path = {},
                                 .found = std::to_string(row.cells.size()) + " fields",
                                 .expected = std::to_string(columns_.size()) + ", as the header has",
                                 .hint = {}});
    rows_.push_back(std::move(row));
  }
  if (!problems.empty()) throw InputError(ErrorKind::InvalidInput, std::move(problems));
}

CsvTable::Row CsvTable::read_row(std::size_t& at, int& line) {
  Row row;
  row.line = line;
  row.begin = at;
  std::string cell;
  bool quoted = false;
  for (;; ++at) {
    if (at >= text_.size()) {
      if (quoted)
        throw InputError(ErrorKind::InvalidInput, Problem{.file = file_,
                                                          .line = row.line,
                                                          .path = {},
                                                          .found = "quotes that never close",
                                                          .expected = "a closing quote",
                                                          .hint = {}});
      row.end = at;
      break;
    }
    const char c = text_[at];
    if (c == '\n') ++line;
    if (quoted) {
      if (c == '"' && at + 1 < text_.size() && text_[at + 1] == '"') {
        cell += '"';
        ++at;
      } else if (c == '"') {
        quoted = false;
      } else {
        cell += c;
      }
    } else if (c == '"' && cell.empty()) {
      quoted = true;
    } else if (c == ',') {
      row.cells.push_back(std::move(cell));
      cell.clear();
    } else if (c == '\n') {
      row.end = at;
      ++at;
      break;
    } else if (c != '\r') {
      cell += c;
    }
  }
  if (row.end > row.begin && text_[row.end - 1] == '\r') --row.end;
  row.cells.push_back(std::move(cell));
  return row;
}

int CsvTable::column(std::string_view name) const {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i] == name) return static_cast<int>(i);
  }
  return -1;
}

std::string_view CsvTable::raw(std::size_t row) const {
  return std::string_view(text_).substr(rows_[row].begin, rows_[row].end - rows_[row].begin);
}

std::string_view CsvTable::raw_header() const {
  return std::string_view(text_).substr(header_.begin, header_.end - header_.begin);
}

const std::string& CsvRow::text(std::string_view column) const {
  const int index = table_->column(column);
  CHECK(index >= 0);
  return table_->cell(row_, static_cast<std::size_t>(index));
}

double CsvRow::number(std::string_view column, double least, bool empty_is_zero) const {
  const std::string& cell = text(column);
  if (cell.empty() && empty_is_zero) return 0;
  double value = 0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  const bool whole = error == std::errc{} && end == cell.data() + cell.size();
  if (whole && value >= least && value <= 1e18) return value;
  complain(column, least > 0 ? "a positive number" : "a number from 0");
  return least;
}

void CsvRow::complain(std::string_view column, std::string expected) const {
  if (problems_->size() >= kMostProblems) return;
  problems_->push_back(Problem{.file = table_->file(),
                               .line = table_->line(row_),
                               .path = std::string(column),
                               .found = in_quotes(text(column)),
                               .expected = std::move(expected),
                               .hint = {}});
}

}  // namespace moeplan
