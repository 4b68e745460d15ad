// SPDX-License-Identifier: Apache-2.0
// What a page draws: charts, heat maps and tables of many rows. Values are raw, in base
// units; a ShownUnit says how they are shown.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/units.h"

namespace moeplan {

// No value: an empty cell, a gap in a line.
inline constexpr double kNoValue = std::numeric_limits<double>::quiet_NaN();

// shown = raw x scale, in `unit`. {"ms", 1e3} shows seconds as milliseconds.
struct ShownUnit {
  std::string name;  // "" = a bare number
  double scale = 1;
  bool bytes = false;  // raw bytes, in the report's own unit: the two above are not read
};
inline ShownUnit in_bytes() { return {.name = "", .scale = 1, .bytes = true}; }

struct Axis {
  std::string title;
  ShownUnit unit;
  bool logarithmic = false;  // points at or below 0 are not drawn
};

struct ChartPoint {
  double x = 0;  // of bars: not read, the place in Series::points is the category
  double y = 0;
  std::string label{};    // what the point is, for its tooltip: "tp8, 64 requests"
  double low = kNoValue;  // of y: drawn as a whisker
  double high = kNoValue;
};

// Guide: a thin dashed line without points, as the diagonal of a scatter.
enum class SeriesStyle { Points, Line, LineAndPoints, Guide };

struct Series {
  std::string name;
  std::vector<ChartPoint> points;
  SeriesStyle style = SeriesStyle::LineAndPoints;  // of bars: not read
};

// What bars are measured against: the budget.
struct ReferenceLine {
  std::string name;
  double value = 0;
  std::optional<std::size_t> category;  // this bar's own; none: of all
};

enum class ChartKind { Line, Scatter, Bar, StackedBar };

struct Chart {
  std::string title;
  std::string alt{};  // what a reader who cannot see it should know: the finding, in a sentence
  ChartKind kind = ChartKind::Line;
  Axis x;  // of bars: the title names the categories
  Axis y;
  std::vector<std::string> categories{};  // of bars
  std::vector<Series> series{};
  std::vector<ReferenceLine> references{};  // across the value axis
  bool horizontal = false;                  // bars
  bool in_text = false;                     // the terminal and Markdown show its numbers as a table
};

// A value for each pair of two axes.
struct HeatMap {
  std::string title;
  std::string alt{};
  std::string row_axis;     // "experts"
  std::string column_axis;  // "top-k"
  std::vector<std::string> rows;
  std::vector<std::string> columns;
  std::vector<double> values;  // row by row; kNoValue where there is none
  std::string value{};         // "tokens/s"
  ShownUnit unit{};
  bool logarithmic = false;          // shades by the order of magnitude
  std::vector<std::string> notes{};  // row by row, why there is no value: "does not fit"; may be empty
};

// A column of a DataTable: numbers, or texts when is_text.
struct DataColumn {
  std::string key;    // of downloads: "time_s"
  std::string title;  // for people: "time"
  ShownUnit unit{};
  bool is_text = false;
  std::vector<double> numbers{};  // raw; kNoValue is an empty cell
  std::vector<std::string> texts{};
  std::string low{};   // keys of the columns that hold its band; those are shown with it,
  std::string high{};  // not by themselves
  int priority = 0;    // 0 is always shown; higher ones start out hidden where there is no room
};

// Many rows (100,000 and more), stored by column; a page sorts, filters and downloads them.
struct DataTable {
  std::string title;
  std::string name;  // of the files downloaded: "results"
  std::vector<DataColumn> columns;
  std::size_t rows() const {
    if (columns.empty()) return 0;
    return columns.front().is_text ? columns.front().texts.size() : columns.front().numbers.size();
  }
};

}  // namespace moeplan
