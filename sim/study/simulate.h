// SPDX-License-Identifier: Apache-2.0
// "How long does a step take, and bound by what?": one deployment at one load, priced by
// the analytic engine. Times are of one replica; rates are of the whole deployment.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/engine/two_batches.h"
#include "sim/spec/cluster.h"
#include "sim/study/bill.h"
#include "sim/study/event_run.h"
#include "sim/study/fit.h"

namespace moeplan {

// What is asked of a replica.
struct SimulatedLoad {
  Phase phase = Phase::Decode;
  Count batch = 1;          // sequences that decode, or prompts that are read
  Count context = 0;        // tokens cached per decoding sequence; length of the prompts
  Count prefix = 0;         // prefill: tokens of each prompt that are cached already
  Count chunk = 0;          // prefill: new tokens a rank takes in a step; 0 = the runtime's
  Count mixed = 0;          // prefill: sequences that decode in the same steps
  Count mixed_context = 0;  // their cached tokens; 0 = as long as the prompts
  Count drafts = 0;         // tokens a draft module proposes per step
  double accepted = 1;      // tokens a sequence gains per decode step, itself included
  Overlap overlap = Overlap::None;
};

struct SimulateQuestion {
  FitQuestion deployment;  // workload = what must be resident
  SimulatedLoad load;
  Routing routing;
  std::optional<EventAsk> events = std::nullopt;  // by the event engine; none: by the analytic one
  // Drawn for a question like it: tables that fit serve again. Null = none.
  std::shared_ptr<const LoadTables> drawn = nullptr;
};

struct Simulation {
  SimulateQuestion question;
  FitResult memory;
  bool fits = false;
  StepResult step;  // decode: one step; prefill: all steps of the batch
  Count steps = 1;  // prefill: chunks
  Seconds time;     // decode: from token to token; prefill: until the last prompt is read
  Seconds low, high;
  Seconds first_token;      // one request alone, its prompt as long as `context`
  double tokens_per_s = 0;  // decode: generated; prefill: read
  double tokens_per_s_per_gpu = 0;
  double tokens_per_s_per_user = 0;
  double mfu = 0;  // of the peak of the experts' (or largest) format
  double mbu = 0;  // of peak memory bandwidth
  Count gpus = 1;
  double board_joules = 0;  // of a replica's boards in `time`; 0 = their power is not known
  Bill bill;
  std::shared_ptr<const EventRun> events;  // of the step, of prompts the first one; null = the analytic engine
};

// Prices everything with these kernels. A load that does not fit has fits = false, the
// most sequences that would in memory.max_sequences, and is priced all the same.
Simulation simulate(const SimulateQuestion& question, const Kernels& kernels, const Rates& rates);

// Tokens a sequence gains per step when each step proposes `drafts`: TensorRT-LLM's
// figures for DeepSeek-R1's module at batch 1 (1.00, 1.92, 2.58, 2.82, 2.99, 3.01).
double accepted_tokens(Count drafts);
// The same where each drafted token is right with probability `rate` (0 to 1) if all before
// it were: 1 + rate + ... + rate^drafts.
double accepted_tokens(Count drafts, double rate);

// The same model with dense feed-forward layers: as wide as the experts a token uses, or
// as all of them together.
enum class DenseEquivalent { SameActive, SameTotal };
ModelSpec dense_equivalent(const ModelSpec& model, DenseEquivalent kind);

// Why the experts of this model cannot be routed like that, as sentences; empty = they can.
std::vector<std::string> routing_violations(const ModelSpec& model, const Routing& routing, const Layout& layout);
// Fast domains that the ranks of a stage fill.
Count domains_of(const Layout& layout, const Kernels& kernels);
// Load tables of every expert layer of a model under this routing; balanced: none, but where
// the model limits tokens to groups of experts and these lie in several domains. Those of
// `drawn` that are for the same experts under the same routing are not drawn again.
LoadTables load_tables(const ModelSpec& model, const Routing& routing, const Layout& layout, Count nodes,
                       const LoadTables* drawn = nullptr);

// The engine that answers this question; everything given must outlive it.
StepModel step_model_of(const SimulateQuestion& question, const ModelPlan& plan, const Kernels& kernels,
                        const LoadTables& loads, Phase phase, bool for_steps = false, WeightShards* shards = nullptr);
// New tokens a data-parallel rank takes in one prefill step; 0 = whole prompts.
Count chunk_of(const SimulateQuestion& question);
// What a replica does in its first step: a micro-batch that decodes, or a first chunk.
Step first_step_of(const SimulateQuestion& question, const StepModel& model);

}  // namespace moeplan
