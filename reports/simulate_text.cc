// SPDX-License-Identifier: Apache-2.0
// The screen of `simulate`: the time and its band, where it goes, what bounds it, what it
// stands on.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "reports/bill.h"
#include "reports/events.h"
#include "reports/numbers.h"
#include "reports/simulate.h"
#include "reports/time_words.h"
#include "reports/words.h"
#include "sim/study/explain.h"

namespace moeplan {
namespace {

std::string load_text(const SimulateQuestion& q) {
  const SimulatedLoad& load = q.load;
  const Layout& layout = q.deployment.layout;
  const std::string each = layout.replicas > 1 ? fmt::format(" in each of {} replicas", layout.replicas) : "";
  if (load.phase == Phase::Decode) {
    std::string text =
        fmt::format("decode: {} of {}{}", counted(load.batch, "sequence"), counted(load.context, "token"), each);
    if (load.drafts > 0)
      text += fmt::format(", {} drafts a step of which {:.2f} tokens come out", load.drafts, load.accepted);
    return text;
  }
  std::string text =
      fmt::format("prefill: {} of {}{}", counted(load.batch, "prompt"), counted(load.context, "token"), each);
  if (load.prefix > 0) text += fmt::format(", {} of each cached", grouped(load.prefix));
  if (load.mixed > 0) text += fmt::format(", beside {} in decode", counted(load.mixed, "sequence"));
  return text;
}

std::string routing_text(const Routing& r) {
  switch (r.skew) {
    case Skew::Balanced: return "balanced routing";
    case Skew::Uniform: return "uniform routing, drawn";
    case Skew::Gini: return fmt::format("routing of Gini {:g}", r.parameter);
    case Skew::Zipf: return fmt::format("Zipf routing, s = {:g}", r.parameter);
    case Skew::PowerLaw: return fmt::format("power-law routing, alpha {:g}", r.parameter);
    case Skew::Hot: return fmt::format("{} experts take {:.0f} % of the pairs", r.hot, 100 * r.parameter);
    case Skew::Histogram: return "routing as a measured histogram";
  }
  return "";
}

std::string steady_text(const SteadyState& s) {
  return fmt::format("{} in flight, prompts of {}, answers of {}", counted(s.load.concurrency, "request"),
                     counted(s.load.isl, "token"), grouped(s.load.osl));
}

bool has_experts(const ModelSpec& model) {
  return std::any_of(model.blocks.begin(), model.blocks.end(),
                     [](const Block& b) { return std::holds_alternative<MoeFfn>(b.kind); });
}

// ", tokens exchanged by deep_ep_low_latency"
std::string exchange_text(const FitQuestion& q, Phase phase) {
  if (q.layout.token_groups() == 1 || !has_experts(q.model)) return "";
  return fmt::format(", tokens exchanged by {}", word_of(exchange_in(q, phase)));
}

KeyValues asked(const SimulateReport& report) {
  const Simulation& s = report.simulation;
  const FitQuestion& d = s.question.deployment;
  KeyValues block;
  block.entries.push_back(
      {"model", {fmt::format("{}, weights {}, kv {}", d.model.id, d.weights, d.formats[s.memory.kv_format].id)}});
  block.entries.push_back(
      {"hardware", {d.mixed.empty() ? fmt::format("{} x {}", d.layout.gpus(), d.device.device) : report.hardware}});
  block.entries.push_back({"layout", {describe(d.layout) + exchange_text(d, s.question.load.phase)}});
  block.entries.push_back({"runtime", {d.runtime.id + " " + d.runtime.version}});
  if (!report.origins.set.empty()) block.entries.push_back({"set", {set_text(report.origins.set)}});
  block.entries.push_back({"load",
                           {(report.steady ? steady_text(*report.steady) : load_text(s.question)) +
                            (has_experts(d.model) ? ", " + routing_text(s.question.routing) : "")}});
  return block;
}

std::string headline(const SteadyState& s) {
  return fmt::format("{} tok/s out   {} tok/s/GPU   {} tok/s/user", rate(s.output_tokens_per_s),
                     rate(s.output_tokens_per_s_per_gpu), rate(s.output_tokens_per_s_per_user));
}

std::string headline(const Simulation& s) {
  const bool decode = s.question.load.phase == Phase::Decode;
  std::string text = fmt::format("{} {}", decode ? "decode step" : "prefill", banded(s.time, s.low, s.high));
  text += fmt::format("   {} tok/s   {} tok/s/GPU", rate(s.tokens_per_s), rate(s.tokens_per_s_per_gpu));
  if (decode) text += fmt::format("   {} tok/s/user", rate(s.tokens_per_s_per_user));
  return text;
}

// "memory (32.0 distinct experts per rank)"
std::string bound_text(const Simulation& s, StepShare share, const ShareTime& time) {
  std::string text(word_of(time.bound));
  if (share == StepShare::Experts && s.step.load.distinct > 0)
    text += fmt::format(" ({:.1f} distinct experts per rank)", s.step.load.distinct);
  return text;
}

constexpr std::array<std::string_view, kTraffic.size()> kTrafficPeople = {
    "dispatch", "combine", "all-reduce", "all-gather, reduce-scatter", "stage to stage"};

Table breakdown(const Simulation& s) {
  Table table;
  table.columns = {{"part", "where the time goes", true, 0},
                   {"time_ms", "ms", false, 0},
                   {"share", "%", false, 0},
                   {"basis", "basis", true, 1},
                   {"bound", "bound by", true, 0}};
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < kStepShares; ++i)
    if (s.step.shares[i].time.count() > 0) order.push_back(i);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return s.step.shares[a].time > s.step.shares[b].time; });
  const double whole = s.step.time.seconds().base();
  for (const std::size_t i : order) {
    const StepShare share = static_cast<StepShare>(i);
    const ShareTime& time = s.step.shares[i];
    table.rows.push_back({{{std::string(word_of(share))},
                           {fmt::format("{:.3f}", time.time.seconds().base() * 1e3)},
                           {fmt::format("{:.1f}", 100 * time.time.seconds().base() / whole)},
                           {std::string(word_of(time.tier))},
                           {bound_text(s, share, time)}},
                          Tone::Plain});
  }
  if (const double hidden = s.step.hidden.seconds().base(); hidden > 0)
    table.rows.push_back({{{std::string("hidden by overlap")},
                           {fmt::format("-{:.3f}", hidden * 1e3)},
                           {fmt::format("-{:.1f}", 100 * hidden / whole)},
                           {},
                           {std::string("two half-batches side by side")}},
                          Tone::Plain});
  return table;
}

