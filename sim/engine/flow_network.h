// SPDX-License-Identifier: Apache-2.0
// Flows that share links by max-min fairness, exactly, event by event.
//
// Meaning. A flow of B bytes sent at time s contends from s + the latencies of its route on.
// From then on the rates are max-min fair at every instant: no flow can get more without
// taking from one that has no more than it. They change only when a flow joins or ends.
//
// Rates. Progressive filling: the rate of all flows rises together; when the flows of a link
// fill it, their rate stays, the link's *level*, and the rest rise on. A link with capacity c,
// of which flows held elsewhere take T, fills with n open flows at (c - T) / n. So each flow
// belongs to one full link, its *owner*, and has its level as rate; the owner is the link of
// the lowest level on its route. An entry for many like flows counts as `FlowHop::flows` of
// them on each of its links; nothing else changes.
//
// Incremental. A flow that joins or ends changes levels only on links that connect to its own
// by flows whose owner changes too: its links are released (their flows open again), then
// the links those flows cross, and so on; a flow's owner has the lowest level of its route,
// so a link below the ended flow's rate is never reached. The released part is filled again in
// order of level. If a link then fills at a level below that of a flow held by a link outside,
// that link is released too (it lies higher, so nothing settled moves).
//
// Time. The flows of a full link all run at its level, so a link needs one number: the bytes
// its shortest flow still has. A heap over links gives the next completion; flows whose
// ends differ by rounding only end together. A flow's remaining bytes are brought up to date
// when its owner is released.
//
// Cost of an event with A released links, F flows on them, H hops each: O(F H + A log A),
// no allocation once arrays have grown to their size. Memory: 24 bytes a flow, 20 a hop.
//
// Times are seconds as doubles: two runs of one input agree to the bit, and rounding stays
// below 1e-12 of the time since the network was last idle. At the border to the event engine
// they become picoseconds.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "sim/engine/flow_heap.h"
#include "sim/engine/flow_lists.h"
#include "sim/engine/flow_set.h"

namespace moeplan {

struct FlowEnd {
  std::uint32_t flow = 0;
  double at = 0;
  double excess = 0;  // bytes it was served beyond its own (less: negative); 0 unless quantised
};

class FlowNetwork {
 public:
  // `window` > 0 quantises: flows that end within so many seconds leave together in the middle of
  // them, so that a run of T seconds has T / window events instead of one for each flow. Each
  // reports the end it would have had at its last rate. The run is exact for flows of `excess`
  // more bytes.
  explicit FlowNetwork(std::span<const FlowLink> links, double window = 0);

  // Room for these flows, so that nothing grows while they run. Before the first start.
  void reserve(const FlowSet& set);

  // Sends a flow at `at` (not before now()); an empty route or 0 bytes take the latency only.
  // The id is free for another flow after the advance() that follows the one reporting its end.
  std::uint32_t start(std::span<const FlowHop> route, double bytes, double at);

  double now() const { return now_; }
  // When rates change next; infinity when nothing is under way. Never before now().
  double next_event() const;
  // Lets time pass until `to`; the flows that ended on the way, in order. Valid until the next call.
  std::span<const FlowEnd> advance(double to);

  // Bytes per second of a flow that contends now; 0 of one that does not (yet, or any more).
  double rate(std::uint32_t flow) const;
  std::size_t contending() const { return contending_; }
  // Times at which rates changed.
  std::uint64_t events() const { return events_; }

 private:
  static constexpr std::uint32_t kNone = LinkLists::kNone;
  static constexpr double kNever = std::numeric_limits<double>::infinity();

  struct FlowState {
    double remaining = 0;     // bytes at the time its owner filled
    std::uint32_t first = 0;  // its hops
    std::uint32_t hops = 0;
  };
  struct Hop {
    std::uint32_t link = 0;
    std::uint32_t flows = 1;
  };
  struct LinkState {
    double bandwidth = 0;
    double elsewhere = 0;      // taken by flows that other links own
    double open = 0;           // flows whose rate still rises
    double level = kNever;     // kNever: not full
    double previous = kNever;  // the level before it was released
    double since = 0;          // when it filled
    double latency = 0;
    std::uint64_t release = 0;   // the event that last released it
    std::uint32_t releases = 0;  // since `elsewhere` was last summed anew
    std::uint32_t owned = 0;     // flows
  };
  struct Candidate {  // a link that will fill at `level`, unless that rises before
    double level = 0;
    std::uint32_t link = 0;
  };
  struct Delayed {
    double at = 0;
    std::uint32_t flow = 0;
  };

  // flow_network.cc: flows come and go.
  std::uint32_t new_route(std::span<const FlowHop> route);
  void wait(Delayed start);
  double next_start() const;
  std::uint32_t take_next_start();
  void admit(std::uint32_t flow);
  void end_flows_of(std::uint32_t link, double slack);
  void end(std::uint32_t flow, double at, double excess = 0);
  void leave(std::uint32_t flow, std::uint32_t owner);
  void recycle();
  void step(double at);
  double slack() const;

  // flow_fill.cc: rates.
  void fill();
  void touch(std::uint32_t link);
  void release_touched();
  void release(std::uint32_t link);
  void sum_elsewhere(std::uint32_t link);
  void gather_candidates();
  void find_highest_outside();
  void own_open_flows(std::uint32_t link);
  bool yields_to_link_outside(std::uint32_t link, double level);
  void settle(std::uint32_t link, double level);
  double level_of(const LinkState& link) const;

  std::vector<LinkState> links_;
  LinkLists lists_;
  LinkHeap finishes_;
  std::vector<FlowState> flows_;
  std::vector<std::uint32_t> owners_;  // of each flow; kNone: open, or not contending
  std::vector<Hop> hops_;
  std::vector<std::uint32_t> slots_;  // of each hop in its link's list
  std::vector<std::uint32_t> free_flows_;
  std::vector<std::uint32_t> free_routes_;  // by number of hops: the first of a chain through Hop::link

  // Starts to come: those that were added in order of time, and the others as a heap.
  std::vector<Delayed> queue_;
  std::size_t queue_head_ = 0;
  std::vector<Delayed> late_;

  double window_ = 0;
  double now_ = 0;
  double busy_since_ = 0;
  std::size_t contending_ = 0;
  std::uint64_t events_ = 0;
  std::vector<FlowEnd> ends_;

  // Of the event at hand.
  std::vector<std::uint32_t> touched_;
  std::size_t released_ = 0;  // of touched_
  std::vector<Candidate> candidates_;
  double highest_outside_ = kNever;  // no link that is not touched has a higher level
};

}  // namespace moeplan
