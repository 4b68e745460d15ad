// SPDX-License-Identifier: Apache-2.0
#include "sim/program/eplb.h"

#include <algorithm>
#include <numeric>

#include "sim/base/error.h"

namespace moeplan {
namespace {

using Items = std::vector<Count>;

std::size_t at(Count i) { return static_cast<std::size_t>(i); }

// Items of each bin, every bin the same number of them: heaviest item first, into the
// lightest bin with room.
std::vector<Items> packed(std::span<const double> weights, Count bins) {
  const std::size_t room = weights.size() / at(bins);
  std::vector<Items> result(at(bins));
  std::vector<double> weight(at(bins), 0.0);
  std::vector<std::size_t> order(weights.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (room > 1) std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return weights[a] > weights[b]; });
  for (const std::size_t item : order) {
    std::size_t lightest = result.size();
    for (std::size_t bin = 0; bin < result.size(); ++bin) {
      if (result[bin].size() == room) continue;
      if (lightest == result.size() || weight[bin] < weight[lightest]) lightest = bin;
      if (room == 1) break;  // one each, in order
    }
    result[lightest].push_back(static_cast<Count>(item));
    weight[lightest] += weights[item];
  }
  return result;
}

struct Replicated {
  Items expert_of;  // replica -> expert
  Items replicas;   // expert -> count
};

Replicated replicated(std::span<const double> loads, Count slots) {
  Replicated r;
  r.expert_of.resize(loads.size());
  std::iota(r.expert_of.begin(), r.expert_of.end(), Count{0});
  r.replicas.assign(loads.size(), 1);
  while (r.expert_of.size() < at(slots)) {
    std::size_t busiest = 0;
    double most = -1;
    for (std::size_t e = 0; e < loads.size(); ++e) {
      const double each = loads[e] / static_cast<double>(r.replicas[e]);
      if (each > most) {
        most = each;
        busiest = e;
      }
    }
    r.expert_of.push_back(static_cast<Count>(busiest));
    ++r.replicas[busiest];
  }
  return r;
}

}  // namespace

ReplicaPlan place_replicas(std::span<const double> loads, Count slots, Count groups, Count nodes, Count ranks) {
  const auto experts = static_cast<Count>(loads.size());
  CHECK(slots >= experts && slots % ranks == 0 && ranks % nodes == 0);
  if (groups % nodes != 0 || experts % groups != 0) groups = nodes = 1;
  const Count group_size = experts / groups;

  // Whole groups go to nodes.
  std::vector<double> group_load(at(groups), 0.0);
  for (Count e = 0; e < experts; ++e) group_load[at(e / group_size)] += loads[at(e)];
  const std::vector<Items> groups_of_node = packed(group_load, nodes);

  ReplicaPlan plan;
  plan.replicas.assign(at(experts), 0);
  for (const Items& own_groups : groups_of_node) {
    Items own;  // experts of this node
    for (const Count g : own_groups)
      for (Count i = 0; i < group_size; ++i) own.push_back(g * group_size + i);
    std::vector<double> own_loads;
    for (const Count e : own) own_loads.push_back(loads[at(e)]);

    // Replicas stay in the node and share their expert's tokens equally.
    const Replicated r = replicated(own_loads, slots / nodes);
    std::vector<double> replica_load;
    for (const Count e : r.expert_of) replica_load.push_back(own_loads[at(e)] / static_cast<double>(r.replicas[at(e)]));
    for (const Items& of_rank : packed(replica_load, ranks / nodes))
      for (const Count replica : of_rank) plan.expert_of_slot.push_back(own[at(r.expert_of[at(replica)])]);
    for (std::size_t e = 0; e < own.size(); ++e) plan.replicas[at(own[e])] = r.replicas[e];
  }
  return plan;
}

double imbalance_of(const ReplicaPlan& plan, std::span<const double> loads, Count ranks) {
  const std::size_t per_rank = plan.expert_of_slot.size() / at(ranks);
  double most = 0;
  double total = 0;
  for (std::size_t first = 0; first < plan.expert_of_slot.size(); first += per_rank) {
    double sum = 0;
    for (std::size_t slot = first; slot < first + per_rank; ++slot) {
      const std::size_t e = at(plan.expert_of_slot[slot]);
      sum += loads[e] / static_cast<double>(plan.replicas[e]);
    }
    most = std::max(most, sum);
    total += sum;
  }
  return total > 0 ? most * static_cast<double>(ranks) / total : 1.0;
}

double imbalance_bound(const ReplicaPlan& plan, std::span<const double> loads, Count ranks) {
  const double total = std::accumulate(loads.begin(), loads.end(), 0.0);
  if (total <= 0) return 1.0;
  double most = 0;
  for (std::size_t e = 0; e < loads.size(); ++e)
    most = std::max(most, loads[e] / static_cast<double>(plan.replicas[e]));
  return std::max(1.0, most * static_cast<double>(ranks) / total);
}

}  // namespace moeplan
