// SPDX-License-Identifier: Apache-2.0
// The NVIDIA driver's management library (NVML), loaded when asked.
#pragma once

#include <string>

#include "sim/study/machine.h"

namespace moeplan {

// Adds the GPUs the library shows, or why there are none; "" = do not ask.
void ask_nvml(MachineFacts& facts, const std::string& library);

}  // namespace moeplan
