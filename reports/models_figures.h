// SPDX-License-Identifier: Apache-2.0
// Every figure of a model report under the path its JSON has it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "reports/models.h"

namespace moeplan {

// The name of a part in `models show`: "routed_experts" where a ledger says "experts".
std::string_view parameter_key(Part part);

std::vector<std::pair<std::string, Atom>> figures_of(const ModelReport& report);

}  // namespace moeplan
