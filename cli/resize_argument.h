// SPDX-License-Identifier: Apache-2.0
// --resize experts=64@active: a size of the model changes and others follow, so that its active
// parameters, its total or both stay as they are (sim/study/derived_shape.h).
#pragma once

#include "cli/arguments.h"
#include "sim/spec/model.h"
#include "sim/study/spec_path.h"

namespace moeplan {

inline constexpr Option kResizeOption = {
    "resize",
    "SIZE=N[@KEEP]",
    "experts, top_k, width, shared, hidden or layers of the model, others following so that its active parameters, "
    "its total or both stay: experts=64@active, width=1024@total, top_k=16@both",
    "",
    0,
    true};

// The model as the option has it, one size after the other; what was changed is added to `changed`. Throws
// InputError(Usage), also where there is no such model.
ModelSpec with_resizes(ModelSpec model, const Arguments& arguments, std::vector<SpecOverride>& changed);

}  // namespace moeplan
