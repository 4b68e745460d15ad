// SPDX-License-Identifier: Apache-2.0
// A layout as describe() writes it, read back.
#pragma once

#include <optional>
#include <string_view>

#include "sim/spec/layout.h"

namespace moeplan {

// "TP8", "dp8+ep8", "TP4 DP2 EP8 PP2 x3"; terms joined by "+" or spaces, in any order and
// case. Experts are cut over as many ranks as attention: of EP and MoE-TP the one that is not
// named follows. None for other words.
std::optional<Layout> parse_layout(std::string_view text);

}  // namespace moeplan
