// SPDX-License-Identifier: Apache-2.0
// `moeplan sweep expert-count`: what routing costs from 8 to 16,384 experts.
#pragma once

#include "cli/session.h"

namespace moeplan {

// The curves of the study, or those of the model, hardware, batch, ... that the options name.
// options: of the command. finding: of the study. Throws InputError.
int run_expert_count(Session& session, const Arguments& arguments, std::span<const Option> options,
                     const std::string& finding);

}  // namespace moeplan
