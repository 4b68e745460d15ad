// SPDX-License-Identifier: Apache-2.0
// The models that run on a machine (moeplan.fit.list/1).
#pragma once

#include "reports/fit.h"
#include "sim/study/runnable.h"

namespace moeplan {

struct RunnableReport {
  RunnableQuestion question;
  FitOrigins origins;
  std::vector<Runnable> found;  // best first
  Count shown = 0;              // at most so many of them
  Count least_speed = 0;        // tokens per second asked for; 0 = any
  Count models_known = 0;
};

Document describe_runnable(const RunnableReport& report);
Document tabulate_runnable(const RunnableReport& report);
std::string json_of_runnable(const RunnableReport& report);

}  // namespace moeplan
