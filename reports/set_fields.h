// SPDX-License-Identifier: Apache-2.0
// Fields that --set replaced, as answers show them.
#pragma once

#include <string>
#include <vector>

#include "sim/base/json.h"

namespace moeplan {

struct SetField {
  std::string path;
  std::string value;
};

// "model.moe.experts = 64, hardware.bandwidth = 8TB/s"
std::string set_text(const std::vector<SetField>& fields);
// "set": [{path, value}]; nothing where nothing was set.
void write_set(JsonWriter& out, const std::vector<SetField>& fields);

}  // namespace moeplan
