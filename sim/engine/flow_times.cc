// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/flow_times.h"

#include <algorithm>
#include <cmath>
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

// Of entries that ended in this order; distinct are those that did not end with the one before.
FlowTimes times_of(const FlowSet& set, std::span<const FlowEnd> ends) {
  FlowTimes times;
  times.finish.resize(set.flows.size());
  if (ends.empty()) return times;
  times.first = std::numeric_limits<double>::infinity();
  double sum = 0;
  double flows = 0;
  double last = -1;
  for (const FlowEnd& end : ends) {
    const Flow& flow = set.flows[end.flow];
    times.finish[end.flow] = end.at;
    times.first = std::min(times.first, end.at);
    times.makespan = std::max(times.makespan, end.at);
    sum += static_cast<double>(flow.like) * end.at;
    flows += static_cast<double>(flow.like);
    if (end.at != last) ++times.distinct_completions;
    last = end.at;
  }
  times.mean = sum / flows;
  return times;
}

// The longest that the links of a route together were busy with bytes too many or too few.
double longest_misserved(const FlowSet& set, std::span<const FlowEnd> ends) {
  std::vector<double> misserved(set.links.size(), 0.0);
  for (const FlowEnd& end : ends)
    for (const FlowHop& hop : set.route(end.flow)) misserved[hop.link] += hop.flows * std::abs(end.excess);
  double longest = 0;
  for (std::size_t f = 0; f < set.flows.size(); ++f) {
    double seconds = 0;
    for (const FlowHop& hop : set.route(f)) seconds += misserved[hop.link] / set.links[hop.link].bandwidth;
    longest = std::max(longest, seconds);
  }
  return longest;
}

FlowTimes run_events(const FlowSet& set, double window) {
  FlowNetwork network(set.links, window);
  network.reserve(set);
  for (std::size_t f = 0; f < set.flows.size(); ++f)
    network.start(set.route(f), set.flows[f].bytes, set.flows[f].start);
  const std::span<const FlowEnd> ends = network.advance(std::numeric_limits<double>::infinity());
  CHECK(ends.size() == set.flows.size());
  FlowTimes times = times_of(set, ends);
  if (window > 0) times.error = longest_misserved(set, ends) / times.makespan;
  return times;
}

// When each link has moved its bytes, at the earliest.
std::vector<double> link_ends(const FlowSet& set) {
  const std::vector<double> bytes = link_bytes(set);
  std::vector<double> ends(set.links.size(), std::numeric_limits<double>::infinity());
  for (std::size_t f = 0; f < set.flows.size(); ++f) {
    if (set.flows[f].bytes == 0) continue;
    const double arrival = arrival_of(set, f);
    for (const FlowHop& hop : set.route(f)) ends[hop.link] = std::min(ends[hop.link], arrival);
  }
  for (std::size_t l = 0; l < set.links.size(); ++l)
    ends[l] = bytes[l] > 0 ? ends[l] + bytes[l] / set.links[l].bandwidth : 0;
  return ends;
}

double end_alone(const FlowSet& set, std::size_t flow) {
  return arrival_of(set, flow) + set.flows[flow].bytes / rate_alone(set, flow);
}

FlowTimes run_ports(const FlowSet& set) {
  const std::vector<double> link_end = link_ends(set);
  std::vector<FlowEnd> ends(set.flows.size());
  for (std::size_t f = 0; f < ends.size(); ++f) {
    double end = end_alone(set, f);
    if (set.flows[f].bytes > 0)
      for (const FlowHop& hop : set.route(f)) end = std::max(end, link_end[hop.link]);
    ends[f] = {.flow = static_cast<std::uint32_t>(f), .at = end};
  }
  std::sort(ends.begin(), ends.end(), [](const FlowEnd& a, const FlowEnd& b) { return a.at < b.at; });
  FlowTimes times = times_of(set, ends);
  if (times.makespan > 0) times.error = std::max(0.0, flow_upper_bound(set) / times.makespan - 1);
  return times;
}

}  // namespace

FlowTimes run_flows(const FlowSet& set, FlowMode mode) {
  if (mode == FlowMode::Ports) return run_ports(set);
  return run_events(set, mode == FlowMode::Quantised ? kFlowWindow * flow_bound(set) : 0);
}

std::vector<double> link_bytes(const FlowSet& set) {
  std::vector<double> bytes(set.links.size(), 0.0);
  for (std::size_t f = 0; f < set.flows.size(); ++f)
    for (const FlowHop& hop : set.route(f)) bytes[hop.link] += hop.flows * set.flows[f].bytes;
  return bytes;
}

double flow_bound(const FlowSet& set) {
  double bound = 0;
  for (const double end : link_ends(set)) bound = std::max(bound, end);
  for (std::size_t f = 0; f < set.flows.size(); ++f) bound = std::max(bound, end_alone(set, f));
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
