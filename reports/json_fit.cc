// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "reports/fit.h"
#include "reports/json_parts.h"
#include "reports/words.h"
#include "sim/base/json.h"
#include "sim/study/drafts.h"
#include "sim/study/explain.h"

namespace moeplan {
namespace {

void write_model(JsonWriter& out, const ModelSpec& model) {
  const ParameterCounts counts = count_parameters(model);
  const MoeFfn moe = moe_of(model).value_or(MoeFfn{});
  out.key("model").begin_object();
  out.member("id", model.id).member("name", model.name);
  out.member("total_parameters", counts.total).member("active_parameters", counts.active);
  out.member("experts", moe.experts).member("top_k", moe.top_k);
  out.member("max_context_tokens", model.max_context);
  out.end_object();
}

void write_hardware(JsonWriter& out, const FitReport& report) {
  const FitQuestion& q = report.result.question;
  out.key("hardware").begin_object();
  out.member("id", report.origins.hardware).member("device", q.device.device).member("gpus", q.layout.gpus());
  out.member("visible_bytes", report.origins.visible.count());
  out.member("unallocatable_bytes", report.origins.unallocatable.count());
  const RankResult& tightest = report.result.ranks.front();
  out.member("capacity_bytes", q.device.capacity.count()).member("reserve_bytes", tightest.held.count());
  out.member("budget_bytes", tightest.budget().count());
  out.key("host_bytes");
  if (q.device.host)
    out.value(q.device.host->count());
  else
    out.null();
  out.key("ssd_bytes");
  if (q.device.ssd)
    out.value(q.device.ssd->count());
  else
    out.null();
  out.member("host_is_device", q.device.host_is_device);
  out.end_object();
}

// null without a draft model.
void write_draft(JsonWriter& out, const FitQuestion& q) {
  out.key("draft");
  if (!q.draft) {
    out.null();
    return;
  }
  out.begin_object().member("model", q.draft->model.id).member("weights", q.draft->weights);
  out.member("total_parameters", count_parameters(q.draft->model).total).member("tokens", draft_tokens_of(q));
  out.end_object();
}

// null without adapters.
void write_adapters(JsonWriter& out, const FitQuestion& q) {
  out.key("lora");
  if (!q.adapter) {
    out.null();
    return;
  }
  const AdapterSpec& a = *q.adapter;
  out.begin_object().member("rank", a.rank).member("slots", a.slots);
  out.member("fully_sharded", a.fully_sharded).member("parameters", count_adapter(q.model, a));
  out.key("targets").compact(true).begin_array();
  for (const std::string& name : modules_of(a.targets, q.model)) out.value(name);
  out.end_array().compact(false).end_object();
}

void write_terms(JsonWriter& out, const FitResult& f, const RankResult& rank, const LedgerLine& line) {
  out.key("terms").begin_array();
  for (const ExplainedTensor& term : explain_tensors(f, rank, line)) {
    out.compact(true).begin_object();
    out.member("name", term.name).member("bytes", term.bytes.count()).member("formula", term.formula);
    out.end_object().compact(false);
  }
  out.end_array();
}

void write_items(JsonWriter& out, const FitResult& f, const RankResult& rank, Place place, bool terms) {
  out.begin_array();
  for (const LedgerLine& line : rank.ledger.lines()) {
    if (line.place != place) continue;
    const Explanation why = explain_line(f, rank, line);
    out.begin_object();
    out.member("kind", ledger_kind(line.cls, line.part, line.owner)).member("bytes", line.bytes.count());
    out.member("low_bytes", line.low.count()).member("high_bytes", line.high.count());
    out.member("basis", why.basis).member("formula", why.formula);
    if (!why.source.empty()) out.member("source", why.source);
    if (place != Place::Device) out.member("place", word_of(place));
    if (terms) write_terms(out, f, rank, line);
    out.end_object();
  }
  out.end_array();
}

void write_devices(JsonWriter& out, const FitResult& f, bool terms) {
  out.key("devices").begin_array();
  for (const DeviceGroup& group : device_groups(f)) {
    const RankResult& rank = *group.rank;
    out.begin_object();
    out.member("id", group.id).member("device", rank.device).member("count", group.count);
    out.member("budget_bytes", rank.budget().count()).member("total_bytes", rank.ledger.total.count());
    out.member("low_bytes", rank.ledger.low.count()).member("high_bytes", rank.ledger.high.count());
    out.member("margin_bytes", rank.margin.count());
    out.key("items");
    write_items(out, f, rank, Place::Device, terms);
    if (rank.ledger.host != Bytes(0)) {
      out.member("host_total_bytes", rank.ledger.host.count());
      out.key("host_items");
      write_items(out, f, rank, Place::Host, terms);
    }
    if (rank.ledger.ssd != Bytes(0)) {
      out.member("ssd_total_bytes", rank.ledger.ssd.count());
      out.key("ssd_items");
      write_items(out, f, rank, Place::Ssd, terms);
    }
    out.end_object();
  }
  out.end_array();
}

// null: not even an empty load fits.
void write_solved(JsonWriter& out, std::string_view key, Count value) {
  out.key(key);
  if (value >= 0)
    out.value(value);
  else
    out.null();
}

void write_headroom(JsonWriter& out, const FitResult& f) {
  out.key("headroom").begin_object();
  write_solved(out, "max_context_tokens", f.max_context);
  out.member("context_at_model_limit", f.context_at_model_limit);
  write_solved(out, "max_sequences", f.max_sequences);
  out.key("admission_limit");
  if (f.sequence_limit != 0)
    out.value(f.sequence_limit);
  else
    out.null();
  out.member("cache_bytes", f.cache_room.count());
  out.end_object();
}

void write_solutions(JsonWriter& out, const std::vector<Change>& changes) {
  out.key("solutions").begin_array();
  for (const Change& change : changes) {
    const FitResult& f = change.result;
    out.begin_object();
    out.member("change", change.text).member("fits", f.verdict != Verdict::No).member("verdict", word_of(f.verdict));
    out.member("probability_fits", rounded_probability(f.probability));
    out.member("device_bytes", f.ranks.front().ledger.total.count()).member("host_bytes", f.host_bytes.count());
    out.member("gpus", f.question.layout.gpus());
    write_decode(out, change.decode);
    out.member("flags", runtime_flags(f));
    out.end_object();
  }
  out.end_array();
}

void write_budget(JsonWriter& out, const std::vector<BudgetRow>& rows) {
  out.key("budget").begin_array();
  for (const BudgetRow& row : rows) {
    out.begin_object();
    out.member("weights", row.weights);
    write_layout(out, row.layout);
    out.member("verdict", word_of(row.result.verdict));
    out.member("probability_fits", rounded_probability(row.result.probability));
    write_solved(out, "max_context_tokens", row.max_context);
    write_solved(out, "max_sequences", row.result.max_sequences);
    write_decode(out, row.decode);
    out.end_object();
  }
  out.end_array();
}

}  // namespace

void write_optional(JsonWriter& out, std::string_view key, const std::optional<double>& value) {
  out.key(key);
  if (value)
    out.value(*value);
  else
    out.null();
}

double rounded_probability(double p) { return std::round(p * 1e4) / 1e4; }

void write_layout(JsonWriter& out, const Layout& layout) {
  out.key("layout").begin_object();
  out.member("text", describe(layout)).member("gpus", layout.gpus());
  out.member("tp", layout.tp)
      .member("dp", layout.dp)
      .member("cp", layout.cp)
      .member("sp", layout.sp)
      .member("moe_tp", layout.moe_tp)
      .member("ep", layout.ep);
  out.member("pp", layout.pp).member("replicas", layout.replicas);
  if (layout.redundant > 0) out.member("redundant_experts", layout.redundant);
  out.end_object();
}

void write_decode(JsonWriter& out, const DecodeFloor& decode) {
  out.key("decode_tokens_per_s");
  if (!decode.known()) {
    out.null();
    return;
  }
  out.begin_object();
  out.member("value", decode.value).member("low", decode.low).member("high", decode.high);
  out.member("device_bytes_per_step", Count{std::llround(decode.touched.device)});
  out.member("host_bytes_per_step", Count{std::llround(decode.touched.host)});
  out.member("ssd_bytes_per_step", Count{std::llround(decode.touched.ssd)});
  out.member("basis", "bandwidth bound");
  out.end_object();
}

std::string json_of_fit(const FitReport& report, bool terms) {
  const FitResult& f = report.result;
  const FitQuestion& q = f.question;
  JsonWriter out;
  out.begin_object();
  out.member("schema", "moeplan.fit/1");
  out.member("verdict", word_of(f.verdict)).member("margin_bytes", f.margin.count());
  out.member("probability_fits", rounded_probability(f.probability));
  out.member("uncertainty_bytes", f.uncertainty.count()).member("limiting", limiting_kind(f));
  write_model(out, q.model);
  write_hardware(out, report);
  write_layout(out, q.layout);
  out.member("runtime", q.runtime.id).member("runtime_version", q.runtime.version);
  write_set(out, report.origins.set);
  out.member("weights", q.weights).member("kv", q.formats[f.kv_format].id);
  out.member("context_tokens", q.workload.context).member("sequences", q.workload.sequences);
  out.member("imbalance", q.imbalance);
  write_adapters(out, q);
  write_draft(out, q);
  out.member("flash_attention", q.flash_attention);
  write_devices(out, f, terms);
  out.member("host_bytes", f.host_bytes.count()).member("ssd_bytes", f.ssd_bytes.count());
  out.member("host_short", f.host_short);
  write_headroom(out, f);
  write_decode(out, report.decode);
  write_solutions(out, report.changes.fitting);
  if (!report.budget.empty()) write_budget(out, report.budget);
  out.member("flags", runtime_flags(f));
  out.key("assumptions").begin_array();
  for (const std::string& note : assumptions_of(report, Detail::Verbose)) out.value(note);
  out.end_array();
  out.end_object();
  return out.take();
}

}  // namespace moeplan
