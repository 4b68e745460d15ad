// SPDX-License-Identifier: Apache-2.0
// The screen of `fit`, top to bottom: what was asked, what lies in each device's
// memory, the verdict with what is left, the ways out of a "no", the small print.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "reports/fit.h"
#include "reports/numbers.h"
#include "reports/words.h"
#include "sim/study/drafts.h"
#include "sim/study/explain.h"

namespace moeplan {
namespace {

// A line smaller than this share of its device joins "other weights".
constexpr double kSmallShare = 0.01;

std::string plural(Count n, std::string_view noun) {
  return fmt::format("{} {}{}", grouped(n), noun, n == 1 ? "" : "s");
}

const char* if_default(bool is_default) { return is_default ? " (default)" : ""; }

// ---- what was asked ----

Phrase hardware_phrase(const FitReport& report) {
  const FitQuestion& q = report.result.question;
  const FitOrigins& o = report.origins;
  Phrase p;
  if (!q.mixed.empty()) {
    p.push_back(o.hardware + ": ");
    for (std::size_t i = 0; i < q.mixed.size(); ++i)
      p.insert(p.end(), {std::string(i == 0 ? "" : ", "), q.mixed[i].capacity - q.mixed[i].reserve,
                         fmt::format("{} on gpu{} {}", i == 0 ? " of budget" : "", i, q.mixed[i].device)});
    p.push_back(std::string(" (out of reach and reserve taken off)"));
    return p;
  }
  const bool several = q.layout.gpus() > 1;
  p.push_back(q.device.device.empty() ? plural(q.layout.gpus(), "device")
                                      : fmt::format("{} x {}", q.layout.gpus(), q.device.device));
  if (!o.hardware.empty() && o.hardware != q.device.device) p.push_back(fmt::format(" ({})", o.hardware));
  p.push_back(std::string(": "));
  p.push_back(o.visible);
  if (!o.memory_note.empty()) p.push_back(" (" + o.memory_note + ")");
  if (o.unallocatable != Bytes(0)) {
    p.push_back(std::string(several ? " each, of which " : ", of which "));
    p.push_back(o.unallocatable);
    p.push_back(std::string(" are out of reach"));
  } else if (several) {
    p.push_back(std::string(" each"));
  }
  p.push_back(std::string(", reserve "));
  const RankResult& tightest = report.result.ranks.front();
  p.push_back(tightest.held);
  p.push_back(std::string(" -> budget "));
  p.push_back(tightest.budget());
  return p;
}

Phrase layout_phrase(const FitReport& report) {
  const Layout& layout = report.result.question.layout;
  if (layout.gpus() == 1) return {std::string("everything on one device")};
  Layout one = layout;
  one.replicas = 1;
  std::string text = one.gpus() == 1 ? "everything on one device" : describe(one);
  if (layout.replicas > 1)
    text = fmt::format("{} replicas of {}, each on {}", layout.replicas,
                       one.gpus() == 1 ? "the whole model" : describe(one), plural(one.gpus(), "device"));
  if (report.origins.chosen_layout)
    text += " (chosen: the first layout that fits, else the plainest; set it with --tp, --ep, ...)";
  return {text};
}

KeyValues header_of(const FitReport& report) {
  const FitQuestion& q = report.result.question;
  const FitOrigins& o = report.origins;
  const ParameterCounts counts = count_parameters(q.model);
  KeyValues block;
  block.entries.push_back({"model",
                           {q.model.id + ": ", Parameters{counts.total}, " parameters, ", Parameters{counts.active},
                            " active per token, " + describe_experts(q.model)}});
  block.entries.push_back({"hardware", hardware_phrase(report)});
  block.entries.push_back({"runtime", {fmt::format("{} {} ({})", q.runtime.id, q.runtime.version, o.runtime_reason)}});
  block.entries.push_back({"layout", layout_phrase(report)});
  if (!o.set.empty()) block.entries.push_back({"set", {set_text(o.set)}});
  std::string formats = q.weights;
  if (q.weights == "native")
    formats = fmt::format("{}{}{}", q.model.stored != nullptr ? "" : "as published: ", describe_native(q.model),
                          if_default(o.default_weights));
  formats += "; kv cache " + q.formats[report.result.kv_format].id + if_default(o.default_kv);
  block.entries.push_back({"weights", {formats}});
  if (q.adapter)
    block.entries.push_back({"adapters",
                             {fmt::format("{} of rank {}, ", plural(q.adapter->slots, "LoRA slot"), q.adapter->rank),
                              Parameters{count_adapter(q.model, *q.adapter)}, " parameters each: ",
                              fmt::format("{}", fmt::join(modules_of(q.adapter->targets, q.model), ", "))}});
  if (q.draft)
    block.entries.push_back(
        {"draft",
         {q.draft->model.id + ": ", Parameters{count_parameters(q.draft->model).total},
          fmt::format(" parameters, {}; {} in a row",
                      q.draft->weights == "native" ? describe_native(q.draft->model) : q.draft->weights,
                      plural(draft_tokens_of(q), "token"))}});
  std::string load = plural(q.workload.context, "token") + " of context" + if_default(o.default_context) + ", " +
                     plural(q.workload.sequences, "sequence") + " at once" + if_default(o.default_sequences);
  if (!q.flash_attention) load += ", without flash attention";
  if (q.layout.replicas > 1) load += fmt::format(" in each of {} replicas", q.layout.replicas);
  block.entries.push_back({"load", {load}});
  return block;
}

// ---- the memory of each device ----

bool same_kind(const LedgerLine& a, const LedgerLine& b) {
  const bool by_part = a.cls == TensorClass::Weight && a.owner == Owner::Model;
  return a.cls == b.cls && a.place == b.place && a.owner == b.owner && (!by_part || a.part == b.part);
}

const LedgerLine* find_line(const RankResult& rank, const LedgerLine& like) {
  for (const LedgerLine& line : rank.ledger.lines())
    if (same_kind(line, like)) return &line;
  return nullptr;
}

// One row of the table: the lines of each shown class that belong to it.
struct LineGroup {
  std::string name;
  std::vector<LedgerLine> lines;  // kinds
};

bool is_small(const LedgerLine& line, const std::vector<DeviceGroup>& shown) {
  if (line.cls != TensorClass::Weight || line.owner != Owner::Model) return false;
  for (const DeviceGroup& group : shown) {
    const LedgerLine* found = find_line(*group.rank, line);
    if (found != nullptr && found->bytes.size() / group.rank->ledger.total.size() >= kSmallShare) return false;
  }
  return true;
}

// Device lines over all shown classes; small weights share one row unless all are asked for.
std::vector<LineGroup> line_groups(const std::vector<DeviceGroup>& shown, bool fold_small) {
  std::vector<LineGroup> groups;
  LineGroup small{"other weights", {}};
  std::vector<LedgerLine> kinds;
  for (const DeviceGroup& group : shown)
    for (const LedgerLine& line : group.rank->ledger.lines())
      if (line.place == Place::Device &&
          std::none_of(kinds.begin(), kinds.end(), [&line](const LedgerLine& k) { return same_kind(k, line); }))
        kinds.push_back(line);
  std::stable_sort(kinds.begin(), kinds.end(), [](const LedgerLine& a, const LedgerLine& b) {
    const bool a_weight = a.cls == TensorClass::Weight;
    const bool b_weight = b.cls == TensorClass::Weight;
    if (a_weight != b_weight) return a_weight;
    return a_weight && a.bytes > b.bytes;
  });
  for (const LedgerLine& kind : kinds) {
    if (fold_small && is_small(kind, shown))
      small.lines.push_back(kind);
    else
      groups.push_back({std::string(name_of_line(kind)), {kind}});
  }
  if (small.lines.empty()) return groups;
  if (small.lines.size() == 1) small.name = std::string(name_of_line(small.lines[0]));
  const auto after_weights = std::find_if(groups.begin(), groups.end(),
                                          [](const LineGroup& g) { return g.lines[0].cls != TensorClass::Weight; });
  groups.insert(after_weights, small);
  return groups;
}

Bytes bytes_in(const RankResult& rank, const LineGroup& group) {
  Bytes sum;
  for (const LedgerLine& kind : group.lines) {
    const LedgerLine* line = find_line(rank, kind);
    if (line != nullptr) sum += line->bytes;
  }
  return sum;
}

// Of the tightest rank that has such a line.
Phrase basis_of(const FitResult& f, const LineGroup& group) {
  if (group.lines.size() > 1) {
    std::string text;
    for (const LedgerLine& kind : group.lines) {
      const std::string name(name_of_line(kind));
      text += (text.empty() ? "" : ", ") + name.substr(0, name.rfind(" weights"));
    }
    return {text};
  }
  for (const RankResult& rank : f.ranks) {
    const LedgerLine* line = find_line(rank, group.lines[0]);
    if (line == nullptr) continue;
    const Explanation why = explain_line(f, rank, *line);
    Phrase p = {why.basis};
    if (line->low != line->high) p.insert(p.end(), {" ", BytesRange{line->low, line->high}});
    if (!why.formula.empty()) p.push_back(": " + why.formula);
    return p;
  }
  return {};
}

// The tightest class and the roomiest; every class when asked.
std::vector<DeviceGroup> shown_groups(const FitResult& f, Detail detail) {
  std::vector<DeviceGroup> all = device_groups(f);
  constexpr std::size_t kMostMixed = 4;  // unlike devices all show
  const std::size_t most = f.question.mixed.empty() ? 2 : kMostMixed;
  if (all.size() <= most || detail != Detail::Normal) return all;
  std::vector<DeviceGroup> shown;
  for (const RankResult* wanted : {&f.ranks.front(), &f.ranks.back()})
    for (const DeviceGroup& group : all)
      if (group.rank == wanted) shown.push_back(group);
  return shown;
}

// "gpu0", or "gpu0 rtx-4090" where devices differ.
std::string name_of(const FitResult& f, const DeviceGroup& group) {
  return f.question.mixed.empty() ? group.id : group.id + " " + group.rank->device;
}

std::string table_caption(const FitResult& f, const std::vector<DeviceGroup>& shown) {
  const std::size_t kinds = f.ranks.size();
  if (kinds == 1) {
    const Layout& layout = f.question.layout;
    const Count count = f.ranks.front().rank_class.ranks;
    if (layout.replicas > 1)
      return fmt::format("memory of each device; all {} hold the same ({} x {} replicas)", layout.gpus(), count,
                         layout.replicas);
    return count == 1 ? "memory of the device" : fmt::format("memory of each device; all {} hold the same", count);
  }
  if (shown.size() == kinds) {
    const auto tightest =
        std::find_if(shown.begin(), shown.end(), [&f](const DeviceGroup& g) { return g.rank == &f.ranks.front(); });
    return fmt::format("memory of each device; {} is the tightest and decides", name_of(f, *tightest));
  }
  return fmt::format("memory of each device: of {} kinds of ranks the tightest ({}) and the roomiest ({})", kinds,
                     shown[0].id, shown[1].id);
}

// What the part of the memory is that nothing gets.
std::string reserve_words(const FitQuestion& q) {
  if (q.runtime.reserve == ReserveKind::Static) return "set aside for activations beyond those above";
  if (q.runtime.reserve == ReserveKind::Free && !(q.device.reserve_asked && !q.memory_fraction))
    return fmt::format("reserve (caches get {:g} of what is left)", memory_fraction_of(q));
  return "reserve";
}

void add_summary_rows(Table& table, const FitResult& f, const std::vector<DeviceGroup>& shown) {
  Row total{{Phrase{"total"}}, Tone::Strong};
  Row budget{{Phrase{"budget"}}, Tone::Plain};
  Row left{{Phrase{"left over"}}, f.margin < Bytes(0) ? Tone::Bad : Tone::Plain};
  for (const DeviceGroup& group : shown) {
    total.cells.push_back({group.rank->ledger.total});
    budget.cells.push_back({group.rank->budget()});
    left.cells.push_back({group.rank->margin});
  }
  const MemoryLedger& worst = f.ranks.front().ledger;
  if (worst.low == worst.high)
    total.cells.push_back({});
  else
    total.cells.push_back({"between ", BytesRange{worst.low, worst.high}});
  budget.cells.push_back(
      {f.ranks.front().capacity, " for programs - ", f.ranks.front().held, " " + reserve_words(f.question)});
  left.cells.push_back({});
  table.rows.insert(table.rows.end(), {total, budget, left});
}

Table memory_table(const FitReport& report, Detail detail) {
  const FitResult& f = report.result;
  const std::vector<DeviceGroup> shown = shown_groups(f, detail);
  Table table;
  table.caption = table_caption(f, shown);
  table.columns.push_back({"line", "line", true, 0});
  for (const DeviceGroup& group : shown) table.columns.push_back({group.id + "_bytes", name_of(f, group), false, 0});
  table.columns.push_back({"basis", "basis", true, 1});
  for (const LineGroup& group : line_groups(shown, detail == Detail::Normal)) {
    Row row{{Phrase{group.name}}, Tone::Plain};
    for (const DeviceGroup& g : shown) row.cells.push_back({bytes_in(*g.rank, group)});
    row.cells.push_back(basis_of(f, group));
    table.rows.push_back(row);
  }
  add_summary_rows(table, f, shown);
  return table;
}

// ---- the verdict ----

// "expert weights and embedding table": what lies in host memory.
std::string host_content(const FitResult& f) {
  std::vector<std::string> names;
  for (const RankResult& rank : f.ranks)
    for (const LedgerLine& line : rank.ledger.lines()) {
      if (line.place != Place::Host || line.bytes == Bytes(0)) continue;
      const std::string name(name_of_line(line));
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  return fmt::format("{}", fmt::join(names, " and "));
}

// "P(fits) 97 %"
std::string chance_text(double p) {
  if (p > 0 && p < 0.01) return "P(fits) < 1 %";
  if (p < 1 && p > 0.99) return "P(fits) > 99 %";
  return fmt::format("P(fits) {:.0f} %", 100 * p);
}

KeyValue verdict_line(const FitResult& f) {
  if (f.verdict == Verdict::Yes)
    return {"verdict",
            {"YES: fits with ", f.margin,
             (f.ranks.size() > 1 ? " to spare on the tightest device; " : " to spare; ") + chance_text(f.probability)},
            Tone::Good};
  if (f.verdict == Verdict::Tight && f.margin >= f.uncertainty && f.host_margin < Bytes(f.host_spread.above))
    return {"verdict",
            {"TIGHT: host memory has ", f.host_margin, " to spare, less than the estimate's own uncertainty of ",
             Bytes(f.host_spread.above), "; " + chance_text(f.probability)},
            Tone::Caution};
  if (f.verdict == Verdict::Tight)
    return {"verdict",
            {"TIGHT: fits with ", f.margin, " to spare, less than the estimate's own uncertainty of ", f.uncertainty,
             "; " + chance_text(f.probability)},
            Tone::Caution};
  const Bytes drive = f.question.device.ssd.value_or(Bytes(0));
  if (f.ssd_bytes > drive)
    return {
        "verdict",
        {"NO: ", f.ssd_bytes, " of weights go neither into device nor host memory, and the drive has room for ", drive},
        Tone::Bad};
  if (f.host_short)
    return {"verdict",
            {"NO: " + host_content(f) + " need ", f.host_bytes, " of host memory, there are ", *f.question.device.host},
            Tone::Bad};
  const RankResult& worst = f.ranks.front();
  for (const LedgerLine& line : worst.ledger.lines())
    if (line.place == Place::Device && ledger_kind(line.cls, line.part, line.owner) == limiting_kind(f))
      return {"verdict",
              {"NO: short by ", -f.margin, fmt::format("; most of it is {} with ", name_of_line(line)), line.bytes,
               "; " + chance_text(f.probability)},
              Tone::Bad};
  return {"verdict", {"NO: short by ", -f.margin}, Tone::Bad};
}

// What else would fit, everything but one thing held.
// The layout is held too; that matters to whoever did not name it.
std::string in_layout(const FitReport& report) { return report.origins.chosen_layout ? " in this layout" : ""; }

std::string in_replicas(const FitQuestion& q) { return q.layout.replicas > 1 ? " in each replica" : ""; }

KeyValue context_line(const FitReport& report) {
  const FitResult& f = report.result;
  const FitQuestion& q = f.question;
  const std::string held =
      fmt::format(" with {}{}{}", plural(q.workload.sequences, "sequence"), in_replicas(q), in_layout(report));
  if (f.max_context == 0) return {"context", {"only an empty one fits" + held}};
  if (f.max_context < 0) return {"context", {"not even an empty one fits" + held}};
  if (f.context_at_model_limit)
    return {"context", {"up to " + plural(f.max_context, "token") + held + ", the model's maximum"}};
  return {"context", {"up to " + plural(f.max_context, "token") + held}};
}

KeyValue sequences_line(const FitReport& report) {
  const FitResult& f = report.result;
  const std::string held = fmt::format(" of {}", plural(f.question.workload.context, "token"));
  if (f.max_sequences < 1) return {"sequences", {"none" + held + " fits" + in_layout(report)}};
  std::string text = "up to " + grouped(f.max_sequences) + held + in_replicas(f.question) + in_layout(report);
  if (f.sequence_limit != 0 && f.sequence_limit < f.max_sequences)
    text += fmt::format("; {} admits {} unless told otherwise", f.question.runtime.id, grouped(f.sequence_limit));
  return {"sequences", {text}};
}

// macOS gives the GPU part of the RAM; `sysctl iogpu.wired_limit_mb` moves that border.
// Source: hardware facts, row "Apple GPU memory = RAM".
KeyValue metal_hint(const FitReport& report) {
  const FitResult& f = report.result;
  const Bytes ram = report.origins.visible;
  Phrase hint = {"macOS keeps ", report.origins.unallocatable, " of the RAM from the GPU; "};
  const std::vector<Change>& ways = report.changes.fitting;
  const auto raised =
      std::find_if(ways.begin(), ways.end(), [](const Change& c) { return c.kind == ChangeKind::GpuLimit; });
  if (raised == ways.end()) {
    hint.insert(hint.end(), {"sysctl iogpu.wired_limit_mb raises that to at most the ", ram,
                             " there are, and this needs ", f.ranks.front().ledger.total + f.ranks.front().held});
  } else {
    const Bytes limit = raised->result.question.device.capacity;
    hint.insert(hint.end(), {gpu_limit_command(limit) + " lets it use the ", limit, " this needs and leaves ",
                             ram - limit, " of ", ram, " to everything else, until the next start"});
  }
  return {"hint", hint};
}

// What memory bandwidth allows, and what it comes from.
KeyValue decode_line(const FitReport& report) {
  const DecodeFloor& d = report.decode;
  const FitQuestion& q = report.result.question;
  Phrase value = {fmt::format("at most {} tokens/s", speed_text(d.value))};
  if (q.layout.replicas > 1 || q.workload.sequences > 1) value.push_back(std::string(" over all sequences"));
  value.insert(value.end(),
               {": a step touches ", Bytes(std::llround(d.touched.device)),
                std::string(q.layout.pp > 1 ? " of device memory, stage after stage" : " of device memory")});
  if (d.touched.host > 0) value.insert(value.end(), {", ", Bytes(std::llround(d.touched.host)), " of host memory"});
  if (d.touched.ssd > 0) value.insert(value.end(), {", ", Bytes(std::llround(d.touched.ssd)), " of SSD"});
  value.push_back(std::string(q.draft ? " (a bound from bandwidth, not a forecast; without drafting)"
                                      : " (a bound from bandwidth, not a forecast)"));
  return {"decode", value};
}

KeyValues verdict_of(const FitReport& report) {
  const FitResult& f = report.result;
  const DeviceBudget& device = f.question.device;
  KeyValues block;
  block.entries.push_back(verdict_line(f));
  if (f.host_bytes != Bytes(0)) {
    Phrase host = {host_content(f) + ": ", f.host_bytes};
    if (device.host)
      host.insert(host.end(), {" of ", *device.host});
    else if (f.question.host_expert_layers > 0 || !f.question.placement.experts.empty())
      host.push_back(std::string("; its size is not known, give it with --host-memory"));
    block.entries.push_back({"host", host});
  }
  if (f.ssd_bytes > Bytes(0))
    block.entries.push_back({"ssd",
                             {f.ssd_bytes, " of weights do not fit into host memory and are read from SSD when used"},
                             Tone::Caution});
  block.entries.push_back(context_line(report));
  block.entries.push_back(sequences_line(report));
  if (f.verdict != Verdict::No && report.decode.known()) block.entries.push_back(decode_line(report));
  if (f.verdict == Verdict::No && report.origins.metal_limit) block.entries.push_back(metal_hint(report));
  const std::string flags = runtime_flags(f);
  if (f.verdict != Verdict::No && !flags.empty())
    block.entries.push_back({"flags", {f.question.runtime.id + ": " + flags}});
  return block;
}

// ---- ways out of a "no" ----

void add_changes(Document& document, const FitReport& report) {
  if (report.result.verdict != Verdict::No) return;
  if (report.changes.fitting.empty()) {
    ItemList list;
    list.title = "no change makes it fit, nor any two";
    if (report.changes.closest)
      list.items.push_back({"Closest: " + report.changes.closest->text + ", still short by ",
                            -report.changes.closest->result.margin, "."});
    list.items.push_back({"Combine more: a smaller weight format, more devices, a shorter context."});
    document.add(list);
    return;
  }
  Table table;
  table.caption = "ways to make it fit, smallest change first";
  const bool uses_host = std::any_of(report.changes.fitting.begin(), report.changes.fitting.end(), [](const Change& c) {
    const FitQuestion& q = c.result.question;
    return q.host_expert_layers > 0 || !q.placement.experts.empty();
  });
  if (uses_host && !report.result.question.device.host)
    table.caption += " (how much host memory there is, say with --host-memory)";
  table.columns = {{"rank", "#", false, 0},
                   {"change", "change", true, 0},
                   {"device_bytes", "device", false, 0},
                   {"host_bytes", "host", false, 2},
                   {"decode_at_most_tokens_per_s", "tok/s <=", false, 1},
                   {"verdict", "verdict", true, 1}};
  ItemList flags{"flags for " + report.result.question.runtime.id, {}};
  Count number = 0;
  for (const Change& change : report.changes.fitting) {
    const FitResult& f = change.result;
    Phrase host = f.host_bytes == Bytes(0) ? Phrase{"-"} : Phrase{f.host_bytes};
    table.rows.push_back({{{++number},
                           {change.text},
                           {f.ranks.front().ledger.total},
                           host,
                           {change.decode.known() ? speed_text(change.decode.value) : "-"},
                           {std::string(word_of(f.verdict))}},
                          Tone::Plain});
    flags.items.push_back({fmt::format("{}: {}", number, runtime_flags(f))});
  }
  document.add(table);
  if (!runtime_flags(report.changes.fitting.front().result).empty()) document.add(flags);
}

// ---- what a number of devices can hold ----

void add_budget(Document& document, const FitReport& report) {
  if (report.budget.empty()) return;
  const FitQuestion& q = report.result.question;
  Table table;
  table.caption = fmt::format("what {} can hold, finest weights first", plural(q.layout.gpus(), "device"));
  table.columns = {{"weights", "weights", true, 0},
                   {"layout", "layout", true, 1},
                   {"verdict", "as asked", true, 0},
                   {"max_context_tokens", "context of 1", false, 0},
                   {"max_sequences", fmt::format("sequences of {}", grouped(q.workload.context)), false, 0},
                   {"decode_at_most_tokens_per_s", "tok/s <=", false, 2}};
  const auto or_none = [](Count n) { return n < 1 ? std::string("none") : grouped(n); };
  for (const BudgetRow& row : report.budget)
    table.rows.push_back({{{row.weights},
                           {describe(row.layout)},
                           {std::string(word_of(row.result.verdict))},
                           {or_none(row.max_context)},
                           {or_none(row.result.max_sequences)},
                           {row.decode.known() ? speed_text(row.decode.value) : "-"}},
                          Tone::Plain});
  document.add(table);
}

// ---- every tensor ----

void add_explanations(Document& document, const FitResult& f) {
  for (const DeviceGroup& group : device_groups(f)) {
    for (const LedgerLine& line : group.rank->ledger.lines()) {
      const Explanation why = explain_line(f, *group.rank, line);
      Table table;
      table.caption = fmt::format("{}, {}{}: {}{}{}", group.id, name_of_line(line),
                                  line.place == Place::Host  ? " in host memory"
                                  : line.place == Place::Ssd ? " on SSD"
                                                             : "",
                                  why.basis, why.source.empty() ? "" : "; source: ", why.source);
      table.columns = {{"tensor", "tensor", true, 0}, {"bytes", "size", false, 0}, {"formula", "formula", true, 0}};
      for (const ExplainedTensor& t : explain_tensors(f, *group.rank, line))
        table.rows.push_back({{{t.name}, {t.bytes}, {t.formula}}, Tone::Plain});
      if (table.rows.empty()) table.rows.push_back({{{why.formula}, {line.bytes}, {}}, Tone::Plain});
      document.add(table);
    }
  }
}

}  // namespace

Document describe_fit(const FitReport& report, Detail detail) {
  Document document;
  document.add(header_of(report));
  document.add(memory_table(report, detail));
  document.add(verdict_of(report));
  add_budget(document, report);
  add_changes(document, report);
  if (detail == Detail::Explain) add_explanations(document, report.result);
  ItemList notes{"assumptions", {}};
  for (const std::string& note : assumptions_of(report, detail)) notes.items.push_back({note});
  document.add(notes);
  return document;
}

Document tabulate_fit(const FitReport& report) {
  const FitResult& f = report.result;
  Table table;
  for (const char* key : {"device", "count", "place", "kind", "bytes", "low_bytes", "high_bytes", "basis", "formula"})
    table.columns.push_back({key, key, true, 0});
  for (const DeviceGroup& group : device_groups(f)) {
    for (const LedgerLine& line : group.rank->ledger.lines()) {
      const Explanation why = explain_line(f, *group.rank, line);
      table.rows.push_back({{{group.id},
                             {group.count},
                             {std::string(word_of(line.place))},
                             {std::string(ledger_kind(line.cls, line.part, line.owner))},
                             {line.bytes},
                             {line.low},
                             {line.high},
                             {why.basis},
                             {why.formula}},
                            Tone::Plain});
    }
  }
  Document document;
  document.add(table);
  return document;
}

}  // namespace moeplan
