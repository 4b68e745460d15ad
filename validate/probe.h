// SPDX-License-Identifier: Apache-2.0
// Looks at the machine this runs on: /proc and /sys, hwloc and the NVIDIA driver, both
// loaded when asked and not needed. Every place is a parameter, so that tests bring a
// folder and a library of their own.
#pragma once

#include <string>

#include "sim/study/machine.h"

namespace moeplan {

struct ProbePlaces {
  std::string root;                        // before /proc and /sys; "" = this machine
  std::string hwloc = "libhwloc.so.15";    // "" = do not ask
  std::string nvml = "libnvidia-ml.so.1";  // "" = do not ask
};

// Says in `found` what it read where, and in `missing` what it could not.
MachineFacts probe_machine(const ProbePlaces& places);

}  // namespace moeplan
