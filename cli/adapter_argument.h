// SPDX-License-Identifier: Apache-2.0
// --lora: the shape of LoRA adapters, or a file that says it.
#pragma once

#include <optional>

#include "cli/arguments.h"
#include "sim/study/engine_flags.h"

namespace moeplan {

// What --lora and --engine-flags say together, as the engine of the question makes room for
// it; none without either. Throws InputError(Usage).
std::optional<AdapterSpec> adapter_from(const Arguments& arguments, const EngineDeployment& engine,
                                        const FitQuestion& question);

// Throws InputError(Usage) with every reason why the engine cannot hold it in the
// layout of the question.
void check_adapter(const FitQuestion& question);

}  // namespace moeplan
