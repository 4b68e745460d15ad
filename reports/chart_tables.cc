// SPDX-License-Identifier: Apache-2.0
#include "reports/chart_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "reports/numbers.h"
#include "sim/study/explain.h"

namespace moeplan {
namespace {

bool is_bars(const Chart& chart) { return chart.kind == ChartKind::Bar || chart.kind == ChartKind::StackedBar; }

std::string key_of(const std::string& title) {
  std::string key;
  for (const char c : title) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (word)
      key += c;
    else if (!key.empty() && key.back() != '_')
      key += '_';
  }
  return key.empty() ? "value" : key;
}

// "31..39" beside a value.
Phrase band(double low, double high, const ShownUnit& unit) {
  if (std::isnan(low) || std::isnan(high)) return {};
  if (unit.bytes) return {BytesRange{Bytes(std::llround(low)), Bytes(std::llround(high))}};
  return {figure_text(low * unit.scale) + ".." + figure_text(high * unit.scale)};
}

bool has_bands(const Chart& chart) {
  for (const Series& series : chart.series)
    for (const ChartPoint& point : series.points)
      if (!std::isnan(point.low)) return true;
  return false;
}

Table table_of_bars(const Chart& chart, std::size_t most_rows) {
  Table table;
  table.columns.push_back({key_of(chart.x.title), chart.x.title, true, 0});
  for (const Series& series : chart.series)
    table.columns.push_back({key_of(series.name), with_unit(series.name, chart.y.unit), false, 0});
  for (const ReferenceLine& line : chart.references)
    if (table.columns.empty() || table.columns.back().key != key_of(line.name))
      table.columns.push_back({key_of(line.name), with_unit(line.name, chart.y.unit), false, 0});
  const std::size_t plain = 1 + chart.series.size();
  for (std::size_t c = 0; c < std::min(chart.categories.size(), most_rows); ++c) {
    Row row{{{chart.categories[c]}}, Tone::Plain};
    for (const Series& series : chart.series)
      row.cells.push_back(c < series.points.size() ? figure(series.points[c].y, chart.y.unit) : Phrase{});
    row.cells.resize(table.columns.size());
    for (const ReferenceLine& line : chart.references)
      for (std::size_t column = plain; column < table.columns.size(); ++column)
        if (table.columns[column].key == key_of(line.name) && line.category.value_or(c) == c)
          row.cells[column] = figure(line.value, chart.y.unit);
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table table_of_points(const Chart& chart, std::size_t most_rows) {
  const bool named = std::any_of(chart.series.begin(), chart.series.end(), [](const Series& s) {
    return std::any_of(s.points.begin(), s.points.end(), [](const ChartPoint& p) { return !p.label.empty(); });
  });
  const bool banded = has_bands(chart);
  Table table;
  if (chart.series.size() > 1) table.columns.push_back({"series", "series", true, 0});
  table.columns.push_back({key_of(chart.x.title), with_unit(chart.x.title, chart.x.unit), false, 0});
  table.columns.push_back({key_of(chart.y.title), with_unit(chart.y.title, chart.y.unit), false, 0});
  if (banded) table.columns.push_back({"band", "band", false, 1});
  if (named) table.columns.push_back({"label", "what", true, 1});
  for (const Series& series : chart.series) {
    if (series.style == SeriesStyle::Guide) continue;
    for (const ChartPoint& point : series.points) {
      if (table.rows.size() == most_rows) return table;
      Row row;
      if (chart.series.size() > 1) row.cells.push_back({series.name});
      row.cells.push_back(figure(point.x, chart.x.unit));
      row.cells.push_back(figure(point.y, chart.y.unit));
      if (banded) row.cells.push_back(band(point.low, point.high, chart.y.unit));
      if (named) row.cells.push_back({point.label});
      table.rows.push_back(std::move(row));
    }
  }
  return table;
}

const DataColumn* find_column(const DataTable& data, const std::string& key) {
  const auto found =
      std::find_if(data.columns.begin(), data.columns.end(), [&key](const DataColumn& c) { return c.key == key; });
  return key.empty() || found == data.columns.end() ? nullptr : &*found;
}

bool is_band_of_another(const DataTable& data, const DataColumn& column) {
  return std::any_of(data.columns.begin(), data.columns.end(), [&column](const DataColumn& other) {
    return !column.key.empty() && (other.low == column.key || other.high == column.key);
  });
}

}  // namespace

std::string figure_text(double value) {
  if (std::isnan(value)) return "";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  const double size = std::fabs(value);
  if (size == 0) return "0";
  if (size >= 1e15 || size < 1e-4) return fmt::format("{:.4g}", value);
  if (size >= 999.95) return grouped(std::llround(value));
  return fmt::format("{:.4g}", value);
}

Phrase figure(double raw, const ShownUnit& unit) {
  if (std::isnan(raw)) return {};
  if (unit.bytes) return {Bytes(std::llround(raw))};
  if (unit.name == "%") return {fmt::format("{:.1f}", raw * unit.scale)};  // as share_text()
  return {figure_text(raw * unit.scale)};
}

std::string with_unit(const std::string& title, const ShownUnit& unit) {
  return unit.name.empty() || unit.bytes ? title : fmt::format("{} ({})", title, unit.name);
}

Table table_of(const Chart& chart, std::size_t most_rows) {
  Table table = is_bars(chart) ? table_of_bars(chart, most_rows) : table_of_points(chart, most_rows);
  table.caption = chart.title;
  return table;
}

Table table_of(const HeatMap& map) {
  Table table;
  table.caption = with_unit(map.title, map.unit);
  table.columns.push_back({key_of(map.row_axis), fmt::format("{} \\ {}", map.row_axis, map.column_axis), true, 0});
  for (const std::string& column : map.columns) table.columns.push_back({key_of(column), column, false, 0});
  for (std::size_t r = 0; r < map.rows.size(); ++r) {
    Row row{{{map.rows[r]}}, Tone::Plain};
    for (std::size_t c = 0; c < map.columns.size(); ++c) {
      const std::size_t i = r * map.columns.size() + c;
      Phrase cell = figure(map.values[i], map.unit);
      if (cell.empty() && i < map.notes.size()) cell = {map.notes[i]};
      row.cells.push_back(std::move(cell));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table table_of(const DataTable& data, std::size_t most_rows) {
  Table table;
  table.caption = data.title;
  table.rows.resize(std::min(data.rows(), most_rows));
  for (const DataColumn& column : data.columns) {
    if (is_band_of_another(data, column)) continue;
    table.columns.push_back({column.key, with_unit(column.title, column.unit), column.is_text, column.priority});
    for (std::size_t r = 0; r < table.rows.size(); ++r)
      table.rows[r].cells.push_back(column.is_text ? Phrase{column.texts[r]} : figure(column.numbers[r], column.unit));
    const DataColumn* low = find_column(data, column.low);
    const DataColumn* high = find_column(data, column.high);
    if (low == nullptr || high == nullptr) continue;
    table.columns.push_back({column.key + "_band", "band", false, column.priority + 1});
    for (std::size_t r = 0; r < table.rows.size(); ++r)
      table.rows[r].cells.push_back(band(low->numbers[r], high->numbers[r], column.unit));
  }
  return table;
}

std::string left_out_text(std::size_t rows, std::size_t most_rows) {
  if (rows <= most_rows) return "";
  return fmt::format("and {} more rows", grouped(static_cast<Count>(rows - most_rows)));
}

std::size_t point_count(const Chart& chart) {
  if (is_bars(chart)) return chart.categories.size();
  std::size_t points = 0;
  for (const Series& series : chart.series)
    if (series.style != SeriesStyle::Guide) points += series.points.size();
  return points;
}

}  // namespace moeplan
