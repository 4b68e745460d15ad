// SPDX-License-Identifier: Apache-2.0
// The page of `simulate --frontier`: the front as a chart and its points to sort.
#include <fmt/format.h>

#include "reports/frontier.h"
#include "reports/time_words.h"
#include "sim/study/explain.h"

namespace moeplan {
namespace {

std::string name_of(const FrontierSide& side) { return fmt::format("{} on {}", side.model, side.hardware); }

Chart front_chart(const FrontierReport& report) {
  Chart chart;
  chart.title = "Pareto front: speed for a user against throughput";
  chart.x = {"speed for a user", {"tok/s", 1}, true};
  chart.y = {"output per device", {"tok/s/GPU", 1}, true};
  for (const FrontierSide& side : report.sides) {
    Series series{name_of(side), {}};
    for (const FrontierPoint& p : side.front)
      series.points.push_back({.x = p.per_user,
                               .y = p.per_gpu,
                               .label = fmt::format("{}, {}", describe(p.layout), counted(p.concurrency, "request"))});
    if (!side.front.empty())
      chart.alt += fmt::format("{}{}: up to {} tok/s for a user, up to {} tok/s/GPU.", chart.alt.empty() ? "" : " ",
                               series.name, rate(side.front.back().per_user), rate(side.front.front().per_gpu));
    chart.series.push_back(std::move(series));
  }
  return chart;
}

DataTable front_data(const FrontierReport& report) {
  DataColumn side{.key = "side", .title = "deployment", .is_text = true};
  DataColumn layout{.key = "layout", .title = "layout", .is_text = true};
  DataColumn requests{.key = "concurrency", .title = "requests"};
  DataColumn user{.key = "tokens_per_s_per_user", .title = "for a user", .unit = {"tok/s", 1}};
  DataColumn gpu{.key = "tokens_per_s_per_gpu", .title = "per device", .unit = {"tok/s", 1}};
  DataColumn power{.key = "tokens_per_s_per_mw", .title = "per MW", .unit = {"tok/s", 1}};
  DataColumn money{.key = "usd_per_million_tokens", .title = "price", .unit = {"$/Mtok", 1}};
  DataColumn first{.key = "ttft_s", .title = "time to first token", .unit = {"s", 1}};
  for (const FrontierSide& of : report.sides) {
    for (const FrontierPoint& p : of.front) {
      side.texts.push_back(name_of(of));
      layout.texts.push_back(describe(p.layout));
      requests.numbers.push_back(static_cast<double>(p.concurrency));
      user.numbers.push_back(p.per_user);
      gpu.numbers.push_back(p.per_gpu);
      power.numbers.push_back(p.per_mw.value_or(kNoValue));
      money.numbers.push_back(p.usd_per_million.value_or(kNoValue));
      first.numbers.push_back(p.ttft.base());
    }
  }
  return {.title = "Every point of the front",
          .name = "front",
          .columns = {side, layout, requests, user, gpu, power, money, first}};
}

}  // namespace

Document page_of_frontier(const FrontierReport& report) {
  Document page;
  for (const FrontierSide& side : report.sides) page.title += (page.title.empty() ? "" : " and ") + name_of(side);
  page.add(Heading{"Front"});
  page.add(front_chart(report));
  page.add(front_data(report));
  page.add(Heading{"At the speeds people ask for"});
  for (Section& section : describe_frontier(report).sections) page.add(std::move(section));
  return page;
}

}  // namespace moeplan
