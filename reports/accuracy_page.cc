// SPDX-License-Identifier: Apache-2.0
// The pages of `validate`: how far off, where, and every row.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "reports/accuracy.h"
#include "reports/accuracy_points.h"
#include "reports/e2e_accuracy.h"

namespace moeplan {
namespace {

// Median error by what was measured and its size; not of a single set.
HeatMap error_map(const Accuracy& accuracy) {
  HeatMap map{.title = "Median error by format and size",
              .alt = "The darker, the further predictions are from what was measured.",
              .row_axis = "operator, device, format",
              .column_axis = "size",
              .rows = {},
              .columns = {"small", "middle", "large"},
              .values = {},
              .value = "median error",
              .unit = {"%", 100}};
  for (const AccuracyRegime& regime : accuracy.regimes) {
    const std::string name = fmt::format("{}, {}, {}", regime.family, regime.gpu, regime.format);
    auto row = std::find(map.rows.begin(), map.rows.end(), name);
    if (row == map.rows.end()) {
      row = map.rows.insert(map.rows.end(), name);
      map.values.insert(map.values.end(), map.columns.size(), kNoValue);
    }
    const std::size_t at = static_cast<std::size_t>(row - map.rows.begin()) * map.columns.size();
    map.values[at + static_cast<std::size_t>(regime.index)] = regime.error.median;
  }
  return map;
}

std::string files_of(const Accuracy& accuracy) {
  std::string title;
  for (const AccuracySet& set : accuracy.sets) {
    const std::string file = set.file.substr(set.file.rfind('/') + 1);
    if (title.find(file) == std::string::npos) title += (title.empty() ? "" : ", ") + file;
  }
  return title.empty() ? "measurements" : title;
}

}  // namespace

Document page_of_accuracy(const Accuracy& accuracy) {
  Document page;
  page.title = fmt::format("{}: {}", files_of(accuracy), accuracy.how);
  page.add(error_banner(accuracy.overall));
  std::array<std::vector<ScoredPoint>, 2> points;  // seconds, watts
  for (const ScoredPoint& point : accuracy.points) points[point.watts ? 1 : 0].push_back(point);
  const MeasuredQuantity time{"time", {"us", 1e6}, "_s", "size: rows, tokens or bytes"};
  const MeasuredQuantity power{"power", {"W", 1}, "_watt", "size"};
  page.add(Heading{"Where predictions are off"});
  add_charts(page, points[0], time);
  add_charts(page, points[1], power);
  if (!accuracy.regimes.empty()) page.add(error_map(accuracy));
  page.add(Heading{"By group"});
  for (Section& section : describe_accuracy(accuracy).sections) page.add(std::move(section));
  page.add(Heading{"Rows"});
  add_rows(page, points[0], time);
  add_rows(page, points[1], power);
  return page;
}

Document page_of_e2e(const E2eAccuracy& accuracy) {
  Document page;
  page.title = fmt::format("end-to-end runs: {}", accuracy.how);
  page.add(error_banner(accuracy.overall.error));
  std::vector<ScoredPoint> points;
  for (const E2eFile& file : accuracy.files) points.insert(points.end(), file.points.begin(), file.points.end());
  const MeasuredQuantity rate{"rate", {"tok/s", 1}, "_tokens_per_s", "sequences in flight"};
  page.add(Heading{"Where predictions are off"});
  add_charts(page, points, rate);
  page.add(Heading{"By group"});
  for (Section& section : describe_e2e(accuracy).sections) page.add(std::move(section));
  page.add(Heading{"Runs"});
  add_rows(page, points, rate);
  return page;
}

}  // namespace moeplan
