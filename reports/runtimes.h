// SPDX-License-Identifier: Apache-2.0
// Serving engines: the rules a verdict follows, with sources (moeplan.runtimes/1).
#pragma once

#include <string>
#include <vector>

#include "reports/document.h"
#include "sim/spec/runtime.h"

namespace moeplan {

Document describe_runtime(const RuntimeSpec& runtime);  // also for spreadsheets
std::string json_of_runtime(const RuntimeSpec& runtime);
Document list_runtimes(const std::vector<RuntimeSpec>& runtimes);
std::string json_of_runtimes(const std::vector<RuntimeSpec>& runtimes);

}  // namespace moeplan
