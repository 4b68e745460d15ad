// SPDX-License-Identifier: Apache-2.0
// Links by the time of their next completion: a binary heap that knows where each link is,
// so that a link whose rate changed moves instead of being added again.
#pragma once

#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace moeplan {

class LinkHeap {
 public:
  explicit LinkHeap(std::size_t links) : places_(links, kNowhere) { heap_.reserve(links); }

  bool empty() const { return heap_.empty(); }
  std::uint32_t top() const { return heap_.front().link; }
  double top_time() const { return heap_.empty() ? std::numeric_limits<double>::infinity() : heap_.front().time; }

  void set(std::uint32_t link, double time) {
    std::uint32_t place = places_[link];
    if (place == kNowhere) {
      place = static_cast<std::uint32_t>(heap_.size());
      heap_.push_back({time, link});
    }
    heap_[place].time = time;
    settle(place);
  }

  void remove(std::uint32_t link) {
    const std::uint32_t place = places_[link];
    if (place == kNowhere) return;
    places_[link] = kNowhere;
    const Item last = heap_.back();
    heap_.pop_back();
    if (place == heap_.size()) return;
    heap_[place] = last;
    settle(place);
  }

 private:
  struct Item {
    double time = 0;
    std::uint32_t link = 0;
  };
  static constexpr std::uint32_t kNowhere = 0xffffffff;

  void put(std::uint32_t place, const Item& item) {
    heap_[place] = item;
    places_[item.link] = place;
  }

  // Moves the item at `place` up or down to where it belongs.
  void settle(std::uint32_t place) {
    const Item item = heap_[place];
    for (std::uint32_t above = (place - 1) / 2; place > 0 && item.time < heap_[above].time; above = (place - 1) / 2) {
      put(place, heap_[above]);
      place = above;
    }
    const auto size = static_cast<std::uint32_t>(heap_.size());
    for (std::uint32_t below = 2 * place + 1; below < size; below = 2 * place + 1) {
      if (below + 1 < size && heap_[below + 1].time < heap_[below].time) ++below;
      if (item.time <= heap_[below].time) break;
      put(place, heap_[below]);
      place = below;
    }
    put(place, item);
  }

  std::vector<Item> heap_;
  std::vector<std::uint32_t> places_;
};

}  // namespace moeplan
