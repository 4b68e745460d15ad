// SPDX-License-Identifier: Apache-2.0
#include "sim/study/network.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "sim/base/error.h"
#include "sim/cost/ep.h"
#include "sim/study/pricing.h"

namespace moeplan {
namespace {

FlowMode flow_mode(NetworkMode mode) {
  switch (mode) {
    case NetworkMode::Ports: return FlowMode::Ports;
    case NetworkMode::Quantised: return FlowMode::Quantised;
    case NetworkMode::Exact:
    case NetworkMode::Classes: break;
  }
  return FlowMode::Exact;
}

void set_totals(NetworkAnswer& answer, const FlowSet& set) {
  answer.hosts = set.hosts;
  for (const Flow& flow : set.flows) {
    answer.flows += flow.like;
    answer.bytes += static_cast<double>(flow.like) * flow.bytes;
  }
}

double utilisation(double bytes, double bandwidth, double makespan) {
  return makespan > 0 ? bytes / (bandwidth * makespan) : 0;
}

// The most any exchange was measured to reach of its links: DeepEP V2 (deepseek-ai/DeepEP) on Blackwell, 8 ranks,
// 64 SMs, 726 of 900 GB/s. Fits of single kernels may say more where their rows hold it up little.
constexpr double kHighestShare = 726.0 / 900;

// Of the peak rate of a device's links that a dispatch reaches when it is so large that nothing
// but the bytes counts: DeepSeek-V3's, 8-bit.
double share_of_large_exchange(const ResolvedKernel& dispatch, const Machine& machine) {
  const double ranks = std::clamp(machine.link.domain, 2.0, 8.0);
  const EpPoint point{.mode = EpMode::Normal,
                      .op = EpOp::Dispatch,
                      .ranks = ranks,
                      .ranks_per_node = ranks,
                      .hidden = 7168,
                      .top_k = 8,
                      .experts = 256,
                      .tokens = 65536,
                      .element_bytes = 1};
  return std::min(kHighestShare, ep_floor(point, machine) / ep_time(point, machine, dispatch.constants).seconds);
}

void name_links(NetworkAnswer& answer, const FlowFabric& fabric) {
  for (NetworkLink& link : answer.links) link.name = fabric.name_of_link(link.id);
}

}  // namespace

NetworkAnswer answer_of_flows(const FlowSet& set, NetworkMode mode) {
  NetworkAnswer answer;
  answer.mode = mode == NetworkMode::Classes ? NetworkMode::Exact : mode;
  answer.times = run_flows(set, flow_mode(mode));
  answer.bound = flow_bound(set);
  set_totals(answer, set);
  const std::vector<double> bytes = link_bytes(set);
  for (std::size_t l = 0; l < bytes.size(); ++l)
    answer.links.push_back({.id = static_cast<std::uint32_t>(l),
                            .name = "",
                            .bandwidth = set.links[l].bandwidth,
                            .bytes = bytes[l],
                            .utilisation = utilisation(bytes[l], set.links[l].bandwidth, answer.times.makespan)});
  return answer;
}

NetworkAnswer answer_of_uniform(const FlowFabric& fabric, double uniform, NetworkMode mode) {
  const bool may_class = mode == NetworkMode::Exact || mode == NetworkMode::Classes;
  const std::optional<FlowSet> classes = may_class ? uniform_classes(fabric, uniform) : std::nullopt;
  if (!classes) {
    ByteMatrix matrix(fabric.hosts());
    std::fill(matrix.bytes.begin(), matrix.bytes.end(), uniform);
    return answer_of_matrix(fabric, matrix, mode);
  }
  NetworkAnswer of_kinds = answer_of_flows(*classes, NetworkMode::Exact);
  NetworkAnswer answer = of_kinds;
  answer.mode = NetworkMode::Classes;
  answer.links.clear();
  for (std::uint32_t l = 0; l < fabric.links().size(); ++l) {
    answer.links.push_back(of_kinds.links[fabric.kind_of_link(l)]);
    answer.links.back().id = l;
  }
  name_links(answer, fabric);
  return answer;
}

NetworkAnswer answer_of_matrix(const FlowFabric& fabric, const ByteMatrix& matrix, NetworkMode mode) {
  NetworkAnswer answer = answer_of_flows(flows_over(fabric, matrix), mode);
  name_links(answer, fabric);
  return answer;
}

Count usual_gpus(const ClusterSpec& cluster) {
  const Topology t = topology_of(cluster, cluster.devices.front());
  return std::max(cluster.node.devices(), t.fabric == Fabric::Torus ? Count{1} : static_cast<Count>(t.domain));
}

ProfileFabric fabric_of_profile(const Catalog& catalog, const ClusterSpec& cluster, Count gpus) {
  constexpr const char* kRuntime = "vllm";  // the kernels below are the same in every engine
  const Pricing pricing = pricing_of(catalog, cluster, catalog.runtime(kRuntime), catalog.formats());
  const ResolvedKernel& dispatch =
      pricing.kernels.exchange[static_cast<std::size_t>(EpMode::Normal)][static_cast<std::size_t>(ExchangeWidth::Bits8)]
          .dispatch;
  const Topology& topology = pricing.kernels.machine.link;
  const FabricShares shares{.fast = share_of_large_exchange(dispatch, pricing.kernels.machine),
                            .network = kEpNetworkShare};
  std::string from = dispatch.from.empty() ? "form without measurements" : dispatch.from;
  while (from.ends_with(' ')) from.pop_back();
  if (shares.fast == kHighestShare) from = "the most measured, DeepEP V2 on Blackwell";
  std::string basis = fmt::format("{:.3g} of the peak inside the domain ({})", shares.fast, from);
  if (gpus > static_cast<Count>(topology.domain))
    basis += fmt::format(", {:.3g} beyond it (published DeepEP runs)", shares.network);
  return {.fabric = fabric_of(topology, gpus, shares), .shares = shares, .basis = std::move(basis)};
}

}  // namespace moeplan
