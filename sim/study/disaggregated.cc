// SPDX-License-Identifier: Apache-2.0
#include "sim/study/disaggregated.h"

#include <algorithm>

#include "sim/study/model_report.h"

namespace moeplan {
namespace {

// The decode unit at the mean context of what is in flight.
SimulateQuestion decode_question(const DisaggregatedUnit& unit, const SteadyLoad& load, Count sequences) {
  SimulateQuestion q = unit.question;
  q.load.phase = Phase::Decode;
  q.load.context = load.isl + load.osl / 2;
  q.load.batch = std::max<Count>(1, sequences);
  q.deployment.workload = {.context = q.load.context, .sequences = q.load.batch};
  return q;
}

// As many whole prompts as a step holds, at least one on every data-parallel rank.
SimulateQuestion prefill_question(const DisaggregatedUnit& unit, const SteadyLoad& load) {
  SimulateQuestion q = unit.question;
  const Count dp = q.deployment.layout.dp;
  q.load.phase = Phase::Prefill;
  q.load.context = load.isl;
  q.load.prefix = q.load.mixed = q.load.drafts = 0;
  q.load.accepted = 1;
  const Count together = std::max<Count>(1, chunk_of(q) / load.isl);
  q.load.batch = dp * together;
  q.deployment.workload = {.context = load.isl, .sequences = q.load.batch};
  return q;
}

Count admitted(const SimulateQuestion& one) {
  const FitResult memory = evaluate(one.deployment);
  if (memory.verdict == Verdict::No) return 0;
  const Count room = std::max<Count>(0, memory.max_sequences);
  return memory.sequence_limit > 0 ? std::min(room, memory.sequence_limit) : room;
}

// Bytes per second at which a prompt's cache leaves its ranks: tensor-parallel ranks of
// grouped attention hold different heads, those of MLA the same latent.
double handover_rate(const DisaggregatedUnit& prefill, const DisaggregatedUnit& decode) {
  const Topology& out = prefill.kernels->machine.link;
  const Topology& in = decode.kernels->machine.link;
  const FitQuestion& d = prefill.question.deployment;
  const bool is_latent = std::any_of(d.model.blocks.begin(), d.model.blocks.end(), [](const Block& block) {
    return std::holds_alternative<LatentAttention>(block.kind);
  });
  const Count parts = d.layout.pp * (is_latent ? 1 : d.layout.tp);
  return std::min(out.network_bandwidth, in.network_bandwidth) * static_cast<double>(parts);
}

}  // namespace

Disaggregated disaggregate(const DisaggregatedUnit& prefill, const DisaggregatedUnit& decode, const SteadyLoad& load) {
  Disaggregated s;
  s.load = load;
  const Count replicas = decode.question.deployment.layout.replicas;
  s.limit = admitted(decode_question(decode, load, 1)) * replicas;
  if (s.load.concurrency == 0) s.load.concurrency = s.limit;
  const Count in_flight = ceil_div(std::max<Count>(1, s.load.concurrency), replicas);
  s.prefill = simulate(prefill_question(prefill, load), *prefill.kernels, prefill.rates);
  s.decode = simulate(decode_question(decode, load, in_flight), *decode.kernels, decode.rates);
  s.fits = s.limit >= s.load.concurrency && s.load.concurrency > 0 && s.prefill.fits;
  if (!s.fits) return s;

  const double accepted = s.decode.question.load.accepted;
  s.tpot = Seconds::from_base(s.decode.time.base() / accepted);
  s.tpot_low = Seconds::from_base(s.decode.low.base() / accepted);
  s.tpot_high = Seconds::from_base(s.decode.high.base() / accepted);
  s.output_tokens_per_s_per_user = 1 / s.tpot.base();

  const double requests_per_s =
      static_cast<double>(s.load.concurrency) / (static_cast<double>(load.osl) * s.tpot.base());
  s.prefill_prompts_per_s = s.prefill.tokens_per_s / static_cast<double>(load.isl);
  s.prefill_units = requests_per_s / s.prefill_prompts_per_s;
  const double devices = static_cast<double>(s.decode.gpus) + s.prefill_units * static_cast<double>(s.prefill.gpus);
  s.output_tokens_per_s_per_gpu = requests_per_s * static_cast<double>(load.osl) / devices;

  // Each answer has its prompt read once.
  const double read_per_generated = static_cast<double>(load.isl) / static_cast<double>(load.osl);
  const auto of_both = [&](std::optional<double> of_decode, std::optional<double> of_prefill) -> std::optional<double> {
    if (!of_decode || !of_prefill) return std::nullopt;
    return *of_decode + read_per_generated * *of_prefill;
  };
  s.joules_per_token = of_both(s.decode.bill.facility_joules_per_token(), s.prefill.bill.facility_joules_per_token());
  s.usd_per_million_tokens = of_both(s.decode.bill.usd_per_million_tokens(), s.prefill.bill.usd_per_million_tokens());

  const FitQuestion& d = prefill.question.deployment;
  s.cache_of_prompt = report_model(d.model, d.formats, d.weights, d.kv, load.isl, 1).kv_at_context;
  const double rate = handover_rate(prefill, decode);
  if (rate > 0) s.handover = Seconds::from_base(static_cast<double>(s.cache_of_prompt.count()) / rate);
  const double step = s.prefill.time.base() / static_cast<double>(s.prefill.steps);
  s.ttft = Seconds::from_base(step / 2 + s.prefill.time.base() + s.handover.base() + s.decode.time.base());
  return s;
}

}  // namespace moeplan
