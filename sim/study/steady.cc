// SPDX-License-Identifier: Apache-2.0
#include "sim/study/steady.h"

#include <algorithm>

namespace moeplan {
namespace {

// The deployment at the mean context of sequences in flight.
SimulateQuestion decode_question(const SimulateQuestion& question, const SteadyLoad& load, Count sequences) {
  SimulateQuestion q = question;
  q.load.phase = Phase::Decode;
  q.load.context = load.isl + load.osl / 2;
  q.load.batch = std::max<Count>(1, sequences);
  q.deployment.workload.context = q.load.context;
  q.deployment.workload.sequences = q.load.batch;
  return q;
}

// Sequences of a replica that memory and the engine admit: at their mean context, or at
// their longest where the engine keeps room for it.
Count admitted(const SimulateQuestion& question, const SteadyLoad& load) {
  FitQuestion deployment = decode_question(question, load, 1).deployment;
  if (deployment.runtime.admits_whole_length) deployment.workload.context = load.isl + load.osl;
  const FitResult memory = evaluate(deployment);
  if (memory.verdict == Verdict::No) return 0;
  const Count room = std::max<Count>(0, memory.max_sequences);
  return memory.sequence_limit > 0 ? std::min(room, memory.sequence_limit) : room;
}

}  // namespace

SteadyState steady_state(const SimulateQuestion& question, const SteadyLoad& load, const Kernels& kernels,
                         const Rates& rates) {
  SteadyState s;
  s.load = load;
  const Count replicas = question.deployment.layout.replicas;
  s.limit = admitted(question, load) * replicas;
  if (s.load.concurrency == 0) s.load.concurrency = s.limit;
  s.fits = s.limit >= s.load.concurrency && s.load.concurrency > 0;
  const Count in_flight = ceil_div(s.load.concurrency, replicas);
  if (!s.fits) {
    s.decode.question = decode_question(question, load, in_flight);
    s.decode.memory = evaluate(s.decode.question.deployment);
    s.decode.gpus = question.deployment.layout.gpus();
    return s;
  }
  const SimulateQuestion between = decode_question(question, load, in_flight);
  s.decode = simulate(between, kernels, rates);

  // The same sequences decode while dp prompts are read.
  SimulateQuestion reading = between;
  const Count dp = question.deployment.layout.dp;
  reading.load.phase = Phase::Prefill;
  reading.load.batch = std::min(dp, in_flight);
  reading.load.context = load.isl;
  reading.load.mixed = std::max<Count>(0, in_flight - reading.load.batch);
  reading.load.mixed_context = between.load.context;
  reading.load.drafts = 0;
  const Simulation mixed = simulate(reading, kernels, rates);

  const double step = s.decode.time.base();
  const double chunks = static_cast<double>(mixed.steps);
  const double added = std::max(0.0, mixed.time.base() - (reading.load.mixed > 0 ? chunks * step : 0.0));
  const double entering = static_cast<double>(in_flight) / static_cast<double>(std::max<Count>(1, load.osl)) *
                          s.decode.question.load.accepted;
  const double prefill = entering * added / static_cast<double>(reading.load.batch);
  const double whole = step + prefill;
  const double accepted = between.load.accepted;
  s.prefill_share = prefill / whole;
  s.tpot = Seconds::from_base(whole / accepted);
  s.tpot_low = Seconds::from_base(s.tpot.base() * s.decode.low.base() / step);
  s.tpot_high = Seconds::from_base(s.tpot.base() * s.decode.high.base() / step);
  s.ttft = Seconds::from_base(whole / 2 + mixed.time.base());
  s.output_tokens_per_s = static_cast<double>(s.load.concurrency) / s.tpot.base();
  s.output_tokens_per_s_per_gpu = s.output_tokens_per_s / static_cast<double>(s.decode.gpus);
  s.output_tokens_per_s_per_user = 1 / s.tpot.base();
  // Energy as time: what the chunks of prompts add to the steps that carry them.
  const double carried = reading.load.mixed > 0 ? chunks * s.decode.board_joules : 0.0;
  const double joules = s.decode.board_joules + entering / static_cast<double>(reading.load.batch) *
                                                    std::max(0.0, mixed.board_joules - carried);
  const double tokens = static_cast<double>(s.load.concurrency) * accepted;
  s.bill = bill_of({.seconds = whole,
                    .board_joules = static_cast<double>(replicas) * joules,
                    .tokens = tokens,
                    .all_tokens = tokens * static_cast<double>(load.isl + load.osl) / static_cast<double>(load.osl),
                    .devices = static_cast<double>(s.decode.gpus)},
                   kernels.power, rates);
  return s;
}

}  // namespace moeplan
