// SPDX-License-Identifier: Apache-2.0
// The host behind a deployment's devices as prices see it, and what an expert cache on the
// devices would hold of the experts that lie there.
#pragma once

#include <optional>

#include "sim/cost/host.h"
#include "sim/program/expert_cache.h"
#include "sim/program/routing.h"
#include "sim/spec/cluster.h"
#include "sim/study/fit.h"

namespace moeplan {

// What the user says of the host; what is left open comes from the machine's profile.
struct HostAnswers {
  HostUse use = HostUse::Compute;
  std::optional<Count> sockets;
  std::optional<Count> cores;        // of all sockets
  bool own_memory = false;           // weights divided among the sockets or copied to each
  double drive_cached = 0;           // share of the experts on a drive that the page cache answers
  std::optional<double> core_rate;   // bytes of quantised weights a core multiplies per second
  std::optional<double> page_share;  // of the link, that kernels reading host pages reach
};

struct HostChoice {
  HostMachine machine;  // a rank's part of it
  bool cores_assumed = false;
  bool link_assumed = false;
};

// The ranks of a stage and the replicas on one host ask it at once: each gets its part of
// memory, cores and drives.
HostChoice host_of(const ClusterSpec& cluster, const FitQuestion& question, const HostAnswers& answers);

// Bytes that one expert of every layer whose experts lie off the devices takes on the
// fullest rank.
Bytes cached_expert_bytes(const FitResult& memory);
// Keeps so many bytes of every device free of everything else.
void reserve_for_cache(FitQuestion& question, Bytes bytes);
// Experts of a layer that the room left on the devices holds, at most all of them.
Count cache_capacity(const FitResult& memory);
// Experts of the first layer that has some; 0 = none has.
Count most_experts(const ModelSpec& model);

// For the layers of experts of this model, which must have some.
ExpertCache expert_cache_of(const ModelSpec& model, const Routing& routing, const ExpertCacheSpec& spec);

}  // namespace moeplan
