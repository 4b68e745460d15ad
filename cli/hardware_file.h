// SPDX-License-Identifier: Apache-2.0
// Hardware by name or by file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/spec/catalog.h"
#include "validate/probe.h"

namespace moeplan {

// "this" (the machine this runs on), a name of the catalogue, or a profile file (it holds a '/' or ends with ".json").
struct LoadedHardware {
  ClusterSpec cluster;
  std::vector<std::string> warnings;  // what a machine cannot say of itself
};
LoadedHardware load_hardware(const Catalog& catalog, const std::string& name);
inline constexpr std::string_view kThisMachine = "this";

// The places to look at; MOEPLAN_PROBE_ROOT and MOEPLAN_PROBE_NVML replace them in tests.
ProbePlaces probe_places();
bool is_hardware_file(const std::string& name);

// Whether it was named as a machine and not as a device alone.
bool is_machine(const ClusterSpec& cluster);

// "2026-11-22" by the clock, or by SOURCE_DATE_EPOCH where it is set.
std::string today();

}  // namespace moeplan
