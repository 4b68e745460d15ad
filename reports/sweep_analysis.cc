// SPDX-License-Identifier: Apache-2.0
#include "reports/sweep_analysis.h"

#include <fmt/format.h>

#include <algorithm>

#include "reports/numbers.h"
#include "sim/study/explain.h"

namespace moeplan {
namespace {

std::string coverage_text(const Coverage& coverage) {
  if (coverage.used == coverage.rows) return fmt::format("all {} points", grouped(static_cast<Count>(coverage.rows)));
  return fmt::format("{} of {} points; the others do not fit, are invalid, or have no such figure",
                     grouped(static_cast<Count>(coverage.used)), grouped(static_cast<Count>(coverage.rows)));
}

// Four digits for people.
std::string figure(double value) { return fmt::format("{:.4g}", value); }

std::string cell_for_people(const SweepColumn& column, std::size_t row) {
  return column.is_text || column.is_axis ? cell_text(column, row) : figure(column.numbers[row]);
}

// The axes, then these metrics.
Table rows_table(const SweepTable& table, const std::vector<std::size_t>& rows,
                 const std::vector<std::string>& metrics) {
  Table shown;
  std::vector<const SweepColumn*> columns;
  for (const SweepColumn& column : table.columns)
    if (column.is_axis) columns.push_back(&column);
  for (const std::string& metric : metrics) columns.push_back(table.find(metric));
  for (const SweepColumn* column : columns) shown.columns.push_back({column->name, column->name, column->is_text, 0});
  for (const std::size_t row : rows) {
    Row line;
    for (const SweepColumn* column : columns) line.cells.push_back({cell_for_people(*column, row)});
    shown.rows.push_back(std::move(line));
  }
  return shown;
}

std::string effect_sentence(const AxisEffects& effects, const std::string& metric) {
  const AxisEffect& first = effects.effects.front();
  return fmt::format(
      "{} spreads {:.3g}-fold over {}. {} explains {} of it by itself: between its values {} differs {:.3g}-fold.{}",
      metric, effects.spread, coverage_text(effects.coverage), first.axis, share_text(first.share), metric,
      first.factor, effects.full_grid ? "" : " Points are missing from the grid, so shares of axes may overlap.");
}

}  // namespace

void add_axis_effects(Document& document, const SweepTable& table, const std::string& metric) {
  const AxisEffects effects = axis_effects(table, metric);
  document.add(Heading{fmt::format("which axis matters most for {}", metric)});
  if (effects.effects.empty() || effects.spread <= 1) {
    document.add(
        Note{fmt::format("{} does not change with any axis over {}.", metric, coverage_text(effects.coverage))});
    return;
  }
  Table shown;
  shown.columns = {{"axis", "axis", true, 0},
                   {"values", "values", false, 1},
                   {"share", "share of the spread", false, 0},
                   {"factor", "largest over smallest", false, 0}};
  for (const AxisEffect& effect : effects.effects)
    shown.rows.push_back({{{effect.axis},
                           {static_cast<Count>(effect.values)},
                           {Share{effect.share}},
                           {fmt::format("{:.3g}", effect.factor)}},
                          Tone::Plain});
  if (effects.effects.size() > 1)
    shown.rows.push_back({{{std::string("several together")}, {}, {Share{effects.interactions}}, {}}, Tone::Plain});
  document.add(shown);
  document.add(Note{effect_sentence(effects, metric)});
}

void add_elasticities(Document& document, const SweepTable& table, const std::string& metric) {
  Table shown;
  shown.columns = {{"axis", "axis", true, 0},
                   {"from", "from", false, 0},
                   {"to", "to", false, 0},
                   {"elasticity", "elasticity", false, 0},
                   {"low", "lowest", false, 1},
                   {"high", "highest", false, 1},
                   {"settings", "settings", false, 2}};
  std::vector<std::string> bends;
  for (const std::size_t place : table.axes()) {
    const std::optional<AxisElasticity> along = elasticity_along(table, table.columns[place].name, metric);
    if (!along) continue;
    for (const ElasticityStep& step : along->steps)
      shown.rows.push_back({{{along->axis},
                             {fmt::format("{:g}", step.from)},
                             {fmt::format("{:g}", step.to)},
                             {fmt::format("{:.2f}", step.median)},
                             {fmt::format("{:.2f}", step.low)},
                             {fmt::format("{:.2f}", step.high)},
                             {static_cast<Count>(step.settings)}},
                            Tone::Plain});
    bends.push_back(along->knee
                        ? fmt::format("{} bends at {} {:g}: it goes with its power {:.2f} before and {:.2f} beyond.",
                                      metric, along->axis, along->knee_at, along->knee->slope_before,
                                      along->knee->slope_after)
                        : fmt::format("{} has no knee along {}.", metric, along->axis));
  }
  if (shown.rows.empty()) return;
  document.add(Heading{fmt::format("how {} answers to each axis", metric)});
  document.add(shown);
  for (const std::string& bend : bends) document.add(Note{bend});
  document.add(Note{
      "Elasticity: 1 is in proportion, 0 not at all, -1 inversely; the median over all settings of the other axes."});
}

void add_best_per_group(Document& document, const SweepTable& table, const std::vector<std::string>& axes,
                        const RankedMetric& metric) {
  std::string of;
  for (const std::string& axis : axes) of += (of.empty() ? "" : ", ") + axis;
  document.add(Heading{fmt::format("best {} for each {}", metric.name, of)});
  const std::vector<GroupBest> best = best_per_group(table, axes, metric.name, metric.sense);
  std::vector<std::size_t> rows;
  for (const GroupBest& group : best) rows.push_back(group.row);
  Table shown = rows_table(table, rows, {metric.name});
  shown.columns.push_back({"points", "points that fit", true, 1});
  for (std::size_t i = 0; i < best.size(); ++i)
    shown.rows[i].cells.push_back({fmt::format("{} of {}", best[i].used, best[i].rows)});
  document.add(shown);
  if (best.empty()) document.add(Note{"No point fits."});
}

void add_pareto(Document& document, const SweepTable& table, const std::vector<RankedMetric>& metrics,
                std::size_t rows) {
  std::vector<std::string> names;
  std::vector<Sense> senses;
  std::string said;
  for (const RankedMetric& metric : metrics) {
    names.push_back(metric.name);
    senses.push_back(metric.sense);
    said +=
        fmt::format("{}{} {}", said.empty() ? "" : ", ", metric.sense == Sense::More ? "more" : "less", metric.name);
  }
  const ParetoFront front = pareto_of(table, names, senses);
  const std::vector<RankedPoint> entries = front.entries();
  document.add(Heading{"points that no other beats: " + said});
  const std::size_t count = std::min(rows, entries.size());
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < count; ++i)
    chosen.push_back(entries[count == 1 ? 0 : i * (entries.size() - 1) / (count - 1)].index);
  document.add(rows_table(table, chosen, names));
  if (count < entries.size())
    document.add(
        Note{fmt::format("{} of the {} points of the front, evenly along {}.", count, entries.size(), names[0])});
  if (front.left_out() > 0)
    document.add(Note{
        fmt::format("The front is not complete: {} more points belong to it than it can hold.", front.left_out())});
}

}  // namespace moeplan
