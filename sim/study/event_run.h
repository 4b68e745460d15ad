// SPDX-License-Identifier: Apache-2.0
// A step of a deployment played by the event engine, once where nothing is left to chance, else
// over many draws of its tokens: how long it takes and how that spreads, which ranks and ports
// are busiest, and who waits for whom.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "sim/engine/drawn_step.h"
#include "sim/engine/event_engine.h"
#include "sim/study/placement_gain.h"

namespace moeplan {

// What is asked of the event engine.
struct EventAsk {
  PlacementRule placement;
  ReplicaRule replicas = ReplicaRule::Nearest;
  std::vector<Count> rank_sequences{};  // decode: of each attention-DP rank; empty = equal parts
  LinkModel links = LinkModel::Ports;
  bool placements = false;  // also say what other placements would win
  Count draws = 0;          // 0 = as many as kDrawnTokensInAll allows, at most kMostDraws
};

inline constexpr Count kMostDraws = 64;
inline constexpr Count kFewestDraws = 1;
// Over all draws and layers with experts: 0.15 s of drawing where groups are limited, 0.6 us a token
// (bench/event_bench), less elsewhere.
inline constexpr Count kDrawnTokensInAll = Count{1} << 18;

// Times over draws, sorted. A percentile is the nearest rank's.
struct TimeSpread {
  std::vector<Picoseconds> sorted;
  Picoseconds median() const { return at(0.5); }
  Picoseconds p99() const { return at(0.99); }
  Picoseconds mean() const;
  Picoseconds at(double share) const;
};

// What a piece of a task is (Piece::op).
struct OpLabel {
  OpName name = OpName::Norm;
  StepShare share = StepShare::Other;
};

struct EventRun {
  bool drawn = false;  // rank by rank
  Count draws = 1;
  EventStep shown;    // the step of the median draw
  TimeSpread steps;   // draws
  TimeSpread layers;  // layers with experts, of all draws; of what was played once every such layer
  DrawnLoads loads;
  Count ranks = 1;           // expert-parallel
  double waited = 0;         // of the time of the shown step, the mean rank waits for others to come to a meeting
  std::uint64_t events = 0;  // of the shown step
  std::optional<PlacementGain> gain;         // where it was asked for
  std::vector<std::vector<OpLabel>> labels;  // by Actor::model and Piece::op
};

// Why the experts of this model cannot be drawn like that, as sentences; empty = they can.
std::vector<std::string> draw_violations(const ModelSpec& model, const Routing& routing, const Layout& layout,
                                         Count nodes, const EventAsk& ask);
// The draws of every kind of expert layer of a model; `nodes` fast domains that the ranks fill.
StepDrawer::Kinds routed_layers(const ModelSpec& model, const Routing& routing, const Layout& layout, Count nodes,
                                const EventAsk& ask);

// kinds empty: nothing is drawn. options: overlap, micro-batches under way, batches of ranks.
EventRun run_events(const StepModel& model, const ModelPlan& plan, const Step& step, EventOptions options,
                    const StepDrawer::Kinds& kinds, const EventAsk& ask);

}  // namespace moeplan
