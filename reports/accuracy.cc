// SPDX-License-Identifier: Apache-2.0
#include "reports/accuracy.h"

#include <fmt/format.h>

#include "sim/base/json.h"

namespace moeplan {
namespace {

std::string percent(double share) { return fmt::format("{:.1f}", 100 * share); }
std::string signed_percent(double share) { return fmt::format("{:+.1f}", 100 * share); }

struct Unit {
  double scale;
  std::string_view word;
};

Unit unit_of(const AccuracySet& set) { return set.key.family == "power" ? Unit{1, "W"} : Unit{1e6, "us"}; }

Table pool_table(std::string caption, const std::vector<AccuracyPool>& pools) {
  Table table;
  table.caption = std::move(caption);
  table.columns = {{"family", "operator", true, 0},      {"gpu", "gpu", true, 0},
                   {"rows", "rows", false, 1},           {"sets", "sets", false, 3},
                   {"shapes", "shapes", false, 3},       {"median_ape_percent", "median %", false, 0},
                   {"mape_percent", "mean %", false, 0}, {"p90_ape_percent", "P90 %", false, 0},
                   {"bias_percent", "bias %", false, 1}, {"in_band_percent", "in 80 % band", false, 2}};
  for (const AccuracyPool& pool : pools)
    table.rows.push_back({{{pool.family},
                           {pool.gpu},
                           {pool.error.rows},
                           {pool.sets},
                           {pool.shapes},
                           {percent(pool.error.median)},
                           {percent(pool.error.mean)},
                           {percent(pool.error.p90)},
                           {signed_percent(pool.error.bias)},
                           {percent(pool.in_band)}},
                          Tone::Plain});
  return table;
}

Table set_table(const Accuracy& accuracy) {
  Table table;
  table.caption = "by stack, kernel and format; bias by regime, small to large";
  table.columns = {{"family", "operator", true, 0},
                   {"gpu", "gpu", true, 0},
                   {"stack", "stack", true, 1},
                   {"kernel", "kernel", true, 0},
                   {"format", "format", true, 0},
                   {"rows", "rows", false, 2},
                   {"shapes", "shapes", false, 3},
                   {"median_ape_percent", "median %", false, 0},
                   {"mape_percent", "mean %", false, 0},
                   {"p90_ape_percent", "P90 %", false, 0},
                   {"bias_small_percent", "bias", false, 1},
                   {"bias_middle_percent", "", false, 1},
                   {"bias_large_percent", "", false, 1},
                   {"in_band_percent", "band %", false, 2}};
  for (const AccuracySet& set : accuracy.sets) {
    Row row{{{set.key.family},
             {set.gpu},
             {set.key.stack},
             {set.key.kernel},
             {set.key.format},
             {set.error.rows},
             {set.shapes},
             {percent(set.error.median)},
             {percent(set.error.mean)},
             {percent(set.error.p90)}},
            Tone::Plain};
    for (const FitError& regime : set.by_regime)
      row.cells.push_back({regime.rows == 0 ? std::string("-") : signed_percent(regime.bias)});
    row.cells.push_back({percent(set.in_band)});
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table regime_table(const std::vector<AccuracyRegime>& regimes) {
  Table table;
  std::size_t centred = 0;
  for (const AccuracyRegime& regime : regimes) centred += regime.centred() ? 1 : 0;
  table.caption = fmt::format("by format and size over all stacks and kernels: bias within {:.0f} % in {} of {}",
                              100 * kSmallBias, centred, regimes.size());
  table.columns = {{"family", "operator", true, 0},
                   {"gpu", "gpu", true, 0},
                   {"format", "format", true, 0},
                   {"regime", "size", true, 0},
                   {"sets", "sets", false, 3},
                   {"rows", "rows", false, 1},
                   {"median_ape_percent", "median %", false, 2},
                   {"mape_percent", "mean %", false, 2},
                   {"in_band_percent", "in 80 % band", false, 2},
                   {"bias_percent", "bias %", false, 0},
                   {"centred", "", true, 0}};
  for (const AccuracyRegime& regime : regimes)
    table.rows.push_back({{{regime.family},
                           {regime.gpu},
                           {regime.format},
                           {std::string(regime.regime)},
                           {regime.sets},
                           {regime.error.rows},
                           {percent(regime.error.median)},
                           {percent(regime.error.mean)},
                           {percent(regime.in_band)},
                           {signed_percent(regime.error.bias)},
                           {std::string(regime.centred() ? "" : "leans")}},
                          regime.centred() ? Tone::Plain : Tone::Caution});
  return table;
}

Table value_table(const std::vector<AccuracyValue>& values) {
  std::size_t met = 0;
  double near = 0;
  Count rows = 0;
  for (const AccuracyValue& value : values) {
    met += value.error.median <= kNear ? 1 : 0;
    near += value.near * static_cast<double>(value.error.rows);
    rows += value.error.rows;
  }
  Table table;
  table.caption =
      fmt::format("each value left out in turn: median error within {:.0f} % in {} of {}, {:.1f} % of {} rows",
                  100 * kNear, met, values.size(), 100 * near / static_cast<double>(rows), rows);
  table.columns = {{"gpu", "gpu", true, 1},
                   {"stack", "stack", true, 0},
                   {"kernel", "kernel", true, 0},
                   {"format", "format", true, 2},
                   {"left_out", "left out", true, 0},
                   {"rows", "rows", false, 1},
                   {"median_ape_percent", "median %", false, 0},
                   {"mape_percent", "mean %", false, 0},
                   {"p90_ape_percent", "P90 %", false, 0},
                   {"bias_percent", "bias %", false, 0},
                   {"near_percent", fmt::format("within {:.0f} %", 100 * kNear), false, 0}};
  for (const AccuracyValue& value : values)
    table.rows.push_back({{{value.gpu},
                           {value.key.stack},
                           {value.key.kernel},
                           {value.key.format},
                           {value.value},
                           {value.error.rows},
                           {percent(value.error.median)},
                           {percent(value.error.mean)},
                           {percent(value.error.p90)},
                           {signed_percent(value.error.bias)},
                           {percent(value.near)}},
                          value.error.median <= kNear ? Tone::Plain : Tone::Caution});
  return table;
}

ItemList worst_rows(const Accuracy& accuracy) {
  ItemList list;
  list.title = "furthest off in each set";
  for (const AccuracySet& set : accuracy.sets)
    list.items.push_back({fmt::format("{}:{}  {}  predicted {:.4g} {}, measured {:.4g} {}", set.worst.file,
                                      set.worst.line, set.worst.shape, set.worst.predicted * unit_of(set).scale,
                                      unit_of(set).word, set.worst.measured * unit_of(set).scale, unit_of(set).word)});
  return list;
}

void write_error(JsonWriter& out, const FitError& error) {
  out.member("n", error.rows).member("mape", error.mean).member("median_ape", error.median);
  out.member("p90_ape", error.p90).member("bias", error.bias);
}

void write_set(JsonWriter& out, const AccuracySet& set) {
  out.begin_object().member("file", set.file).key("group").begin_object();
  out.member("family", set.key.family).member("gpu", set.gpu).member("stack", set.key.stack);
  out.member("kernel", set.key.kernel).member("format", set.key.format).end_object();
  out.member("shapes", set.shapes);
  write_error(out, set.error);
  out.member("in_band", set.in_band).key("regimes").begin_array();
  for (std::size_t r = 0; r < set.by_regime.size(); ++r) {
    out.begin_object().member("regime", set.regimes[r]);
    write_error(out, set.by_regime[r]);
    out.end_object();
  }
  out.end_array().key("worst").begin_object();
  out.member("row", set.worst.line).member("shape", set.worst.shape);
  const bool watts = set.key.family == "power";
  out.member(watts ? "predicted_watt" : "predicted_s", set.worst.predicted);
  out.member(watts ? "measured_watt" : "measured_s", set.worst.measured).end_object();
  out.end_object();
}

void write_values(JsonWriter& out, const std::vector<AccuracyValue>& values) {
  out.key("values").begin_array();
  for (const AccuracyValue& value : values) {
    out.begin_object().member("file", value.file).member("family", value.key.family).member("gpu", value.gpu);
    out.member("stack", value.key.stack).member("kernel", value.key.kernel).member("format", value.key.format);
    out.member("left_out", value.value);
    write_error(out, value.error);
    out.member("within_15_percent", value.near).end_object();
  }
  out.end_array();
}

void write_pools(JsonWriter& out, std::string_view key, const std::vector<AccuracyPool>& pools) {
  out.key(key).begin_array();
  for (const AccuracyPool& pool : pools) {
    out.begin_object().member("family", pool.family).member("gpu", pool.gpu);
    out.member("sets", pool.sets).member("shapes", pool.shapes);
    write_error(out, pool.error);
    out.member("in_band", pool.in_band).end_object();
  }
  out.end_array();
}

void write_regimes(JsonWriter& out, const std::vector<AccuracyRegime>& regimes) {
  out.key("regimes").begin_array();
  for (const AccuracyRegime& regime : regimes) {
    out.begin_object().member("family", regime.family).member("gpu", regime.gpu);
    out.member("format", regime.format).member("regime", regime.regime).member("sets", regime.sets);
    write_error(out, regime.error);
    out.member("in_band", regime.in_band).member("centred", regime.centred()).end_object();
  }
  out.end_array();
}

}  // namespace

Document describe_accuracy(const Accuracy& accuracy) {
  Document document;
  if (!accuracy.pools.empty()) document.add(pool_table(accuracy.how, accuracy.pools));
  if (!accuracy.singletons.empty())
    document.add(pool_table("sets of fewer than three shapes, apart", accuracy.singletons));
  if (accuracy.sets.empty()) {
    document.add(Note{"No row was scored: a set needs shapes to leave out, or rows that no constant was fitted to."});
  } else {
    if (!accuracy.regimes.empty()) document.add(regime_table(accuracy.regimes));
    if (!accuracy.values.empty()) document.add(value_table(accuracy.values));
    document.add(set_table(accuracy));
    document.add(worst_rows(accuracy));
  }
  document.add(
      Note{"Errors are |predicted / measured - 1|; bias is the median of ln(predicted / measured), so + is too slow a "
           "prediction."});
  if (accuracy.refused > 0)
    document.add(
        Note{fmt::format("{} rows of shapes that the constants were fitted to are not scored (--in-sample "
                         "scores them)",
                         accuracy.refused)});
  if (accuracy.bad > 0) document.add(Note{fmt::format("{} rows known to be wrong are left out", accuracy.bad)});
  return document;
}

Document accuracy_rows(const Accuracy& accuracy) {
  Document document;
  document.add(accuracy.values.empty() ? set_table(accuracy) : value_table(accuracy.values));
  return document;
}

std::string json_of_accuracy(const Accuracy& accuracy) {
  JsonWriter out;
  out.begin_object().member("schema", "moeplan.validate/1").member("how", accuracy.how);
  out.key("sets").begin_array();
  for (const AccuracySet& set : accuracy.sets) write_set(out, set);
  out.end_array();
  write_pools(out, "pools", accuracy.pools);
  write_pools(out, "singletons", accuracy.singletons);
  write_regimes(out, accuracy.regimes);
  if (!accuracy.values.empty()) write_values(out, accuracy.values);
  out.key("overall").begin_object();
  write_error(out, accuracy.overall);
  out.end_object();
  out.member("refused_rows", accuracy.refused).member("bad_rows", accuracy.bad).end_object();
  return out.take();
}

}  // namespace moeplan
