// SPDX-License-Identifier: Apache-2.0
// The pages of `simulate`: its screens with the headline first, the time as bars, several
// loads or deployments as a chart.
#include <fmt/format.h>

#include <algorithm>

#include "reports/numbers.h"
#include "reports/page_parts.h"
#include "reports/simulate.h"
#include "reports/time_words.h"
#include "sim/study/explain.h"

namespace moeplan {
namespace {

const ShownUnit kMilliseconds{"ms", 1e3};
const ShownUnit kTokensPerSecond{"tok/s", 1};

double seconds_of(const ShareTime& share) { return share.time.seconds().base(); }

// Shares that take time, longest first.
std::vector<std::size_t> shares_of(const StepResult& step) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < kStepShares; ++i)
    if (step.shares[i].time.count() > 0) order.push_back(i);
  std::stable_sort(order.begin(), order.end(),
                   [&step](std::size_t a, std::size_t b) { return step.shares[a].time > step.shares[b].time; });
  return order;
}

Chart time_chart(const StepResult& step) {
  Chart chart;
  chart.title = "Where the time goes";
  chart.kind = ChartKind::Bar;
  chart.horizontal = true;
  chart.x.title = "part";
  chart.y = {"time", kMilliseconds, false};
  Series series{"time", {}};
  const std::vector<std::size_t> order = shares_of(step);
  for (const std::size_t i : order) {
    const ShareTime& share = step.shares[i];
    chart.categories.emplace_back(word_of(static_cast<StepShare>(i)));
    series.points.push_back(
        {.y = seconds_of(share), .label = fmt::format("bound by {}, {}", word_of(share.bound), word_of(share.tier))});
  }
  if (!order.empty())
    chart.alt = fmt::format("Most goes to {}: {} of the step, bound by {}.", chart.categories.front(),
                            share_text(seconds_of(step.shares[order.front()]) / step.time.seconds().base()),
                            word_of(step.shares[order.front()].bound));
  chart.series.push_back(std::move(series));
  return chart;
}

bool is_breakdown(const Section& section) {
  const Table* table = std::get_if<Table>(&section);
  return table != nullptr && !table->columns.empty() && table->columns.front().key == "part";
}

// The screen's first heading is the answer; inputs come after it.
void add_headline(Document& page, std::vector<Section>& sections) {
  for (auto section = sections.begin(); section != sections.end(); ++section) {
    if (const Heading* heading = std::get_if<Heading>(&*section)) {
      page.add(Banner{{heading->text}, Tone::Good});
      sections.erase(section);
      return;
    }
    if (KeyValues* block = std::get_if<KeyValues>(&*section)) {
      const Banner refusal = take_banner(*block, "does not fit");
      if (refusal.text.empty()) continue;
      page.add(Banner{{"does not fit: " + phrase_text(refusal.text, {}, Setting::Sentence)}, Tone::Bad});
      sections.erase(section);
      return;
    }
  }
}

std::string name_of(const SimulateReport& report) {
  const FitQuestion& d = report.simulation.question.deployment;
  return fmt::format("{} {}", page_title(d), describe(d.layout));
}

void add_inputs(Document& page, Section& section, const SimulateReport& report) {
  add_origins(std::get<KeyValues>(section), report.simulation.question.deployment, report.origins);
  KeyValues& asked = std::get<KeyValues>(section);
  for (KeyValue& entry : asked.entries)
    if (report.steady && entry.key == "load") entry.origin.clear();  // a steady load is always asked for
  page.add(Heading{"What was asked"});
  page.add(std::move(section));
}

// Of each deployment the parts of its step, side by side.
Chart parts_chart(const std::vector<SimulateReport>& reports) {
  Chart chart;
  chart.title = "Where the time goes, side by side";
  chart.alt = "Bars are the parts of a step of each deployment; the first is the base of the table.";
  chart.kind = ChartKind::StackedBar;
  chart.horizontal = true;
  chart.x.title = "deployment";
  chart.y = {"time", kMilliseconds, false};
  for (const SimulateReport& report : reports) chart.categories.push_back(name_of(report));
  for (std::size_t i = 0; i < kStepShares; ++i) {
    Series series{std::string(word_of(static_cast<StepShare>(i))), {}};
    double sum = 0;
    for (const SimulateReport& report : reports) {
      series.points.push_back({.y = report.simulation.fits ? seconds_of(report.simulation.step.shares[i]) : 0});
      sum += series.points.back().y;
    }
    if (sum > 0) chart.series.push_back(std::move(series));
  }
  return chart;
}

