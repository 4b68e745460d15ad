// SPDX-License-Identifier: Apache-2.0
// One MoE layer of one step, drawn: which experts the tokens of every rank take, hence what
// each rank computes and what each sends to each other one (copies: copy_counter.h).
//
// Tokens take experts as routing.h says. Which experts are hot differs from layer to layer and
// stays so from step to step; which tokens take them is drawn anew. A histogram keeps its
// experts in place. A power law gives counts, not tokens: its pairs are dealt to tokens in a
// random order of experts, so that counts are met exactly and no token takes an expert twice.
// Expert capacity is filled by the first tokens of all ranks, then the second ones, ...
//
// Balanced routing and expert choice are not drawn: every rank is at its expectation, with
//   rows and distinct experts as balanced_load says
//   per expert  T k x share of the slots, per rank T (1 - C(E - held, k) / C(E, k)), likewise
//   per node; group-limited routing and replicas change the number of ranks and nodes reached
//   (routing.h), in the same proportion everywhere.
//
// Past kMostDrawn tokens no more are drawn: the pairs of an expert are their expectation plus the
// deviation drawn times sqrt(tokens / drawn), as sums of independent tokens are, and copies grow
// with the pairs of the rank they go to.
//
// A function of (seed, layer, step) alone. No allocation per token.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sim/program/copy_counter.h"
#include "sim/program/expert_placement.h"
#include "sim/program/routing.h"
#include "sim/program/token_sampler.h"

namespace moeplan {

// How a token travels, and the bytes of a copy (traffic_of in sim/cost/ep.h).
struct Dispatch {
  CopyKind kind = CopyKind::PerExpert;
  double there_bytes = 0;
  double back_bytes = 0;
};

struct LayerDraw {
  std::vector<double> rows;      // token-expert pairs of each rank
  std::vector<double> distinct;  // its slots with at least one
  std::vector<double> peak;      // pairs of its busiest slot
  ByteMatrix dispatch;
  ByteMatrix combine;  // the same copies turned round: sums are made where copies were
  double dropped = 0;  // share of the pairs that found their expert full
};

// What is wrong with drawing so; empty = nothing.
std::vector<std::string> draw_violations(const Routing& routing, const ExpertGroup& group, const PlacementRule& rule);

class RoutedLayers {
 public:
  static constexpr Count kMostDrawn = Count{1} << 17;

  // draw_violations() must be empty. A custom list decides how many slots there are, else
  // routing.redundant does.
  RoutedLayers(const Routing& routing, const ExpertGroup& group, PlacementRule rule,
               ReplicaRule replicas = ReplicaRule::Nearest);
  RoutedLayers(const RoutedLayers&) = delete;
  RoutedLayers& operator=(const RoutedLayers&) = delete;

  // tokens: of each rank. Valid until the next call. A layer is prepared when it is entered:
  // draws of one layer one after the other are cheapest.
  const LayerDraw& draw(Count layer, std::uint64_t step, std::span<const Count> tokens, const Dispatch& dispatch);

  const ExpertGroup& group() const { return group_; }
  const Routing& routing() const { return routing_; }
  // Of a layer: where its experts lie, and the share of tokens that take each of them.
  const ExpertPlacement& placement(Count layer);
  std::span<const double> inclusion(Count layer);

 private:
  void enter(Count layer);
  ExpertPlacement placed(Count layer) const;
  Destinations reached_evenly(CounterRng& rng);
  void expect_even(std::span<const Count> tokens, CopyKind kind);
  void add_evenly(Count source, double tokens, double all, CopyKind kind, std::span<const double> ranks,
                  std::span<const double> nodes);
  void draw_free(std::span<const Count> tokens, CopyKind kind, CounterRng& rng);
  std::vector<Count> power_law_pairs(Count tokens) const;
  void draw_power_law(std::span<const Count> tokens, CopyKind kind, CounterRng& rng);
  void sum_slots(Count all, Count drawn);
  std::vector<double> growth_of(Count all, Count drawn);

  Routing routing_;
  ExpertGroup group_;
  PlacementRule rule_;
  ReplicaRule replicas_;
  Weights weights_;                // in the order of popularity.h
  std::vector<double> inclusion_;  // likewise
  bool in_place_ = true;           // all layers alike

  // Of the layer entered.
  Count layer_ = -1;
  Weights layer_weights_;
  std::vector<double> layer_inclusion_;
  std::optional<ExpertPlacement> placement_;
  std::optional<TokenSampler> sampler_;
  CopyCounter counter_;
  Destinations even_;  // that a token reaches, of balanced routing

  // Of a draw.
  std::vector<Count> drawn_;  // tokens of each rank
  std::vector<std::uint32_t> chosen_;
  std::vector<std::uint32_t> token_order_;
  std::vector<double> slot_rows_;
  ByteMatrix copies_;
  LayerDraw draw_;
};

}  // namespace moeplan
