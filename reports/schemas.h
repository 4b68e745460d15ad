// SPDX-License-Identifier: Apache-2.0
// JSON Schemas of the documents in CLI.md section 6. Additional keys are allowed:
// a later version may add, never rename.
#pragma once

#include <span>
#include <string_view>

namespace moeplan {

struct Schema {
  std::string_view verb;
  std::string_view text;
};

std::span<const Schema> all_schemas();

}  // namespace moeplan
