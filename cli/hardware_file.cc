// SPDX-License-Identifier: Apache-2.0
#include "cli/hardware_file.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>

#include "sim/base/json.h"

namespace moeplan {
namespace {
constexpr Bytes kLargestProfile = 64 * kMiB;
}

bool is_hardware_file(const std::string& name) {
  return name.find('/') != std::string::npos || name.ends_with(".json");
}

ProbePlaces probe_places() {
  ProbePlaces places;
  if (const char* root = std::getenv("MOEPLAN_PROBE_ROOT")) places.root = root;
  if (const char* nvml = std::getenv("MOEPLAN_PROBE_NVML")) places.nvml = nvml;
  return places;
}

LoadedHardware load_hardware(const Catalog& catalog, const std::string& name) {
  if (name == kThisMachine) {
    const DetectedMachine machine = machine_of(probe_machine(probe_places()), catalog);
    return {catalog.cluster_of(machine.node, machine.own), machine.warnings};
  }
  if (!is_hardware_file(name)) return {catalog.cluster(name), {}};
  return {catalog.read_cluster(read_text_file(name, kLargestProfile), name), {}};
}

bool is_machine(const ClusterSpec& cluster) {
  return cluster.devices.size() != 1 || cluster.node.id != cluster.devices.front().id ||
         cluster.node.name != cluster.devices.front().name;
}

std::string today() {
  using std::chrono::days;
  std::chrono::sys_days day = std::chrono::floor<days>(std::chrono::system_clock::now());
  if (const char* epoch = std::getenv("SOURCE_DATE_EPOCH")) {
    day = std::chrono::sys_days(days(std::strtoll(epoch, nullptr, 10) / 86400));
  }
  const std::chrono::year_month_day date{day};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

}  // namespace moeplan
