// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/flow_network.h"

#include <algorithm>

#include "sim/base/error.h"

namespace moeplan {
namespace {

// Ends closer than this, relative to the time since the network was idle, are one.
constexpr double kSameTime = 1e-12;
// Rounding of a time itself: a few units in the last place.
constexpr double kClockRounding = 1e-15;

constexpr auto kLater = [](const auto& a, const auto& b) { return a.at != b.at ? a.at > b.at : a.flow > b.flow; };

}  // namespace

FlowNetwork::FlowNetwork(std::span<const FlowLink> links, double window)
    : lists_(links.size()), finishes_(links.size()), window_(window) {
  links_.resize(links.size());
  for (std::size_t i = 0; i < links.size(); ++i) {
    CHECK(links[i].bandwidth > 0 && links[i].bandwidth < kNever && links[i].latency >= 0);
    links_[i].bandwidth = links[i].bandwidth;
    links_[i].latency = links[i].latency;
  }
  touched_.reserve(links.size());
  candidates_.reserve(links.size());
}

void FlowNetwork::reserve(const FlowSet& set) {
  CHECK(flows_.empty());
  std::vector<std::uint32_t> counts(links_.size(), 0);
  for (const FlowHop& hop : set.hops) ++counts[hop.link];
  lists_.reserve(counts);
  flows_.reserve(set.flows.size());
  owners_.reserve(set.flows.size());
  hops_.reserve(set.hops.size());
  slots_.reserve(set.hops.size());
  queue_.reserve(set.flows.size());
  ends_.reserve(set.flows.size());
}

// Hops of an ended flow's route of the same length, else new ones.
std::uint32_t FlowNetwork::new_route(std::span<const FlowHop> route) {
  auto first = static_cast<std::uint32_t>(hops_.size());
  if (route.size() < free_routes_.size() && free_routes_[route.size()] != kNone) {
    first = free_routes_[route.size()];
    free_routes_[route.size()] = hops_[first].link;
  } else {
    hops_.resize(hops_.size() + route.size());
    slots_.resize(hops_.size());
  }
  for (std::size_t i = 0; i < route.size(); ++i) {
    CHECK(route[i].link < links_.size() && route[i].flows > 0);
    hops_[first + i] = {.link = route[i].link, .flows = route[i].flows};
  }
  return first;
}

std::uint32_t FlowNetwork::start(std::span<const FlowHop> route, double bytes, double at) {
  CHECK(bytes >= 0 && bytes < kNever && at < kNever);
  auto flow = static_cast<std::uint32_t>(flows_.size());
  if (free_flows_.empty()) {
    flows_.emplace_back();
    owners_.push_back(kNone);
  } else {
    flow = free_flows_.back();
    free_flows_.pop_back();
  }
  const std::uint32_t first = new_route(route);
  double latency = 0;
  for (const FlowHop& hop : route) latency += links_[hop.link].latency;
  flows_[flow] = {.remaining = bytes, .first = first, .hops = static_cast<std::uint32_t>(route.size())};
  wait({.at = std::max(at, now_) + latency, .flow = flow});
  return flow;
}

void FlowNetwork::wait(Delayed start) {
  if (queue_head_ == queue_.size() || start.at >= queue_.back().at) {
    queue_.push_back(start);
  } else {
    late_.push_back(start);
    std::push_heap(late_.begin(), late_.end(), kLater);
  }
}

double FlowNetwork::next_start() const {
  double at = kNever;
  if (queue_head_ < queue_.size()) at = queue_[queue_head_].at;
  if (!late_.empty()) at = std::min(at, late_.front().at);
  return at;
}

std::uint32_t FlowNetwork::take_next_start() {
  if (queue_head_ < queue_.size() && (late_.empty() || !kLater(queue_[queue_head_], late_.front()))) {
    const std::uint32_t flow = queue_[queue_head_++].flow;
    // Half of the queue is behind us: move the rest to its front.
    if (2 * queue_head_ >= queue_.size()) {
      queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(queue_head_));
      queue_head_ = 0;
    }
    return flow;
  }
  std::pop_heap(late_.begin(), late_.end(), kLater);
  const std::uint32_t flow = late_.back().flow;
  late_.pop_back();
  return flow;
}

