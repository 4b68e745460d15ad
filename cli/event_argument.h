// SPDX-License-Identifier: Apache-2.0
// The event engine of `simulate`: --engine, --draws, --expert-placement and --trace.
#pragma once

#include <array>
#include <optional>

#include "cli/arguments.h"
#include "sim/study/simulate.h"

namespace moeplan {

inline constexpr std::array<Option, 4> kEventOptions = {{
    {"engine", "analytic|event", "a sum of operators (default), or every layer and rank played event by event"},
    {"draws", "N", "event engine: steps whose routing is drawn (default: as many as a second allows, 3 to 64)"},
    {"expert-placement", "WHAT", "event engine: contiguous (default), round-robin, eplb, or a FILE of experts by slot"},
    {"trace", "FILE", "event engine: the step as JSON for ui.perfetto.dev or chrome://tracing"},
}};

// None: the analytic engine. --draws, --expert-placement and --trace ask for events by
// themselves. Throws InputError(Usage, InvalidInput).
std::optional<EventAsk> read_events(const Arguments& arguments, const FitQuestion& deployment, const Routing& routing,
                                    Count nodes);

// What plays no steps cannot be asked with it: throws InputError(Usage).
void refuse_events(const Arguments& arguments, std::string_view beside);

}  // namespace moeplan
