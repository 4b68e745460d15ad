// SPDX-License-Identifier: Apache-2.0
#include "reports/e2e_accuracy.h"

#include <fmt/format.h>

#include "sim/base/json.h"

namespace moeplan {
namespace {

std::string percent(double share) { return fmt::format("{:.1f}", 100 * share); }
std::string signed_percent(double share) { return fmt::format("{:+.1f}", 100 * share); }
std::string or_all(const std::string& word) { return word.empty() ? "all" : word; }

Table set_table(const E2eAccuracy& accuracy) {
  Table table;
  table.caption = accuracy.how;
  table.columns = {{"file", "file", true, 3},
                   {"phase", "phase", true, 0},
                   {"device_class", "hardware", true, 0},
                   {"regime", "regime", true, 0},
                   {"rows", "rows", false, 0},
                   {"median_ape_percent", "median %", false, 0},
                   {"p90_ape_percent", "P90 %", false, 1},
                   {"factor", "factor", false, 0},
                   {"bias_percent", "bias %", false, 0}};
  for (const E2eFile& file : accuracy.files)
    for (const E2eSet& set : file.sets)
      table.rows.push_back({{{file.file},
                             {set.phase},
                             {or_all(set.device_class)},
                             {or_all(set.regime)},
                             {set.error.rows},
                             {percent(set.error.median)},
                             {percent(set.error.p90)},
                             {fmt::format("{:.2f}", set.factor)},
                             {signed_percent(set.error.bias)}},
                            set.device_class.empty() ? Tone::Strong : Tone::Plain});
  return table;
}

Table layout_table(const E2eFile& file) {
  Table table;
  const LayoutAccuracy& layouts = file.layouts.front();
  table.caption =
      fmt::format("layout chosen by prediction in {}; ratios of two layouts: median error {} %, P90 {} % of {} pairs",
                  file.file, percent(layouts.ratio_median), percent(layouts.ratio_p90), layouts.ratios);
  table.columns = {{"goal", "goal", true, 0},
                   {"groups", "groups", false, 0},
                   {"best_found", "best found", false, 0},
                   {"median_loss_percent", "median loss %", false, 0},
                   {"p90_loss_percent", "P90 loss %", false, 0}};
  for (const LayoutGoal& goal : layouts.goals)
    table.rows.push_back(
        {{{goal.goal}, {goal.groups}, {goal.best_found}, {percent(goal.median_loss)}, {percent(goal.p90_loss)}},
         Tone::Plain});
  return table;
}

ItemList refusals(const E2eFile& file) {
  ItemList list;
  list.title = "rows of " + file.file + " that were not predicted";
  for (const E2eRefusal& refusal : file.refusals)
    list.items.push_back({fmt::format("{}: {}", refusal.rows, refusal.reason)});
  return list;
}

ItemList worst_rows(const E2eFile& file) {
  ItemList list;
  list.title = "furthest off";
  for (const E2eWorst& worst : file.worst)
    list.items.push_back({fmt::format("{}:{}  predicted {:.4g}, measured {:.4g} tok/s: {}", file.file, worst.line,
                                      worst.predicted, worst.measured, worst.command)});
  return list;
}

void write_error(JsonWriter& out, const E2eSet& set) {
  out.member("n", set.error.rows).member("mape", set.error.mean).member("median_ape", set.error.median);
  out.member("p90_ape", set.error.p90).member("bias", set.error.bias).member("factor", set.factor);
}

void write_set(JsonWriter& out, const std::string& file, const E2eSet& set) {
  out.begin_object().member("file", file).key("group").begin_object();
  out.member("phase", set.phase).member("device_class", set.device_class).member("regime", set.regime).end_object();
  write_error(out, set);
  out.end_object();
}

void write_layouts(JsonWriter& out, const std::string& file, const LayoutAccuracy& layouts) {
  out.begin_object().member("file", file).key("goals").begin_array();
  for (const LayoutGoal& goal : layouts.goals) {
    out.begin_object().member("goal", goal.goal).member("groups", goal.groups).member("best_found", goal.best_found);
    out.member("median_loss", goal.median_loss).member("p90_loss", goal.p90_loss).end_object();
  }
  out.end_array().member("ratios", layouts.ratios);
  out.member("ratio_median_log_error", layouts.ratio_median).member("ratio_p90_log_error", layouts.ratio_p90);
  out.end_object();
}

void write_worst(JsonWriter& out, const std::string& file, const E2eWorst& worst) {
  out.begin_object().member("file", file).member("row", static_cast<Count>(worst.line));
  out.member("predicted_tokens_per_s", worst.predicted).member("measured_tokens_per_s", worst.measured);
  out.member("command", worst.command).end_object();
}

}  // namespace

Document describe_e2e(const E2eAccuracy& accuracy) {
  Document document;
  document.add(set_table(accuracy));
  for (const E2eFile& file : accuracy.files) {
    if (!file.layouts.empty()) document.add(layout_table(file));
    if (!file.worst.empty()) document.add(worst_rows(file));
    if (!file.refusals.empty()) document.add(refusals(file));
  }
  document.add(Note{
      "Errors are |predicted / measured - 1| of tokens per second; factor is the geometric mean of the larger over "
      "the smaller; bias is the median of ln(predicted / measured), so + is too fast a prediction."});
  return document;
}

Document e2e_rows(const E2eAccuracy& accuracy) {
  Document document;
  document.add(set_table(accuracy));
  return document;
}

std::string json_of_e2e(const E2eAccuracy& accuracy) {
  JsonWriter out;
  out.begin_object().member("schema", "moeplan.validate.runs/1").member("how", accuracy.how);
  out.key("sets").begin_array();
  for (const E2eFile& file : accuracy.files)
    for (const E2eSet& set : file.sets) write_set(out, file.file, set);
  out.end_array().key("overall").begin_object();
  write_error(out, accuracy.overall);
  out.end_object().key("refused").begin_array();
  for (const E2eFile& file : accuracy.files)
    for (const E2eRefusal& refusal : file.refusals)
      out.begin_object()
          .member("file", file.file)
          .member("reason", refusal.reason)
          .member("rows", refusal.rows)
          .end_object();
  out.end_array().key("worst").begin_array();
  for (const E2eFile& file : accuracy.files)
    for (const E2eWorst& worst : file.worst) write_worst(out, file.file, worst);
  out.end_array().key("layouts").begin_array();
  for (const E2eFile& file : accuracy.files)
    for (const LayoutAccuracy& layouts : file.layouts) write_layouts(out, file.file, layouts);
  out.end_array().end_object();
  return out.take();
}

}  // namespace moeplan