double FlowNetwork::next_event() const { return std::max(now_, std::min(next_start(), finishes_.top_time())); }

double FlowNetwork::slack() const { return std::max(kSameTime * (now_ - busy_since_), kClockRounding * now_); }

std::span<const FlowEnd> FlowNetwork::advance(double to) {
  recycle();
  for (double at = next_event(); at <= to && at < kNever; at = next_event()) step(at);
  if (to > now_ && to < kNever) now_ = to;
  return ends_;
}

// What the last advance() reported is free again.
void FlowNetwork::recycle() {
  for (const FlowEnd& end : ends_) {
    const FlowState& flow = flows_[end.flow];
    if (flow.hops > 0) {
      if (flow.hops >= free_routes_.size()) free_routes_.resize(flow.hops + 1, kNone);
      hops_[flow.first].link = free_routes_[flow.hops];
      free_routes_[flow.hops] = flow.first;
    }
    free_flows_.push_back(end.flow);
  }
  ends_.clear();
}

// All that happens at one time: ends, then starts, then new rates.
void FlowNetwork::step(double at) {
  ++events_;
  if (contending_ == 0) busy_since_ = at;
  const double half = std::clamp(next_start() - at, 0.0, window_) / 2;  // no flow starts in between
  now_ = at + half;
  const double slack_now = std::max(slack(), half);
  while (finishes_.top_time() <= now_ + slack_now) end_flows_of(finishes_.top(), slack_now);
  while (next_start() <= now_ + slack()) admit(take_next_start());
  fill();
}

// The link's shortest flow has ended, and with it those that end within the slack.
void FlowNetwork::end_flows_of(std::uint32_t link, double slack_now) {
  touch(link);
  const double level = links_[link].level;
  const double served = level * (now_ + slack_now - links_[link].since);
  const std::uint32_t* owned = lists_.owned(link);
  for (std::uint32_t i = 0; i < links_[link].owned; ++i) {
    const std::uint32_t flow = owned[i];
    const double remaining = flows_[flow].remaining;
    if (remaining > served) continue;
    leave(flow, link);
    if (window_ == 0) {
      end(flow, now_);
    } else {
      end(flow, links_[link].since + remaining / level, level * (now_ - links_[link].since) - remaining);
    }
  }
  finishes_.remove(link);
}

void FlowNetwork::end(std::uint32_t flow, double at, double excess) {
  ends_.push_back({.flow = flow, .at = at, .excess = excess});
}

void FlowNetwork::leave(std::uint32_t flow, std::uint32_t owner) {
  const double level = links_[owner].level;
  const FlowState& state = flows_[flow];
  for (std::uint32_t h = state.first; h < state.first + state.hops; ++h) {
    const Hop& hop = hops_[h];
    touch(hop.link);
    if (hop.link != owner) links_[hop.link].elsewhere -= hop.flows * level;
    const std::uint32_t moved = lists_.remove(hop.link, slots_[h]);
    if (moved != kNone) slots_[moved] = slots_[h];
  }
  owners_[flow] = kNone;
  --contending_;
}

void FlowNetwork::admit(std::uint32_t flow) {
  const FlowState& state = flows_[flow];
  if (state.hops == 0 || state.remaining == 0) {
    end(flow, now_);
    return;
  }
  ++contending_;
  for (std::uint32_t h = state.first; h < state.first + state.hops; ++h) {
    const Hop& hop = hops_[h];
    touch(hop.link);
    slots_[h] = lists_.add(hop.link, {.flow = flow, .hop = h});
    links_[hop.link].open += hop.flows;
  }
}

double FlowNetwork::rate(std::uint32_t flow) const {
  const std::uint32_t owner = owners_[flow];
  return owner == kNone ? 0 : links_[owner].level;
}

}  // namespace moeplan
