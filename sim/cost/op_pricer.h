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

// The same of experts on a rank that sees this load, and of an exchange whose busiest port moves
// `busiest` times what the mean one does (1: as if all were alike; may be less).
Price price_experts(const PlannedOp& planned, const Program& program, const Kernels& kernels, const Binding& binding,
                    const ExpertLoad& load, PriceDetail detail);
Price price_exchange(const PlannedOp& planned, const Program& program, const Kernels& kernels, const Binding& binding,
                     double busiest, PriceDetail detail);

// What one rank sends in one execution, by level. Other operators send nothing.
TierBytes sent_bytes(const PlannedOp& planned, const Program& program, const Kernels& kernels, const Binding& binding);

// The way a collective is done.
CollectiveChoice choice_of(const CollectivePoint& point, const Kernels& kernels);

const ResolvedKernel& kernel_of(const PlannedOp& planned, const OperatorPoint& point, const Kernels& kernels);

}  // namespace moeplan
