// SPDX-License-Identifier: Apache-2.0
#include "sim/program/copy_counter.h"

#include <algorithm>

namespace moeplan {

void CopyCounter::set_placement(const ExpertPlacement& placement, ReplicaRule rule) {
  rule_ = rule;
  experts_ = static_cast<std::uint32_t>(placement.experts());
  ranks_ = static_cast<std::uint32_t>(placement.ranks());
  ranks_per_node_ = static_cast<std::uint32_t>(placement.ranks() / placement.nodes());
  rank_of_slot_.clear();
  for (Count s = 0; s < placement.slots(); ++s)
    rank_of_slot_.push_back(static_cast<std::uint32_t>(placement.rank_of(s)));
  first_replica_.assign(1, 0);
  replica_slots_.clear();
  for (Count e = 0; e < placement.experts(); ++e) {
    for (const Count s : placement.slots_of(e)) replica_slots_.push_back(static_cast<std::uint32_t>(s));
    first_replica_.push_back(static_cast<std::uint32_t>(replica_slots_.size()));
  }
  if (copies_.ranks != placement.ranks()) copies_ = ByteMatrix(placement.ranks());
  slot_rows_.resize(rank_of_slot_.size());
  taken_.resize(experts_);
  rank_seen_.resize(ranks_);
  node_seen_.resize(ranks_ / ranks_per_node_);
}

void CopyCounter::start(CopyKind kind, Count capacity) {
  kind_ = kind;
  capacity_ = static_cast<std::uint32_t>(capacity);
  token_ = 0;
  dropped_ = 0;
  std::fill(taken_.begin(), taken_.end(), 0);
  std::fill(rank_seen_.begin(), rank_seen_.end(), 0);
  std::fill(node_seen_.begin(), node_seen_.end(), 0);
  std::fill(slot_rows_.begin(), slot_rows_.end(), 0.0);
  std::fill(copies_.bytes.begin(), copies_.bytes.end(), 0.0);
}

std::uint32_t CopyCounter::slot_for(std::uint32_t expert, std::uint32_t source) {
  const std::uint32_t turn = taken_[expert]++;
  const std::uint32_t first = first_replica_[expert];
  const std::uint32_t count = first_replica_[expert + 1] - first;
  const std::uint32_t* slots = replica_slots_.data() + first;
  if (count == 1) return slots[0];
  if (rule_ == ReplicaRule::InTurn) return slots[turn % count];
  // Replicas are in the order of their ranks: those of one rank or node stand together.
  const auto nearest = [&](std::uint32_t size) {
    std::uint32_t begin = 0;
    while (begin < count && rank_of_slot_[slots[begin]] / size < source / size) ++begin;
    std::uint32_t end = begin;
    while (end < count && rank_of_slot_[slots[end]] / size == source / size) ++end;
    return std::pair(begin, end - begin);
  };
  for (const std::uint32_t size : {std::uint32_t{1}, ranks_per_node_})
    if (const auto [begin, near] = nearest(size); near > 0) return slots[begin + turn % near];
  return slots[turn % count];
}

void CopyCounter::add(std::uint32_t source, std::span<const std::uint32_t> experts) {
  ++token_;
  reached_.clear();
  for (const std::uint32_t e : experts) {
    if (e >= experts_) continue;
    if (capacity_ > 0 && taken_[e] == capacity_) {
      ++dropped_;
      continue;
    }
    const std::uint32_t slot = slot_for(e, source);
    slot_rows_[slot] += 1;
    reached_.push_back(rank_of_slot_[slot]);
  }
  switch (kind_) {
    case CopyKind::PerExpert:
      for (const std::uint32_t r : reached_) row(source)[r] += 1;
      break;
    case CopyKind::PerRank: count_per_rank(source); break;
    case CopyKind::PerNode: count_per_node(source); break;
    case CopyKind::Gathered: break;  // whatever tokens take
  }
}

void CopyCounter::count_per_rank(std::uint32_t source) {
  for (const std::uint32_t r : reached_) {
    if (rank_seen_[r] == token_) continue;
    rank_seen_[r] = token_;
    row(source)[r] += 1;
  }
}

void CopyCounter::count_per_node(std::uint32_t source) {
  const std::uint32_t own = source / ranks_per_node_;
  const std::uint32_t index = source % ranks_per_node_;
  for (const std::uint32_t r : reached_) {
    if (rank_seen_[r] == token_) continue;
    rank_seen_[r] = token_;
    const std::uint32_t node = r / ranks_per_node_;
    if (node == own) {
      row(source)[r] += 1;
      continue;
    }
    const std::uint32_t relay = node * ranks_per_node_ + index;
    if (node_seen_[node] != token_) {
      node_seen_[node] = token_;
      row(source)[relay] += 1;
    }
    if (relay != r) row(relay)[r] += 1;
  }
}

}  // namespace moeplan
