// SPDX-License-Identifier: Apache-2.0
#include "reports/sweep_columns.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace moeplan {
namespace {

double largest_of(const SweepColumn& column) {
  double largest = 0;
  for (const double number : column.numbers)
    if (!std::isnan(number)) largest = std::max(largest, std::fabs(number));
  return largest;
}

Phrase cell_of(const SweepColumn& column, std::size_t row, const ColumnScale& scale) {
  const double number = column.numbers[row];
  if (std::isnan(number)) return {};
  if (column.is_text) return {column.words[static_cast<std::size_t>(number)]};
  if (scale.bytes) return {Bytes(static_cast<Count>(number))};
  if (column.is_axis) return {cell_text(column, row)};
  return {digits_text(number * scale.factor)};
}

bool says_one_thing(const SweepColumn& column) {
  return column.numbers.size() > 1 && std::all_of(column.numbers.begin(), column.numbers.end(), [&](double number) {
           return number == column.numbers.front() || (std::isnan(number) && std::isnan(column.numbers.front()));
         });
}

}  // namespace

std::string with_commas(Count count) {
  std::string text = std::to_string(count);
  for (std::size_t at = text.size(); at > (count < 0 ? 4U : 3U);) text.insert(at -= 3, ",");
  return text;
}

std::string digits_text(double value) {
  const double size = std::fabs(value);
  if (size >= 1000) return with_commas(static_cast<Count>(std::llround(value)));
  return size >= 100  ? fmt::format("{:.0f}", value)
         : size >= 10 ? fmt::format("{:.1f}", value)
                      : fmt::format("{:.3g}", value);
}

ColumnScale scale_of(MetricUnit unit, double largest) {
  constexpr double kMillisecond = 1e-3;
  constexpr double kTenSeconds = 10;
  constexpr double kTera = 1e12;
  switch (unit) {
    case MetricUnit::Second:
      if (largest >= kTenSeconds) return {.unit = "s"};
      return largest < kMillisecond ? ColumnScale{.unit = "us", .factor = 1e6}
                                    : ColumnScale{.unit = "ms", .factor = 1e3};
    case MetricUnit::Byte: return {.bytes = true};
    case MetricUnit::Share: return {.unit = "%", .factor = 100};
    case MetricUnit::Parameter: return {.unit = "B", .factor = 1e-9};
    case MetricUnit::Flop:
      return largest >= kTera ? ColumnScale{.unit = "T", .factor = 1e-12} : ColumnScale{.unit = "G", .factor = 1e-9};
    case MetricUnit::Rate:
    case MetricUnit::Joule:
    case MetricUnit::Dollar:
    case MetricUnit::Number: break;
  }
  return {};
}

SweepTable first_rows(const SweepTable& table, std::size_t n) {
  SweepTable first = table;
  n = std::min(n, table.rows());
  for (SweepColumn& column : first.columns) column.numbers.resize(n);
  first.status.resize(n);
  first.reason.resize(n);
  return first;
}

Table table_of_rows(const SweepTable& rows, std::size_t most) {
  struct Shown {
    const SweepColumn* column;
    ColumnScale scale;
  };
  Table table;
  std::vector<Shown> shown;
  for (const SweepColumn& column : rows.columns) {
    if (says_one_thing(column) && !column.is_axis) continue;
    const SweepMetric* metric = column.is_axis ? nullptr : find_metric(column.name);
    const ColumnScale scale = metric == nullptr ? ColumnScale{} : scale_of(metric->unit, largest_of(column));
    const std::string title(metric == nullptr ? column.name : metric->title);
    table.columns.push_back({.key = column.name,
                             .title = scale.unit.empty() ? title : fmt::format("{} {}", title, scale.unit),
                             .is_text = column.is_text,
                             .priority = metric == nullptr ? 0 : static_cast<int>(shown.size())});
    shown.push_back({&column, scale});
  }
  const std::size_t count = std::min(most, rows.rows());
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t r = count < 2 ? i : i * (rows.rows() - 1) / (count - 1);
    Row row;
    for (const Shown& s : shown) row.cells.push_back(cell_of(*s.column, r, s.scale));
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace moeplan
