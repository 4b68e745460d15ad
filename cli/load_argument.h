// SPDX-License-Identifier: Apache-2.0
// The load of `simulate`: one step of a phase, or a steady load.
#pragma once

#include <optional>

#include "cli/arguments.h"
#include "sim/study/steady.h"

namespace moeplan {

// --phase, --prefix, --chunk, --mixed and --draft-tokens beside a deployment. Throws
// InputError(Usage).
SimulatedLoad read_load(const Arguments& arguments, const FitQuestion& deployment);

// --isl, --osl and --concurrency; none when the command line asks about a step. Throws
// InputError(Usage).
std::optional<SteadyLoad> read_steady_load(const Arguments& arguments);

}  // namespace moeplan
