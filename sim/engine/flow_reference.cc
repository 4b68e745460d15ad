// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/flow_reference.h"

#include <algorithm>
#include <limits>

namespace moeplan {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr double kRounding = 1e-12;

struct Running {
  std::size_t flow = 0;
  double arrival = 0;
  double remaining = 0;
  double rate = 0;  // 0: not settled
};

// The link that fills first among those with unsettled flows; its level, kNever if none is left.
struct Full {
  std::size_t link = 0;
  double level = kNever;
};

Full next_full(const FlowSet& set, const std::vector<Running>& running) {
  std::vector<double> left(set.links.size());
  std::vector<double> open(set.links.size(), 0.0);
  for (std::size_t l = 0; l < left.size(); ++l) left[l] = set.links[l].bandwidth;
  for (const Running& r : running)
    for (const FlowHop& hop : set.route(r.flow)) {
      left[hop.link] -= hop.flows * r.rate;
      if (r.rate == 0) open[hop.link] += hop.flows;
    }
  Full full;
  for (std::size_t l = 0; l < left.size(); ++l)
    if (open[l] > 0 && left[l] / open[l] < full.level) full = {.link = l, .level = left[l] / open[l]};
  return full;
}

bool crosses(std::span<const FlowHop> route, std::size_t link) {
  return std::any_of(route.begin(), route.end(), [&](const FlowHop& hop) { return hop.link == link; });
}

void find_rates(const FlowSet& set, std::vector<Running>& running) {
  for (Running& r : running) r.rate = 0;
  for (Full full = next_full(set, running); full.level < kNever; full = next_full(set, running))
    for (Running& r : running)
      if (r.rate == 0 && crosses(set.route(r.flow), full.link)) r.rate = full.level;
}

std::vector<Running> waiting_flows(const FlowSet& set) {
  std::vector<Running> waiting;
  for (std::size_t f = 0; f < set.flows.size(); ++f) {
    double arrival = set.flows[f].start;
    for (const FlowHop& hop : set.route(f)) arrival += set.links[hop.link].latency;
    waiting.push_back({.flow = f, .arrival = arrival, .remaining = set.flows[f].bytes});
  }
  std::stable_sort(waiting.begin(), waiting.end(), [](auto& a, auto& b) { return a.arrival > b.arrival; });
  return waiting;
}

FlowTimes summary(const FlowSet& set, std::vector<double> finish) {
  FlowTimes times;
  double flows = 0;
  for (std::size_t f = 0; f < finish.size(); ++f) {
    times.makespan = std::max(times.makespan, finish[f]);
    times.first = f == 0 ? finish[f] : std::min(times.first, finish[f]);
    times.mean += static_cast<double>(set.flows[f].like) * finish[f];
    flows += static_cast<double>(set.flows[f].like);
  }
  if (flows > 0) times.mean /= flows;
  times.finish = std::move(finish);
  std::vector<double> sorted = times.finish;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < sorted.size(); ++i)
    if (i == 0 || sorted[i] > sorted[i - 1] * (1 + kRounding)) ++times.distinct_completions;
  return times;
}

}  // namespace

FlowTimes run_flows_plainly(const FlowSet& set) {
  std::vector<Running> waiting = waiting_flows(set);  // the next one last
  std::vector<Running> running;
  std::vector<double> finish(set.flows.size(), 0.0);
  double now = 0;
  while (!waiting.empty() || !running.empty()) {
    find_rates(set, running);
    double next = waiting.empty() ? kNever : waiting.back().arrival;
    for (const Running& r : running) next = std::min(next, now + r.remaining / r.rate);
    for (Running& r : running) r.remaining -= r.rate * (next - now);
    now = next;
    for (; !waiting.empty() && waiting.back().arrival <= now * (1 + kRounding); waiting.pop_back())
      running.push_back(waiting.back());
    std::erase_if(running, [&](const Running& r) {
      const bool local = set.route(r.flow).empty();
      const bool ends = local || r.remaining <= kRounding * set.flows[r.flow].bytes + r.rate * now * kRounding;
      if (ends) finish[r.flow] = now;
      return ends;
    });
  }
  return summary(set, std::move(finish));
}

}  // namespace moeplan
