// SPDX-License-Identifier: Apache-2.0
// What is asked of a deployment: how long the contexts are and how many
// sequences live at once.
#pragma once

#include <string>

#include "sim/base/units.h"

namespace moeplan {

struct Workload {
  Count context = 0;    // tokens per sequence, prompt and output
  Count sequences = 1;  // resident at once, over one replica
  friend bool operator==(const Workload&, const Workload&) = default;
};

}  // namespace moeplan
