// SPDX-License-Identifier: Apache-2.0
#include "sim/study/sweep_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace moeplan {
namespace {

constexpr std::size_t kLongestNumber = 32;

void append_number(std::string& out, double value) {
  std::array<char, kLongestNumber> text;
  const std::to_chars_result end = std::to_chars(text.data(), text.data() + text.size(), value);
  out.append(text.data(), end.ptr);
}

// "8" and "0.5" are numbers in JSON; "4k" and "07" are words.
bool is_json_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return false;
  const std::size_t digit = text.starts_with('-') ? 1 : 0;
  const bool leads_with_zero = text.size() > digit + 1 && text[digit] == '0' && std::isdigit(text[digit + 1]) != 0;
  return std::isdigit(static_cast<unsigned char>(text[digit])) != 0 && !leads_with_zero && text.back() != '.';
}

// The next cell of a line; `line` goes on behind its comma. In quotes a quote stands twice.
std::string_view next_cell(std::string_view& line, std::string& unquoted) {
  std::string_view cell;
  if (line.starts_with('"')) {
    unquoted.clear();
    std::size_t i = 1;
    for (; i < line.size(); ++i) {
      if (line[i] == '"' && (i + 1 == line.size() || line[i + 1] != '"')) break;
      if (line[i] == '"') ++i;
      unquoted += line[i];
    }
    line.remove_prefix(std::min(line.size(), i + 1));
    cell = unquoted;
  } else {
    const std::size_t comma = std::min(line.find(','), line.size());
    cell = line.substr(0, comma);
    line.remove_prefix(comma);
  }
  if (line.starts_with(',')) line.remove_prefix(1);
  return cell;
}

std::uint32_t kept_word(std::vector<std::string>& words, std::string_view word) {
  if (word.empty()) return 0;
  if (words.back() != word) words.emplace_back(word);
  return static_cast<std::uint32_t>(words.size() - 1);
}

}  // namespace

std::string csv_cell(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string cell = "\"";
  for (const char c : text) cell += c == '"' ? std::string("\"\"") : std::string(1, c);
  return cell + "\"";
}

std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20)
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    else
      out += c;
  }
  return out + "\"";
}

SweepText::SweepText(const SweepGrid& grid, const std::vector<const SweepMetric*>& metrics)
    : grid_(&grid), values_(metrics.size()) {
  const auto is_axis = [&grid](std::string_view name) {
    return std::any_of(grid.columns().begin(), grid.columns().end(),
                       [&](SweepGrid::Column c) { return grid.variable(c).name == name; });
  };
  for (const SweepGrid::Column column : grid.columns()) {
    const SweepVariable& variable = grid.variable(column);
    Axis axis{.column = column, .csv = {}, .json = {}};
    for (const std::string& word : variable.values) {
      axis.csv.push_back(csv_cell(word) + ",");
      axis.json.push_back(json_text(variable.name) + ":" + (is_json_number(word) ? word : json_text(word)) + ",");
    }
    axes_.push_back(std::move(axis));
  }
  shows_layout_ = !is_axis("layout");
  for (std::size_t i = 0; i < metrics.size(); ++i)
    if (!is_axis(metrics[i]->name))
      shown_.push_back({.name = std::string(metrics[i]->name), .json = json_text(metrics[i]->name) + ":", .value = i});
}

std::string SweepText::header() const {
  std::string line;
  for (const Axis& axis : axes_) line += csv_cell(grid_->variable(axis.column).name) + ",";
  if (shows_layout_) line += "layout,";
  line += "status,reason";
  for (const Shown& shown : shown_) line += "," + shown.name;
  return line + "\n";
}

void SweepText::append_csv(const SweepRows& rows, std::string& out) const {
  for (std::size_t r = 0; r < rows.rows(); ++r) {
    for (const Axis& axis : axes_) out += axis.csv[grid_->digit(rows.points[r], axis.column.axis)];
    if (shows_layout_) out += csv_cell(rows.layouts[rows.laid_out[r]]) += ',';
    out += word_of(rows.status[r]);
    out += ',';
    if (rows.why[r] != 0) out += csv_cell(rows.reasons[rows.why[r]]);
    for (const Shown& shown : shown_) {
      out += ',';
      const double value = rows.values[r * values_ + shown.value];
      if (!std::isnan(value)) append_number(out, value);
    }
    out += '\n';
  }
}

