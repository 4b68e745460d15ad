// SPDX-License-Identifier: Apache-2.0
// Members that several documents share.
#pragma once

#include <optional>
#include <string_view>

#include "sim/base/json.h"
#include "sim/study/fit.h"

namespace moeplan {

// "layout": {...}
void write_layout(JsonWriter& out, const Layout& layout);
// "decode_tokens_per_s": a bound from memory bandwidth; null where a bandwidth is not known.
void write_decode(JsonWriter& out, const DecodeFloor& decode);
// null where there is none.
void write_optional(JsonWriter& out, std::string_view key, const std::optional<double>& value);
// Four decimals: more would be pretence.
double rounded_probability(double p);

}  // namespace moeplan
