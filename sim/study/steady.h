// SPDX-License-Identifier: Apache-2.0
// The closed-form steady state of continuous batching: a fixed number of requests in
// flight, each replaced as it ends (`simulate --isl --osl --concurrency`).
//
//   TPOT = T_d + (C / osl) * P / dp
//   TTFT = T / 2 + (chunks of a prompt) * T_mixed
//   output tokens/s = C / TPOT
// T_d: a decode step of C sequences at their mean context isl + osl / 2. In each step
// C / osl prompts enter; P: time that reading dp prompts at once (one per data-parallel
// rank) adds to the steps that carry their chunks. T_mixed: such a step.
#pragma once

#include "sim/study/simulate.h"

namespace moeplan {

struct SteadyLoad {
  Count isl = 0;
  Count osl = 0;
  Count concurrency = 0;  // over the deployment; 0 = as many as memory and the engine admit
};

struct SteadyState {
  SteadyLoad load;  // with the concurrency that was used
  bool fits = false;
  Count limit = 0;  // sequences memory and the engine admit, over the deployment
  Seconds tpot, tpot_low, tpot_high;
  Seconds ttft;
  double output_tokens_per_s = 0;
  double output_tokens_per_s_per_gpu = 0;
  double output_tokens_per_s_per_user = 0;
  double prefill_share = 0;  // of the time
  Bill bill;                 // tokens are generated ones
  Simulation decode;         // the step between prompts; unpriced when the load does not fit
};

// osl is at least 2: the first token of an answer comes with its prompt.
SteadyState steady_state(const SimulateQuestion& question, const SteadyLoad& load, const Kernels& kernels,
                         const Rates& rates);

}  // namespace moeplan
