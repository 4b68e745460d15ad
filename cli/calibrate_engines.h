// SPDX-License-Identifier: Apache-2.0
// `moeplan calibrate --from RUNS`: what serving engines add to their operators, from
// measured runs of whole deployments.
#pragma once

#include <string>
#include <vector>

#include "cli/session.h"

namespace moeplan {

// Every file holds measured runs, told by their columns.
bool are_runs(const std::vector<std::string>& files);

struct EngineCalibration {
  std::vector<std::string> files;
  std::string versions;   // of the engines
  std::string as_of;      // date of the fit
  std::string source;     // of the runs
  std::string directory;  // "" = write nothing
};

int calibrate_engines(Session& session, const EngineCalibration& asked);

}  // namespace moeplan
