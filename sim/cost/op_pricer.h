// SPDX-License-Identifier: Apache-2.0
// Operators of a program as kernels: what does not change from step to step is decided
// once (planned), then each step fills in its sizes and asks the forms. An expert layer's
// permutation, two grouped GEMMs and activation are one fused kernel here, because that is
// what is measured.
#pragma once

#include <array>

#include "sim/cost/collective.h"
#include "sim/cost/kernels.h"
#include "sim/program/work.h"

namespace moeplan {

struct PlannedOp {
  std::uint16_t op = 0;  // index in the program; of a fused kernel the expert GEMM
  Family family = Family::Stream;
  KernelFormat format = KernelFormat::Bf16;
  CacheWidth cache = CacheWidth::Bf16;
  bool absorbed = false;    // MLA in latent space
  double weight_bytes = 2;  // per element
  double inter = 0;         // expert width on this rank
  double hidden = 0;        // experts off the device: width of a token
  double handovers = 0;     // experts off the device: how often an execution hands a layer over
  RankSpan span;            // of a collective's ranks
  bool gated = true;
};

struct OpPlan {
  OpPlan() {}  // NOLINT(modernize-use-equals-default): no zeroing of the room
  Room<PlannedOp, kMaxOps> ops;
  std::size_t count = 0;
};

OpPlan plan_ops(const Program& program, const Kernels& kernels, const FormatTable& formats);

// One execution (one layer) of a planned operator. Attention is priced segment by segment.
Price price_op(const PlannedOp& planned, const Program& program, const Kernels& kernels, const Binding& binding,
               PriceDetail detail = PriceDetail::Band);

// The point that is priced, for explanations and probes; attention: of the first segment.
OperatorPoint point_of(const PlannedOp& planned, const Program& program, const Kernels& kernels,
                       const Binding& binding);

// What one rank sends in one execution, by level. Other operators send nothing.
TierBytes sent_bytes(const PlannedOp& planned, const Program& program, const Kernels& kernels, const Binding& binding);

// The way a collective is done.
CollectiveChoice choice_of(const CollectivePoint& point, const Kernels& kernels);

const ResolvedKernel& kernel_of(const PlannedOp& planned, const OperatorPoint& point, const Kernels& kernels);

}  // namespace moeplan
