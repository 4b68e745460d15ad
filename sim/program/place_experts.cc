// SPDX-License-Identifier: Apache-2.0
#include "sim/program/place_experts.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "sim/base/error.h"
#include "sim/base/rng.h"

namespace moeplan {
namespace {

std::size_t at(Count i) { return static_cast<std::size_t>(i); }

// Replicas of each expert that make the largest replica smallest: the next one to the expert
// with the most load per replica that has fewer than `most_each`.
std::vector<Count> replica_counts(std::span<const double> loads, Count slots, Count most_each) {
  std::vector<Count> counts(loads.size(), 1);
  for (auto placed = static_cast<Count>(loads.size()); placed < slots; ++placed) {
    std::size_t most = loads.size();
    for (std::size_t e = 0; e < loads.size(); ++e) {
      if (counts[e] == most_each) continue;
      const double each = loads[e] / static_cast<double>(counts[e]);
      if (most == loads.size() || each > loads[most] / static_cast<double>(counts[most])) most = e;
    }
    ++counts[most];
  }
  return counts;
}

constexpr double kRounding = 1e-12;

// Replicas of a load none of which is above m.
Count replicas_for(double load, double m) { return static_cast<Count>(std::ceil(load / m * (1 - kRounding))); }

// A placement under change. Slots and ranks as ExpertPlacement numbers them.
class Board {
 public:
  Board(std::span<const double> loads, const ExpertPlacement& placement)
      : loads_(loads),
        experts_(loads.size()),
        ranks_(at(placement.ranks())),
        expert_of_(placement.expert_of_slot().begin(), placement.expert_of_slot().end()),
        slots_of_(experts_),
        held_(ranks_ * experts_, 0),
        rank_load_(ranks_, 0.0) {
    for (Count r = 0; r <= placement.ranks(); ++r) first_.push_back(at(placement.first_slot(r)));
    for (std::size_t r = 0; r < ranks_; ++r) rank_of_.insert(rank_of_.end(), first_[r + 1] - first_[r], r);
    for (std::size_t s = 0; s < expert_of_.size(); ++s) {
      slots_of_[at(expert_of_[s])].push_back(s);
      ++held(rank_of_[s], at(expert_of_[s]));
    }
    sum();
  }

  double busiest_load() const { return *std::max_element(rank_load_.begin(), rank_load_.end()); }
  const std::vector<Count>& expert_of_slot() const { return expert_of_; }
  Count changes() const { return changes_; }

  // Until nothing helps the busiest rank.
  void descend() {
    while (swap_busiest() || recount_busiest()) {
    }
    sum();  // away with rounding
  }

  void kick(CounterRng& rng) {
    constexpr int kExchanges = 3;
    for (int i = 0; i < kExchanges; ++i) {
      const std::size_t a = i == 0 ? slot_of_busiest(rng) : any_slot(rng);
      const std::size_t b = any_slot(rng);
      if (may_exchange(a, b)) exchange(a, b);
    }
  }

 private:
  struct Exchange {
    std::size_t a = 0, b = 0;    // slots
    std::size_t a2 = 0, b2 = 0;  // a second pair, if two
    bool two = false;
    double larger = 0;  // of the two ranks' loads afterwards
  };

  std::uint16_t& held(std::size_t rank, std::size_t expert) { return held_[rank * experts_ + expert]; }
  int held(std::size_t rank, std::size_t expert) const { return held_[rank * experts_ + expert]; }
  std::size_t replicas(std::size_t e) const { return slots_of_[e].size(); }
  double each(std::size_t e) const { return loads_[e] / static_cast<double>(replicas(e)); }
  double load_of(std::size_t slot) const { return each(at(expert_of_[slot])); }
  std::size_t busiest() const {
    return static_cast<std::size_t>(std::max_element(rank_load_.begin(), rank_load_.end()) - rank_load_.begin());
  }
  std::size_t any_slot(CounterRng& rng) const { return rng.below(static_cast<std::uint32_t>(expert_of_.size())); }
  std::size_t slot_of_busiest(CounterRng& rng) const {
    const std::size_t r = busiest();
    return first_[r] + rng.below(static_cast<std::uint32_t>(first_[r + 1] - first_[r]));
  }

