// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/engine_time.h"

namespace moeplan {

EngineLoad engine_load_of(const Program& program, const OpPlan& ops) {
  EngineLoad load;
  for (std::size_t i = 0; i < ops.count; ++i) {
    const Op& op = program.op_array[ops.ops[i].op];
    const bool drafts = ops.ops[i].op >= program.first_draft;
    (drafts ? load.draft_operators : load.operators) += drafts ? 1 : op.repeat;
    if (op.kind == OpKind::Collective) (drafts ? load.draft_collectives : load.collectives) += drafts ? 1 : op.repeat;
  }
  return load;
}

double host_and_gaps(const EngineConstants& engine, const EngineLoad& load, Count sequences, Count drafts) {
  const double runs = static_cast<double>(drafts);
  return engine.step_s + engine.sequence_s * static_cast<double>(sequences) +
         engine.operator_s * (load.operators + runs * load.draft_operators) +
         engine.sync_s * (load.collectives + runs * load.draft_collectives);
}

}  // namespace moeplan
