// SPDX-License-Identifier: Apache-2.0
// A planned operator at the sizes of a step: the point its form prices.
#pragma once

#include "sim/cost/op_plan.h"
#include "sim/program/work.h"

namespace moeplan {

GemmPoint gemm_point(const PlannedOp& planned, const Op& op, double rows, const Kernels& kernels);
MoePoint moe_point(const PlannedOp& planned, const Op& op, const Program& program, const Kernels& kernels,
                   const Binding& binding);
MoePoint moe_point_for(const PlannedOp& planned, const Op& op, const Program& program, const Kernels& kernels,
                       const Binding& binding, const ExpertLoad& load);
// Experts of this load on the device.
MoePoint moe_point_of(const PlannedOp& planned, const Op& op, const Program& program, const Binding& binding,
                      double hidden, const ExpertLoad& load);
CollectivePoint collective_point(const PlannedOp& planned, const Op& op, double rows);
EpPoint exchange_point(const PlannedOp& planned, const Op& op, const Program& program, const Binding& binding);
StreamPoint stream_point(const Op& op, const Work& work);

// Attention goes segment by segment. index_point: scores of a sparse indexer, one shared key
// of `n` dims for all heads, no values.
constexpr bool by_segment(const Op& op) { return op.kind == OpKind::Attention || op.kind == OpKind::Mla; }
AttentionPoint attention_point(const PlannedOp& planned, const Op& op, const Segment& segment);
AttentionPoint index_point(const Op& op, const Segment& segment);
MlaPoint mla_point(const PlannedOp& planned, const Op& op, const Segment& segment);

// What `f` makes of the point of one segment on one of `cp` ranks that share its sequences.
template <class F>
auto with_segment_point(const PlannedOp& planned, const Op& op, const Segment& whole, Count cp, const F& f) {
  const Segment s = shard_of(whole, cp);
  if (op.name == OpName::IndexScores) return f(index_point(op, s));
  Op local = op;
  if (cp > 1 && whole.generates()) {
    local.window = static_cast<std::int32_t>(kept_of(op.window, whole, cp));
    local.chunk = static_cast<std::int32_t>(kept_of(op.chunk, whole, cp));
  }
  if (op.kind == OpKind::Mla) return f(mla_point(planned, local, s));
  return f(attention_point(planned, local, s));
}

// Any of them; attention: of the first segment.
OperatorPoint point_of(const PlannedOp& planned, const Program& program, const Kernels& kernels,
                       const Binding& binding);

}  // namespace moeplan
