// SPDX-License-Identifier: Apache-2.0
// `moeplan validate --effects`.
#pragma once

#include "cli/arguments.h"

namespace moeplan {

// Returns the exit status: no when an effect is not met. Throws InputError.
int run_effects(const Arguments& arguments);

}  // namespace moeplan
