// SPDX-License-Identifier: Apache-2.0
#include "reports/sweep_charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "reports/sweep_columns.h"

namespace moeplan {
namespace {

constexpr std::size_t kMostLines = 10;        // that colours and dashes tell apart
constexpr std::size_t kMostScattered = 4000;  // points of a cloud; beyond, they hide each other
constexpr std::size_t kMostMapCells = 2000;
constexpr double kLogSpan = 20;  // largest over smallest value of a logarithmic axis, at least

bool is_number_axis(const SweepColumn& column) { return column.is_axis && !column.is_text; }

std::size_t values_of(const SweepColumn& column) {
  std::vector<double> values = column.numbers;
  std::sort(values.begin(), values.end());
  return static_cast<std::size_t>(std::unique(values.begin(), values.end()) - values.begin());
}

ShownUnit shown_in(const ColumnScale& scale) {
  return scale.bytes ? in_bytes() : ShownUnit{.name = scale.unit, .scale = scale.factor, .bytes = false};
}

double largest_of(const SweepColumn& column) {
  double largest = 0;
  for (const double value : column.numbers)
    if (std::isfinite(value)) largest = std::max(largest, std::fabs(value));
  return largest;
}

bool spans_decades(const std::vector<double>& values) {
  double low = INFINITY;
  double high = 0;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    if (value <= 0) return false;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  return high >= kLogSpan * low;
}

struct Measure {
  const SweepColumn* column = nullptr;
  const SweepMetric* metric = nullptr;
  ShownUnit unit;
  Axis axis() const {
    return {.title = std::string(metric->title), .unit = unit, .logarithmic = spans_decades(column->numbers)};
  }
};

Measure measure_of(const SweepTable& rows, std::string_view name) {
  Measure measure{.column = rows.find(name), .metric = find_metric(name), .unit = {}};
  if (measure.metric != nullptr && measure.column != nullptr)
    measure.unit = shown_in(scale_of(measure.metric->unit, largest_of(*measure.column)));
  return measure;
}

// Columns whose words tell rows apart, but those that are told elsewhere.
std::vector<const SweepColumn*> telling_columns(const SweepTable& rows, const std::vector<std::string>& but) {
  std::vector<const SweepColumn*> columns;
  for (const SweepColumn& column : rows.columns)
    if ((column.is_axis || column.name == "layout") && std::find(but.begin(), but.end(), column.name) == but.end() &&
        values_of(column) > 1)
      columns.push_back(&column);
  return columns;
}

// "batch 64, context 8192" of a row.
std::string label_of(const std::vector<const SweepColumn*>& columns, std::size_t row) {
  std::string label;
  for (const SweepColumn* column : columns)
    label += fmt::format("{}{}{}", label.empty() ? "" : ", ", column->is_text ? "" : column->name + " ",
                         cell_text(*column, row));
  return label;
}

bool is_better(const SweepMetric& metric, double a, double b) {
  return metric.sense == MetricSense::More ? a > b : a < b;
}

// One line for each combination of the `by` axes; of rows that share an x the best one stands.
std::vector<Series> lines_of(const SweepTable& rows, const SweepColumn& x, const Measure& y,
                             const std::vector<std::string>& by) {
  std::vector<std::string> names;
  std::vector<std::map<double, std::size_t>> lines;
  for (std::size_t r = 0; r < rows.rows(); ++r) {
    const double value = y.column->numbers[r];
    if (rows.status[r] != PointStatus::Ok || std::isnan(value) || std::isnan(x.numbers[r])) continue;
    std::string name;
    for (const std::string& axis : by) {
      const SweepColumn& column = *rows.find(axis);
      name += fmt::format("{}{}{}", name.empty() ? "" : ", ", column.is_text ? "" : axis + " ", cell_text(column, r));
    }
    const auto found = std::find(names.begin(), names.end(), name);
    const auto line = static_cast<std::size_t>(found - names.begin());
    if (found == names.end()) {
      names.push_back(name);
      lines.emplace_back();
    }
    const auto [at, fresh] = lines[line].try_emplace(x.numbers[r], r);
    if (!fresh && is_better(*y.metric, value, y.column->numbers[at->second])) at->second = r;
  }
  std::vector<Series> series;
  std::vector<std::string> told = by;
  told.push_back(x.name);
  const std::vector<const SweepColumn*> telling = telling_columns(rows, told);
  for (std::size_t i = 0; i < names.size(); ++i) {
    Series line{.name = names[i], .points = {}};
    for (const auto& [at, row] : lines[i])
      line.points.push_back({.x = at, .y = y.column->numbers[row], .label = label_of(telling, row)});
    series.push_back(std::move(line));
  }
  return series;
}

std::string ends_of(const Series& line, const Measure& y) {
  if (line.points.empty()) return "";
  const auto text = [&y](double value) {
    return y.unit.bytes
               ? fmt::format("{} GB", digits_text(value / 1e9))
               : fmt::format("{}{}{}", digits_text(value * y.unit.scale), y.unit.name.empty() ? "" : " ", y.unit.name);
  };
  return fmt::format("{}{}{} to {}", line.name, line.name.empty() ? "" : ": ", text(line.points.front().y),
                     text(line.points.back().y));
}

void add_lines(const SweepReport& report, const SweepView& view, Document& document) {
  const SweepColumn* x = report.rows.find(view.x);
  if (x == nullptr || !is_number_axis(*x)) return;
  for (const std::string& name : view.y) {
    const Measure y = measure_of(report.rows, name);
    if (y.metric == nullptr || y.column == nullptr) continue;
    Chart chart;
    chart.series = lines_of(report.rows, *x, y, view.by);
    if (chart.series.empty()) continue;
    const bool cut = chart.series.size() > kMostLines;
    if (cut) chart.series.resize(kMostLines);
    chart.title = fmt::format("{} over {}{}", y.metric->title, view.x,
                              cut ? fmt::format(" (the first {} lines)", kMostLines) : "");
    chart.x = {.title = view.x, .unit = {}, .logarithmic = spans_decades(x->numbers)};
    chart.y = y.axis();
    std::string alt;
    for (const Series& line : chart.series) alt += fmt::format("{}{}", alt.empty() ? "" : "; ", ends_of(line, y));
    chart.alt = fmt::format("{} from the smallest to the largest {}. {}", y.metric->title, view.x, alt);
    document.add(std::move(chart));
  }
}

// All points as a cloud, those no other beats as a line.
void add_front_chart(const SweepReport& report, Document& document) {
  if (report.front.size() < 2 || report.front_rows.rows() < 2) return;
  const Measure y = measure_of(report.front_rows, report.front[0]->name);
  const Measure x = measure_of(report.front_rows, report.front[1]->name);
  if (x.column == nullptr || y.column == nullptr) return;
  Chart chart;
  chart.kind = ChartKind::Scatter;
  chart.title = fmt::format("{} against {}: the points no other beats", y.metric->title, x.metric->title);
  chart.x = x.axis();
  chart.y = y.axis();
  const auto series = [&](const SweepTable& rows, const char* name, SeriesStyle style, std::size_t every) {
    Series points{.name = name, .points = {}, .style = style};
    const SweepColumn& across = *rows.find(x.metric->name);
    const SweepColumn& up = *rows.find(y.metric->name);
    const std::vector<const SweepColumn*> telling = telling_columns(rows, {});
    for (std::size_t r = 0; r < rows.rows(); r += every)
      if (rows.status[r] == PointStatus::Ok)
        points.points.push_back({.x = across.numbers[r], .y = up.numbers[r], .label = label_of(telling, r)});
    return points;
  };
  Series front = series(report.front_rows, "front", SeriesStyle::LineAndPoints, 1);
  std::sort(front.points.begin(), front.points.end(),
            [](const ChartPoint& a, const ChartPoint& b) { return a.x < b.x; });
  chart.alt = fmt::format("{} points on the front of {}", front.points.size(), report.result.rows);
  if (report.front.size() > 2) front.style = SeriesStyle::Points;  // a front of three metrics is no line
  chart.series.push_back(std::move(front));
  if (report.rows.rows() > 0)
    chart.series.push_back(series(report.rows, "all", SeriesStyle::Points, report.rows.rows() / kMostScattered + 1));
  document.add(std::move(chart));
}

// Of two axes with several values: the metric in each cell, the best over what else varies.
void add_heat_map(const SweepReport& report, const SweepView& view, Document& document) {
  std::vector<const SweepColumn*> axes;
  for (const SweepColumn& column : report.rows.columns)
    if (column.is_axis && values_of(column) > 1) axes.push_back(&column);
  if (axes.size() != 2 || view.y.empty()) return;
  const Measure value = measure_of(report.rows, view.y.front());
  if (value.metric == nullptr || value.column == nullptr) return;
  HeatMap map;
  map.row_axis = axes[0]->name;
  map.column_axis = axes[1]->name;
  std::map<std::string, std::size_t> rows;
  std::map<std::string, std::size_t> columns;
  const auto place = [](std::map<std::string, std::size_t>& known, std::vector<std::string>& names, std::string name) {
    const auto [at, fresh] = known.try_emplace(name, names.size());
    if (fresh) names.push_back(std::move(name));
    return at->second;
  };
  std::vector<std::pair<std::size_t, std::size_t>> cells;
  for (std::size_t r = 0; r < report.rows.rows(); ++r)
    cells.emplace_back(place(rows, map.rows, cell_text(*axes[0], r)),
                       place(columns, map.columns, cell_text(*axes[1], r)));
  if (map.rows.size() * map.columns.size() > kMostMapCells) return;
  map.values.assign(map.rows.size() * map.columns.size(), kNoValue);
  map.notes.assign(map.values.size(), "");
  for (std::size_t r = 0; r < report.rows.rows(); ++r) {
    const std::size_t cell = cells[r].first * map.columns.size() + cells[r].second;
    const double number = value.column->numbers[r];
    if (report.rows.status[r] != PointStatus::Ok) {
      if (std::isnan(map.values[cell])) map.notes[cell] = report.rows.reasons[report.rows.reason[r]];
    } else if (std::isnan(map.values[cell]) || is_better(*value.metric, number, map.values[cell])) {
      map.values[cell] = number;
      map.notes[cell].clear();
    }
  }
  map.value = value.metric->title;
  map.unit = value.unit;
  map.logarithmic = spans_decades(value.column->numbers);
  map.title = fmt::format("{} over {} and {}", value.metric->title, map.row_axis, map.column_axis);
  map.alt = fmt::format("{} for {} values of {} and {} of {}", value.metric->title, map.rows.size(), map.row_axis,
                        map.columns.size(), map.column_axis);
  document.add(std::move(map));
}

}  // namespace

SweepView view_of(const SweepReport& report) {
  SweepView view = report.study.view;
  if (view.x.empty()) {
    std::size_t most = 1;
    for (const SweepColumn& column : report.rows.columns) {
      if (!is_number_axis(column) || values_of(column) <= most) continue;
      most = values_of(column);
      view.x = column.name;
    }
  }
  if (view.y.empty())
    for (const SweepMetric* metric : report.front) view.y.emplace_back(metric->name);
  if (!view.by.empty()) return view;
  std::size_t lines = 1;
  for (const SweepColumn& column : report.rows.columns) {
    if (!column.is_axis || column.name == view.x) continue;
    const std::size_t values = values_of(column);
    if (values < 2 || lines * values > kMostLines) continue;
    lines *= values;
    view.by.push_back(column.name);
  }
  return view;
}

void add_charts(const SweepReport& report, Document& document) {
  const SweepView view = view_of(report);
  add_front_chart(report, document);
  if (report.rows.rows() == 0) return;
  add_lines(report, view, document);
  add_heat_map(report, view, document);
}

DataTable data_of_rows(const SweepReport& report) {
  const SweepTable& rows = report.rows.rows() > 0 ? report.rows : report.front_rows;
  DataTable table{
      .title = report.rows.rows() > 0 ? "every point" : "points of the front", .name = "results", .columns = {}};
  for (const SweepColumn& column : rows.columns) {
    const SweepMetric* metric = column.is_axis ? nullptr : find_metric(column.name);
    DataColumn data{.key = column.name,
                    .title = metric == nullptr ? column.name : std::string(metric->title),
                    .is_text = column.is_text};
    if (metric != nullptr) data.unit = shown_in(scale_of(metric->unit, largest_of(column)));
    if (column.is_text)
      for (std::size_t r = 0; r < rows.rows(); ++r) data.texts.push_back(cell_text(column, r));
    else
      data.numbers = column.numbers;
    table.columns.push_back(std::move(data));
    if (column.name == "tpot_s" && rows.find("tpot_low_s") != nullptr && rows.find("tpot_high_s") != nullptr) {
      table.columns.back().low = "tpot_low_s";
      table.columns.back().high = "tpot_high_s";
    }
  }
  DataColumn status{.key = "status", .title = "status", .is_text = true};
  DataColumn reason{.key = "reason", .title = "reason", .is_text = true, .priority = 1};
  for (std::size_t r = 0; r < rows.rows(); ++r) {
    status.texts.emplace_back(word_of(rows.status[r]));
    reason.texts.push_back(rows.reasons[rows.reason[r]]);
  }
  table.columns.push_back(std::move(status));
  table.columns.push_back(std::move(reason));
  return table;
}

}  // namespace moeplan