void SweepText::append_jsonl(const SweepRows& rows, std::string& out) const {
  for (std::size_t r = 0; r < rows.rows(); ++r) {
    out += '{';
    for (const Axis& axis : axes_) out += axis.json[grid_->digit(rows.points[r], axis.column.axis)];
    if (shows_layout_) (out += "\"layout\":") += json_text(rows.layouts[rows.laid_out[r]]) += ',';
    ((out += "\"status\":\"") += word_of(rows.status[r])) += '"';
    if (rows.why[r] != 0) (out += ",\"reason\":") += json_text(rows.reasons[rows.why[r]]);
    for (const Shown& shown : shown_) {
      const double value = rows.values[r * values_ + shown.value];
      if (std::isnan(value)) continue;
      (out += ',') += shown.json;
      append_number(out, value);
    }
    out += "}\n";
  }
}

SweepTable SweepText::table(const SweepRows& rows) const {
  std::vector<SweepColumn> columns;
  std::vector<std::vector<double>> numbers;  // of an axis, by digit; empty = words
  for (const Axis& axis : axes_) {
    std::vector<double> values;
    for (const std::string& word : grid_->variable(axis.column).values)
      if (const std::optional<double> number = number_of(word)) values.push_back(*number);
    if (values.size() != axis.csv.size()) values.clear();
    columns.push_back({.name = grid_->variable(axis.column).name, .is_text = values.empty(), .is_axis = true});
    numbers.push_back(std::move(values));
  }
  if (shows_layout_) columns.push_back({.name = "layout", .is_text = true});
  for (const Shown& shown : shown_) columns.push_back({.name = shown.name});
  SweepTableBuilder builder(columns);
  builder.reserve(rows.rows());
  for (std::size_t r = 0; r < rows.rows(); ++r) {
    std::size_t column = 0;
    for (std::size_t a = 0; a < axes_.size(); ++a, ++column) {
      const std::size_t digit = grid_->digit(rows.points[r], axes_[a].column.axis);
      if (numbers[a].empty())
        builder.set(column, std::string_view(grid_->variable(axes_[a].column).values[digit]));
      else
        builder.set(column, numbers[a][digit]);
    }
    if (shows_layout_) builder.set(column++, std::string_view(rows.layouts[rows.laid_out[r]]));
    for (const Shown& shown : shown_) builder.set(column++, rows.values[r * values_ + shown.value]);
    builder.finish_row(rows.status[r], rows.reasons[rows.why[r]]);
  }
  return builder.take();
}

bool SweepText::read_csv(std::string_view line, Count point, SweepRows& rows) const {
  std::string unquoted;
  for (const Axis& axis : axes_) {
    const std::string& expected = axis.csv[grid_->digit(point, axis.column.axis)];
    if (!line.starts_with(expected)) return false;
    line.remove_prefix(expected.size());
  }
  const std::uint32_t layout = shows_layout_ ? kept_word(rows.layouts, next_cell(line, unquoted)) : 0;
  const std::string_view status = next_cell(line, unquoted);
  std::size_t number = 0;
  while (number < kPointStatuses && word_of(static_cast<PointStatus>(number)) != status) ++number;
  if (number == kPointStatuses) return false;
  const std::uint32_t why = kept_word(rows.reasons, next_cell(line, unquoted));
  std::vector<double> values(values_, std::numeric_limits<double>::quiet_NaN());
  for (const Shown& shown : shown_) {
    const std::string_view cell = next_cell(line, unquoted);
    if (cell.empty()) continue;
    const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), values[shown.value]);
    if (error != std::errc() || end != cell.data() + cell.size()) return false;
  }
  if (!line.empty()) return false;
  rows.points.push_back(point);
  rows.status.push_back(static_cast<PointStatus>(number));
  rows.why.push_back(why);
  rows.laid_out.push_back(layout);
  rows.values.insert(rows.values.end(), values.begin(), values.end());
  return true;
}

}  // namespace moeplan
