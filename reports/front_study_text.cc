// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <limits>

#include "reports/front_study.h"
#include "reports/time_words.h"
#include "sim/study/explain.h"

namespace moeplan {
namespace {

constexpr double kUnbounded = std::numeric_limits<double>::infinity();

struct AxisWords {
  StudyAxis axis;
  const char* heading;
  const char* unit;
};
constexpr AxisWords kPower{StudyAxis::PerProvisionedMw, "tokens per second and megawatt provisioned, all in",
                           "tok/s/MW"};
constexpr AxisWords kMoney{StudyAxis::PerDollar, "tokens for a dollar", "$/Mtok"};

std::string absolute(const FrontierPoint& p, StudyAxis axis) {
  const std::optional<double> figure = figure_of(p, axis);
  if (!figure) return "?";
  return axis == StudyAxis::PerDollar ? fmt::format("{:.3g}", 1e6 / *figure) : rate(*figure);
}

// "3.4x"; "alone" where only this side is so fast, "-" where it is not.
std::string times(const Frontier& front, const Frontier& base, StudyAxis axis, double speed) {
  if (!at_speed(front, speed)) return "-";
  if (!at_speed(base, speed)) return "alone";
  const std::optional<double> ratio = ratio_of(front, base, axis, speed);
  return ratio ? fmt::format("{:.{}f}x", *ratio, *ratio < 10 ? 1 : 0) : std::string("?");
}

Table ratio_table(const StudyReport& report, const StudyFronts& fronts, const AxisWords& words) {
  const FrontStudy& study = report.study;
  const Frontier& base = fronts.sides.front();
  Table table;
  table.columns = {{"side", "at tok/s/user", true, 0}};
  for (const double speed : study.speeds)
    table.columns.push_back({fmt::format("at_{:g}", speed), fmt::format("{:g}", speed), false, 0});
  Row first{{{fmt::format("{} ({})", study.sides.front().name, words.unit)}}, Tone::Plain};
  for (const double speed : study.speeds) {
    const std::optional<FrontierPoint> p = at_speed(base, speed);
    first.cells.push_back({p ? absolute(*p, words.axis) : std::string("-")});
  }
  table.rows.push_back(first);
  const auto add = [&](const std::string& name, const Frontier& front, const Frontier& under) {
    Row row{{{name}}, Tone::Plain};
    for (const double speed : study.speeds) row.cells.push_back({times(front, under, words.axis, speed)});
    table.rows.push_back(row);
  };
  for (std::size_t i = 1; i < fronts.sides.size(); ++i) add(study.sides[i].name, fronts.sides[i], base);
  for (const std::size_t rival : study.rivals)
    add(fmt::format("the last over {}", study.sides[rival].name), fronts.sides.back(), fronts.sides[rival]);
  return table;
}

std::string ranges_text(const Frontier& front, const Frontier& base, double low, double high) {
  std::string text;
  for (const SpeedRange& range : where_ratio(front, base, StudyAxis::PerProvisionedMw, low, high))
    text += fmt::format("{}{:.3g} to {:.3g}", text.empty() ? "" : ", ", range.from, range.to);
  return text.empty() ? "nowhere" : text;
}

Table where_table(const StudyReport& report, const StudyFronts& fronts) {
  const FrontStudy& study = report.study;
  Table table;
  table.columns = {{"side", "per MW, where (tok/s/user)", true, 0},
                   {"tenfold", "10x (9 and more)", true, 0},
                   {"several", "3x to 5x", true, 0},
                   {"fastest", "fastest user", false, 0},
                   {"most", "tok/s/GPU at most", false, 1}};
  const auto add = [&](const std::string& name, const Frontier& front, const Frontier* under) {
    const bool fits = !front.empty();
    table.rows.push_back({{{name},
                           {under == nullptr ? std::string() : ranges_text(front, *under, kTenfold, kUnbounded)},
                           {under == nullptr ? std::string() : ranges_text(front, *under, kSeveral, kFew)},
                           {fits ? fmt::format("{:.3g}", front.back().per_user) : std::string("does not fit")},
                           {fits ? rate(front.front().per_gpu) : std::string("-")}},
                          Tone::Plain});
  };
  for (std::size_t i = 0; i < fronts.sides.size(); ++i)
    add(study.sides[i].name, fronts.sides[i], i == 0 ? nullptr : &fronts.sides.front());
  for (const std::size_t rival : study.rivals)
    add(fmt::format("the last over {}", study.sides[rival].name), fronts.sides.back(), &fronts.sides[rival]);
  return table;
}

KeyValues sides_of(const FrontStudy& study) {
  KeyValues block;
  block.entries.push_back(
      {"load",
       {fmt::format("prompts of {}, answers of {}", counted(study.load.isl, "token"), grouped(study.load.osl))}});
  for (const StudySide& side : study.sides) block.entries.push_back({side.name, {side.change}});
  return block;
}

}  // namespace

Document describe_study(const StudyReport& report) {
  Document document;
  document.add(Note{report.study.question});
  document.add(sides_of(report.study));
  for (const StudyFronts& fronts : report.models) {
    for (const AxisWords& words : {kPower, kMoney}) {
      document.add(Heading{fmt::format("{}: {}", fronts.model, words.heading)});
      document.add(ratio_table(report, fronts, words));
    }
    document.add(Heading{fmt::format("{}: which ratio holds where", fronts.model)});
    document.add(where_table(report, fronts));
    if (fronts.without_mtp) document.add(Note{"It has no module that drafts: nothing is speculated."});
  }
  document.add(Note{
      "Each row is the best of its deployments at that speed for a user, and each adds to the one above it. alone: the "
      "side it is compared with serves nobody so fast. Tokens are generated ones; a ratio without an axis and a speed "
      "means nothing."});
  document.add(Note{"Source: " + report.study.source});
  return document;
}

Document tabulate_study(const StudyReport& report) {
  Table table;
  table.columns = {{"model", "model", true, 0},           {"side", "side", true, 0},
                   {"deployment", "deployment", true, 0}, {"prefill", "prefill", true, 0},
                   {"layout", "layout", true, 0},         {"concurrency", "concurrency", false, 0},
                   {"per_user", "tok_s_user", false, 0},  {"per_gpu", "tok_s_gpu", false, 0},
                   {"per_mw", "tok_s_mw", false, 0},      {"provisioned", "tok_s_mw_provisioned", false, 0},
                   {"usd", "usd_per_mtok", false, 0},     {"ttft", "ttft_s", false, 0}};
  const auto number = [](const std::optional<double>& value) {
    return value ? fmt::format("{:.6g}", *value) : std::string();
  };
  for (const StudyFronts& fronts : report.models) {
    for (std::size_t i = 0; i < fronts.sides.size(); ++i) {
      const StudySide& side = report.study.sides[i];
      for (const FrontierPoint& p : fronts.sides[i])
        table.rows.push_back({{{fronts.model},
                               {side.name},
                               {side.alternatives[p.alternative].options},
                               {side.alternatives[p.alternative].prefill},
                               {describe(p.layout)},
                               {fmt::format("{}", p.concurrency)},
                               {fmt::format("{:.6g}", p.per_user)},
                               {fmt::format("{:.6g}", p.per_gpu)},
                               {number(p.per_mw)},
                               {number(p.per_provisioned_mw)},
                               {number(p.usd_per_million)},
                               {fmt::format("{:.6g}", p.ttft.base())}},
                              Tone::Plain});
    }
  }
  Document document;
  document.add(table);
  return document;
}

}  // namespace moeplan
