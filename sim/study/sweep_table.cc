// SPDX-License-Identifier: Apache-2.0
#include "sim/study/sweep_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/base/error.h"

namespace moeplan {

std::string_view word_of(PointStatus status) {
  switch (status) {
    case PointStatus::Ok: return "ok";
    case PointStatus::NoFit: return "no_fit";
    case PointStatus::Invalid: return "invalid";
    case PointStatus::Error: return "error";
  }
  return "error";
}

const SweepColumn* SweepTable::find(std::string_view name) const {
  const auto found = std::find_if(columns.begin(), columns.end(), [&](const SweepColumn& c) { return c.name == name; });
  return found == columns.end() ? nullptr : &*found;
}

std::vector<std::size_t> SweepTable::axes() const {
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < columns.size(); ++i)
    if (columns[i].is_axis) places.push_back(i);
  return places;
}

std::string cell_text(const SweepColumn& column, std::size_t row) {
  const double number = column.numbers[row];
  if (std::isnan(number)) return "";
  if (column.is_text) return column.words[static_cast<std::size_t>(number)];
  return fmt::format("{}", number);
}

SweepTableBuilder::SweepTableBuilder(std::vector<SweepColumn> columns) {
  table_.columns = std::move(columns);
  for (const SweepColumn& column : table_.columns) CHECK(column.numbers.empty() && column.words.empty());
  cells_.assign(table_.columns.size(), kNoNumber);
  places_.resize(table_.columns.size());
  reason_places_.emplace("", 0);
}

void SweepTableBuilder::reserve(std::size_t rows) {
  for (SweepColumn& column : table_.columns) column.numbers.reserve(rows);
  table_.status.reserve(rows);
  table_.reason.reserve(rows);
}

std::size_t SweepTableBuilder::place_of(std::string_view word, std::vector<std::string>& words, Places& places) {
  if (const auto known = places.find(word); known != places.end()) return known->second;
  words.emplace_back(word);
  places.emplace(word, words.size() - 1);
  return words.size() - 1;
}

void SweepTableBuilder::set(std::size_t column, std::string_view word) {
  SweepColumn& c = table_.columns[column];
  CHECK(c.is_text);
  cells_[column] = static_cast<double>(place_of(word, c.words, places_[column]));
}

void SweepTableBuilder::finish_row(PointStatus status, std::string_view reason) {
  for (std::size_t i = 0; i < cells_.size(); ++i) table_.columns[i].numbers.push_back(cells_[i]);
  std::fill(cells_.begin(), cells_.end(), kNoNumber);
  table_.status.push_back(status);
  table_.reason.push_back(static_cast<std::uint32_t>(place_of(reason, table_.reasons, reason_places_)));
}

SweepTable SweepTableBuilder::take() {
  std::vector<SweepColumn> empty = table_.columns;
  for (SweepColumn& column : empty) {
    column.numbers.clear();
    column.words.clear();
  }
  SweepTable full = std::move(table_);
  *this = SweepTableBuilder(std::move(empty));
  return full;
}

}  // namespace moeplan