Chart speed_chart(const std::vector<SimulateReport>& reports) {
  Chart chart;
  chart.title = "Speed for a user against throughput";
  chart.x = {"speed for a user", {"tok/s", 1}, false};
  chart.y = {"output per device", {"tok/s/GPU", 1}, false};
  Series series{name_of(reports.front()), {}};
  for (const SimulateReport& report : reports) {
    const SteadyState& s = *report.steady;
    if (!s.fits) continue;
    series.points.push_back({.x = s.output_tokens_per_s_per_user,
                             .y = s.output_tokens_per_s_per_gpu,
                             .label = counted(s.load.concurrency, "request")});
  }
  if (series.points.size() > 1)
    chart.alt = fmt::format("From {} to {} for a user, a device gives {} down to {} tokens a second.",
                            rate(series.points.back().x), rate(series.points.front().x), rate(series.points.back().y),
                            rate(series.points.front().y));
  chart.series.push_back(std::move(series));
  return chart;
}

DataTable curve_data(const std::vector<SimulateReport>& reports) {
  DataTable data{.title = "Every load, with bands", .name = "loads", .columns = {}};
  const auto add = [&](DataColumn column, auto value) {
    for (const SimulateReport& report : reports)
      column.numbers.push_back(report.steady->fits ? value(*report.steady) : kNoValue);
    data.columns.push_back(std::move(column));
  };
  DataColumn requests{.key = "concurrency", .title = "requests"};
  for (const SimulateReport& report : reports)
    requests.numbers.push_back(static_cast<double>(report.steady->load.concurrency));
  data.columns.push_back(std::move(requests));
  add({.key = "output_tokens_per_s", .title = "output", .unit = kTokensPerSecond},
      [](const SteadyState& s) { return s.output_tokens_per_s; });
  add({.key = "tokens_per_s_per_gpu", .title = "per device", .unit = kTokensPerSecond},
      [](const SteadyState& s) { return s.output_tokens_per_s_per_gpu; });
  add({.key = "tokens_per_s_per_user", .title = "for a user", .unit = kTokensPerSecond},
      [](const SteadyState& s) { return s.output_tokens_per_s_per_user; });
  add({.key = "tpot_s", .title = "time per token", .unit = kMilliseconds, .low = "tpot_low_s", .high = "tpot_high_s"},
      [](const SteadyState& s) { return s.tpot.base(); });
  add({.key = "tpot_low_s", .title = "low"}, [](const SteadyState& s) { return s.tpot_low.base(); });
  add({.key = "tpot_high_s", .title = "high"}, [](const SteadyState& s) { return s.tpot_high.base(); });
  add({.key = "ttft_s", .title = "time to first token", .unit = {"s", 1}},
      [](const SteadyState& s) { return s.ttft.base(); });
  return data;
}

}  // namespace

Document page_of_simulation(const SimulateReport& report) {
  Document page;
  page.title = page_title(report.simulation.question.deployment);
  std::vector<Section> sections = describe_simulation(report).sections;
  add_headline(page, sections);
  bool inputs = true;
  for (Section& section : sections) {
    if (inputs && std::holds_alternative<KeyValues>(section)) {
      inputs = false;
      add_inputs(page, section, report);
      page.add(Heading{report.simulation.fits ? "Time" : "Memory"});
      continue;
    }
    if (is_breakdown(section)) page.add(time_chart(report.simulation.step));
    page.add(std::move(section));
  }
  if (report.simulation.fits) page.add(Heading{"Memory"});
  page.add(memory_chart(report.simulation.memory));
  page.add(ledger_data(report.simulation.memory));
  if (report.kernels.empty()) return page;
  ItemList kernels{"what the times stand on", {}};
  for (const std::string& kernel : report.kernels) kernels.items.push_back({kernel});
  page.add(Heading{"Assumptions"});
  page.add(kernels);
  return page;
}

Document page_of_comparison(const std::vector<SimulateReport>& reports) {
  Document page;
  page.title = fmt::format("{} deployments compared", reports.size());
  page.add(Heading{"Time"});
  page.add(parts_chart(reports));
  for (Section& section : compare_simulations(reports).sections) page.add(std::move(section));
  return page;
}

Document page_of_curve(const std::vector<SimulateReport>& reports) {
  Document page;
  page.title = page_title(reports.front().simulation.question.deployment);
  bool inputs = true;
  for (Section& section : describe_curve(reports).sections) {
    if (inputs && std::holds_alternative<KeyValues>(section)) {
      inputs = false;
      add_inputs(page, section, reports.front());
      page.add(Heading{"Loads"});
      page.add(speed_chart(reports));
    } else {
      page.add(std::move(section));
    }
  }
  page.add(curve_data(reports));
  return page;
}

}  // namespace moeplan
