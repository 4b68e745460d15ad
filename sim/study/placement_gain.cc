// SPDX-License-Identifier: Apache-2.0
#include "sim/study/placement_gain.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "sim/base/error.h"
#include "sim/program/place_experts.h"

namespace moeplan {
namespace {

struct Candidate {
  PlacementRule rule;
  Routing routing;
};

bool has_redundant_slots(const PlacementRule& rule) {
  return rule.way == PlacementWay::Balanced || rule.way == PlacementWay::Searched;
}

std::vector<Candidate> candidates_of(const PlacementQuestion& q) {
  Routing without = q.routing;
  without.redundant = 0;
  std::vector<Candidate> all = {{q.current, has_redundant_slots(q.current) ? q.routing : without}};
  const auto add = [&](PlacementWay way, const Routing& routing) {
    const PlacementRule rule{.way = way, .layers = {}};
    const bool same = q.current.way == way && all.front().routing == routing;
    if (!same && draw_violations(routing, q.group, rule).empty()) all.push_back({rule, routing});
  };
  add(PlacementWay::Balanced, q.routing);
  add(PlacementWay::Searched, q.routing);
  if (q.routing.redundant > 0) add(PlacementWay::Searched, without);
  return all;
}

DrawnSpread spread_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto quantile = [&](double share) {
    return values[static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size()))) - 1];
  };
  return {.median = quantile(0.5), .p99 = quantile(0.99)};
}

// What the busiest rank sends or receives, of all and of what crosses nodes.
struct PortLoad {
  double all = 0;
  double network = 0;
};

PortLoad busiest_port(const ByteMatrix& there, const ByteMatrix& back, Count ranks_per_node) {
  PortLoad busiest;
  for (Count r = 0; r < there.ranks; ++r) {
    PortLoad out;
    PortLoad in;
    for (Count other = 0; other < there.ranks; ++other) {
      if (other == r) continue;
      const double sent = there.at(r, other) + back.at(r, other);
      const double received = there.at(other, r) + back.at(other, r);
      out.all += sent;
      in.all += received;
      if (other / ranks_per_node == r / ranks_per_node) continue;
      out.network += sent;
      in.network += received;
    }
    busiest.all = std::max({busiest.all, out.all, in.all});
    busiest.network = std::max({busiest.network, out.network, in.network});
  }
  return busiest;
}

// Layers are alike where popularity has no order of its own.
int layers_of(const PlacementQuestion& q) {
  return static_cast<int>(std::min<Count>(q.moe_layers, std::max(1, q.layers_drawn)));
}

PlacementFigures figures_of(const PlacementQuestion& q, const Candidate& candidate, bool is_current,
                            RoutedLayers& current) {
  RoutedLayers layers(candidate.routing, q.group, candidate.rule, q.replicas);
  PlacementFigures f;
  f.way = candidate.rule.way;
  f.imbalance = f.bound = 0;
  const int drawn = layers_of(q);
  std::vector<double> rows;
  std::vector<double> straggler;
  std::vector<double> port;
  std::vector<double> network;
  ExpertMigration moved;
  for (int layer = 0; layer < drawn; ++layer) {
    const ExpertPlacement& placement = layers.placement(layer);
    const auto loads = layers.inclusion(layer).first(static_cast<std::size_t>(q.group.experts));
    f.slots = placement.slots();
    f.imbalance += imbalance_of(placement, loads) / drawn;
    f.bound += placement_bound(loads, placement.slots(), q.group.ranks) / drawn;
    if (!is_current) {
      const ExpertPlacement& from = current.placement(layer);
      // Groups that lie in one node stay together.
      const bool within_nodes = q.routing.groups > 0 && q.group.nodes > 1;
      const ExpertMigration one = migration_of(from, aligned_to(from, placement, within_nodes), q.expert_bytes);
      moved.moved += one.moved;
      moved.bytes += one.bytes;
      moved.most_received += one.most_received;
      moved.most_sent += one.most_sent;
      moved.between_nodes += one.between_nodes;
    }
    for (int step = 0; step < q.steps_drawn; ++step) {
      const LayerDraw& draw = layers.draw(layer, static_cast<std::uint64_t>(step), q.tokens, q.dispatch);
      const double most = *std::max_element(draw.rows.begin(), draw.rows.end());
      const double sum = std::accumulate(draw.rows.begin(), draw.rows.end(), 0.0);
      rows.push_back(most);
      straggler.push_back(sum > 0 ? most * static_cast<double>(draw.rows.size()) / sum : 1);
      const PortLoad load = busiest_port(draw.dispatch, draw.combine, q.group.ranks / q.group.nodes);
      port.push_back(load.all);
      network.push_back(load.network);
    }
  }
  f.rows = spread_of(std::move(rows));
  f.straggler = spread_of(std::move(straggler));
  f.port = spread_of(std::move(port));
  f.network = spread_of(std::move(network));

  // Layers that were not drawn cost what those cost that were.
  const double all = static_cast<double>(q.moe_layers) / drawn;
  f.migration = {.moved = static_cast<Count>(std::llround(static_cast<double>(moved.moved) * all)),
                 .bytes = moved.bytes * all,
                 .most_received = moved.most_received * all,
                 .most_sent = moved.most_sent * all,
                 .between_nodes = moved.between_nodes * all};
  if (q.bandwidth > 0) f.migration_s = f.migration.seconds_at(q.bandwidth);
  return f;
}

}  // namespace

std::string_view word_of(PlacementWay way) {
  switch (way) {
    case PlacementWay::RoundRobin: return "round robin";
    case PlacementWay::Balanced: return "EPLB";
    case PlacementWay::Searched: return "searched";
    case PlacementWay::Custom: return "custom";
    case PlacementWay::Contiguous: break;
  }
  return "contiguous";
}

std::vector<std::string> placement_question_violations(const PlacementQuestion& q) {
  Routing without = q.routing;
  if (!has_redundant_slots(q.current)) without.redundant = 0;
  std::vector<std::string> found = violations(q.routing, q.group);
  if (found.empty()) found = draw_violations(without, q.group, q.current);
  if (static_cast<Count>(q.tokens.size()) != q.group.ranks)
    found.push_back("tokens of " + std::to_string(q.tokens.size()) + " ranks, where there are " +
                    std::to_string(q.group.ranks));
  if (q.moe_layers < 1 || q.layers_drawn < 1 || q.steps_drawn < 1)
    found.emplace_back("at least one layer and one step must be drawn");
  return found;
}

PlacementGain placement_gain(const PlacementQuestion& question) {
  CHECK(placement_question_violations(question).empty());
  const std::vector<Candidate> candidates = candidates_of(question);
  RoutedLayers current(candidates.front().routing, question.group, candidates.front().rule, question.replicas);
  PlacementGain gain{.placements = {}, .layers_drawn = layers_of(question), .steps_drawn = question.steps_drawn};
  for (std::size_t i = 0; i < candidates.size(); ++i)
    gain.placements.push_back(figures_of(question, candidates[i], i == 0, current));
  return gain;
}

}  // namespace moeplan
