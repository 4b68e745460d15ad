// SPDX-License-Identifier: Apache-2.0
// {"rows": 12, "median": 0.05, "mean": 0.08, "p90": 0.2, "bias": 0}
#pragma once

#include <string_view>

#include "sim/base/json.h"
#include "sim/spec/overlay.h"

namespace moeplan {

FitError read_error(ObjectReader reader);
void write_error(JsonWriter& out, std::string_view key, const FitError& error);

}  // namespace moeplan
