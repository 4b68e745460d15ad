// SPDX-License-Identifier: Apache-2.0
// A played step in the Trace Event Format, JSON as chrome://tracing and ui.perfetto.dev read it:
// a process for each rank (or class of ranks that do the same), a thread for each lane of
// it, and beneath a thread for its busiest port while messages are on it. Complete events
// ("X"), microseconds.
#pragma once

#include <string>

#include "sim/study/event_run.h"

namespace moeplan {

std::string trace_of(const EventRun& run, const std::string& title);

}  // namespace moeplan
