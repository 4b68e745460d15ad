// SPDX-License-Identifier: Apache-2.0
#include "reports/sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "reports/sweep_analysis.h"
#include "reports/sweep_charts.h"
#include "reports/sweep_columns.h"
#include "sim/base/json.h"

namespace moeplan {
namespace {

constexpr std::size_t kMostFrontRows = 24;

std::string axis_text(const SweepAxis& axis) {
  std::string text;
  for (const SweepVariable& v : axis.variables) {
    constexpr std::size_t kListed = 8;
    std::string values;
    if (v.values.size() <= kListed)
      values = fmt::format("{}", fmt::join(v.values, ", "));
    else
      values = fmt::format("{}, {}, ... {}", v.values[0], v.values[1], v.values.back());
    text += fmt::format("{}{}{} = {}", text.empty() ? "" : " with ", v.name,
                        v.keep.empty() ? "" : fmt::format(" ({} kept)", v.keep == "both" ? "total and active" : v.keep),
                        values);
  }
  return axis.size() > 1 ? fmt::format("{} ({})", text, axis.size()) : text;
}

std::string base_text(const SweepStudy& study) {
  std::string text;
  for (const OptionWord& word : study.base)
    text += fmt::format("{}{}{}{}", text.empty() ? "" : ", ", word.name, word.value.empty() ? "" : " ", word.value);
  return text.empty() ? "nothing" : text;
}

std::string axes_text(const SweepStudy& study) {
  std::string text;
  for (const SweepAxis& axis : study.axes)
    for (const SweepVariable& v : axis.variables) text += (text.empty() ? "" : ", ") + v.name;
  return text;
}

// What a point is besides its words: everything nobody said.
std::string first_text(const SimulateQuestion& q) {
  const FitQuestion& d = q.deployment;
  return fmt::format("point: {} on {} x {}, {} {}, {}, weights {}, batch {}, context {}", d.model.id, d.layout.gpus(),
                     d.device.device, d.runtime.id, d.runtime.version, describe(d.layout), d.weights,
                     with_commas(q.load.batch), with_commas(q.load.context));
}

KeyValues what_was_asked(const SweepReport& report) {
  KeyValues about;
  const SweepStudy& study = report.study;
  about.entries.push_back({"sweep", {study.id}});
  if (!study.question.empty()) about.entries.push_back({"question", {study.question}});
  if (!study.finding.empty()) about.entries.push_back({"finding", {study.finding}, Tone::Strong});
  about.entries.push_back({"base", {base_text(study)}});
  for (const SweepAxis& axis : study.axes)
    about.entries.push_back({&axis == &study.axes.front() ? "axes" : "", {axis_text(axis)}});
  if (report.first) about.entries.push_back({"first", {first_text(*report.first)}});
  for (const std::string& constraint : study.where)
    about.entries.push_back({&constraint == &study.where.front() ? "where" : "", {constraint}});
  return about;
}

std::string count_text(Count count) { return fmt::format("{}", with_commas(count)); }

std::string counts_text(const SweepResult& result) {
  const auto count = [&result](PointStatus status) { return result.counts[static_cast<std::size_t>(status)]; };
  std::string text = fmt::format("{}: {} ok", count_text(result.rows), count_text(count(PointStatus::Ok)));
  const auto add = [&](PointStatus status, const char* words) {
    if (count(status) > 0) text += fmt::format(", {} {}", count_text(count(status)), words);
  };
  add(PointStatus::NoFit, "do not fit");
  add(PointStatus::Invalid, "invalid");
  add(PointStatus::Error, "failed");
  const Count forbidden = result.points - result.rows;
  if (forbidden > 0) text += fmt::format("; constraints leave out {}", count_text(forbidden));
  return text;
}

// Why points came to nothing, the most frequent reason first.
void add_reasons(const SweepReport& report, Document& document) {
  std::vector<std::pair<Count, std::size_t>> found(report.rows.reasons.size());
  for (std::size_t i = 0; i < found.size(); ++i) found[i].second = i;
  for (std::size_t r = 0; r < report.rows.rows(); ++r)
    if (report.rows.status[r] == PointStatus::Invalid || report.rows.status[r] == PointStatus::Error)
      ++found[report.rows.reason[r]].first;
  std::sort(found.rbegin(), found.rend());
  ItemList list{.title = "why points are invalid", .items = {}};
  constexpr std::size_t kMost = 3;
  for (const auto& [count, reason] : found)
    if (count > 0 && reason != 0 && list.items.size() < kMost)
      list.items.push_back({fmt::format("{} x {}", count_text(count), report.rows.reasons[reason])});
  if (!list.items.empty()) document.add(list);
}

void add_front(const SweepReport& report, Document& document) {
  if (report.front.size() < 2 || report.front_rows.rows() == 0) return;
  std::string names;
  for (const SweepMetric* metric : report.front)
    names += fmt::format("{}{} ({})", names.empty() ? "" : ", ", metric->title,
                         metric->sense == MetricSense::More ? "more" : "less");
  document.add(Heading{fmt::format("points no other beats in {}", names)});
  document.add(table_of_rows(report.front_rows, kMostFrontRows));
  if (report.result.front_left_out > 0)
    document.add(Note{fmt::format("the front is not complete: {} further points had no room",
                                  count_text(report.result.front_left_out))});
  if (report.front_rows.rows() > kMostFrontRows)
    document.add(Note{fmt::format("{} of {} points of the front, evenly spread; --json has all", kMostFrontRows,
                                  report.front_rows.rows())});
}

void add_best(const SweepReport& report, Document& document) {
  constexpr std::size_t kShown = 3;
  for (std::size_t i = 0; i < report.front.size(); ++i) {
    if (report.best_rows[i].rows() == 0) continue;
    document.add(Heading{
        fmt::format("{} {}", report.front[i]->sense == MetricSense::More ? "most" : "least", report.front[i]->title)});
    document.add(table_of_rows(first_rows(report.best_rows[i], kShown), kShown));
  }
}

}  // namespace

Document describe_plan(const SweepReport& report, Count allowed) {
  Document document;
  KeyValues about = what_was_asked(report);
  const double all = report.grid->size();
  about.entries.push_back({"points", {fmt::format("{}", with_commas(allowed))}, Tone::Strong});
  if (static_cast<double>(allowed) < all)
    about.entries.push_back({"", {fmt::format("of {} before constraints", count_text(static_cast<Count>(all)))}});
  about.entries.push_back({"deployments", {with_commas(report.grid->deployments())}});
  about.entries.push_back({"layouts", {fmt::format("{} of each", with_commas(report.grid->layouts()))}});
  about.entries.push_back({"loads", {fmt::format("{} of each", with_commas(report.grid->loads()))}});
  document.add(about);
  return document;
}

namespace {

constexpr std::size_t kMostSteps = 32;  // of an axis, in a table

std::size_t values_of(const SweepReport& report, const std::string& axis) {
  for (const SweepGrid::Column column : report.grid->columns())
    if (report.grid->variable(column).name == axis) return report.grid->axes()[column.axis].size();
  return 0;
}

// Which axis matters and how the first metric answers to it. Of a sample neighbours are missing.
void add_analysis(const SweepReport& report, Document& document) {
  const SweepView view = view_of(report);
  if (report.rows.rows() < 3 || view.y.empty()) return;
  const std::string& metric = view.y.front();
  const SweepMetric* known = find_metric(metric);
  if (known == nullptr || report.rows.find(metric) == nullptr) return;
  add_axis_effects(document, report.rows, metric);
  bool short_axes = report.result.sampled_every == 1;
  for (const SweepColumn& column : report.rows.columns)
    short_axes = short_axes && (!column.is_axis || values_of(report, column.name) <= kMostSteps);
  if (short_axes) add_elasticities(document, report.rows, metric);
  if (!view.by.empty() && known->sense != MetricSense::None)
    add_best_per_group(document, report.rows, view.by,
                       {metric, known->sense == MetricSense::More ? Sense::More : Sense::Less});
}

}  // namespace

Document describe_sweep(const SweepReport& report) {
  Document document;
  KeyValues about = what_was_asked(report);
  about.entries.push_back({"points", {counts_text(report.result)}, Tone::Strong});
  if (!report.files.empty()) about.entries.push_back({"files", {fmt::format("{}", fmt::join(report.files, ", "))}});
  document.add(about);
  add_best(report, document);
  add_front(report, document);
  add_analysis(report, document);
  add_reasons(report, document);
  if (report.result.sampled_every > 1)
    document.add(Note{fmt::format("tables and charts over all points show every {}th", report.result.sampled_every)});
  return document;
}

Document page_of_sweep(const SweepReport& report) {
  Document document;
  document.title = report.study.question.empty() ? "sweep over " + axes_text(report.study) : report.study.question;
  const Count ok = report.result.counts[static_cast<std::size_t>(PointStatus::Ok)];
  document.add(Banner{{report.study.finding.empty() ? counts_text(report.result) : report.study.finding},
                      ok > 0 ? Tone::Good : Tone::Bad});
  KeyValues about = what_was_asked(report);
  // Its title and its banner.
  std::erase_if(about.entries, [](const KeyValue& e) { return e.key == "question" || e.key == "finding"; });
  about.entries.push_back({"points", {counts_text(report.result)}, Tone::Strong});
  document.add(about);
  add_charts(report, document);
  add_best(report, document);
  add_front(report, document);
  add_analysis(report, document);
  add_reasons(report, document);
  document.add(Heading{"rows"});
  document.add(data_of_rows(report));
  if (report.result.sampled_every > 1)
    document.add(Note{fmt::format("tables and charts over all points show every {}th; results.csv has all",
                                  report.result.sampled_every)});
  for (const std::string& warning : report.warnings) document.add(Note{warning});
  return document;
}

Document tabulate_sweep(const SweepReport& report) {
  Document document;
  document.add(table_of_rows(report.rows, report.rows.rows()));
  return document;
}

namespace {

void write_rows(JsonWriter& out, const SweepTable& table) {
  out.begin_array().compact(true);
  for (std::size_t r = 0; r < table.rows(); ++r) {
    out.begin_object();
    for (const SweepColumn& column : table.columns) {
      const double number = column.numbers[r];
      if (std::isnan(number)) continue;
      if (column.is_text)
        out.member(column.name, column.words[static_cast<std::size_t>(number)]);
      else
        out.member(column.name, number);
    }
    out.member("status", word_of(table.status[r]));
    if (table.reason[r] != 0) out.member("reason", table.reasons[table.reason[r]]);
    out.end_object();
  }
  out.compact(false).end_array();
}

void write_counts(JsonWriter& out, const SweepResult& result) {
  out.key("points").begin_object().compact(true);
  out.member("total", result.rows);
  for (std::size_t s = 0; s < kPointStatuses; ++s) out.member(word_of(static_cast<PointStatus>(s)), result.counts[s]);
  out.member("left_out", result.points - result.rows).member("complete", result.complete);
  out.end_object().compact(false);
}

void write_study(JsonWriter& out, const SweepStudy& study) {
  out.key("study")
      .begin_object()
      .member("id", study.id)
      .member("question", study.question)
      .member("finding", study.finding);
  out.member("source", study.source).member("as_of", study.as_of).key("base").begin_object();
  for (const OptionWord& word : study.base) out.member(word.name, word.value);
  out.end_object().key("axes").begin_array();
  for (const SweepAxis& axis : study.axes)
    for (const SweepVariable& v : axis.variables) {
      out.compact(true).begin_object().member("path", v.name).member("keep", v.keep);
      out.member("values", static_cast<Count>(v.values.size())).end_object().compact(false);
    }
  out.end_array().key("where").begin_array();
  for (const std::string& text : study.where) out.value(text);
  out.end_array().end_object();
}

}  // namespace

namespace {

void write_elasticity(JsonWriter& out, const AxisElasticity& elasticity) {
  out.begin_object().member("axis", elasticity.axis).key("steps").begin_array();
  for (const ElasticityStep& step : elasticity.steps) {
    out.compact(true).begin_object().member("from", step.from).member("to", step.to).member("median", step.median);
    out.member("low", step.low).member("high", step.high).end_object().compact(false);
  }
  out.end_array().key("knee");
  if (elasticity.knee)
    out.compact(true)
        .begin_object()
        .member("at", elasticity.knee_at)
        .member("slope_before", elasticity.knee->slope_before)
        .member("slope_after", elasticity.knee->slope_after)
        .end_object()
        .compact(false);
  else
    out.null();
  out.end_object();
}

// For each metric that is drawn: the share of its spread each axis explains, and elasticities.
void write_analysis(JsonWriter& out, const SweepReport& report) {
  out.key("analysis").begin_object();
  for (const std::string& metric : view_of(report).y) {
    if (report.rows.find(metric) == nullptr) continue;
    const AxisEffects effects = axis_effects(report.rows, metric);
    out.key(metric).begin_object().key("axes").begin_array();
    for (const AxisEffect& effect : effects.effects) {
      out.compact(true).begin_object().member("axis", effect.axis).member("share", effect.share);
      out.member("factor", effect.factor).end_object().compact(false);
    }
    out.end_array().member("interactions", effects.interactions).member("full_grid", effects.full_grid);
    out.key("elasticities").begin_array();
    for (const SweepColumn& column : report.rows.columns)
      if (column.is_axis && !column.is_text)
        if (const std::optional<AxisElasticity> along = elasticity_along(report.rows, column.name, metric))
          write_elasticity(out, *along);
    out.end_array().end_object();
  }
  out.end_object();
}

}  // namespace

std::string json_of_sweep(const SweepReport& report) {
  JsonWriter out;
  out.begin_object().member("schema", "moeplan.sweep/1");
  write_study(out, report.study);
  write_counts(out, report.result);
  out.key("front_metrics").begin_array();
  for (const SweepMetric* metric : report.front) out.value(metric->name);
  out.end_array().key("front");
  write_rows(out, report.front_rows);
  if (report.result.front_left_out > 0) out.member("front_left_out", report.result.front_left_out);
  out.key("best").begin_object();
  for (std::size_t i = 0; i < report.front.size(); ++i) {
    out.key(report.front[i]->name);
    write_rows(out, report.best_rows[i]);
  }
  out.end_object();
  write_analysis(out, report);
  out.member("sampled_every", report.result.sampled_every).key("rows");
  write_rows(out, report.rows);
  out.key("files").begin_array();
  for (const std::string& file : report.files) out.value(file);
  out.end_array().end_object();
  return out.take();
}

std::string json_of_plan(const SweepReport& report, Count allowed) {
  JsonWriter out;
  out.begin_object().member("schema", "moeplan.sweep.plan/1");
  write_study(out, report.study);
  out.member("points", allowed).member("points_before_constraints", report.grid->points());
  out.member("deployments", report.grid->deployments()).member("layouts", report.grid->layouts());
  return out.member("loads", report.grid->loads()).end_object().take();
}

std::string manifest_of_sweep(const SweepReport& report, const std::string& fingerprint) {
  JsonWriter out;
  out.begin_object().member("schema", "moeplan.sweep.manifest/1").member("fingerprint", fingerprint);
  write_study(out, report.study);
  write_counts(out, report.result);
  out.key("columns").begin_array();
  for (const SweepColumn& column : report.rows.columns) out.value(column.name);
  out.end_array().key("metrics").begin_array();
  for (const SweepMetric* metric : report.metrics) {
    out.compact(true).begin_object().member("name", metric->name).member("help", metric->help);
    out.end_object().compact(false);
  }
  out.end_array().key("files").begin_array();
  for (const std::string& file : report.files) out.value(file);
  return out.end_array().end_object().take();
}

}  // namespace moeplan
