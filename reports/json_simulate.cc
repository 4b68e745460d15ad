// SPDX-License-Identifier: Apache-2.0
#include "reports/bill.h"
#include "reports/events.h"
#include "reports/json_parts.h"
#include "reports/simulate.h"
#include "sim/base/json.h"

namespace moeplan {
namespace {

void write_breakdown(JsonWriter& out, const StepResult& step) {
  out.key("breakdown").begin_array();
  for (std::size_t i = 0; i < kStepShares; ++i) {
    const ShareTime& share = step.shares[i];
    if (share.time.count() == 0) continue;
    out.compact(true).begin_object().member("part", key_of(static_cast<StepShare>(i)));
    out.member("time_s", share.time.seconds().base()).member("bound", word_of(share.bound));
    out.member("basis", word_of(share.tier)).end_object().compact(false);
  }
  out.end_array();
}

constexpr std::array<double TierBytes::*, 3> kTierMembers = {&TierBytes::fast, &TierBytes::network, &TierBytes::spine};
constexpr std::array<std::string_view, 3> kTierKeys = {"fast_domain", "network", "spine"};

void write_traffic(JsonWriter& out, const Traffic& t) {
  out.key("traffic_bytes").begin_object();
  for (std::size_t i = 0; i < kTraffic.size(); ++i) out.member(kTrafficWords[i], (t.*kTraffic[i]).total());
  out.key("per_tier").begin_object();
  for (std::size_t tier = 0; tier < kTierMembers.size(); ++tier) {
    out.key(kTierKeys[tier]).compact(true).begin_object();
    for (std::size_t i = 0; i < kTraffic.size(); ++i)
      out.member(kTrafficWords[i], (t.*kTraffic[i]).*kTierMembers[tier]);
    out.end_object().compact(false);
  }
  out.end_object().end_object();
}

void write_memory(JsonWriter& out, const FitResult& memory) {
  out.key("memory").begin_object().member("verdict", word_of(memory.verdict));
  out.member("margin_bytes", memory.margin.count());
  out.member("device_bytes", memory.ranks.front().ledger.total.count());
  out.key("max_sequences");
  if (memory.max_sequences >= 0)
    out.value(memory.max_sequences);
  else
    out.null();
  out.end_object();
}

void write_basis(JsonWriter& out, const SimulateReport& report) {
  const StepResult& step = report.simulation.step;
  const std::string_view engine = report.simulation.events ? "event" : "analytic";
  out.key("basis").begin_object().member("engine", engine).member("overlay", report.overlay);
  out.member("engine_profile", report.engine);
  for (std::size_t i = 0; i < kTiers; ++i) {
    const double share = step.time.count() == 0
                             ? 0
                             : static_cast<double>(step.by_tier[i].count()) / static_cast<double>(step.time.count());
    out.member("share_" + std::string(word_of(static_cast<Tier>(i))), share);
  }
  out.key("kernels").begin_array();
  for (const std::string& kernel : report.kernels) out.value(kernel);
  out.end_array().end_object();
}

void write_steady_load(JsonWriter& out, const SteadyState& s) {
  out.key("load").begin_object().member("phase", "steady").member("isl_tokens", s.load.isl);
  out.member("osl_tokens", s.load.osl).member("concurrency", s.load.concurrency);
  out.member("max_concurrency", s.limit).end_object();
}

void write_band(JsonWriter& out, std::string_view key, Seconds value, Seconds low, Seconds high) {
  out.key(key).compact(true).begin_object().member("value", value.base()).member("low", low.base());
  out.member("high", high.base()).end_object().compact(false);
}

// Of the whole load; the keys of a step describe the decode step between prompts.
void write_steady_rates(JsonWriter& out, const SteadyState& s) {
  out.member("output_tokens_per_s", s.output_tokens_per_s);
  out.member("output_tokens_per_s_per_gpu", s.output_tokens_per_s_per_gpu);
  out.member("output_tokens_per_s_per_user", s.output_tokens_per_s_per_user);
  out.member("ttft_s", s.ttft.base());
  write_band(out, "tpot_s", s.tpot, s.tpot_low, s.tpot_high);
  out.member("prefill_share", s.prefill_share);
  write_optional(out, "energy_j_per_token", s.bill.facility_joules_per_token());
  write_optional(out, "usd_per_million_tokens", s.bill.usd_per_million_tokens());
}

void write_step_rates(JsonWriter& out, const Simulation& s) {
  out.member("ttft_s", s.first_token.base());
  write_optional(out, "energy_j_per_token", s.bill.facility_joules_per_token());
  write_optional(out, "usd_per_million_tokens", s.bill.usd_per_million_tokens());
}

void write_bills(JsonWriter& out, const SimulateReport& report) {
  const bool reads = !report.steady && report.simulation.question.load.phase == Phase::Prefill;
  const Bill& bill = report.steady ? report.steady->bill : report.simulation.bill;
  write_energy(out, bill, report.power, report.rates);
  write_cost(out, bill, report.rates, reads ? "read" : "generated");
  write_break_even(out, break_even(bill.stretch, report.power, report.rates, report.api_usd_per_million),
                   report.api_usd_per_million);
}

void write_load(JsonWriter& out, const SimulateQuestion& q) {
  const SimulatedLoad& load = q.load;
  out.key("load").begin_object();
  out.member("phase", load.phase == Phase::Decode ? "decode" : "prefill").member("batch", load.batch);
  out.member("context_tokens", load.context).member("prefix_tokens", load.prefix);
  out.member("mixed_sequences", load.mixed).member("draft_tokens", load.drafts);
  out.member("tokens_per_sequence_and_step", load.accepted).end_object();
}

void write_cache(JsonWriter& out, const CacheFigures& cache) {
  out.key("expert_cache").compact(true).begin_object().member("policy", word_of(cache.spec.policy));
  out.member("experts_per_layer", cache.spec.capacity).member("repeat", cache.spec.repeat);
  out.member("hit_rate", cache.misses.hit_rate()).member("any_miss", cache.misses.any).end_object().compact(false);
}

void write_body(JsonWriter& out, const SimulateReport& report) {
  const Simulation& s = report.simulation;
  const FitQuestion& d = s.question.deployment;
  out.member("model", d.model.id).member("hardware", report.hardware).member("device", d.device.device);
  out.member("gpus", s.gpus).member("runtime", d.runtime.id).member("runtime_version", d.runtime.version);
  write_set(out, report.origins.set);
  out.member("weights", d.weights).member("kv", d.formats[s.memory.kv_format].id);
  write_layout(out, d.layout);
  if (report.steady)
    write_steady_load(out, *report.steady);
  else
    write_load(out, s.question);
  out.member("fits", s.fits);
  write_memory(out, s.memory);
  if (!s.fits) {
    out.key("step_time_s").null();
    return;
  }
  write_band(out, "step_time_s", s.time, s.low, s.high);
  out.member("steps", s.steps);
  out.member("tokens_per_s", s.tokens_per_s).member("tokens_per_s_per_gpu", s.tokens_per_s_per_gpu);
  out.member("tokens_per_s_per_user", s.tokens_per_s_per_user);
  write_breakdown(out, s.step);
  if (s.step.hidden.count() > 0) out.member("hidden_s", s.step.hidden.seconds().base());
  write_traffic(out, s.step.traffic);
  out.member("flops", s.step.work.flops);
  out.member("bytes_read", s.step.work.weight_bytes + s.step.work.cache_bytes);
  out.member("distinct_experts_per_rank", s.step.load.distinct);
  out.member("straggler", s.step.load.mean_rows > 0 ? s.step.load.rows / s.step.load.mean_rows : 1.0);
  if (report.cache) write_cache(out, *report.cache);
  out.member("mfu", s.mfu).member("mbu", s.mbu);
  if (report.steady)
    write_steady_rates(out, *report.steady);
  else
    write_step_rates(out, s);
  write_bills(out, report);
  if (s.events) write_events(out, *s.events);
  write_basis(out, report);
}

void write_unit(JsonWriter& out, std::string_view role, const Simulation& s, const std::string& hardware,
                const std::string& overlay, double units) {
  const FitQuestion& d = s.question.deployment;
  out.begin_object().member("unit", role).member("units", units).member("hardware", hardware);
  out.member("device", d.device.device).member("gpus", s.gpus).member("runtime", d.runtime.id);
  out.member("weights", d.weights).member("kv", d.formats[s.memory.kv_format].id);
  write_layout(out, d.layout);
  out.member("overlay", overlay).member("batch", s.question.load.batch).member("fits", s.fits);
  if (s.fits) {
    write_band(out, "step_time_s", s.time, s.low, s.high);
    out.member("tokens_per_s", s.tokens_per_s).member("tokens_per_s_per_gpu", s.tokens_per_s_per_gpu);
    write_breakdown(out, s.step);
  }
  out.end_object();
}

}  // namespace

std::string json_of_simulation(const SimulateReport& report) {
  JsonWriter out;
  out.begin_object().member("schema", "moeplan.simulate/1");
  write_body(out, report);
  out.end_object();
  return out.take();
}

std::string json_of_disaggregated(const DisaggregatedReport& report) {
  const Disaggregated& s = report.answer;
  JsonWriter out;
  out.begin_object().member("schema", "moeplan.simulate.disaggregated/1");
  out.key("load").begin_object().member("isl_tokens", s.load.isl).member("osl_tokens", s.load.osl);
  out.member("concurrency", s.load.concurrency).member("max_concurrency", s.limit).end_object();
  out.member("fits", s.fits);
  out.key("units").begin_array();
  write_unit(out, "prefill", s.prefill, report.prefill_hardware, report.prefill_overlay, s.prefill_units);
  write_unit(out, "decode", s.decode, report.decode_hardware, report.decode_overlay, 1);
  out.end_array();
  if (s.fits) {
    out.member("output_tokens_per_s_per_gpu", s.output_tokens_per_s_per_gpu);
    out.member("output_tokens_per_s_per_user", s.output_tokens_per_s_per_user);
    write_band(out, "tpot_s", s.tpot, s.tpot_low, s.tpot_high);
    out.member("ttft_s", s.ttft.base()).member("handover_s", s.handover.base());
    out.member("handover_bytes", s.cache_of_prompt.count());
    write_optional(out, "energy_j_per_token", s.joules_per_token);
    write_optional(out, "usd_per_million_tokens", s.usd_per_million_tokens);
  }
  out.end_object();
  return out.take();
}

std::string json_of_comparison(const std::vector<SimulateReport>& reports) {
  JsonWriter out;
  out.begin_object().member("schema", "moeplan.simulate.compare/1").key("runs").begin_array();
  for (const SimulateReport& report : reports) {
    out.begin_object();
    write_body(out, report);
    out.end_object();
  }
  out.end_array().end_object();
  return out.take();
}

}  // namespace moeplan
