// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "reports/frontier.h"
#include "reports/time_words.h"
#include "sim/study/explain.h"

namespace moeplan {
namespace {

// Speeds people quote.
constexpr std::array<double, 11> kSpeeds = {10, 20, 30, 40, 50, 75, 100, 125, 150, 200, 300};
constexpr double kWithin = 0.1;

std::vector<double> speeds_of(const FrontierReport& report) {
  if (report.at) return {*report.at};
  return {kSpeeds.begin(), kSpeeds.end()};
}

std::optional<double> figure(const FrontierPoint& p, std::string_view axis) {
  if (axis == "tok/s/GPU") return p.per_gpu;
  if (axis == "tok/s/MW") return p.per_mw;
  if (axis == "tok/s/MW-provisioned") return p.per_provisioned_mw;
  if (p.usd_per_million) return 1 / *p.usd_per_million;  // less is better
  return std::nullopt;
}

std::string ratio_text(const FrontierReport& report, std::string_view axis, double speed) {
  const std::optional<double> ratio = ratio_at(report, axis, speed);
  return ratio ? fmt::format("{:.3g}", *ratio) : std::string("-");
}

std::string optional_rate(const std::optional<double>& value) { return value ? rate(*value) : std::string("-"); }

Table side_table(const FrontierSide& side, const std::vector<double>& speeds) {
  Table table;
  table.columns = {{"user", "tok/s/user", false, 0}, {"gpu", "tok/s/GPU", false, 0}, {"mw", "tok/s/MW", false, 0},
                   {"built", "MW built", false, 2},  {"usd", "$/Mtok", false, 0},    {"requests", "requests", false, 1},
                   {"ttft", "TTFT", false, 2},       {"layout", "layout", true, 0}};
  for (const double speed : speeds) {
    const std::optional<FrontierPoint> p = at_speed(side.front, speed);
    if (!p) continue;
    table.rows.push_back({{{fmt::format("{:g}", speed)},
                           {rate(p->per_gpu)},
                           {optional_rate(p->per_mw)},
                           {optional_rate(p->per_provisioned_mw)},
                           {p->usd_per_million ? fmt::format("{:.3g}", *p->usd_per_million) : std::string("-")},
                           {grouped(p->concurrency)},
                           {duration(p->ttft.base())},
                           {describe(p->layout)}},
                          Tone::Plain});
  }
  return table;
}

Table ratio_table(const FrontierReport& report, const std::vector<double>& speeds) {
  Table table;
  table.columns = {{"user", "tok/s/user", false, 0},
                   {"gpu", "x tok/s/GPU", false, 0},
                   {"mw", "x tok/s/MW drawn", false, 0},
                   {"built", "x tok/s/MW built", false, 0},
                   {"usd", "x tok/$", false, 0}};
  for (const double speed : speeds) {
    if (!ratio_at(report, "tok/s/GPU", speed)) continue;
    table.rows.push_back({{{fmt::format("{:g}", speed)},
                           {ratio_text(report, "tok/s/GPU", speed)},
                           {ratio_text(report, "tok/s/MW", speed)},
                           {ratio_text(report, "tok/s/MW-provisioned", speed)},
                           {ratio_text(report, "usd/Mtok", speed)}},
                          Tone::Plain});
  }
  return table;
}

std::string title(const FrontierSide& side) {
  std::string text = fmt::format("{}, {}, weights {}, {}", side.model, side.hardware, side.weights, side.runtime);
  if (side.drafts > 0) text += fmt::format(", {} drafts a step", side.drafts);
  return text;
}

}  // namespace

std::optional<double> ratio_at(const FrontierReport& report, std::string_view axis, double per_user) {
  if (report.sides.size() != 2) return std::nullopt;
  const std::optional<FrontierPoint> first = at_speed(report.sides[0].front, per_user);
  const std::optional<FrontierPoint> second = at_speed(report.sides[1].front, per_user);
  const std::optional<double> a = first ? figure(*first, axis) : std::nullopt;
  const std::optional<double> b = second ? figure(*second, axis) : std::nullopt;
  if (!a || !b || *b <= 0) return std::nullopt;
  return *a / *b;
}

bool holds(const FrontierReport& report) {
  if (!report.claim) return true;
  const std::optional<double> ratio = ratio_at(report, report.claim->axis, report.claim->at);
  return ratio && *ratio >= report.claim->ratio * (1 - kWithin);
}

Document describe_frontier(const FrontierReport& report) {
  Document document;
  KeyValues asked;
  asked.entries.push_back(
      {"load",
       {fmt::format("prompts of {}, answers of {}", counted(report.load.isl, "token"), grouped(report.load.osl))}});
  document.add(asked);
  const std::vector<double> speeds = speeds_of(report);
  for (const FrontierSide& side : report.sides) {
    document.add(Heading{title(side)});
    if (side.front.empty()) {
      document.add(Note{"does not fit in any layout (moeplan fit shows what lies where)"});
      continue;
    }
    document.add(side_table(side, speeds));
    document.add(Note{fmt::format("{:.3g} tok/s for a user at most, {} tok/s/GPU at most", side.front.back().per_user,
                                  rate(side.front.front().per_gpu))});
  }
  if (report.sides.size() == 2) {
    document.add(Heading{"the first over the second"});
    document.add(ratio_table(report, speeds));
  }
  if (report.claim) {
    const std::optional<double> ratio = ratio_at(report, report.claim->axis, report.claim->at);
    const std::string found = ratio ? fmt::format("{:.3g}x", *ratio) : std::string("one of them does not reach it");
    KeyValues verdict;
    verdict.entries.push_back(
        {fmt::format("{:g}x", report.claim->ratio),
         {fmt::format("{} in {} at {:g} tok/s/user: predicted {}", holds(report) ? "holds" : "does not hold",
                      report.claim->axis, report.claim->at, found)},
         holds(report) ? Tone::Plain : Tone::Bad});
    document.add(verdict);
  }
  document.add(
      Note{"The best of every layout and number of requests that serves each user at least so fast; tokens are "
           "generated ones. MW built: all-in power provisioned per device."});
  return document;
}

Document tabulate_frontier(const FrontierReport& report) {
  Table table;
  table.columns = {{"side", "side", false, 0},           {"hardware", "hardware", true, 0},
                   {"layout", "layout", true, 0},        {"concurrency", "concurrency", false, 0},
                   {"per_user", "tok_s_user", false, 0}, {"per_gpu", "tok_s_gpu", false, 0},
                   {"per_mw", "tok_s_mw", false, 0},     {"usd", "usd_per_mtok", false, 0}};
  for (std::size_t i = 0; i < report.sides.size(); ++i) {
    for (const FrontierPoint& p : report.sides[i].front)
      table.rows.push_back({{{fmt::format("{}", i + 1)},
                             {report.sides[i].hardware},
                             {describe(p.layout)},
                             {fmt::format("{}", p.concurrency)},
                             {fmt::format("{:.6g}", p.per_user)},
                             {fmt::format("{:.6g}", p.per_gpu)},
                             {p.per_mw ? fmt::format("{:.6g}", *p.per_mw) : std::string()},
                             {p.usd_per_million ? fmt::format("{:.6g}", *p.usd_per_million) : std::string()}},
                            Tone::Plain});
  }
  Document document;
  document.add(table);
  return document;
}

}  // namespace moeplan
