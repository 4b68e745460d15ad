// SPDX-License-Identifier: Apache-2.0
#include "reports/runnable.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "reports/json_parts.h"
#include "reports/numbers.h"
#include "sim/study/explain.h"

namespace moeplan {
namespace {

std::size_t shown_rows(const RunnableReport& report) {
  return std::min(report.found.size(), static_cast<std::size_t>(report.shown));
}

bool uses_host(const RunnableReport& report) {
  return std::any_of(report.found.begin(), report.found.end(),
                     [](const Runnable& r) { return r.host_expert_layers > 0; });
}

Phrase machine_phrase(const RunnableReport& report) {
  const DeviceBudget& d = report.question.machine.device;
  const FitOrigins& o = report.origins;
  const Count gpus = report.question.gpus;
  Phrase p = {d.device.empty() ? fmt::format("{} device{}", gpus, gpus == 1 ? "" : "s")
                               : fmt::format("{} x {}", gpus, d.device)};
  if (!o.hardware.empty() && o.hardware != d.device) p.push_back(fmt::format(" ({})", o.hardware));
  p.insert(p.end(), {std::string(": "), o.visible, std::string(gpus > 1 ? " each, for programs " : ", for programs "),
                     d.capacity});
  if (d.host) p.insert(p.end(), {std::string(", host memory "), *d.host});
  return p;
}

KeyValues header_of(const RunnableReport& report) {
  const FitQuestion& q = report.question.machine;
  KeyValues block;
  block.entries.push_back({"hardware", machine_phrase(report)});
  block.entries.push_back(
      {"runtime", {fmt::format("{} {} ({})", q.runtime.id, q.runtime.version, report.origins.runtime_reason)}});
  if (!report.origins.set.empty()) block.entries.push_back({"set", {set_text(report.origins.set)}});
  std::string load = fmt::format("{} tokens of context{}, {} sequence{} at once", grouped(q.workload.context),
                                 report.question.given_context ? "" : " or the model's maximum (default)",
                                 grouped(q.workload.sequences), q.workload.sequences == 1 ? "" : "s");
  block.entries.push_back({"load", {load}});
  return block;
}

// The range of its total straddles the budget: a yes would be a guess.
bool is_open(const Runnable& r) { return r.verdict == Verdict::Tight; }

// Columns that say nothing on this machine are left out for people, never for spreadsheets.
struct Columns {
  bool host = true;
  bool layout = true;
  bool chance = true;  // in a column of its own; else beside the verdict where it is open
};

std::string verdict_cell(const Runnable& r, bool with_chance) {
  return with_chance && is_open(r) ? fmt::format("{:.0f} %", 100 * r.probability) : std::string(word_of(r.verdict));
}

Row row_of(const Runnable& r, Count place, Columns columns) {
  Row row{{{place},
           {r.model},
           {Parameters{r.total_parameters}},
           {Parameters{r.active_parameters}},
           {r.weights},
           {fmt::format("{:.2f}", r.bits_per_weight)},
           {r.device_bytes}},
          r.verdict == Verdict::Tight ? Tone::Caution : Tone::Plain};
  if (columns.host) {
    row.cells.push_back(r.host_expert_layers > 0 ? Phrase{r.host_expert_layers} : Phrase{"-"});
    row.cells.push_back({r.host_bytes});
  }
  row.cells.push_back({r.max_context});
  row.cells.push_back({r.decode.known() ? speed_text(r.decode.value) : "-"});
  row.cells.push_back({verdict_cell(r, !columns.chance)});
  if (columns.chance) row.cells.push_back({fmt::format("{:.4f}", r.probability)});
  if (columns.layout) row.cells.push_back({describe(r.layout)});
  return row;
}

Table table_of(const RunnableReport& report, Columns columns) {
  Table table;
  table.columns = {{"place", "#", false, 2},
                   {"model", "model", true, 0},
                   {"total_parameters", "total", false, 1},
                   {"active_parameters", "active", false, 5},
                   {"weights", "weights", true, 0},
                   {"bits_per_weight", "bits", false, 7},
                   {"device_bytes", "device", false, 3}};
  if (columns.host) {
    table.columns.push_back({"host_expert_layers", "on host", false, 0});
    table.columns.push_back({"host_bytes", "host", false, 4});
  }
  table.columns.push_back({"max_context_tokens", "context <=", false, 6});
  table.columns.push_back({"decode_at_most_tokens_per_s", "tok/s", false, 0});
  table.columns.push_back({"verdict", "fits", true, 0});
  if (columns.chance) table.columns.push_back({"probability_fits", "P(fits)", false, 8});
  if (columns.layout) table.columns.push_back({"layout", "layout", true, 1});
  const std::size_t rows = shown_rows(report);
  for (std::size_t i = 0; i < rows; ++i)
    table.rows.push_back(row_of(report.found[i], static_cast<Count>(i + 1), columns));
  return table;
}

Count models_found(const RunnableReport& report) {
  std::set<std::string> names;
  for (const Runnable& r : report.found) names.insert(r.model);
  return static_cast<Count>(names.size());
}

constexpr std::string_view kRule =
    "Largest model first, each in the finest of the usual formats that fits; formats under 4 bits a weight come last.";

ItemList notes_of(const RunnableReport& report) {
  ItemList notes;
  notes.title = "";
  notes.items.push_back({std::string(kRule)});
  if (uses_host(report))
    notes.items.push_back(
        {std::string("on host: where nothing of 4 bits fits on the devices, the experts of so many layers live in "
                     "host memory, in "
                     "a format of at most 5 bits.")});
  notes.items.push_back(
      {std::string("tok/s is what memory bandwidth allows at most, not a forecast; runs reach 24 to 78 % of it.")});
  if (std::any_of(report.found.begin(), report.found.end(), is_open))
    notes.items.push_back(
        {std::string("fits in %: tight; the probability that it fits, where its size is not known well enough to say "
                     "yes.")});
  if (shown_rows(report) < report.found.size())
    notes.items.push_back({fmt::format("{} more rows: --all shows them.", report.found.size() - shown_rows(report))});
  notes.items.push_back(
      {fmt::format("{} of {} known models run here{}; \"moeplan fit MODEL\" says why one does not. Encoders and shapes "
                   "that were never published in full are not asked.",
                   models_found(report), report.models_known, report.least_speed > 0 ? " at the asked speed" : "")});
  return notes;
}

void write_runnable(JsonWriter& out, const Runnable& r) {
  out.begin_object();
  out.member("model", r.model).member("total_parameters", r.total_parameters);
  out.member("active_parameters", r.active_parameters);
  out.member("weights", r.weights).member("bits_per_weight", r.bits_per_weight);
  out.member("verdict", word_of(r.verdict)).member("probability_fits", rounded_probability(r.probability));
  out.member("device_bytes", r.device_bytes.count());
  out.member("host_bytes", r.host_bytes.count()).member("margin_bytes", r.margin.count());
  out.member("host_expert_layers", r.host_expert_layers).member("max_context_tokens", r.max_context);
  write_layout(out, r.layout);
  write_decode(out, r.decode);
  out.end_object();
}

}  // namespace

Document describe_runnable(const RunnableReport& report) {
  Document document;
  document.add(header_of(report));
  if (report.found.empty()) {
    document.add(Note{
        report.least_speed > 0
            ? fmt::format("none of {} known models runs here at {} tokens/s", report.models_known, report.least_speed)
            : fmt::format("none of {} known models runs here, in any format", report.models_known)});
    return document;
  }
  document.add(table_of(report, {.host = uses_host(report), .layout = report.question.gpus > 1, .chance = false}));
  document.add(notes_of(report));
  return document;
}

Document tabulate_runnable(const RunnableReport& report) {
  Document document;
  document.add(table_of(report, {}));
  return document;
}

std::string json_of_runnable(const RunnableReport& report) {
  const FitQuestion& q = report.question.machine;
  JsonWriter out;
  out.begin_object().member("schema", "moeplan.fit.list/1");
  out.member("hardware", report.origins.hardware).member("device", q.device.device);
  out.member("gpus", report.question.gpus).member("capacity_bytes", q.device.capacity.count());
  out.key("host_bytes");
  if (q.device.host)
    out.value(q.device.host->count());
  else
    out.null();
  out.member("runtime", q.runtime.id).member("runtime_version", q.runtime.version);
  write_set(out, report.origins.set);
  out.member("context_tokens", q.workload.context).member("sequences", q.workload.sequences);
  out.member("models_known", report.models_known).member("models_running", models_found(report));
  out.member("rule", kRule).key("rows").begin_array();
  for (std::size_t i = 0; i < shown_rows(report); ++i) write_runnable(out, report.found[i]);
  out.end_array().member("rows_left_out", static_cast<Count>(report.found.size() - shown_rows(report)));
  out.end_object();
  return out.take();
}

}  // namespace moeplan
