// SPDX-License-Identifier: Apache-2.0
// What a sweep depends on besides its words: a sweep goes on only with the same.
#pragma once

#include <string>

#include "cli/session.h"
#include "sim/study/sweep_run.h"

namespace moeplan {

// Of the study, the rows asked for, the files its words name, the data directory and this
// build, in hexadecimal.
std::string fingerprint_of(const Arguments& arguments, const SweepStudy& study, const SweepAsk& ask);

// study.json in the directory: what `merge` reads. That of a sweep which has begun is left
// alone: where it says something else, this one is refused.
void keep_study(const std::string& directory, const SweepStudy& study);

}  // namespace moeplan
