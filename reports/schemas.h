// SPDX-License-Identifier: Apache-2.0
// JSON Schemas of every document the program prints. They are closed: an object of ours
// has the keys named here and no others, so that a new key cannot be forgotten here.
// A later version may add keys, never rename or remove one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace moeplan {

struct Schema {
  std::string_view name;     // "models.list": the document says "moeplan.models.list/1"
  std::string_view command;  // whose --json it describes: "models list"
  std::string text;          // JSON Schema, draft 07
};

std::vector<Schema> all_schemas();

}  // namespace moeplan
