// SPDX-License-Identifier: Apache-2.0
// One deployment prepared for many loads: does it fit, how long do a prefill and a decode
// step take, what does a token cost? What a sweep, a plan or a serving run asks a million
// times. Nothing here allocates once it is built.
#pragma once

#include <vector>

#include "sim/engine/prepared.h"
#include "sim/ledger/headroom.h"
#include "sim/study/fit_search.h"
#include "sim/study/simulate.h"

namespace moeplan {

// Of one replica.
struct PointLoad {
  Count prompt = 1;     // tokens of a prompt that is read alone
  Count context = 1;    // of each decoding sequence
  Count sequences = 1;  // that decode
};

// Of the rank with the least room.
struct PointMemory {
  Bytes total;
  Bytes budget;
  bool fits() const { return total <= budget; }
};

struct PointResult {
  bool fits = false;
  PointMemory memory;
  double prefill_s = 0;
  double decode_s = 0;  // from token to token
  double tokens_per_s = 0;
  double joules_per_token = 0;  // 0 = no power known
  double usd_per_million_tokens = 0;
};

// What a point is besides its two kinds of steps.
struct PointFrame {
  Count chunk = 0;  // new tokens of a prefill step; 0 = whole prompts
  Count dp = 1;
  Count stages = 1;
  Count gpus = 1;
  Count replicas = 1;
  double idle = 0;  // watts of a board
};
PointFrame frame_of(const SimulateQuestion& question, const Kernels& kernels);

PointMemory memory_at(const std::vector<BudgetedLedger>& rooms, const PointFrame& frame, Count context,
                      Count sequences);
// Seconds to read one prompt alone, operator by operator.
double prompt_seconds(const StepModel& prefill, const PointFrame& frame, Count prompt);
// A micro-batch of a decoding load, and what the load is when such a step costs this.
Step decode_step_of(const PointFrame& frame, Count sequences, Count context);
void set_decode(PointResult& result, const PointFrame& frame, const Rates& rates, Count sequences,
                const StepCost& cost);

class Evaluator {
 public:
  // most_tokens: of a step. The plan and the kernels must outlive it.
  Evaluator(const ModelPlan& plan, const SimulateQuestion& question, const Kernels& kernels, const Rates& rates,
            Count most_tokens);
  Evaluator(const Evaluator&) = delete;
  Evaluator& operator=(const Evaluator&) = delete;
  PointResult at(const PointLoad& load) const;
  // The same priced operator by operator, for what changes from point to point and to
  // say how far the tables are off.
  PointResult exactly_at(const PointLoad& load) const;

 private:
  LoadTables loads_;
  StepModel prefill_model_;
  StepModel decode_model_;
  PreparedModel prefill_;
  PreparedModel decode_;
  std::vector<BudgetedLedger> rooms_;
  Rates rates_;
  PointFrame frame_;
};

// One point of another layout each time, priced operator by operator: nothing is prepared
// but the model and the kernels. The plan, question and kernels must outlive it.
class QuickEvaluator {
 public:
  QuickEvaluator(const ModelPlan& plan, const SimulateQuestion& question, const Kernels& kernels, const Rates& rates);
  // The layout must be legal.
  PointResult at(const Layout& layout, const PointLoad& load);

 private:
  const ModelPlan* plan_;
  SimulateQuestion question_;
  const Kernels* kernels_;
  Rates rates_;
};

}  // namespace moeplan
