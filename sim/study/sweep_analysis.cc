// SPDX-License-Identifier: Apache-2.0
#include "sim/study/sweep_analysis.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "sim/base/error.h"

namespace moeplan {
namespace {

const SweepColumn& column_named(const SweepTable& table, std::string_view name) {
  const SweepColumn* column = table.find(name);
  CHECK(column != nullptr);
  return *column;
}

bool counts(const SweepTable& table, const SweepColumn& metric, std::size_t row) {
  const double value = metric.numbers[row];
  return table.status[row] == PointStatus::Ok && value > 0 && std::isfinite(value);
}

// Values of these columns in a row, to group by; none sorts first.
using Key = std::vector<double>;
Key key_of(const std::vector<const SweepColumn*>& columns, std::size_t row) {
  Key key;
  key.reserve(columns.size());
  for (const SweepColumn* column : columns) {
    const double value = column->numbers[row];
    key.push_back(std::isnan(value) ? -std::numeric_limits<double>::infinity() : value);
  }
  return key;
}

// Axes other than this one, with more than one value.
std::vector<const SweepColumn*> other_axes(const SweepTable& table, std::string_view axis) {
  std::vector<const SweepColumn*> others;
  for (const SweepColumn& column : table.columns)
    if (column.is_axis && column.name != axis) others.push_back(&column);
  return others;
}

double median_of(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

// Axis value to metric; the first row where several have the same axes.
using Line = std::map<double, double>;

std::vector<ElasticityStep> steps_of(const std::map<Key, Line>& lines) {
  std::map<std::pair<double, double>, std::vector<double>> slopes;
  for (const auto& [key, line] : lines)
    for (auto at = line.begin(), next = at; at != line.end() && ++next != line.end(); ++at)
      slopes[{at->first, next->first}].push_back(elasticity(at->first, at->second, next->first, next->second));
  std::vector<ElasticityStep> steps;
  for (const auto& [ends, all] : slopes) {
    const auto [low, high] = std::minmax_element(all.begin(), all.end());
    steps.push_back({ends.first, ends.second, median_of(all), *low, *high, all.size()});
  }
  return steps;
}

void set_knee(AxisElasticity& result, const std::map<Key, Line>& lines) {
  std::map<double, std::vector<double>> logs;
  std::size_t longest = 0;
  for (const auto& [key, line] : lines) longest = std::max(longest, line.size());
  for (const auto& [key, line] : lines)
    if (line.size() == longest)
      for (const auto& [at, value] : line) logs[at].push_back(std::log(value));
  std::vector<double> x;
  std::vector<double> y;
  for (const auto& [at, all] : logs) {
    x.push_back(at);
    y.push_back(std::exp(median_of(all)));
  }
  result.knee = find_knee(x, y);
  if (result.knee) result.knee_at = x[result.knee->at];
}

}  // namespace

std::optional<AxisElasticity> elasticity_along(const SweepTable& table, std::string_view axis,
                                               std::string_view metric) {
  const SweepColumn& along = column_named(table, axis);
  const SweepColumn& of = column_named(table, metric);
  if (along.is_text) return std::nullopt;
  const std::vector<const SweepColumn*> others = other_axes(table, axis);
  AxisElasticity result{.axis = along.name, .steps = {}, .knee = {}, .coverage = {.rows = table.rows()}};
  std::map<Key, Line> lines;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    if (!counts(table, of, row) || !(along.numbers[row] > 0)) continue;
    ++result.coverage.used;
    lines[key_of(others, row)].emplace(along.numbers[row], of.numbers[row]);
  }
  result.steps = steps_of(lines);
  if (result.steps.empty()) return std::nullopt;
  set_knee(result, lines);
  return result;
}

std::vector<GroupBest> best_per_group(const SweepTable& table, const std::vector<std::string>& axes,
                                      std::string_view metric, Sense sense) {
  const SweepColumn& of = column_named(table, metric);
  std::vector<const SweepColumn*> by;
  for (const std::string& axis : axes) by.push_back(&column_named(table, axis));
  std::map<Key, std::size_t> places;
  std::vector<GroupBest> groups;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const auto [place, is_new] = places.emplace(key_of(by, row), groups.size());
    if (is_new) groups.push_back({.row = row});
    GroupBest& group = groups[place->second];
    ++group.rows;
    if (!counts(table, of, row)) continue;
    const double value = of.numbers[row];
    const double best = of.numbers[group.row];
    const bool better = group.used == 0 || (sense == Sense::Less ? value < best : value > best);
    ++group.used;
    if (better) group.row = row;
  }
  std::erase_if(groups, [](const GroupBest& group) { return group.used == 0; });
  return groups;
}

