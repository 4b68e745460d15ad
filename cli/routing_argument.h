// SPDX-License-Identifier: Apache-2.0
// --routing and --seed.
#pragma once

#include "cli/arguments.h"
#include "sim/program/routing.h"

namespace moeplan {

// Balanced without the option. Throws InputError(Usage), InvalidInput for a histogram file.
Routing read_routing(const Arguments& arguments);

}  // namespace moeplan
