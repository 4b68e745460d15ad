// SPDX-License-Identifier: Apache-2.0
// --draft, --draft-weights, --draft-tokens: a second model that proposes tokens.
#pragma once

#include "cli/arguments.h"
#include "cli/session.h"
#include "sim/study/engine_flags.h"

namespace moeplan {

// Puts what the options and --engine-flags say into the question. Throws InputError.
void set_draft(FitQuestion& question, Session& session, const Arguments& arguments, const EngineDeployment& engine);

// Throws InputError(Usage) with every reason against it in the layout of the question.
void check_draft(const FitQuestion& question);
void warn_of_draft(const FitQuestion& question, const Session& session);

}  // namespace moeplan
