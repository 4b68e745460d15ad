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

struct PointResult {
  bool fits = false;
  double prefill_s = 0;
  double decode_s = 0;  // from token to token
  double tokens_per_s = 0;
  double joules_per_token = 0;  // 0 = no power known
  double usd_per_million_tokens = 0;
};

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
  template <class PrefillCost, class DecodeCost>
  PointResult point(const PointLoad& load, const PrefillCost& prefill, const DecodeCost& decode) const;

  LoadTables loads_;
  StepModel prefill_model_;
  StepModel decode_model_;
  PreparedModel prefill_;
  PreparedModel decode_;
  std::vector<BudgetedLedger> rooms_;
  Rates rates_;
  Count chunk_ = 0;
  Count dp_ = 1;
  Count gpus_ = 1;
  Count replicas_ = 1;
};

}  // namespace moeplan
