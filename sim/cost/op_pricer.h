// SPDX-License-Identifier: Apache-2.0
// What an operator of a program costs: its point, priced by its form and by what the board
// draws meanwhile.
#pragma once

#include "sim/cost/collective.h"
#include "sim/cost/op_points.h"

namespace moeplan {

// One execution (one layer) of a planned operator. Attention is priced segment by segment.
Price price_op(const PlannedOp& planned, const Program& program, const Kernels& kernels, const Binding& binding,
               PriceDetail detail = PriceDetail::Band);

// What one rank sends in one execution, by level. Other operators send nothing.
TierBytes sent_bytes(const PlannedOp& planned, const Program& program, const Kernels& kernels, const Binding& binding);

// The way a collective is done.
CollectiveChoice choice_of(const CollectivePoint& point, const Kernels& kernels);

const ResolvedKernel& kernel_of(const PlannedOp& planned, const OperatorPoint& point, const Kernels& kernels);

}  // namespace moeplan
