// SPDX-License-Identifier: Apache-2.0
// Hardware by name or by file.
#pragma once

#include <string>

#include "sim/spec/catalog.h"

namespace moeplan {

// A name of the catalogue, or a profile file (it holds a '/' or ends with ".json").
ClusterSpec load_cluster(const Catalog& catalog, const std::string& name);
bool is_hardware_file(const std::string& name);

// Whether it was named as a machine and not as a device alone.
bool is_machine(const ClusterSpec& cluster);

// "2026-11-22" by the clock, or by SOURCE_DATE_EPOCH where it is set.
std::string today();

}  // namespace moeplan
