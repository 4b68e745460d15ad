// SPDX-License-Identifier: Apache-2.0
// What only the event engine knows of a step, as part of the answer of `simulate`.
#pragma once

#include "reports/document.h"
#include "sim/base/json.h"
#include "sim/study/event_run.h"

namespace moeplan {

// Blocks behind the breakdown: lanes, how the step spreads over draws, ranks and ports.
void add_events(Document& document, const EventRun& run);

// The member "events" of an open object.
void write_events(JsonWriter& out, const EventRun& run);

}  // namespace moeplan
