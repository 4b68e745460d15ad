// SPDX-License-Identifier: Apache-2.0
// The formats --weights and --kv accept.
#pragma once

#include <string>
#include <vector>

#include "reports/document.h"
#include "sim/spec/weights.h"

namespace moeplan {

Document list_formats(const FormatTable& formats, const std::vector<std::string>& mixtures);

}  // namespace moeplan
