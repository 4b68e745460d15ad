// SPDX-License-Identifier: Apache-2.0
// The one place where an engine's profile (sim/spec/engine_profile.h) meets the time of a
// step's operators.
#pragma once

#include "sim/cost/op_pricer.h"
#include "sim/spec/engine_profile.h"

namespace moeplan {

// Of one rank's program: operators that are launched in a step, and those that meet others.
struct EngineLoad {
  double operators = 0;
  double collectives = 0;
  double draft_operators = 0;  // each time the drafting module runs
  double draft_collectives = 0;
};

EngineLoad engine_load_of(const Program& program, const OpPlan& ops);

// What an operator's own seconds are multiplied by.
inline double kernel_factor(const EngineConstants& engine, Phase phase, const Op& op) {
  const double factor = phase == Phase::Decode ? engine.kernels : engine.prompts;
  const bool exchanges = op.name == OpName::Dispatch || op.name == OpName::Combine;
  return op.kind == OpKind::Moe || exchanges ? factor * engine.experts : factor;
}

// Added to a step of so many sequences of a rank, in which the drafting module runs `drafts` times.
double host_and_gaps(const EngineConstants& engine, const EngineLoad& load, Count sequences, Count drafts = 0);

}  // namespace moeplan