// What a rank sends, by collective and level.
Table traffic(const StepResult& step) {
  constexpr double kMega = 1e6;
  const bool spine = step.traffic.total().spine > 0;
  Table table;
  table.columns = {{"collective", "a rank sends", true, 0},
                   {"fast_domain_mb", "MB inside", false, 0},
                   {"network_mb", "MB network", false, 0}};
  if (spine) table.columns.push_back({"spine_mb", "beyond leaves", false, 1});
  for (std::size_t i = 0; i < kTraffic.size(); ++i) {
    const TierBytes& bytes = step.traffic.*kTraffic[i];
    if (bytes.total() == 0) continue;
    Row row{{{std::string(kTrafficPeople[i])},
             {fmt::format("{:.2f}", bytes.fast / kMega)},
             {fmt::format("{:.2f}", bytes.network / kMega)}},
            Tone::Plain};
    if (spine) row.cells.push_back({fmt::format("{:.2f}", bytes.spine / kMega)});
    table.rows.push_back(std::move(row));
  }
  return table;
}

std::string basis_text(const SimulateReport& report) {
  const Simulation& s = report.simulation;
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < kTiers; ++i) {
    if (s.step.by_tier[i].count() == 0) continue;
    const double share = static_cast<double>(s.step.by_tier[i].count()) / static_cast<double>(s.step.time.count());
    parts.push_back(fmt::format("{:.0f} % {}", 100 * share, word_of(static_cast<Tier>(i))));
  }
  std::string text = fmt::format("{} engine; {}", s.events ? "event" : "analytic", fmt::join(parts, ", "));
  if (!report.overlay.empty()) text += "; overlay " + report.overlay;
  if (!report.engine.empty()) text += "; engine profile " + report.engine;
  return text;
}

