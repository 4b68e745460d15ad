// SPDX-License-Identifier: Apache-2.0
// Devices and machines: what is known of one, with the reason to believe each figure,
// and the list (moeplan.hardware/1).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "reports/document.h"
#include "sim/spec/node.h"

namespace moeplan {

// A device alone, or a machine with its devices, one of each kind.
struct HardwareReport {
  std::vector<DeviceSpec> devices;
  std::optional<NodeSpec> node;
};

Document describe_hardware(const HardwareReport& report);  // also for spreadsheets
std::string json_of_hardware(const HardwareReport& report);

Document list_hardware(const std::vector<DeviceSpec>& devices, const std::vector<NodeSpec>& nodes);
std::string json_of_hardware_list(const std::vector<DeviceSpec>& devices, const std::vector<NodeSpec>& nodes);

}  // namespace moeplan
