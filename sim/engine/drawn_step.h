// SPDX-License-Identifier: Apache-2.0
// A step whose tokens are drawn: in every layer each rank gets its own rows and experts, each
// pair of ranks its own bytes (sim/program/routed_draw.h), and both are priced rank by rank.
//
// Experts are priced at the rank's load. An exchange takes what it would if every rank moved the
// mean, with its busiest port (port_times.h) in place of the mean one: the calibrated price
// with the contention of this very matrix.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "sim/engine/flow_fabric.h"
#include "sim/engine/port_times.h"
#include "sim/engine/step_schedule.h"
#include "sim/program/routed_draw.h"

namespace moeplan {

// How the tokens of layers lay on their ranks: means over what was drawn.
struct DrawnLoads {
  std::vector<double> rows;          // pairs of each expert-parallel rank and layer
  std::vector<double> received;      // bytes of a dispatch that reach it from others
  std::vector<double> sent;          // and of a combine that leave it
  double busiest_rows = 0;           // of a layer's busiest rank over its mean one
  double worst_rows = 0;             // the largest of these
  double busiest_port = 0;           // likewise, of exchanges
  double distinct = 0;               // experts of a rank
  std::optional<double> port_error;  // LinkModel::Ports: last end of the first exchange against every flow, relative
  double bound_seconds = 0;          // a step's exchanges take at least this at the links' peaks
  Count layers = 0;                  // that were averaged
  Count steps = 0;
};

// How a library's kernels copy tokens; between domains normal ones take two hops.
CopyKind copy_kind_of(DispatchKind exchange, bool several_domains);

// How the contention of an exchange is found: from its busiest ports (port_times.h), or from every
// flow over every link (flow_network.h).
enum class LinkModel : std::uint8_t { Ports, Flows };

class StepDrawer {
 public:
  // Everything is kept by reference. layers_of(choices, top_k): the draws of such layers, one
  // object for each kind; null leaves them as priced.
  using Kinds = std::vector<std::shared_ptr<RoutedLayers>>;
  StepDrawer(const StepModel& model, const ModelPlan& plan, Kinds kinds, LinkModel links = LinkModel::Ports);

  // Step number `number` of a run of the seed. tokens: of each expert-parallel rank; empty: of
  // the step in equal parts.
  DrawnStep draw(const Step& step, std::uint64_t number, const std::vector<Count>& tokens = {});
  // Of all that was drawn so far.
  DrawnLoads loads() const;

  // Of the layers of this kind: how tokens travel; bytes of one expert of a layer on its rank.
  Dispatch dispatch_of(const RoutedLayers& kind) const;
  double expert_bytes_of(const RoutedLayers& kind) const;

 private:
  struct MoeOps {
    const PlannedOp* experts = nullptr;
    const PlannedOp* dispatch = nullptr;
    const PlannedOp* combine = nullptr;
    RoutedLayers* routed = nullptr;
  };
  void find_layers();
  MoeOps ops_of(const StepModel::RankModel& model, BlockIndex block) const;
  RankTimes times_of(const StepModel::RankModel& model, const MoeOps& ops, const LayerDraw& draw,
                     const Binding& binding);
  struct ExchangeTimes {
    std::vector<Picoseconds> whole;
    std::vector<Picoseconds> on_links;
  };
  ExchangeTimes exchange_times(const StepModel::RankModel& model, const PlannedOp& planned, const ByteMatrix& bytes,
                               const Binding& binding);
  void count(const LayerDraw& draw);

  struct Layer {
    std::size_t model = 0;  // of the step model
    MoeOps ops;
  };
  const Layer* layer_of(const RoutedLayers& kind) const;
  Dispatch dispatch_of(const StepModel::RankModel& model, const MoeOps& ops) const;
  PortTimes flow_ends(const StepModel::RankModel& model, const ByteMatrix& bytes, Count near);
  PortTimes link_times(const StepModel::RankModel& model, const ByteMatrix& bytes, Count near);

  const StepModel& model_;
  const ModelPlan& plan_;
  Kinds kinds_;
  LinkModel links_;
  std::optional<FlowFabric> fabric_;  // of LinkModel::Flows: without latencies, which prices hold
  std::vector<Layer> layers_;         // by decoder layer; ops.routed null: nothing is drawn
  DrawnLoads sums_;
  Count exchanges_ = 0;
  Count copies_per_rank_ = 1;  // stage ranks that share an expert-parallel one (moe_tp)
};

}  // namespace moeplan
