// SPDX-License-Identifier: Apache-2.0
// What a machine is found to be (moeplan.machine/1).
#pragma once

#include <string>

#include "reports/document.h"
#include "sim/study/machine.h"

namespace moeplan {

Document describe_machine(const MachineFacts& facts, const DetectedMachine& machine);
std::string json_of_machine(const MachineFacts& facts, const DetectedMachine& machine);

}  // namespace moeplan
