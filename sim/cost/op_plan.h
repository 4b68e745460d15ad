// SPDX-License-Identifier: Apache-2.0
// Operators of a program as kernels: what does not change from step to step is decided
// once. An expert layer's permutation, two grouped GEMMs and activation are one fused kernel
// here, because that is what is measured.
#pragma once

#include "sim/cost/kernels.h"
#include "sim/program/program.h"

namespace moeplan {

struct PlannedOp {
  std::uint16_t op = 0;     // index in the program; of a fused kernel the expert GEMM
  std::uint16_t price = 0;  // operators of a step with one number cost the same (StepModel)
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

// Equal sizes on equal kernels: at any step both cost the same. Weights that lie off the
// device are no part of a size, so operators that read some never do.
bool cost_the_same(const Op& a, const PlannedOp& planned_a, const Op& b, const PlannedOp& planned_b);

OpPlan plan_ops(const Program& program, const Kernels& kernels, const FormatTable& formats);

}  // namespace moeplan
