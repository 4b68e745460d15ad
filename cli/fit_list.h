// SPDX-License-Identifier: Apache-2.0
// `moeplan fit` without a model: the known models that run on a machine.
#pragma once

#include "cli/arguments.h"
#include "cli/session.h"
#include "reports/fit.h"

namespace moeplan {

// Options that say something about one model, or only about the list. Throw InputError(Usage).
void refuse_options_of_a_model(const Arguments& arguments);
void refuse_options_of_a_list(const Arguments& arguments);

// machine: everything but the model and its layout. Returns the exit status: a valid no
// when nothing runs.
int list_runnable(Session& session, const Arguments& arguments, const FitQuestion& machine, const FitOrigins& origins,
                  Count gpus);

}  // namespace moeplan