void add_cache(KeyValues& block, const std::optional<CacheFigures>& cache) {
  if (!cache) return;
  std::string text =
      fmt::format("{} of {} experts a layer: {:.1f} % of what a decode step needs is there",
                  word_of(cache->spec.policy), grouped(cache->spec.capacity), 100 * cache->misses.hit_rate());
  if (cache->spec.repeat > 0) text += fmt::format("; {:.0f} % repeat experts", 100 * cache->spec.repeat);
  block.entries.push_back({"expert cache", {text}});
}

const Bill& bill_in(const SimulateReport& report) {
  return report.steady ? report.steady->bill : report.simulation.bill;
}

BreakEven break_even_in(const SimulateReport& report) {
  return break_even(bill_in(report).stretch, report.power, report.rates, report.api_usd_per_million);
}

void add_costs(KeyValues& block, const SimulateReport& report) {
  const bool reads = !report.steady && report.simulation.question.load.phase == Phase::Prefill;
  add_bill(block, bill_in(report), report.rates, reads ? "token read" : "generated token");
  if (!reads && (report.api_usd_per_million || report.rates.asked_to_compare))
    add_break_even(block, break_even_in(report), report.rates, report.api_usd_per_million);
}

void add_straggler(KeyValues& block, const ExpertLoad& load) {
  if (load.mean_rows > 0)
    block.entries.push_back(
        {"straggler", {fmt::format("the busiest rank has {:.2f} x the mean rows", load.rows / load.mean_rows)}});
}

KeyValues figures(const SimulateReport& report) {
  const Simulation& s = report.simulation;
  KeyValues block;
  add_straggler(block, s.step.load);
  add_cache(block, report.cache);
  block.entries.push_back({"use", {fmt::format("MFU {:.1f} %, MBU {:.1f} %", 100 * s.mfu, 100 * s.mbu)}});
  block.entries.push_back({"time to first token",
                           {fmt::format("{} for one prompt of {} alone", duration(s.first_token.base()),
                                        counted(s.question.load.context, "token"))}});
  if (s.memory.max_sequences > 0)
    block.entries.push_back(
        {"largest batch", {fmt::format("{} of this length", counted(s.memory.max_sequences, "sequence"))}});
  add_costs(block, report);
  block.entries.push_back({"basis", {basis_text(report)}});
  return block;
}

KeyValues latencies(const SimulateReport& report) {
  const SteadyState& s = *report.steady;
  KeyValues block;
  block.entries.push_back({"time per token",
                           {fmt::format("{}, of which {:.0f} % is reading prompts",
                                        banded(s.tpot, s.tpot_low, s.tpot_high), 100 * s.prefill_share)}});
  block.entries.push_back({"time to first token", {duration(s.ttft.base())}});
  block.entries.push_back({"most requests", {fmt::format("{} fit", grouped(s.limit))}});
  add_costs(block, report);
  return block;
}

KeyValues steady_basis(const SimulateReport& report) {
  const Simulation& s = report.simulation;
  KeyValues block;
  add_straggler(block, s.step.load);
  add_cache(block, report.cache);
  block.entries.push_back({"use", {fmt::format("MFU {:.1f} %, MBU {:.1f} %", 100 * s.mfu, 100 * s.mbu)}});
  block.entries.push_back({"basis", {basis_text(report)}});
  return block;
}

KeyValues refusal(const SimulateReport& report) {
  const Simulation& s = report.simulation;
  KeyValues verdict;
  const Workload& asked = s.question.deployment.workload;
  const Count most = report.steady ? report.steady->limit : std::max<Count>(0, s.memory.max_sequences);
  const std::string what =
      report.steady ? fmt::format("{} of {} on average", counted(report.steady->load.concurrency, "request"),
                                  counted(asked.context, "token"))
                    : fmt::format("{} of {}", counted(asked.sequences, "sequence"), counted(asked.context, "token"));
  const std::string room = most == 0 ? "not even one fits" : fmt::format("at most {} fit", grouped(most));
  verdict.entries.push_back(
      {"does not fit", {fmt::format("{}: {} (moeplan fit shows what lies where)", what, room)}, Tone::Bad});
  return verdict;
}

// What a row of a comparison shows: of a step, or of a steady load its time per token.
struct ComparedFigures {
  Seconds time, low, high;
  double tokens_per_s = 0;
  double tokens_per_s_per_gpu = 0;
};

