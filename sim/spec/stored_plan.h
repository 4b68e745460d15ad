// SPDX-License-Identifier: Apache-2.0
// The weights of a file in the places of a plan. Every byte of the file goes somewhere:
// to the matrix it belongs to, or, when no matrix of the model explains it, to an extra
// of its part.
#pragma once

#include "sim/spec/stored.h"
#include "sim/spec/weights.h"

namespace moeplan {

// Replaces formats and sizes of `plan` by those of `stored`.
void apply_stored(const ModelSpec& model, const StoredWeights& stored, const FormatTable& formats, WeightPlan& plan);

}  // namespace moeplan
