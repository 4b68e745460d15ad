// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/flow_times.h"

#include <algorithm>
#include <limits>

#include "sim/base/error.h"
#include "sim/engine/flow_network.h"

namespace moeplan {
namespace {

double latency_of(const FlowSet& set, std::size_t flow) {
  double latency = 0;
  for (const FlowHop& hop : set.route(flow)) latency += set.links[hop.link].latency;
  return latency;
}

double arrival_of(const FlowSet& set, std::size_t flow) { return set.flows[flow].start + latency_of(set, flow); }

// Bytes per second when nothing else is under way.
double rate_alone(const FlowSet& set, std::size_t flow) {
  double rate = std::numeric_limits<double>::infinity();
  for (const FlowHop& hop : set.route(flow)) rate = std::min(rate, set.links[hop.link].bandwidth / hop.flows);
  return rate;
}

FlowTimes times_of(const FlowSet& set, std::span<const FlowEnd> ends) {
  FlowTimes times;
  times.finish.resize(set.flows.size());
  double sum = 0;
  double flows = 0;
  double last = -1;
  for (const FlowEnd& end : ends) {
    const double like = static_cast<double>(set.flows[end.flow].like);
    times.finish[end.flow] = end.at;
    sum += like * end.at;
    flows += like;
    if (end.at != last) ++times.distinct_completions;
    last = end.at;
  }
  if (ends.empty()) return times;
  times.first = ends.front().at;
  times.makespan = ends.back().at;
  times.mean = sum / flows;
  return times;
}

}  // namespace

FlowTimes run_flows(const FlowSet& set) {
  FlowNetwork network(set.links);
  network.reserve(set);
  for (std::size_t f = 0; f < set.flows.size(); ++f)
    network.start(set.route(f), set.flows[f].bytes, set.flows[f].start);
  const std::span<const FlowEnd> ends = network.advance(std::numeric_limits<double>::infinity());
  CHECK(ends.size() == set.flows.size());
  return times_of(set, ends);
}

std::vector<double> link_bytes(const FlowSet& set) {
  std::vector<double> bytes(set.links.size(), 0.0);
  for (std::size_t f = 0; f < set.flows.size(); ++f)
    for (const FlowHop& hop : set.route(f)) bytes[hop.link] += hop.flows * set.flows[f].bytes;
  return bytes;
}

double flow_bound(const FlowSet& set) {
  const std::vector<double> bytes = link_bytes(set);
  std::vector<double> earliest(set.links.size(), std::numeric_limits<double>::infinity());
  double bound = 0;
  for (std::size_t f = 0; f < set.flows.size(); ++f) {
    const double arrival = arrival_of(set, f);
    bound = std::max(bound, arrival + set.flows[f].bytes / rate_alone(set, f));
    if (set.flows[f].bytes == 0) continue;
    for (const FlowHop& hop : set.route(f)) earliest[hop.link] = std::min(earliest[hop.link], arrival);
  }
  for (std::size_t l = 0; l < set.links.size(); ++l)
    if (bytes[l] > 0) bound = std::max(bound, earliest[l] + bytes[l] / set.links[l].bandwidth);
  return bound;
}

double flow_upper_bound(const FlowSet& set) {
  const std::vector<double> bytes = link_bytes(set);
  double bound = 0;
  for (std::size_t f = 0; f < set.flows.size(); ++f) {
    double end = arrival_of(set, f);
    for (const FlowHop& hop : set.route(f)) end += bytes[hop.link] / set.links[hop.link].bandwidth;
    bound = std::max(bound, end);
  }
  return bound;
}

}  // namespace moeplan