ComparedFigures compared_of(const SimulateReport& report) {
  const Simulation& s = report.simulation;
  if (!report.steady) return {s.time, s.low, s.high, s.tokens_per_s, s.tokens_per_s_per_gpu};
  const SteadyState& steady = *report.steady;
  return {steady.tpot, steady.tpot_low, steady.tpot_high, steady.output_tokens_per_s,
          steady.output_tokens_per_s_per_gpu};
}

Document describe_steady(const SimulateReport& report) {
  const SteadyState& steady = *report.steady;
  const Simulation& s = report.simulation;
  Document document;
  document.add(asked(report));
  document.add(Heading{headline(steady)});
  document.add(latencies(report));
  document.add(Heading{fmt::format("decode step {} at a mean context of {} tokens", banded(s.time, s.low, s.high),
                                   grouped(s.question.load.context))});
  document.add(breakdown(s));
  if (s.step.traffic.total().total() > 0) document.add(traffic(s.step));
  document.add(steady_basis(report));
  return document;
}

}  // namespace

Document describe_simulation(const SimulateReport& report) {
  const Simulation& s = report.simulation;
  Document document;
  if (s.fits && report.steady) {
    document = describe_steady(report);
  } else {
    document.add(asked(report));
    if (!s.fits) {
      document.add(refusal(report));
      return document;
    }
    document.add(Heading{headline(s)});
    document.add(breakdown(s));
    if (s.step.traffic.total().total() > 0) document.add(traffic(s.step));
    if (s.events) add_events(document, *s.events);
    document.add(figures(report));
  }
  if (!report.explained.empty()) {
    ItemList list;
    list.title = "operators of the busiest rank, once each";
    for (const std::string& line : report.explained) list.items.push_back({line});
    document.add(list);
  }
  if (report.steady)
    document.add(
        Note{"A closed form: prompts are read one after the other between steps, waiting in a queue for room "
             "is not part of the time to first token."});
  return document;
}

Document tabulate_simulation(const SimulateReport& report) {
  Document document;
  document.add(breakdown(report.simulation));
  return document;
}

namespace {

std::string three(const std::optional<double>& value) { return value ? fmt::format("{:.3g}", *value) : "-"; }

Row curve_row(const SimulateReport& report) {
  const SteadyState& s = *report.steady;
  Row row{{{s.load.concurrency}}, Tone::Plain};
  if (!s.fits) {
    row.cells.push_back({fmt::format("at most {} fit", grouped(s.limit))});
    row.cells.resize(10);
    row.tone = Tone::Bad;
    return row;
  }
  const std::optional<EnergyBill>& energy = s.bill.energy;
  const std::optional<MoneyBill>& money = s.bill.money;
  const BreakEven even = break_even_in(report);
  row.cells.push_back({rate(s.output_tokens_per_s)});
  row.cells.push_back({rate(s.output_tokens_per_s_per_user)});
  row.cells.push_back({fmt::format("{:.3g}", s.tpot.base() * 1e3)});
  row.cells.push_back({fmt::format("{:.3g}", s.ttft.base())});
  row.cells.push_back({three(energy ? std::optional(energy->facility_joules) : std::nullopt)});
  row.cells.push_back({energy ? rate(energy->tokens_per_s_per_mw) : std::string("-")});
  row.cells.push_back({three(money ? std::optional(money->usd_per_million) : std::nullopt)});
  row.cells.push_back({three(money ? std::optional(money->usd_per_million_all) : std::nullopt)});
  row.cells.push_back({even.own_over_rent ? fmt::format("{:.0f}", 100 * *even.own_over_rent) : std::string("-")});
  if (report.api_usd_per_million) {
    const std::optional<double> own = even.own_over_api;
    row.cells.push_back({own ? fmt::format("{:.0f}", 100 * *own) : std::string("-")});
    row.cells.push_back({even.rent_under_api ? std::string("yes") : std::string("no")});
  }
  return row;
}

Table curve_table(const std::vector<SimulateReport>& reports) {
  Table table;
  table.columns = {{"concurrency", "requests", false, 0},
                   {"output_tokens_per_s", "tok/s", false, 0},
                   {"tokens_per_s_per_user", "tok/s/user", false, 2},
                   {"tpot_ms", "TPOT ms", false, 0},
                   {"ttft_s", "TTFT s", false, 2},
                   {"facility_j_per_token", "J/tok", false, 0},
                   {"tokens_per_s_per_mw_drawn", "tok/s/MW", false, 1},
                   {"usd_per_million_tokens", "$/Mtok", false, 0},
                   {"usd_per_million_tokens_with_prompts", "$/Mtok in+out", false, 1},
                   {"own_over_rent_percent", "own<rent %", false, 1}};
  if (reports.front().api_usd_per_million) {
    table.columns.push_back({"own_over_api_percent", "own<API %", false, 1});
    table.columns.push_back({"rent_under_api", "rent<API", false, 1});
  }
  for (const SimulateReport& report : reports) table.rows.push_back(curve_row(report));
  return table;
}

}  // namespace

