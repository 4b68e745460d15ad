// SPDX-License-Identifier: Apache-2.0
// Every operator of a step with the sizes it was priced at: what `simulate --explain` lists.
#pragma once

#include <string>
#include <vector>

#include "sim/study/simulate.h"

namespace moeplan {

struct ExplainedOp {
  std::string name;  // "expert_gate_up"
  Count repeat = 1;  // layers
  double seconds = 0;
  Bound bound = Bound::Memory;
  Tier tier = Tier::Default;
  std::string sizes;   // "m 256, n 4096, k 7168, fp8_block"
  std::string kernel;  // whose constants
};

// Of the first stage's busiest ranks: a decode step, or the first chunk of a prefill.
std::vector<ExplainedOp> explain_step(const SimulateQuestion& question, const Kernels& kernels);

// Whose constants they stand on, each once, in the order of the step.
std::vector<std::string> sources_of(const std::vector<ExplainedOp>& ops);

// The sizes of a point in words.
std::string sizes_of(const OperatorPoint& point);

}  // namespace moeplan
