// SPDX-License-Identifier: Apache-2.0
// The rates after an event: release what it changes, fill that again from the lowest level.
#include <algorithm>

#include "sim/base/error.h"
#include "sim/engine/flow_network.h"

namespace moeplan {
namespace {

// Levels closer than this are one: equal links fill at equal levels to the bit.
constexpr double kSameLevel = 1e-12;
// `elsewhere` is kept by adding and taking away; it is summed anew after this many releases.
constexpr std::uint32_t kReleasesPerSum = 64;

constexpr auto kHigher = [](const auto& a, const auto& b) {
  return a.level != b.level ? a.level > b.level : a.link > b.link;
};

}  // namespace

// Marks the link as changed by this event: it will be released.
void FlowNetwork::touch(std::uint32_t link) {
  LinkState& state = links_[link];
  if (state.release == events_) return;
  state.release = events_;
  state.open = 0;
  ++state.releases;
  touched_.push_back(link);
}

// Opens the flows of all links marked; marks the links these cross, and so on.
void FlowNetwork::release_touched() {
  while (released_ < touched_.size()) release(touched_[released_++]);
}

void FlowNetwork::release(std::uint32_t link) {
  LinkState& state = links_[link];
  state.previous = state.level;
  state.level = kNever;
  finishes_.remove(link);
  const double level = state.previous;
  const double served = level * (now_ - state.since);
  const std::uint32_t* owned = lists_.owned(link);
  for (std::uint32_t i = 0; i < state.owned; ++i) {
    if (owners_[owned[i]] != link) continue;  // it ended
    owners_[owned[i]] = kNone;
    FlowState& flow = flows_[owned[i]];
    flow.remaining = std::max(0.0, flow.remaining - served);
    for (std::uint32_t h = flow.first; h < flow.first + flow.hops; ++h) {
      const Hop& hop = hops_[h];
      touch(hop.link);
      LinkState& crossed = links_[hop.link];
      crossed.open += hop.flows;
      if (hop.link != link) crossed.elsewhere -= hop.flows * level;
    }
  }
  state.owned = 0;
}

void FlowNetwork::sum_elsewhere(std::uint32_t link) {
  double sum = 0;
  for (const LinkLists::Entry& entry : lists_.of(link)) {
    const std::uint32_t owner = owners_[entry.flow];
    if (owner != kNone) sum += hops_[entry.hop].flows * links_[owner].level;
  }
  links_[link].elsewhere = sum;
  links_[link].releases = 0;
}

double FlowNetwork::level_of(const LinkState& link) const {
  return std::max(0.0, link.bandwidth - link.elsewhere) / link.open;
}

void FlowNetwork::gather_candidates() {
  candidates_.clear();
  for (const std::uint32_t link : touched_) {
    const LinkState& state = links_[link];
    if (state.releases >= kReleasesPerSum || lists_.of(link).empty()) sum_elsewhere(link);
    if (state.open > 0) candidates_.push_back({.level = level_of(state), .link = link});
  }
  std::make_heap(candidates_.begin(), candidates_.end(), kHigher);
}

// Where an event touches much of the network, how high the rest lies is worth knowing: nothing
// that fills above needs to look for flows with a higher rate.
void FlowNetwork::find_highest_outside() {
  highest_outside_ = kNever;
  if (touched_.size() < links_.size() / 8) return;
  highest_outside_ = 0;
  for (const LinkState& link : links_)
    if (link.release != events_ && link.level < kNever) highest_outside_ = std::max(highest_outside_, link.level);
}

void FlowNetwork::fill() {
  release_touched();
  gather_candidates();
  find_highest_outside();
  double lowest = 0;  // what has settled lies at or below
  while (!candidates_.empty()) {
    const Candidate candidate = candidates_.front();
    std::pop_heap(candidates_.begin(), candidates_.end(), kHigher);
    candidates_.pop_back();
    const LinkState& state = links_[candidate.link];
    if (state.open == 0) continue;  // links below own all its flows
    // Rounding may open flows of equal level after their link has settled: it settles again.
    if (state.level != kNever) release(candidate.link);
    double level = std::max(lowest, level_of(state));
    if (level > candidate.level && !candidates_.empty() && level > candidates_.front().level) {
      // Flows that settled below left it more: another link may come first.
      candidates_.push_back({.level = level, .link = candidate.link});
      std::push_heap(candidates_.begin(), candidates_.end(), kHigher);
      continue;
    }
    if (level <= lowest * (1 + kSameLevel)) level = lowest;
    if (yields_to_link_outside(candidate.link, level)) {
      release_touched();
      gather_candidates();
      continue;
    }
    own_open_flows(candidate.link);
    settle(candidate.link, level);
    lowest = level;
  }
  touched_.clear();
  released_ = 0;
}

// True when a flow on the link has a higher rate by a link outside, which is now marked to be
// released.
bool FlowNetwork::yields_to_link_outside(std::uint32_t link, double level) {
  // What stayed below the old level stays below a higher one.
  if (level >= highest_outside_ || level >= links_[link].previous * (1 - kSameLevel)) return false;
  const std::size_t before = touched_.size();
  for (const LinkLists::Entry& entry : lists_.of(link)) {
    const std::uint32_t owner = owners_[entry.flow];
    if (owner != kNone && links_[owner].release != events_ && links_[owner].level > level * (1 + kSameLevel))
      touch(owner);
  }
  return touched_.size() > before;
}

void FlowNetwork::own_open_flows(std::uint32_t link) {
  std::uint32_t* owned = lists_.owned(link);
  std::uint32_t count = 0;
  // Which flows are open follows no pattern: no branch for a processor to guess.
  for (const LinkLists::Entry& entry : lists_.of(link)) {
    const std::uint32_t owner = owners_[entry.flow];
    const std::uint32_t open = 0 - static_cast<std::uint32_t>(owner == kNone);  // all bits or none
    owned[count] = entry.flow;
    count += open & 1;
    owners_[entry.flow] = (owner & ~open) | (link & open);
  }
  links_[link].owned = count;
}

// The link is full at `level` from now on.
void FlowNetwork::settle(std::uint32_t link, double level) {
  LinkState& state = links_[link];
  state.level = level;
  state.since = now_;
  double least = kNever;
  const std::uint32_t* owned = lists_.owned(link);
  for (std::uint32_t i = 0; i < state.owned; ++i) {
    const FlowState& flow = flows_[owned[i]];
    least = std::min(least, flow.remaining);
    for (std::uint32_t h = flow.first; h < flow.first + flow.hops; ++h) {
      const Hop& hop = hops_[h];
      LinkState& crossed = links_[hop.link];
      crossed.open -= hop.flows;
      if (hop.link != link) crossed.elsewhere += hop.flows * level;
    }
  }
  CHECK(level > 0 || least == kNever);
  finishes_.set(link, now_ + least / level);
}

}  // namespace moeplan