  void sum() {
    std::fill(rank_load_.begin(), rank_load_.end(), 0.0);
    for (std::size_t s = 0; s < expert_of_.size(); ++s) rank_load_[rank_of_[s]] += load_of(s);
  }

  bool may_exchange(std::size_t a, std::size_t b) const {
    return rank_of_[a] != rank_of_[b] && expert_of_[a] != expert_of_[b];
  }

  void put(std::size_t slot, std::size_t expert) {
    const std::size_t before = at(expert_of_[slot]);
    --held(rank_of_[slot], before);
    std::erase(slots_of_[before], slot);
    expert_of_[slot] = static_cast<Count>(expert);
    ++held(rank_of_[slot], expert);
    slots_of_[expert].push_back(slot);
  }

  void exchange(std::size_t a, std::size_t b) {
    const double more = load_of(b) - load_of(a);
    rank_load_[rank_of_[a]] += more;
    rank_load_[rank_of_[b]] -= more;
    const std::size_t ea = at(expert_of_[a]);
    put(a, at(expert_of_[b]));
    put(b, ea);
    ++changes_;
  }

  bool swap_busiest() {
    const std::size_t a = busiest();
    Exchange best{.larger = rank_load_[a] * (1 - kLeastGain)};
    for (std::size_t b = 0; b < ranks_; ++b)
      if (b != a && rank_load_[a] + rank_load_[b] < 2 * best.larger) consider(a, b, best);
    if (best.a == best.b) return false;
    exchange(best.a, best.b);
    if (best.two) exchange(best.a2, best.b2);
    return true;
  }

  // Exchanges between two ranks that are better than `best`.
  void consider(std::size_t ra, std::size_t rb, Exchange& best) const {
    constexpr std::size_t kFewSlots = 8;  // pairs of more are too many
    const double la = rank_load_[ra];
    const double lb = rank_load_[rb];
    const bool pairs = first_[ra + 1] - first_[ra] <= kFewSlots && first_[rb + 1] - first_[rb] <= kFewSlots;
    for (std::size_t a = first_[ra]; a < first_[ra + 1]; ++a) {
      for (std::size_t b = first_[rb]; b < first_[rb + 1]; ++b) {
        if (!may_exchange(a, b)) continue;
        const double gain = load_of(a) - load_of(b);
        const double larger = std::max(la - gain, lb + gain);
        if (larger < best.larger) best = {.a = a, .b = b, .two = false, .larger = larger};
        if (!pairs) continue;
        for (std::size_t a2 = a + 1; a2 < first_[ra + 1]; ++a2) {
          for (std::size_t b2 = first_[rb]; b2 < first_[rb + 1]; ++b2) {
            if (b2 == b || !may_exchange(a2, b2)) continue;
            const double both = gain + load_of(a2) - load_of(b2);
            const double after = std::max(la - both, lb + both);
            if (after < best.larger) best = {.a = a, .b = b, .a2 = a2, .b2 = b2, .two = true, .larger = after};
          }
        }
      }
    }
  }

  // The largest load of the ranks touched when `slot` holds `expert` instead of what it holds.
  double larger_after(std::size_t slot, std::size_t expert, double limit) const {
    const std::size_t loser = at(expert_of_[slot]);
    const std::size_t rank = rank_of_[slot];
    const double expert_each = loads_[expert] / static_cast<double>(replicas(expert) + 1);
    const double loser_each = loads_[loser] / static_cast<double>(replicas(loser) - 1);
    const double less = each(expert) - expert_each;
    const double more = loser_each - each(loser);
    const auto load_after = [&](std::size_t r) {
      const double loss = more * (held(r, loser) - (r == rank ? 1 : 0));
      return rank_load_[r] + loss - less * held(r, expert);
    };
    double larger = load_after(rank) - each(loser) + expert_each;
    for (const std::size_t s : slots_of_[loser]) {
      if (rank_of_[s] != rank) larger = std::max(larger, load_after(rank_of_[s]));
      if (larger >= limit) return larger;
    }
    for (const std::size_t s : slots_of_[expert])
      if (rank_of_[s] != rank) larger = std::max(larger, load_after(rank_of_[s]));
    return larger;
  }