namespace {

struct Level {
  double sum = 0;
  std::size_t rows = 0;
};

// Of the means of y over the values of the axis, each as often as it has rows.
AxisEffect effect_of(const SweepColumn& axis, const std::vector<std::size_t>& rows, const std::vector<double>& y,
                     double mean, double variance) {
  std::map<double, Level> levels;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Level& level = levels[key_of({&axis}, rows[i]).front()];
    level.sum += y[i];
    ++level.rows;
  }
  AxisEffect effect{.axis = axis.name, .values = levels.size()};
  double between = 0;
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const auto& [value, level] : levels) {
    const double of = level.sum / static_cast<double>(level.rows);
    between += static_cast<double>(level.rows) * (of - mean) * (of - mean);
    low = std::min(low, of);
    high = std::max(high, of);
  }
  if (variance > 0) effect.share = between / static_cast<double>(rows.size()) / variance;
  effect.factor = std::exp(high - low);
  return effect;
}

}  // namespace

AxisEffects axis_effects(const SweepTable& table, std::string_view metric) {
  const SweepColumn& of = column_named(table, metric);
  AxisEffects result;
  result.coverage.rows = table.rows();
  std::vector<std::size_t> rows;
  std::vector<double> y;
  double mean = 0;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    if (!counts(table, of, row)) continue;
    rows.push_back(row);
    y.push_back(std::log(of.numbers[row]));
    mean += y.back();
  }
  result.coverage.used = rows.size();
  if (rows.empty()) return result;
  const double n = static_cast<double>(rows.size());
  mean /= n;
  double variance = 0;
  for (const double value : y) variance += (value - mean) * (value - mean) / n;
  const auto [low, high] = std::minmax_element(y.begin(), y.end());
  result.spread = std::exp(*high - *low);

  double combinations = 1;
  double explained = 0;
  for (const SweepColumn& column : table.columns) {
    if (!column.is_axis) continue;
    const AxisEffect effect = effect_of(column, rows, y, mean, variance);
    combinations *= static_cast<double>(effect.values);
    if (effect.values < 2) continue;
    explained += effect.share;
    result.effects.push_back(effect);
  }
  std::stable_sort(result.effects.begin(), result.effects.end(),
                   [](const AxisEffect& a, const AxisEffect& b) { return a.share > b.share; });
  result.full_grid = rows.size() == table.rows() && combinations == n;
  if (variance > 0) result.interactions = std::max(0.0, 1 - explained);
  return result;
}

ParetoFront pareto_of(const SweepTable& table, const std::vector<std::string>& metrics,
                      const std::vector<Sense>& senses) {
  std::vector<const SweepColumn*> columns;
  for (const std::string& metric : metrics) columns.push_back(&column_named(table, metric));
  ParetoFront front(senses);
  std::vector<double> values(columns.size());
  for (std::size_t row = 0; row < table.rows(); ++row) {
    if (table.status[row] != PointStatus::Ok) continue;
    for (std::size_t i = 0; i < columns.size(); ++i) values[i] = columns[i]->numbers[row];
    front.insert(values, row);
  }
  return front;
}

}  // namespace moeplan
