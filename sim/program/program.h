// SPDX-License-Identifier: Apache-2.0
// One step of one rank class, stated once: every operator and every tensor. It is a
// plain value of a fixed size without heap; everything downstream (ledger, prices,
// events, probes, reports) reads it and knows nothing of models.
#pragma once

#include <cstddef>
#include <span>
#include <type_traits>

#include "sim/program/op.h"
#include "sim/program/tensor.h"

namespace moeplan {

enum class Phase : std::uint8_t { Prefill, Decode };

// Ranks that hold and do the same.
struct RankClass {
  Count first_stage = 0;  // pipeline stages [first_stage, first_stage + stages)
  Count stages = 1;
  Count first_layer = 0;  // decoder layers of the first of these stages
  Count layers = 0;
  Count ranks = 1;      // over one replica
  bool hottest = true;  // holds ceil(experts / ep) experts per MoE layer; else floor
  bool first = true;    // holds the embedding
  bool last = true;     // holds the head
};

// Enough for kMaxBlocks blocks of any kind (violations(ModelSpec) refuses more).
inline constexpr std::size_t kMaxOps = 256;
inline constexpr std::size_t kMaxTensors = 512;

// Room for up to N values that are written before they are read. An array of T would
// run T's member initialisers over all of it, half the cost of a lowering.
template <class T, std::size_t N>
class Room {
  static_assert(std::is_trivially_copyable_v<T> && std::is_aggregate_v<T>);

 public:
  T* data() { return reinterpret_cast<T*>(bytes_); }
  const T* data() const { return reinterpret_cast<const T*>(bytes_); }
  T& operator[](std::size_t i) { return data()[i]; }
  const T& operator[](std::size_t i) const { return data()[i]; }

 private:
  alignas(T) std::byte bytes_[sizeof(T) * N];
};

struct Program {
  // Written by lower(); the rooms beyond their counts are not initialised.
  Program() {}  // NOLINT(modernize-use-equals-default): no zeroing of 50 KB
  Phase phase;
  RankClass rank_class;
  Count tp, dp, cp, ep, moe_tp, stage_ranks, pp;  // of the layout
  RankOrder order;
  Count vocab_overhang;         // rows the ranks that share an input table hold beyond the real ones
  Count head_overhang;          // and of the output head
  Count first_draft = kMaxOps;  // ops from here on are of the module that drafts tokens
  Count op_count = 0;
  Count tensor_count = 0;
  Room<Op, kMaxOps> op_array;
  Room<Tensor, kMaxTensors> tensor_array;

  std::span<const Op> ops() const { return {op_array.data(), static_cast<std::size_t>(op_count)}; }
  std::span<const Tensor> tensors() const { return {tensor_array.data(), static_cast<std::size_t>(tensor_count)}; }
};
static_assert(std::is_trivially_copyable_v<Program>);

}  // namespace moeplan
