// SPDX-License-Identifier: Apache-2.0
// --gpus and the degrees of parallelism as one Layout; what is not said is derived.
#pragma once

#include "cli/arguments.h"
#include "sim/study/engine_flags.h"

namespace moeplan {

struct LayoutChoice {
  Layout layout;
  bool chosen = false;  // no degree was named: the first legal layout that fits
};

// Everything but the layout must be set in the question. Throws InputError(Usage) with
// every rule an impossible layout breaks.
LayoutChoice choose_layout_from(const Arguments& arguments, const FitQuestion& question, Count default_gpus,
                                const EngineDeployment& engine);

}  // namespace moeplan
