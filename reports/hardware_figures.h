// SPDX-License-Identifier: Apache-2.0
// Inside reports: the figures of a device or machine as one list, read by the page of one
// (show), the comparison of two (diff) and JSON, so that they cannot disagree.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "reports/hardware.h"

namespace moeplan {

struct HardwareFigure {
  std::string group;  // memory, compute, links, power, price, worth knowing
  std::string key;    // of JSON, ends with the unit: "bandwidth_bytes_per_s"
  std::string name;   // for people
  std::string text;   // the value with a unit
  double value = 0;   // in the unit of the key
  std::string basis;
  std::string source;
};

// Figures of one kind of device of the report, with what surrounds it in a machine.
std::vector<HardwareFigure> figures_of(const HardwareReport& report, std::size_t group);

// Of what stands around devices: a fabric, a network, a site, a price.
struct PartFigures {
  std::string kind;  // scaleup, scaleout, site, price
  std::string id;
  std::string name;
  std::string note;
  std::vector<std::string> aliases;
  std::vector<HardwareFigure> figures;
};
PartFigures figures_of_part(const HardwareProfile& part);

}  // namespace moeplan
