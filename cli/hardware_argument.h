// SPDX-License-Identifier: Apache-2.0
// --hardware, --memory, --host-memory and --gpus as the memory of one device.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/arguments.h"
#include "sim/spec/catalog.h"
#include "sim/study/spec_path.h"

namespace moeplan {

struct HardwareChoice {
  std::string name;  // as found in the catalogue; "" = a bare --memory
  std::optional<DeviceSpec> device;
  std::vector<DeviceSpec> mixed;  // of a machine with unlike devices, in order; `device` is then the smallest
  std::optional<NodeSpec> node;
  std::optional<ScaleupSpec> scaleup;  // the fast fabric of the node
  Bytes visible;                       // to the driver, of one device
  Bytes unallocatable;
  std::string memory_source;
  std::string memory_note;  // what --memory replaced; "" when it was not given or there is no profile
  std::optional<Bytes> host_per_node;
  bool host_is_device = false;
  std::vector<std::string> warnings;
  std::vector<SpecOverride> overrides;  // --set, those of the node and around it not yet applied where it is not named

  // Metal keeps part of the RAM from the GPU unless told otherwise.
  bool has_working_sets() const { return device && !device->working_sets.empty(); }
  // One pool for CPU and GPU, with an operating system in it.
  bool is_shared() const;
  Bytes capacity() const { return visible - unallocatable; }
  // Devices when --gpus is not given: all that the node's fast fabric joins.
  Count default_gpus() const;
  Count node_devices(Count gpus) const;  // devices that share a host
};

// What --set says; empty without it. Throws InputError(Usage).
std::vector<SpecOverride> read_overrides(const Arguments& arguments);

// Throws InputError: Usage when neither option is given, UnknownName.
HardwareChoice choose_hardware(const Catalog& catalog, const Arguments& arguments);

}  // namespace moeplan
