// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/topology.h"

#include <algorithm>
#include <cmath>

namespace moeplan {
namespace {

Fabric fabric_of(LinkKind kind) {
  switch (kind) {
    case LinkKind::Switch: return Fabric::Switch;
    case LinkKind::Mesh: return Fabric::Mesh;
    case LinkKind::Ring:
    case LinkKind::Torus: return Fabric::Torus;
    case LinkKind::Pcie:
    case LinkKind::C2c: return Fabric::Bus;
  }
  return Fabric::Bus;
}

void set_scaleup(Topology& t, const ScaleupSpec& fabric) {
  t.bandwidth = fabric.bandwidth.value.base();
  if (fabric.all_to_all_floor) t.latency = fabric.all_to_all_floor->value.base();
  t.domain = static_cast<double>(fabric.domain);
  t.reduces = fabric.reduces;
  t.fabric = fabric_of(fabric.kind);
  for (std::size_t i = 0; i < std::min(kTorusDimensions, fabric.dimensions.size()); ++i)
    t.dimensions[i] = static_cast<double>(fabric.dimensions[i]);
  if (t.fabric == Fabric::Torus && t.dimensions[0] == 0) t.dimensions[0] = t.domain;  // a ring
}

// Of a leaf's ports `o` of every 1 + o lead down. On rails each set of leaves serves as many
// nodes as one leaf has ports down; else a leaf's ports go to adapters as they come.
void set_scaleout(Topology& t, const ScaleoutSpec& network) {
  t.network_bandwidth = network.per_device().base();
  if (network.small_message) t.network_latency = network.small_message->value.base();
  if (network.tiers.size() < 2) return;
  const NetworkTier& leaf = network.tiers.front();
  const double down = static_cast<double>(leaf.radix) * leaf.oversubscription / (1 + leaf.oversubscription);
  t.leaf = network.topology == NetworkTopology::RailFatTree ? down * t.domain : down / network.nics_per_device;
  t.leaf = std::max(t.domain, std::floor(t.leaf / t.domain) * t.domain);
  for (std::size_t i = 0; i + 1 < network.tiers.size(); ++i) t.oversubscription *= network.tiers[i].oversubscription;
}

// Members of the group among `devices` next to each other.
double together(RankGroup group, const Program& p, double devices) {
  const double tp = static_cast<double>(p.tp);
  const double cp = static_cast<double>(p.cp);
  const double dp = static_cast<double>(p.dp);
  const double context = std::clamp(std::floor(devices / tp), 1.0, cp);
  // Devices from one data-parallel rank to the next.
  const double step = p.order == RankOrder::TensorStageData ? tp * cp * static_cast<double>(p.pp) : tp * cp;
  const double data = context * std::clamp(std::floor(devices / step), 1.0, dp);
  switch (group) {
    case RankGroup::Tensor: return std::min(tp, devices);
    case RankGroup::Context: return context;
    case RankGroup::Data: return data;
    case RankGroup::Stage: return devices < tp ? devices : tp * data;
    case RankGroup::NextStage: break;
  }
  const double stage = p.order == RankOrder::TensorStageData ? tp * cp : tp * cp * dp;
  for (Count s = p.rank_class.first_stage; s < p.rank_class.first_stage + p.rank_class.stages; ++s) {
    if (s + 1 >= p.pp) break;
    const double first = static_cast<double>(s) * stage;
    if (std::floor(first / devices) != std::floor((first + 2 * stage - 1) / devices)) return 1;
  }
  return 2;
}

double group_size(RankGroup group, const Program& p) {
  switch (group) {
    case RankGroup::Tensor: return static_cast<double>(p.tp);
    case RankGroup::Context: return static_cast<double>(p.cp);
    case RankGroup::Data: return static_cast<double>(p.dp * p.cp);
    case RankGroup::Stage: return static_cast<double>(p.stage_ranks);
    case RankGroup::NextStage: return 2;
  }
  return 1;
}

// Links lead both ways along every dimension, each with an equal part of the injection rate.
// Rings use those of the dimensions a block extends in. All-to-all: of a ring of s, half the
// devices send half their bytes over two cuts, s / (8 links); a line, which does not go all
// the way around, has one cut.
double torus_share(Pattern pattern, double near, const Topology& t) {
  double dimensions = 0;
  for (const double size : t.dimensions) dimensions += size > 1 ? 1 : 0;
  if (dimensions == 0 || near <= 1) return 1;
  const double link = 1 / (2 * dimensions);
  if (pattern == Pattern::One) return link;
  const std::array<double, kTorusDimensions> block = torus_block(near, t);
  double extended = 0;
  double slowest = 1;
  for (std::size_t i = 0; i < kTorusDimensions; ++i) {
    if (block[i] <= 1) continue;
    ++extended;
    const bool ring = block[i] >= t.dimensions[i] && block[i] > 2;
    slowest = std::min(slowest, (ring ? 8 : 4) * link / block[i]);
  }
  if (pattern == Pattern::Everyone) return slowest * (near - 1) / near;  // of what leaves a device
  return std::min(1.0, 2 * extended * link);
}

}  // namespace

TierBytes& TierBytes::operator+=(const TierBytes& other) {
  fast += other.fast;
  network += other.network;
  spine += other.spine;
  return *this;
}

Topology topology_of(const ClusterSpec& cluster, const DeviceSpec& device) {
  Topology t;
  if (cluster.scaleup) {
    set_scaleup(t, *cluster.scaleup);
  } else if (const LinkSpec* bus = host_link_of(cluster.node, device.id); bus != nullptr) {
    t.bandwidth = share_of(*bus).base();
    t.domain = std::max(kAssumedBox, static_cast<double>(cluster.node.devices()));
    t.fabric = Fabric::Bus;
  }
  if (t.bandwidth == 0) {
    t.bandwidth = kAssumedBus;
    t.domain = kAssumedBox;
    t.fabric = Fabric::Bus;
  }
  t.network_bandwidth = kAssumedNetwork;
  if (cluster.scaleout) set_scaleout(t, *cluster.scaleout);
  return t;
}

RankSpan span_of(RankGroup group, const Program& program, const Topology& t) {
  RankSpan span;
  span.ranks = group_size(group, program);
  span.near = together(group, program, std::max(t.domain, 1.0));
  span.leaf = t.leaf > 0 ? std::max(span.near, together(group, program, t.leaf)) : span.ranks;
  return span;
}

RankSpan packed(double ranks, const Topology& t) {
  const double near = std::min(ranks, std::max(t.domain, 1.0));
  return {.ranks = ranks, .near = near, .leaf = t.leaf > 0 ? std::min(ranks, t.leaf) : ranks};
}

TierBytes uniform_bytes(double bytes, const RankSpan& s) {
  return {.fast = bytes * (s.near - 1) / s.ranks,
          .network = bytes * (s.ranks - s.near) / s.ranks,
          .spine = bytes * (s.ranks - s.leaf) / s.ranks};
}

std::array<double, kTorusDimensions> torus_block(double near, const Topology& t) {
  std::array<double, kTorusDimensions> block{1, 1, 1};
  for (double filled = 1; filled < near;) {
    std::size_t shortest = kTorusDimensions;
    for (std::size_t i = 0; i < kTorusDimensions; ++i)
      if (block[i] < t.dimensions[i] && (shortest == kTorusDimensions || block[i] < block[shortest])) shortest = i;
    if (shortest == kTorusDimensions) break;
    filled = filled / block[shortest] * std::min(2 * block[shortest], t.dimensions[shortest]);
    block[shortest] = std::min(2 * block[shortest], t.dimensions[shortest]);
  }
  return block;
}

double seconds_at_peak(const TierBytes& bytes, const Topology& t) {
  double seconds = bytes.fast > 0 ? bytes.fast / t.bandwidth : 0;
  if (bytes.network > 0) seconds = std::max(seconds, bytes.network / t.network_bandwidth);
  if (bytes.spine > 0) seconds = std::max(seconds, bytes.spine * t.oversubscription / t.network_bandwidth);
  return seconds;
}

double latency_of(const RankSpan& s, const Topology& t) {
  return s.ranks <= 1 ? 0 : s.ranks > s.near ? t.network_latency : t.latency;
}

double fast_share(Pattern pattern, double near, const Topology& t) {
  if (t.fabric == Fabric::Torus) return torus_share(pattern, near, t);
  if (t.fabric == Fabric::Mesh && near > 1 && t.domain > 1)
    return (pattern == Pattern::One ? 1 : near - 1) / (t.domain - 1);
  return 1;
}

}  // namespace moeplan
