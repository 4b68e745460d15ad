// SPDX-License-Identifier: Apache-2.0
// Prices of operators whose weights lie in the host's memory: experts off the device, and
// unified memory whose pages stay on the host.
#pragma once

#include "sim/cost/op_plan.h"
#include "sim/program/work.h"

namespace moeplan {

// Experts off the device: those that are kept on it run there, beside the host's, or all run
// there once copied. The board waits for the host.
Price host_price(const PlannedOp& planned, const Op& op, const Program& program, const Kernels& kernels,
                 const Binding& binding);

// Copies of one layer's experts that a predictor had made before the layer's turn
// (HostMachine::fetched_ahead): the time of the link and the drives. 0 = nothing is copied ahead.
Picoseconds copy_ahead(const PlannedOp& planned, const Op& op, const Program& program, const Kernels& kernels,
                       const Binding& binding);

// `price`, or what reading the operator's weights from the host takes where that is longer.
Price read_from_host(const Price& price, const Op& op, const Program& program, const Kernels& kernels,
                     const Binding& binding);

}  // namespace moeplan
