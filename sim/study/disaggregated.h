// SPDX-License-Identifier: Apache-2.0
// Disaggregated serving: units that read prompts hand the cache to units that generate, so
// that neither waits for the other (DeepSeek, Mooncake, SGLang and Dynamo PD).
//
//   requests/s of a decode unit   r = C / (osl * TPOT),  C sequences in flight in it
//   prompts/s of a prefill unit   p = prompts read at once / time to read them
//   prefill units per decode unit r / p
//   output tokens/s per device    osl r / (devices of a decode unit + r / p * those of a prefill unit)
//   hand-over                     isl * cache bytes per token / (network rate * ranks that hold different parts)
//   TTFT                          half a prefill step of waiting, the prefill, the hand-over, one decode step
//
// Units are whole in a deployment of many; the ratio here is the one at which neither idles.
#pragma once

#include "sim/study/steady.h"

namespace moeplan {

struct DisaggregatedUnit {
  SimulateQuestion question;  // load and workload are set here
  const Kernels* kernels = nullptr;
  Rates rates;
};

struct Disaggregated {
  SteadyLoad load;  // of one decode unit, with the concurrency that was used
  bool fits = false;
  Count limit = 0;  // sequences one decode unit admits
  Seconds tpot, tpot_low, tpot_high;
  Seconds ttft, handover;
  Bytes cache_of_prompt;
  double prefill_units = 0;                // per decode unit
  double prefill_prompts_per_s = 0;        // of one prefill unit
  double output_tokens_per_s_per_gpu = 0;  // over the devices of both
  double output_tokens_per_s_per_user = 0;
  std::optional<double> joules_per_token;  // generated; both units, at the meter of the facility
  std::optional<double> usd_per_million_tokens;
  Simulation prefill;
  Simulation decode;
};

// osl is at least 2; concurrency 0 = as many as a decode unit admits.
Disaggregated disaggregate(const DisaggregatedUnit& prefill, const DisaggregatedUnit& decode, const SteadyLoad& load);

}  // namespace moeplan
