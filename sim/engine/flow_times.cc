// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/flow_times.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sim/base/error.h"
#include "sim/engine/flow_network.h"

namespace moeplan {
namespace {

constexpr std::uint32_t kNoLink = 0xffffffff;

// When each flow may contend.
std::vector<double> arrivals_of(const FlowSet& set) {
  std::vector<double> arrivals(set.flows.size());
  for (std::size_t f = 0; f < arrivals.size(); ++f) {
    arrivals[f] = set.flows[f].start;
    for (const FlowHop& hop : set.route(f)) arrivals[f] += set.links[hop.link].latency;
  }
  return arrivals;
}

// Seconds for its bytes when nothing else is under way.
double seconds_alone(const FlowSet& set, std::size_t flow) {
  double rate = std::numeric_limits<double>::infinity();
  for (const FlowHop& hop : set.route(flow)) {
    const double bandwidth = set.links[hop.link].bandwidth;
    rate = std::min(rate, hop.flows == 1 ? bandwidth : bandwidth / hop.flows);
  }
  return set.flows[flow].bytes / rate;
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

// Seconds each link needs for all its bytes.
std::vector<double> link_seconds(const FlowSet& set) {
  std::vector<double> seconds = link_bytes(set);
  for (std::size_t l = 0; l < seconds.size(); ++l) seconds[l] /= set.links[l].bandwidth;
  return seconds;
}

// When each link has moved its bytes, at the earliest; 0 for one without.
std::vector<double> link_ends(const FlowSet& set, std::span<const double> arrivals, std::span<const double> seconds) {
  std::vector<double> ends(set.links.size(), std::numeric_limits<double>::infinity());
  for (std::size_t f = 0; f < set.flows.size(); ++f)
    if (set.flows[f].bytes > 0)
      for (const FlowHop& hop : set.route(f)) ends[hop.link] = std::min(ends[hop.link], arrivals[f]);
  for (std::size_t l = 0; l < ends.size(); ++l) ends[l] = seconds[l] > 0 ? ends[l] + seconds[l] : 0;
  return ends;
}

double upper_bound_of(const FlowSet& set, std::span<const double> arrivals, std::span<const double> seconds) {
  double bound = 0;
  for (std::size_t f = 0; f < set.flows.size(); ++f) {
    double end = arrivals[f];
    for (const FlowHop& hop : set.route(f)) end += seconds[hop.link];
    bound = std::max(bound, end);
  }
  return bound;
}

Count count_distinct(std::vector<double> ends) {
  std::sort(ends.begin(), ends.end());
  return std::unique(ends.begin(), ends.end()) - ends.begin();
}

FlowTimes run_ports(const FlowSet& set) {
  FlowTimes times;
  times.finish.resize(set.flows.size());
  if (set.flows.empty()) return times;
  const std::vector<double> arrivals = arrivals_of(set);
  const std::vector<double> seconds = link_seconds(set);
  const std::vector<double> link_end = link_ends(set, arrivals, seconds);
  std::vector<char> decides(set.links.size(), 0);  // the end of some flow
  std::vector<double> ends;                        // of flows that no link decides
  double sum = 0;
  double flows = 0;
  times.first = std::numeric_limits<double>::infinity();
  for (std::size_t f = 0; f < set.flows.size(); ++f) {
    const Flow& flow = set.flows[f];
    double end = arrivals[f] + seconds_alone(set, f);
    std::uint32_t slowest = kNoLink;
    if (flow.bytes > 0)
      for (const FlowHop& hop : set.route(f))
        if (link_end[hop.link] >= end) {
          end = link_end[hop.link];
          slowest = hop.link;
        }
    if (slowest == kNoLink) {
      ends.push_back(end);
    } else {
      decides[slowest] = 1;
    }
    times.finish[f] = end;
    times.first = std::min(times.first, end);
    times.makespan = std::max(times.makespan, end);
    sum += static_cast<double>(flow.like) * end;
    flows += static_cast<double>(flow.like);
  }
  times.mean = sum / flows;
  for (std::size_t l = 0; l < decides.size(); ++l)
    if (decides[l] != 0) ends.push_back(link_end[l]);
  times.distinct_completions = count_distinct(std::move(ends));
  if (times.makespan > 0) times.error = std::max(0.0, upper_bound_of(set, arrivals, seconds) / times.makespan - 1);
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
  const std::vector<double> arrivals = arrivals_of(set);
  double bound = 0;
  for (const double end : link_ends(set, arrivals, link_seconds(set))) bound = std::max(bound, end);
  for (std::size_t f = 0; f < set.flows.size(); ++f) bound = std::max(bound, arrivals[f] + seconds_alone(set, f));
  return bound;
}

double flow_upper_bound(const FlowSet& set) { return upper_bound_of(set, arrivals_of(set), link_seconds(set)); }

}  // namespace moeplan
