// SPDX-License-Identifier: Apache-2.0
// --offload, --host-sockets, --host-cores, --numa, --ssd-cached: how experts off the devices
// are run; --expert-cache, --cache-experts, --repeat: which of them are kept on the devices.
#pragma once

#include <optional>

#include "cli/arguments.h"
#include "cli/session.h"
#include "sim/study/offload.h"
#include "sim/study/steady.h"

namespace moeplan {

struct OffloadAnswers {
  HostAnswers host;
  std::optional<CachePolicy> policy;
  std::optional<Count> capacity;
  double repeat = 0;
};

// Throws InputError(Usage) for what the deployment has no use for.
OffloadAnswers read_offload(const Arguments& arguments, const FitQuestion& deployment);

// The host of the deployment; warns of what had to be assumed where experts lie there.
HostMachine host_of_answers(const Session& session, const OffloadAnswers& answers, const ClusterSpec& cluster,
                            const FitQuestion& deployment);

// None without --expert-cache. Takes its room from the question: what it keeps on the
// devices is reserved there.
std::optional<ExpertCache> cache_of_answers(const OffloadAnswers& answers, SimulateQuestion& question,
                                            const std::optional<SteadyLoad>& steady);

}  // namespace moeplan
