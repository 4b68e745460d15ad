// SPDX-License-Identifier: Apache-2.0
#include "sim/program/drawn_layer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "sim/program/token_sampler.h"

namespace moeplan {
namespace {

std::size_t index(Count i) { return static_cast<std::size_t>(i); }

ExpertPlacement placement_of(const Routing& routing, const ExpertGroup& group, std::span<const double> inclusion) {
  const Count slots = group.experts + routing.redundant;
  if (routing.redundant == 0) return contiguous_placement(group.experts, slots, group.ranks, group.nodes);
  return balanced_placement(inclusion.first(index(group.experts)), slots, std::max<Count>(1, routing.groups),
                            group.ranks, group.nodes);
}

}  // namespace

DrawnLayer::DrawnLayer(const Routing& routing, const ExpertGroup& group, std::span<const double> weights,
                       std::vector<double> inclusion, Count tokens, bool exact, CounterRng& rng)
    : inclusion_(std::move(inclusion)),
      placement_(placement_of(routing, group, inclusion_)),
      replica_of_(index(placement_.slots())),
      top_k_(index(group.top_k)),
      drawn_(tokens),
      exact_(exact) {
  for (Count e = 0; e < placement_.experts(); ++e)
    for (Count i = 0; const Count slot : placement_.slots_of(e)) replica_of_[index(slot)] = i++;
  draw(routing, group, weights, rng);
  half_ = counted(std::vector<double>(inclusion_.size(), 0.0), 0, drawn_ / 2);
  all_ = counted(half_, drawn_ / 2, drawn_);
}

// An expert's pairs go to its replicas in turn.
void DrawnLayer::draw(const Routing& routing, const ExpertGroup& group, std::span<const double> weights,
                      CounterRng& rng) {
  TokenSampler sampler(routing, weights, group.top_k);
  choices_.reserve(index(drawn_) * top_k_);
  std::vector<std::size_t> turn(weights.size(), 0);
  std::vector<Count> rank_seen(index(group.ranks), -1);
  std::vector<Count> node_seen(index(group.nodes), -1);
  const Count ranks_per_node = group.ranks / group.nodes;
  Count ranks = 0;
  Count nodes = 0;
  for (Count token = 0; token < drawn_; ++token) {
    for (const std::uint32_t e : sampler.next(rng)) {
      choices_.push_back(e);
      if (static_cast<Count>(e) >= group.experts) continue;
      const std::span<const Count> copies = placement_.slots_of(e);
      if (++turn[e] >= copies.size()) turn[e] = 0;
      const Count rank = placement_.rank_of(copies[turn[e]]);
      if (std::exchange(rank_seen[index(rank)], token) != token) ++ranks;
      if (std::exchange(node_seen[index(rank / ranks_per_node)], token) != token) ++nodes;
    }
  }
  const auto drawn = static_cast<double>(drawn_);
  destinations_ = {.ranks = static_cast<double>(ranks) / drawn, .nodes = static_cast<double>(nodes) / drawn};
}

std::vector<double> DrawnLayer::counted(std::vector<double> counts, Count from, Count tokens) const {
  const auto choices = std::span(choices_).first(index(tokens) * top_k_);
  for (const std::uint32_t e : choices.subspan(index(from) * top_k_)) counts[e] += 1.0;
  return counts;
}

std::vector<double> DrawnLayer::counts_at(Count tokens) const {
  if (tokens <= drawn_) return counted(std::vector<double>(inclusion_.size(), 0.0), 0, tokens);
  const auto t = static_cast<double>(tokens);
  const auto n = static_cast<double>(drawn_);
  const Count added = exact_ ? std::llround(n / 2 * (1 + std::sqrt(n / t))) : drawn_;
  const double net = 2.0 * static_cast<double>(added) - n;  // tokens added less those taken away
  const double growth = std::sqrt(t / n);
  std::vector<double> counts = added == drawn_ ? all_ : counted(half_, drawn_ / 2, added);
  for (std::size_t e = 0; e < counts.size(); ++e) {
    const double deviation = 2 * counts[e] - all_[e] - net * inclusion_[e];
    counts[e] = std::clamp(t * inclusion_[e] + deviation * growth, 0.0, t);
  }
  return counts;
}

// An equal part of whole pairs; the first replicas take what remains.
double DrawnLayer::rows_of(Count slot, std::span<const double> counts) const {
  const Count expert = placement_.expert_of_slot()[index(slot)];
  const double count = counts[index(expert)];
  const std::size_t replicas = placement_.slots_of(expert).size();
  if (replicas == 1) return count;
  const auto n = static_cast<double>(replicas);
  const double whole = std::floor(count / n);
  return whole + std::clamp(count - whole * n - static_cast<double>(replica_of_[index(slot)]), 0.0, 1.0);
}

// The probability that a slot with these rows has any.
double DrawnLayer::touched(Count slot, double rows, Count tokens) const {
  if (tokens <= drawn_) return rows > 0 ? 1.0 : 0.0;
  constexpr double kSurely = 40;  // a chance in e^40 of staying idle
  const Count expert = placement_.expert_of_slot()[index(slot)];
  const double share =
      std::min(1.0 - 1e-12, inclusion_[index(expert)] / static_cast<double>(placement_.slots_of(expert).size()));
  const auto t = static_cast<double>(tokens);
  return t * share > kSurely ? 1.0 : -std::expm1(t * std::log1p(-share));
}

ExpertLoad DrawnLayer::at(Count tokens, double room) const {
  std::vector<double> counts = counts_at(tokens);
  for (double& x : counts) x = std::min(x, room);
  ExpertLoad load{.rows = -1};
  Count busiest = 0;
  double rows = 0;
  for (Count r = 0; r < placement_.ranks(); ++r) {
    const Count end = placement_.first_slot(r) + placement_.slots_on(r);
    double own = 0;
    for (Count slot = placement_.first_slot(r); slot < end; ++slot) own += rows_of(slot, counts);
    rows += own;
    if (own <= load.rows) continue;
    load.rows = own;
    busiest = r;
  }
  const Count end = placement_.first_slot(busiest) + placement_.slots_on(busiest);
  for (Count slot = placement_.first_slot(busiest); slot < end; ++slot) {
    const double own = rows_of(slot, counts);
    load.distinct += touched(slot, own, tokens);
    load.peak = std::max(load.peak, own);
  }
  // Of one slot an expert the mean is known exactly where tokens were not drawn (LoadTable).
  if (tokens <= drawn_ || placement_.slots() > placement_.experts())
    for (Count slot = 0; slot < placement_.slots(); ++slot)
      load.mean_distinct += touched(slot, rows_of(slot, counts), tokens);
  load.mean_distinct /= static_cast<double>(placement_.ranks());
  load.mean_rows = rows / static_cast<double>(placement_.ranks());
  return load;
}

}  // namespace moeplan