  // A replica of one expert becomes one of another, so that the busiest rank has less.
  bool recount_busiest() {
    const std::size_t busy = busiest();
    double best = rank_load_[busy] * (1 - kLeastGain);
    std::size_t best_slot = expert_of_.size();
    std::size_t best_expert = 0;
    const auto consider = [&](std::size_t slot, std::size_t expert) {
      if (replicas(at(expert_of_[slot])) < 2 || at(expert_of_[slot]) == expert) return;
      const double larger = larger_after(slot, expert, best);
      if (larger >= best) return;
      best = larger;
      best_slot = slot;
      best_expert = expert;
    };
    for (std::size_t own = first_[busy]; own < first_[busy + 1]; ++own) {
      for (std::size_t s = 0; s < expert_of_.size(); ++s)
        if (rank_of_[s] != busy) consider(s, at(expert_of_[own]));
      for (std::size_t e = 0; e < experts_; ++e) consider(own, e);
    }
    if (best_slot == expert_of_.size()) return false;
    put(best_slot, best_expert);
    sum();
    ++changes_;
    return true;
  }

  static constexpr double kLeastGain = 1e-9;

  std::span<const double> loads_;
  std::size_t experts_;
  std::size_t ranks_;
  std::vector<std::size_t> first_;
  std::vector<std::size_t> rank_of_;
  std::vector<Count> expert_of_;
  std::vector<std::vector<std::size_t>> slots_of_;
  std::vector<std::uint16_t> held_;  // slots of a rank that hold an expert
  std::vector<double> rank_load_;
  Count changes_ = 0;
};

// Heaviest first into the lightest rank with room that holds no other replica of it.
ExpertPlacement packed(std::span<const double> loads, Count slots, Count ranks, Count nodes) {
  const auto experts = static_cast<Count>(loads.size());
  const std::vector<Count> counts = replica_counts(loads, slots, ranks);
  std::vector<Count> order;  // replicas, by expert
  for (Count e = 0; e < experts; ++e) order.insert(order.end(), at(counts[at(e)]), e);
  const auto each = [&](Count e) { return loads[at(e)] / static_cast<double>(counts[at(e)]); };
  std::stable_sort(order.begin(), order.end(), [&](Count a, Count b) { return each(a) > each(b); });
  const ExpertPlacement shape = contiguous_placement(experts, slots, ranks, nodes);
  std::vector<std::vector<Count>> of_rank(at(ranks));
  std::vector<double> load(at(ranks), 0.0);
  for (const Count e : order) {
    Count lightest = -1;
    bool apart = false;
    for (Count r = 0; r < ranks; ++r) {
      const std::vector<Count>& own = of_rank[at(r)];
      if (static_cast<Count>(own.size()) == shape.slots_on(r)) continue;
      const bool other = std::find(own.begin(), own.end(), e) == own.end();
      if (lightest < 0 || (other && !apart) || (other == apart && load[at(r)] < load[at(lightest)])) {
        lightest = r;
        apart = other;
      }
    }
    of_rank[at(lightest)].push_back(e);
    load[at(lightest)] += each(e);
  }
  std::vector<Count> expert_of_slot;
  for (const std::vector<Count>& own : of_rank) expert_of_slot.insert(expert_of_slot.end(), own.begin(), own.end());
  return {experts, ranks, nodes, std::move(expert_of_slot)};
}

// Each node a problem of its own, with whole groups of experts.
ExpertPlacement placed_by_groups(std::span<const double> loads, Count slots, Count ranks, Count nodes,
                                 PlacementSearch search) {
  const auto experts = static_cast<Count>(loads.size());
  const Count size = experts / search.groups;
  std::vector<double> group_loads(at(search.groups), 0.0);
  for (Count e = 0; e < experts; ++e) group_loads[at(e / size)] += loads[at(e)];
  search.whole_groups = false;
  const ExpertPlacement groups = place_experts(group_loads, search.groups, nodes, 1, search).placement;
  std::vector<Count> expert_of_slot;
  for (Count node = 0; node < nodes; ++node) {
    std::vector<Count> own;
    for (Count g = groups.first_slot(node); g < groups.first_slot(node) + groups.slots_on(node); ++g)
      for (Count i = 0; i < size; ++i) own.push_back(groups.expert_of_slot()[at(g)] * size + i);
    std::vector<double> own_loads;
    for (const Count e : own) own_loads.push_back(loads[at(e)]);
    const SearchedPlacement part = place_experts(own_loads, slots / nodes, ranks / nodes, 1, search);
    for (const Count e : part.placement.expert_of_slot()) expert_of_slot.push_back(own[at(e)]);
  }
  return {experts, ranks, nodes, std::move(expert_of_slot)};
}

}  // namespace

double placement_bound(std::span<const double> loads, Count slots, Count ranks) {
  const double mean = std::accumulate(loads.begin(), loads.end(), 0.0) / static_cast<double>(ranks);
  if (mean <= 0) return 1;
  const std::vector<Count> counts = replica_counts(loads, slots, slots);
  double largest = 0;  // replica, at best
  for (std::size_t e = 0; e < loads.size(); ++e) largest = std::max(largest, loads[e] / static_cast<double>(counts[e]));

  // What a rank has beside a largest replica of m: the smallest ones that the slots which m
  // leaves over can make, each of them as if all were for it.
  const Count beside = slots / ranks - 1;
  std::vector<double> small(loads.size());
  const auto with_others = [&](double m) {
    Count spare = slots;
    for (const double load : loads) spare -= std::max<Count>(1, replicas_for(load, m));
    for (std::size_t e = 0; e < loads.size(); ++e)
      small[e] =
          loads[e] / static_cast<double>(std::max<Count>(1, replicas_for(loads[e], m)) + std::max<Count>(0, spare));
    std::nth_element(small.begin(), small.begin() + std::max<Count>(0, beside - 1), small.end());
    return m + std::accumulate(small.begin(), small.begin() + beside, 0.0);
  };
  // m is a whole part of some load; a larger one leaves more slots over.
  std::vector<double> parts;
  for (const double load : loads)
    for (Count n = 1; n <= slots && load / static_cast<double>(n) >= largest * (1 - kRounding); ++n)
      parts.push_back(load / static_cast<double>(n));
  std::sort(parts.begin(), parts.end());
  double least = std::numeric_limits<double>::infinity();
  for (const double m : parts) {
    if (m >= least) break;
    least = std::min(least, with_others(m));
  }
  return std::max(mean, least) / mean;
}

SearchedPlacement place_experts(std::span<const double> loads, Count slots, Count ranks, Count nodes,
                                const PlacementSearch& search) {
  const auto experts = static_cast<Count>(loads.size());
  CHECK(slots >= experts && slots >= ranks && slots <= experts * ranks && ranks % nodes == 0);
  SearchedPlacement found{.placement = packed(loads, slots, ranks, nodes),
                          .bound = placement_bound(loads, slots, ranks)};
  const double mean = std::accumulate(loads.begin(), loads.end(), 0.0) / static_cast<double>(ranks);
  const Count groups = search.whole_groups ? search.groups : 1;
  const bool divides = slots % ranks == 0;
  std::optional<ExpertPlacement> eplb;
  if (divides) eplb = balanced_placement(loads, slots, groups, ranks, nodes);
  found.eplb = divides ? imbalance_of(*eplb, loads) : 0;
  if (mean <= 0) return found;
  if (groups > 1 && nodes > 1) {
    CHECK(groups % nodes == 0 && experts % groups == 0 && slots % nodes == 0);
    found.placement = placed_by_groups(loads, slots, ranks, nodes, search);
    found.imbalance = imbalance_of(found.placement, loads);
    return found;
  }

  Board best(loads, found.placement);
  best.descend();
  if (divides) {
    Board other(loads, *eplb);
    other.descend();
    if (other.busiest_load() < best.busiest_load()) best = std::move(other);
  }
  CounterRng rng(search.seed, 0);
  Board next = best;
  const double settled = found.bound * mean * (1 + kSettled);
  for (int kick = 0; kick < search.kicks && best.busiest_load() > settled; ++kick) {
    next = best;
    next.kick(rng);
    next.descend();
    if (next.busiest_load() < best.busiest_load()) std::swap(best, next);
  }
  found.exchanges = best.changes();
  found.placement = {experts, ranks, nodes, best.expert_of_slot()};
  found.imbalance = imbalance_of(found.placement, loads);
  return found;
}

}  // namespace moeplan
