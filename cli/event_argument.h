// SPDX-License-Identifier: Apache-2.0
// The event engine of `simulate`: --engine, --draws, --expert-placement and --trace.
#pragma once

#include <array>
#include <optional>

#include "cli/arguments.h"
#include "sim/study/simulate.h"

namespace moeplan {

inline constexpr std::array<Option, 8> kEventOptions = {{
    {"engine", "analytic|event", "a sum of operators (default), or every layer and rank played event by event"},
    {"draws", "N", "event engine: steps whose routing is drawn (default: 1 to 64, fewer the more tokens they take)"},
    {"expert-placement", "WHAT",
     "event engine: contiguous (default), round-robin, eplb (default with copies), searched, or a FILE"},
    {"links", "ports|flows", "event engine: contention from busiest ports (default), or of every flow, exactly"},
    {"placements", "", "event engine: what EPLB and a searched placement of the experts would win"},
    {"prefetch", "P", "event engine, --offload stream: share of a layer's missing experts copied ahead (0 to 1)"},
    {"rank-batches", "N,...", "event engine, decode: sequences of each attention-DP rank instead of equal parts"},
    {"trace", "FILE", "event engine: the step as JSON for ui.perfetto.dev or chrome://tracing"},
}};

// None: the analytic engine. Options of the event engine alone ask for it by themselves. Throws InputError(Usage,
// InvalidInput).
std::optional<EventAsk> read_events(const Arguments& arguments, const FitQuestion& deployment, const Routing& routing,
                                    Count nodes);

// contiguous, round-robin, eplb, searched, or a file of experts by slot.
PlacementRule read_expert_placement(const std::string& asked, const ModelSpec& model, Count ranks);

// --rank-batches; empty without it. Throws InputError(Usage).
std::vector<Count> read_rank_batches(const Arguments& arguments, const FitQuestion& deployment);

// --prefetch: HostMachine::fetched_ahead. Throws InputError(Usage).
double read_prefetch(const Arguments& arguments);

// What plays no steps cannot be asked with it: throws InputError(Usage).
void refuse_events(const Arguments& arguments, std::string_view beside);

}  // namespace moeplan
