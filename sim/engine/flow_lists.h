// SPDX-License-Identifier: Apache-2.0
// The flows on each link: lists in one array, each with room to grow, so that adding and
// removing a flow allocates nothing once the array has its size. Beside each list lies as much
// room for those of its flows that the link owns.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

namespace moeplan {

class LinkLists {
 public:
  struct Entry {
    std::uint32_t flow = 0;
    std::uint32_t hop = 0;  // the place in the flow's route, to tell it where its entry went
  };
  static constexpr std::uint32_t kNone = 0xffffffff;

  explicit LinkLists(std::size_t links) : lists_(links) {}

  // Room for `counts[link]` flows each, in one piece; only while all lists are empty.
  void reserve(std::span<const std::uint32_t> counts) {
    std::uint32_t first = 0;
    for (std::size_t link = 0; link < lists_.size(); ++link) {
      lists_[link] = {.first = first, .size = 0, .capacity = counts[link]};
      first += counts[link];
    }
    entries_.resize(first);
    owned_.resize(first);
  }

  std::span<const Entry> of(std::uint32_t link) const {
    return {entries_.data() + lists_[link].first, lists_[link].size};
  }

  // Room for as many flows as the list holds.
  std::uint32_t* owned(std::uint32_t link) { return owned_.data() + lists_[link].first; }

  // Returns the slot of the new entry.
  std::uint32_t add(std::uint32_t link, Entry entry) {
    List& list = lists_[link];
    if (list.size == list.capacity) grow(list);
    entries_[list.first + list.size] = entry;
    return list.size++;
  }

  // The last entry takes the slot; its hop is returned, kNone when the removed one was last.
  std::uint32_t remove(std::uint32_t link, std::uint32_t slot) {
    List& list = lists_[link];
    --list.size;
    if (slot == list.size) return kNone;
    const Entry moved = entries_[list.first + list.size];
    entries_[list.first + slot] = moved;
    return moved.hop;
  }

 private:
  struct List {
    std::uint32_t first = 0;
    std::uint32_t size = 0;
    std::uint32_t capacity = 0;
  };

  // Twice the room at the end of the array; the old room is lost, at most as much again in all.
  void grow(List& list) {
    const std::uint32_t capacity = std::max<std::uint32_t>(4, 2 * list.capacity);
    const auto first = static_cast<std::uint32_t>(entries_.size());
    entries_.resize(entries_.size() + capacity);
    owned_.resize(entries_.size());
    std::copy_n(entries_.begin() + list.first, list.size, entries_.begin() + first);
    std::copy_n(owned_.begin() + list.first, list.size, owned_.begin() + first);
    list.first = first;
    list.capacity = capacity;
  }

  std::vector<List> lists_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> owned_;
};

}  // namespace moeplan
