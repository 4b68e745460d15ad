// SPDX-License-Identifier: Apache-2.0
// What other placements of the experts would win, as a table and as JSON.
#pragma once

#include "reports/document.h"
#include "sim/base/json.h"
#include "sim/study/placement_gain.h"

namespace moeplan {

// Empty where the current placement is the only one.
Document describe_placement_gain(const PlacementGain& gain);

// "placements": [...]; its schema is the member kPlacementGainMember (schema_texts.h).
void write_placement_gain(JsonWriter& out, const PlacementGain& gain);

}  // namespace moeplan
