// SPDX-License-Identifier: Apache-2.0
// What a step costs in time, where it goes and what it moves: the answer of either engine.
#pragma once

#include <array>
#include <string_view>

#include "sim/cost/price.h"
#include "sim/cost/topology.h"
#include "sim/program/work.h"

namespace moeplan {

// What people ask about, one word each.
enum class StepShare : std::uint8_t {
  Experts,      // grouped GEMMs with routing and permutation
  Attention,    // scores and values, scans of linear attention, indexers
  Projections,  // into and out of attention
  Dense,        // dense feed-forward layers and shared experts
  Router,
  Exchange,  // dispatch and combine, gathers for experts
  Reduce,    // tensor-parallel sums and gathers
  Pipeline,  // stage to stage
  Head,      // embedding, logits, sampling
  Mtp,       // draft modules
  Host,      // experts in host memory
  Other,     // norms, residuals
  Engine     // host time, gaps and what else the engine adds to its operators
};
inline constexpr std::size_t kStepShares = 13;
std::string_view word_of(StepShare share);  // for people: "dispatch + combine"
std::string_view key_of(StepShare share);   // for scripts: "exchange"

struct ShareTime {
  Picoseconds time;
  Bound bound = Bound::Memory;  // of its largest operator
  Tier tier = Tier::Default;
  Picoseconds largest;
};

// Bytes one rank sends in a step, by collective and level.
struct Traffic {
  TierBytes dispatch;
  TierBytes combine;
  TierBytes all_reduce;
  TierBytes all_gather;  // and reduce-scatter
  TierBytes p2p;
  TierBytes total() const;
};
inline constexpr std::array kTraffic = {&Traffic::dispatch, &Traffic::combine, &Traffic::all_reduce,
                                        &Traffic::all_gather, &Traffic::p2p};
inline constexpr std::array<std::string_view, kTraffic.size()> kTrafficWords = {"dispatch", "combine", "all_reduce",
                                                                                "all_gather", "p2p"};

struct StepResult {
  Picoseconds time;
  Picoseconds low;  // 80 % band: errors of one kernel family go together, of different ones do not
  Picoseconds high;
  std::array<ShareTime, kStepShares> shares{};
  std::array<Picoseconds, kTiers> by_tier{};
  Picoseconds slowest_stage;
  Picoseconds hidden;  // of the shares: runs beside others (two-batch overlap)
  Work work;           // of the ranks the step waits for, all stages
  Traffic traffic;
  ExpertLoad load;    // of the layers with the most experts drawn
  double joules = 0;  // of one board of each stage; 0 = its power is not known
};

// Adds `times` steps that run one after the other; the slowest stage is left to the caller.
void add(StepResult& sum, const StepResult& step, Count times);

}  // namespace moeplan
