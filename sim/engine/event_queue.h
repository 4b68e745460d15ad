// SPDX-License-Identifier: Apache-2.0
// Pending events in the order (time, priority, sequence): equal times go by priority, equal
// priorities in the order they were scheduled, so that a run is the same every time.
//
// A heap of four children to a node in one array of plain 24-byte events: no allocation but
// when the array grows, a pop touches log4(n) lines of cache (bench/event_bench.cc compares
// it with std::priority_queue, and with a calendar queue).
#pragma once

#include <cstdint>
#include <type_traits>
#include <vector>

#include "sim/base/picoseconds.h"

namespace moeplan {

// `what` and `version` are the owner's: which thing happens, and which of its plans this was.
struct Event {
  Picoseconds time;
  std::uint64_t order = 0;  // priority, then sequence; written by the queue
  std::uint32_t what = 0;
  std::uint32_t version = 0;

  friend bool operator<(const Event& a, const Event& b) {
    return a.time != b.time ? a.time < b.time : a.order < b.order;
  }
};
static_assert(sizeof(Event) == 24 && std::is_trivially_copyable_v<Event>);

class EventQueue {
 public:
  // 2^48 events a run; smaller priorities go first.
  static constexpr int kSequenceBits = 48;

  void reserve(std::size_t events) { heap_.reserve(events); }
  bool empty() const { return heap_.empty(); }
  std::size_t size() const { return heap_.size(); }
  const Event& next() const { return heap_.front(); }

  void push(Picoseconds time, std::uint32_t what, std::uint32_t version = 0, std::uint16_t priority = 0) {
    const std::uint64_t order = (std::uint64_t{priority} << kSequenceBits) | sequence_++;
    heap_.emplace_back();
    rise(heap_.size() - 1, {.time = time, .order = order, .what = what, .version = version});
  }

  Event pop() {
    const Event first = heap_.front();
    const Event last = heap_.back();
    heap_.pop_back();
    if (!heap_.empty()) fall_from_top(last);
    return first;
  }

  // Also starts the sequence anew.
  void clear() {
    heap_.clear();
    sequence_ = 0;
  }

 private:
  static constexpr std::size_t kChildren = 4;

  void rise(std::size_t hole, const Event& event) {
    while (hole > 0) {
      const std::size_t parent = (hole - 1) / kChildren;
      if (!(event < heap_[parent])) break;
      heap_[hole] = heap_[parent];
      hole = parent;
    }
    heap_[hole] = event;
  }

  // The smallest child moves up all the way; what was last mostly belongs near the bottom.
  void fall_from_top(const Event& event) {
    const std::size_t size = heap_.size();
    std::size_t hole = 0;
    for (;;) {
      const std::size_t first = hole * kChildren + 1;
      if (first >= size) break;
      const std::size_t end = first + kChildren < size ? first + kChildren : size;
      std::size_t least = first;
      for (std::size_t child = first + 1; child < end; ++child)
        if (heap_[child] < heap_[least]) least = child;
      heap_[hole] = heap_[least];
      hole = least;
    }
    rise(hole, event);
  }

  std::vector<Event> heap_;
  std::uint64_t sequence_ = 0;
};

}  // namespace moeplan