Document tabulate_curve(const std::vector<SimulateReport>& reports) {
  Document document;
  document.add(curve_table(reports));
  return document;
}

Document describe_curve(const std::vector<SimulateReport>& reports) {
  const SimulateReport& first = reports.front();
  Document document;
  document.add(asked(first));
  document.add(curve_table(reports));
  document.add(Note{fmt::format(
      "Tokens are generated ones, in+out counts those of the prompts too. J at the meter (PUE {:g}), tok/s/MW of IT "
      "power drawn; $ {}.",
      first.rates.site.pue, first.rates.price ? price_text(*first.rates.price) : "of no known price")});
  if (first.rates.own)
    document.add(
        Note{fmt::format("own<rent %: share of the hours under this load from which owning ({}; {}, {}) costs "
                         "less than renting for those hours alone.",
                         first.rates.own->term, first.rates.own->source, first.rates.own->as_of)});
  return document;
}

Document compare_simulations(const std::vector<SimulateReport>& reports) {
  Table table;
  table.columns = {{"model", "model", true, 0},
                   {"hardware", "hardware", true, 1},
                   {"weights", "weights", true, 2},
                   {"layout", "layout", true, 2},
                   {"time_ms", "ms", false, 0},
                   {"low_ms", "low", false, 3},
                   {"high_ms", "high", false, 3},
                   {"tokens_per_s", "tok/s", false, 1},
                   {"tokens_per_s_per_gpu", "tok/s/GPU", false, 0},
                   {"ratio", "x first", false, 0},
                   {"bound", "mostly", true, 1}};
  for (const SimulateReport& report : reports) {
    const Simulation& s = report.simulation;
    const FitQuestion& d = s.question.deployment;
    Row row{
        {{d.model.id}, {fmt::format("{} x {}", d.layout.gpus(), d.device.device)}, {d.weights}, {describe(d.layout)}},
        Tone::Plain};
    if (!s.fits) {
      row.cells.insert(row.cells.end(), {{std::string("does not fit")}, {}, {}, {}, {}, {}, {}});
      row.tone = Tone::Bad;
    } else {
      const auto largest = std::max_element(s.step.shares.begin(), s.step.shares.end(),
                                            [](const ShareTime& a, const ShareTime& b) { return a.time < b.time; });
      const double first = compared_of(reports.front()).tokens_per_s_per_gpu;
      const ComparedFigures figures = compared_of(report);
      row.cells.push_back({fmt::format("{:.3g}", figures.time.base() * 1e3)});
      row.cells.push_back({fmt::format("{:.3g}", figures.low.base() * 1e3)});
      row.cells.push_back({fmt::format("{:.3g}", figures.high.base() * 1e3)});
      row.cells.push_back({rate(figures.tokens_per_s)});
      row.cells.push_back({rate(figures.tokens_per_s_per_gpu)});
      row.cells.push_back({first > 0 ? fmt::format("{:.2f}", figures.tokens_per_s_per_gpu / first) : std::string("-")});
      row.cells.push_back({fmt::format("{}, {}", word_of(static_cast<StepShare>(largest - s.step.shares.begin())),
                                       word_of(largest->bound))});
    }
    table.rows.push_back(std::move(row));
  }
  Document document;
  document.add(table);
  document.add(Note{"x first: tokens per second and device over those of the first row."});
  for (std::size_t i = 0; i < reports.size(); ++i)
    if (!reports[i].origins.set.empty())
      document.add(Note{fmt::format("Row {} with {}.", i + 1, set_text(reports[i].origins.set))});
  if (reports.front().steady)
    document.add(
        Note{"A steady load: ms is the time per token, tok/s are generated ones; mostly is of the decode step."});
  return document;
}

}  // namespace moeplan
