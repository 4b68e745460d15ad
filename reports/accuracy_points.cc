// SPDX-License-Identifier: Apache-2.0
#include "reports/accuracy_points.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "reports/numbers.h"
#include "sim/study/explain.h"

namespace moeplan {
namespace {

constexpr double kNearby = 0.2;  // the share of points within it is said

// One series a group, in the order of their names.
std::vector<Series> series_of(const std::vector<ScoredPoint>& points, double (*x)(const ScoredPoint&),
                              double (*y)(const ScoredPoint&)) {
  std::map<std::string, Series> series;
  for (const ScoredPoint& p : points) {
    Series& of = series[p.group];
    of.name = p.group;
    of.style = SeriesStyle::Points;
    of.points.push_back({.x = x(p), .y = y(p), .label = p.what});
  }
  std::vector<Series> list;
  for (auto& [name, of] : series) list.push_back(std::move(of));
  return list;
}

Series guide(std::string name, ChartPoint from, ChartPoint to) {
  return {std::move(name), {std::move(from), std::move(to)}, SeriesStyle::Guide};
}

double error_in(const ScoredPoint& p) { return p.predicted / p.measured - 1; }

Chart scatter(const std::vector<ScoredPoint>& points, const MeasuredQuantity& quantity) {
  Chart chart;
  chart.title = "Predicted against measured";
  chart.kind = ChartKind::Scatter;
  chart.x = {"measured " + quantity.name, quantity.unit, true};
  chart.y = {"predicted " + quantity.name, quantity.unit, true};
  chart.series = series_of(
      points, [](const ScoredPoint& p) { return p.measured; }, [](const ScoredPoint& p) { return p.predicted; });
  const auto [least, most] = std::minmax_element(
      points.begin(), points.end(), [](const ScoredPoint& a, const ScoredPoint& b) { return a.measured < b.measured; });
  chart.series.push_back(guide("predicted = measured", {.x = least->measured, .y = least->measured, .label = {}},
                               {.x = most->measured, .y = most->measured, .label = {}}));
  const auto near = std::count_if(points.begin(), points.end(), [](const ScoredPoint& p) {
    return -kNearby <= error_in(p) && error_in(p) <= kNearby;
  });
  chart.alt =
      fmt::format("{} of {} rows are predicted within {:.0f} % of what was measured; on the dashed line both agree.",
                  grouped(near), grouped(static_cast<Count>(points.size())), 100 * kNearby);
  return chart;
}

Chart by_size(const std::vector<ScoredPoint>& points, const MeasuredQuantity& quantity) {
  Chart chart;
  chart.title = "Error by size";
  chart.alt = "Above 0 the prediction is larger than what was measured, below it is smaller.";
  chart.kind = ChartKind::Scatter;
  chart.x = {quantity.size, {"", 1}, true};
  chart.y = {"error", {"%", 100}, false};
  chart.series = series_of(
      points, [](const ScoredPoint& p) { return p.size; }, error_in);
  const auto [least, most] = std::minmax_element(
      points.begin(), points.end(), [](const ScoredPoint& a, const ScoredPoint& b) { return a.size < b.size; });
  chart.series.push_back(
      guide("no error", {.x = least->size, .y = 0, .label = {}}, {.x = most->size, .y = 0, .label = {}}));
  return chart;
}

DataTable rows_of(const std::vector<ScoredPoint>& points, const MeasuredQuantity& quantity) {
  const std::string& end = quantity.suffix;
  DataColumn group{.key = "group", .title = "of", .is_text = true};
  DataColumn line{.key = "line", .title = "line"};
  DataColumn what{.key = "what", .title = "row", .is_text = true};
  DataColumn size{.key = "size", .title = "size"};
  DataColumn measured{.key = "measured" + end, .title = "measured", .unit = quantity.unit};
  DataColumn predicted{
      .key = "predicted" + end, .title = "predicted", .unit = quantity.unit, .low = "low" + end, .high = "high" + end};
  DataColumn low{.key = "low" + end, .title = "low", .unit = quantity.unit};
  DataColumn high{.key = "high" + end, .title = "high", .unit = quantity.unit};
  DataColumn error{.key = "error", .title = "error", .unit = {"%", 100}};
  for (const ScoredPoint& p : points) {
    group.texts.push_back(p.group);
    line.numbers.push_back(p.line);
    what.texts.push_back(p.what);
    size.numbers.push_back(p.size);
    measured.numbers.push_back(p.measured);
    predicted.numbers.push_back(p.predicted);
    low.numbers.push_back(p.low > 0 ? p.low : kNoValue);
    high.numbers.push_back(p.high > 0 ? p.high : kNoValue);
    error.numbers.push_back(error_in(p));
  }
  return {.title = "Every row, with the 80 % band of its prediction",
          .name = "rows",
          .columns = {group, line, what, size, measured, predicted, low, high, error}};
}

}  // namespace

Banner error_banner(const FitError& error) {
  if (error.rows == 0) return {{"no row was scored"}, Tone::Caution};
  return {{fmt::format("median error {}, P90 {}, bias {:+.1f} % over {} rows", share_text(error.median),
                       share_text(error.p90), 100 * error.bias, grouped(error.rows))},
          Tone::Plain};
}

void add_charts(Document& page, const std::vector<ScoredPoint>& points, const MeasuredQuantity& quantity) {
  if (points.empty()) return;
  page.add(scatter(points, quantity));
  page.add(by_size(points, quantity));
}

void add_rows(Document& page, const std::vector<ScoredPoint>& points, const MeasuredQuantity& quantity) {
  if (!points.empty()) page.add(rows_of(points, quantity));
}

}  // namespace moeplan
