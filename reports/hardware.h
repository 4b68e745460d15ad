// SPDX-License-Identifier: Apache-2.0
// Devices and machines: what is known of one, with the reason to believe each figure,
// figures people derive from them, the list, and two side by side.
#pragma once

#include <string>
#include <vector>

#include "reports/document.h"
#include "sim/spec/catalog.h"

namespace moeplan {

// A device alone, or a machine with its devices and surroundings.
struct HardwareReport {
  ClusterSpec cluster;
  bool is_node = false;
};

Document describe_hardware(const HardwareReport& report);
Document tabulate_hardware(const HardwareReport& report);  // for spreadsheets: values in the unit of the key
std::string json_of_hardware(const HardwareReport& report);

// A fabric, a network, a site or a price: what stands around devices.
Document describe_part(const HardwareProfile& part);
std::string json_of_part(const HardwareProfile& part);

// Everything known, by kind.
struct HardwareList {
  std::vector<DeviceSpec> devices;
  std::vector<NodeSpec> nodes;
  std::vector<ScaleupSpec> scaleups;
  std::vector<ScaleoutSpec> scaleouts;
  std::vector<SiteSpec> sites;
  std::vector<PriceSpec> prices;
};
Document list_hardware(const HardwareList& list);
std::string json_of_hardware_list(const HardwareList& list);

// The figures of both, and how many times the second has what the first has.
Document diff_hardware(const HardwareReport& a, const HardwareReport& b);
std::string json_of_hardware_diff(const HardwareReport& a, const HardwareReport& b);

}  // namespace moeplan
