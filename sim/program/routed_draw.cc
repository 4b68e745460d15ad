// SPDX-License-Identifier: Apache-2.0
#include "sim/program/routed_draw.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "sim/base/error.h"
#include "sim/program/group_limited.h"
#include "sim/program/place_experts.h"
#include "sim/program/power_law.h"

namespace moeplan {
namespace {

std::size_t at(Count i) { return static_cast<std::size_t>(i); }

// Streams of random numbers: of a layer as such (0), and of its steps.
CounterRng stream(std::uint64_t seed, Count layer, std::uint64_t number) {
  constexpr int kSteps = 40;  // bits
  return {seed, (static_cast<std::uint64_t>(layer) << kSteps) + number};
}

bool likes_all_alike(Skew skew) { return skew == Skew::Balanced || skew == Skew::Uniform || skew == Skew::PowerLaw; }

// No draw: each rank at its expectation, as LoadTable takes it.
bool is_even(const Routing& r) { return r.expert_choice || (r.skew == Skew::Balanced && r.capacity_factor == 0); }

std::vector<Count> custom_slots(const PlacementRule& rule, Count layer) {
  CHECK(rule.layers.size() == 1 || layer < static_cast<Count>(rule.layers.size()));
  return rule.layers.size() == 1 ? rule.layers.front() : rule.layers[at(layer)];
}

// Every order equally likely.
template <class T>
void shuffle(std::span<T> values, CounterRng& rng) {
  for (std::size_t i = values.size(); i > 1; --i)
    std::swap(values[i - 1], values[rng.below(static_cast<std::uint32_t>(i))]);
}

double sum_of(std::span<const double> values) { return std::accumulate(values.begin(), values.end(), 0.0); }

}  // namespace

std::vector<std::string> draw_violations(const Routing& routing, const ExpertGroup& group, const PlacementRule& rule) {
  std::vector<std::string> found = violations(routing, group);
  if (!found.empty()) return found;
  const bool custom = rule.way == PlacementWay::Custom;
  const bool needs_loads = rule.way == PlacementWay::Balanced || rule.way == PlacementWay::Searched;
  if (custom && rule.layers.empty()) found.emplace_back("a custom placement needs the expert of each slot");
  for (std::size_t i = 0; custom && i < rule.layers.size(); ++i)
    for (const std::string& what : placement_violations(rule.layers[i], group.experts, group.ranks))
      found.push_back("layer " + std::to_string(i) + ": " + what);
  if (custom && routing.redundant > 0)
    found.emplace_back("a custom placement has the redundant slots its list names; ask for no others");
  if (rule.way == PlacementWay::RoundRobin && routing.redundant > 0)
    found.emplace_back("round-robin placement has no redundant slots; balance the placement instead");
  if (needs_loads && routing.skew == Skew::PowerLaw)
    found.emplace_back("the power law of the measured rows knows no loads to place experts by");
  if (rule.way == PlacementWay::Balanced && (group.experts + routing.redundant) % group.ranks != 0)
    found.emplace_back("a balancer needs slots that divide over the ranks");
  if (rule.way == PlacementWay::Searched && group.experts + routing.redundant > group.experts * group.ranks)
    found.emplace_back("more slots than every expert on every rank");
  return found;
}

RoutedLayers::RoutedLayers(const Routing& routing, const ExpertGroup& group, PlacementRule rule, ReplicaRule replicas)
    : routing_(routing),
      group_(group),
      rule_(std::move(rule)),
      replicas_(replicas),
      weights_(weights_of(routing, group)),
      inclusion_(inclusion_probabilities(weights_, group.top_k)),
      in_place_(likes_all_alike(routing.skew) || routing.skew == Skew::Histogram),
      copies_(group.ranks) {
  CHECK(draw_violations(routing_, group_, rule_).empty());
  for (std::vector<double>* figures : {&draw_.rows, &draw_.distinct, &draw_.peak}) figures->resize(at(group.ranks));
  draw_.dispatch = draw_.combine = ByteMatrix(group.ranks);
}

const ExpertPlacement& RoutedLayers::placement(Count layer) {
  enter(layer);
  return *placement_;
}

std::span<const double> RoutedLayers::inclusion(Count layer) {
  enter(layer);
  return layer_inclusion_;
}

ExpertPlacement RoutedLayers::placed(Count layer) const {
  const Count slots = group_.experts + routing_.redundant;
  const auto loads = std::span(layer_inclusion_).first(at(group_.experts));
  switch (rule_.way) {
    case PlacementWay::RoundRobin: return round_robin_placement(group_.experts, group_.ranks, group_.nodes);
    case PlacementWay::Balanced:
      return balanced_placement(loads, slots, std::max<Count>(1, routing_.groups), group_.ranks, group_.nodes);
    case PlacementWay::Searched: {
      const Count groups = std::max<Count>(1, routing_.groups);
      const bool whole = groups > 1 && group_.nodes > 1 && groups % group_.nodes == 0 && group_.experts % groups == 0 &&
                         slots % group_.nodes == 0;
      const PlacementSearch search{.whole_groups = whole, .groups = groups};
      return place_experts(loads, slots, group_.ranks, group_.nodes, search).placement;
    }
    case PlacementWay::Custom: return {group_.experts, group_.ranks, group_.nodes, custom_slots(rule_, layer)};
    case PlacementWay::Contiguous: break;
  }
  return contiguous_placement(group_.experts, slots, group_.ranks, group_.nodes);
}

void RoutedLayers::enter(Count layer) {
  CHECK(layer >= 0);
  if (layer == layer_) return;
  const bool same_lists = rule_.way != PlacementWay::Custom || rule_.layers.size() == 1;
  if (layer_ >= 0 && in_place_ && same_lists) {
    layer_ = layer;
    return;
  }
  layer_ = layer;
  layer_weights_ = weights_;
  layer_inclusion_ = inclusion_;
  CounterRng rng = stream(routing_.seed, layer, 0);
  if (!in_place_) {
    for (std::size_t i = weights_.size(); i > 1; --i) {
      const std::size_t j = rng.below(static_cast<std::uint32_t>(i));
      std::swap(layer_weights_[i - 1], layer_weights_[j]);
      std::swap(layer_inclusion_[i - 1], layer_inclusion_[j]);
    }
  }
  placement_.emplace(placed(layer));
  counter_.set_placement(*placement_, replicas_);
  sampler_.emplace(routing_, layer_weights_, group_.top_k);
  if (is_even(routing_)) even_ = reached_evenly(rng);
}

// Ranks and, off its own, nodes that a token reaches when all experts are alike.
Destinations RoutedLayers::reached_evenly(CounterRng& rng) {
  const Count redundant = placement_->slots() - group_.experts;
  const auto nodes = static_cast<double>(group_.nodes);
  const double others = 1 - 1 / nodes;
  const bool blocks = rule_.way == PlacementWay::Contiguous && redundant == 0;
  if (routing_.groups > 0 && blocks) {
    const Destinations d = group_limited_destinations(routing_, group_);
    return {.ranks = d.ranks, .nodes = d.nodes * others};
  }
  if (routing_.groups == 0 && (redundant == 0 || rule_.way != PlacementWay::Custom)) return {};  // closed form
  const auto mean_copies = [&](CopyKind kind) {
    counter_.start(kind);
    for (std::uint32_t t = 0; t < kGroupTokens; ++t)
      counter_.add(t % static_cast<std::uint32_t>(group_.ranks), sampler_->next(rng));
    double near = 0;
    double all = 0;
    const Count ranks_per_node = group_.ranks / group_.nodes;
    for (Count s = 0; s < group_.ranks; ++s)
      for (Count d = 0; d < group_.ranks; ++d) {
        all += counter_.copies().at(s, d) / kGroupTokens;
        if (s / ranks_per_node == d / ranks_per_node) near += counter_.copies().at(s, d) / kGroupTokens;
      }
    return std::pair(all, all - near);
  };
  return {.ranks = mean_copies(CopyKind::PerRank).first, .nodes = mean_copies(CopyKind::PerNode).second};
}

const LayerDraw& RoutedLayers::draw(Count layer, std::uint64_t step, std::span<const Count> tokens,
                                    const Dispatch& dispatch) {
  CHECK(static_cast<Count>(tokens.size()) == group_.ranks);
  enter(layer);
  CounterRng rng = stream(routing_.seed, layer, step + 1);
  draw_.dropped = 0;
  if (is_even(routing_)) {
    expect_even(tokens, dispatch.kind);
  } else if (routing_.skew == Skew::PowerLaw) {
    draw_power_law(tokens, dispatch.kind, rng);
  } else {
    draw_free(tokens, dispatch.kind, rng);
  }
  for (Count s = 0; s < group_.ranks; ++s)
    for (Count d = 0; d < group_.ranks; ++d) {
      if (dispatch.kind == CopyKind::Gathered) copies_.at(s, d) = static_cast<double>(tokens[at(s)]);
      draw_.dispatch.at(s, d) = copies_.at(s, d) * dispatch.there_bytes;
      draw_.combine.at(d, s) = copies_.at(s, d) * dispatch.back_bytes;
    }
  return draw_;
}

void RoutedLayers::expect_even(std::span<const Count> tokens, CopyKind kind) {
  const Count all = std::accumulate(tokens.begin(), tokens.end(), Count{0});
  const Count k = group_.top_k;
  const Count spare = placement_->slots() - group_.experts;
  const auto experts = static_cast<double>(group_.experts);
  const auto top_k = static_cast<double>(k);
  for (Count r = 0; r < group_.ranks; ++r) {
    const Count local = placement_->slots_on(r);
    ExpertLoad load = balanced_load(group_.choices, k, local, all, spare);
    if (routing_.expert_choice) {
      load.peak = static_cast<double>(all) * top_k / experts;
      load.rows = static_cast<double>(local) * load.peak;
      load.distinct = static_cast<double>(local) * std::min(1.0, load.peak);
    }
    draw_.rows[at(r)] = load.rows;
    draw_.distinct[at(r)] = load.distinct;
    draw_.peak[at(r)] = load.peak;
  }

  // Share of tokens that reach the ranks from `first` to `end`, moved onto a known mean.
  const auto reach = [&](Count first, Count end) {
    const double slots = static_cast<double>(placement_->first_slot(end) - placement_->first_slot(first));
    const double held = experts * slots / static_cast<double>(placement_->slots());
    return routing_.expert_choice ? 1 - std::pow(1 - std::min(1.0, top_k / experts), held)
                                  : 1 - missed_share(group_.choices, k, held);
  };
  const auto reached = [&](Count parts, double known, double counted) {
    std::vector<double> share(at(parts));
    const Count ranks = group_.ranks / parts;
    for (Count i = 0; i < parts; ++i) share[at(i)] = reach(i * ranks, (i + 1) * ranks);
    const double factor = known > 0 ? known / (counted * sum_of(share)) : 1;
    for (double& x : share) x = std::min(1.0, x * factor);
    return share;
  };
  const std::vector<double> ranks = reached(group_.ranks, even_.ranks, 1);
  const std::vector<double> nodes = reached(group_.nodes, even_.nodes, 1 - 1 / static_cast<double>(group_.nodes));
  for (double& x : copies_.bytes) x = 0;
  for (Count s = 0; s < group_.ranks; ++s)
    if (tokens[at(s)] > 0)
      add_evenly(s, static_cast<double>(tokens[at(s)]), static_cast<double>(all), kind, ranks, nodes);
}

void RoutedLayers::add_evenly(Count source, double tokens, double all, CopyKind kind, std::span<const double> ranks,
                              std::span<const double> nodes) {
  const Count near = group_.ranks / group_.nodes;
  for (Count d = 0; d < group_.ranks; ++d) {
    const Count relay = d / near * near + source % near;  // the source itself in its own node
    if (kind == CopyKind::PerExpert) {
      copies_.at(source, d) += tokens * draw_.rows[at(d)] / all;
    } else if (kind == CopyKind::PerRank || d / near == source / near) {
      copies_.at(source, d) += tokens * ranks[at(d)];
    } else if (d == relay) {
      copies_.at(source, d) += tokens * nodes[at(d / near)];
    } else {
      copies_.at(relay, d) += tokens * ranks[at(d)];
    }
  }
}

void RoutedLayers::draw_free(std::span<const Count> tokens, CopyKind kind, CounterRng& rng) {
  const Count all = std::accumulate(tokens.begin(), tokens.end(), Count{0});
  const double share = all > kMostDrawn ? static_cast<double>(kMostDrawn) / static_cast<double>(all) : 1;
  drawn_.assign(tokens.begin(), tokens.end());
  if (share < 1)
    for (Count& n : drawn_) n = static_cast<Count>(std::ceil(static_cast<double>(n) * share));
  const Count drawn = std::accumulate(drawn_.begin(), drawn_.end(), Count{0});
  const Count capacity = capacity_of(routing_, group_, drawn);
  counter_.start(kind, capacity);
  if (capacity == 0) {
    for (std::uint32_t r = 0; r < drawn_.size(); ++r)
      for (Count i = 0; i < drawn_[r]; ++i) counter_.add(r, sampler_->next(rng));
  } else {
    const Count most = *std::max_element(drawn_.begin(), drawn_.end());
    for (Count i = 0; i < most; ++i)
      for (std::uint32_t r = 0; r < drawn_.size(); ++r)
        if (i < drawn_[r]) counter_.add(r, sampler_->next(rng));
  }
  draw_.dropped = drawn == 0 ? 0 : static_cast<double>(counter_.dropped()) / static_cast<double>(drawn * group_.top_k);
  sum_slots(all, drawn);
}

// The law settles its rounding rank after rank, on each one's idlest experts, the first of equals:
// which rank comes first and which of its experts is the layer's.
std::vector<Count> RoutedLayers::power_law_pairs(Count tokens) const {
  CounterRng rng = stream(routing_.seed, layer_, 0);
  std::vector<Count> pairs =
      power_law_counts(tokens, group_.experts, group_.top_k, group_.ranks, routing_.parameter, rng);
  const bool in_blocks = group_.experts % group_.ranks == 0;
  const std::size_t block = at(in_blocks ? group_.experts / group_.ranks : group_.experts);
  for (std::size_t first = 0; first < pairs.size(); first += block)
    shuffle(std::span(pairs).subspan(first, block), rng);
  if (in_blocks) {
    const std::size_t rank = rng.below(static_cast<std::uint32_t>(group_.ranks));
    std::rotate(pairs.begin(), pairs.begin() + static_cast<std::ptrdiff_t>(rank * block), pairs.end());
  }
  return pairs;
}

void RoutedLayers::draw_power_law(std::span<const Count> tokens, CopyKind kind, CounterRng& rng) {
  const Count all = std::accumulate(tokens.begin(), tokens.end(), Count{0});
  counter_.start(kind);
  if (all > 0) {
    const std::vector<Count> pairs = power_law_pairs(all);
    const auto shuffled = [&](Count n) {
      std::vector<std::uint32_t> order(at(n));
      std::iota(order.begin(), order.end(), 0U);
      shuffle(std::span(order), rng);
      return order;
    };
    // No expert has more pairs than there are tokens: going round them k times, expert after
    // expert, none meets a token twice.
    const std::vector<std::uint32_t> token_order = shuffled(all);
    chosen_.resize(at(all * group_.top_k));
    std::size_t next = 0;
    for (const std::uint32_t e : shuffled(group_.experts))
      for (Count i = 0; i < pairs[e]; ++i, ++next)
        chosen_[token_order[next % at(all)] * at(group_.top_k) + next / at(all)] = e;
    std::size_t first = 0;
    for (std::uint32_t r = 0; r < tokens.size(); ++r)
      for (Count i = 0; i < tokens[r]; ++i, first += at(group_.top_k))
        counter_.add(r, std::span(chosen_).subspan(first, at(group_.top_k)));
  }
  sum_slots(all, all);
}

// Pairs of an expert at all tokens over those drawn; 1 where all were.
std::vector<double> RoutedLayers::growth_of(Count all, Count drawn) {
  std::vector<double> growth(at(group_.experts), 1.0);
  if (all == drawn) return growth;
  const auto t = static_cast<double>(all);
  const double grown = t / static_cast<double>(drawn);
  const auto room = static_cast<double>(capacity_of(routing_, group_, all));
  double kept = 0;
  for (Count e = 0; e < group_.experts; ++e) {
    double pairs = 0;
    for (const Count s : placement_->slots_of(e)) pairs += slot_rows_[at(s)];
    const double expected = t * layer_inclusion_[at(e)];
    double own = std::clamp(expected + (pairs * grown - expected) / std::sqrt(grown), 0.0, t);
    if (room > 0) own = std::min(own, room);
    kept += own;
    growth[at(e)] = pairs > 0 ? own / pairs : 1.0;
  }
  if (room > 0) {
    const auto reached = std::span<const double>(layer_inclusion_).first(at(group_.experts));
    draw_.dropped = std::max(0.0, t * sum_of(reached) - kept) / (t * static_cast<double>(group_.top_k));
  }
  return growth;
}

void RoutedLayers::sum_slots(Count all, Count drawn) {
  slot_rows_.assign(counter_.slot_rows().begin(), counter_.slot_rows().end());
  copies_ = counter_.copies();
  const std::vector<double> growth = growth_of(all, drawn);
  for (Count r = 0; r < group_.ranks; ++r) {
    double rows = 0;
    double pairs = 0;
    double distinct = 0;
    double peak = 0;
    for (Count s = placement_->first_slot(r); s < placement_->first_slot(r) + placement_->slots_on(r); ++s) {
      const double own = slot_rows_[at(s)] * growth[at(placement_->expert_of_slot()[at(s)])];
      pairs += slot_rows_[at(s)];
      rows += own;
      distinct += own > 0 ? 1 : 0;
      peak = std::max(peak, own);
    }
    draw_.rows[at(r)] = rows;
    draw_.distinct[at(r)] = distinct;
    draw_.peak[at(r)] = peak;
    if (all == drawn || pairs == 0) continue;
    for (Count source = 0; source < group_.ranks; ++source) copies_.at(source, r) *= rows / pairs;
  }
}

}  // namespace moeplan
