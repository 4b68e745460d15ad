// SPDX-License-Identifier: Apache-2.0
// A path into a document's tree: where it leads, and the value there replaced.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/base/json.h"

namespace moeplan {

// What a value is taken for where the document does not show it, the field being at its default.
enum class ValueGuess { Plain, Text, Quantity };

// Replaces what the segments lead to; gives the place as readers name it ("blocks/moe/experts").
// Throws InputError(Usage) where they lead nowhere. `option` is what the user wrote.
std::string set_in_tree(JsonNode& root, const std::vector<std::string>& segments, const std::string& value,
                        ValueGuess guess, const std::string& option);

JsonNode* find_member(JsonNode& object, std::string_view name);
// {"value": ..., "basis": ..., "source": ...}
bool is_quantity(const JsonNode& node);
// What an item of an array is called, by its own members: {"format": "bf16", ...}; "" = nothing.
std::string name_of_item(const JsonNode& item);

}  // namespace moeplan
