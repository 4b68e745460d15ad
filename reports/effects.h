// SPDX-License-Identifier: Apache-2.0
// Published relative effects beside predicted ones (moeplan.validate.effects/1).
#pragma once

#include <string>
#include <vector>

#include "reports/document.h"
#include "sim/study/effects.h"

namespace moeplan {

Document describe_effects(const std::vector<PredictedEffect>& effects);
Document effect_rows(const std::vector<PredictedEffect>& effects);  // a row per point, for spreadsheets
std::string json_of_effects(const std::vector<PredictedEffect>& effects);

}  // namespace moeplan
