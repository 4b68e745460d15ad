// SPDX-License-Identifier: Apache-2.0
// Counts, token by token, the pairs of every physical expert slot and the copies from each
// rank to each other one.
//
// Copies of a token (their bytes: sim/cost/ep.h):
//   per expert  one to the rank of each of its k experts: DeepEP low latency
//   per rank    one to each rank that holds any of them: NVLink kernels, DeepEP normal in a node
//   per node    one over the network to each other node that holds any, to the rank of the
//               source's own index there; from that rank one to each other rank of the node that
//               does. In the source's node one to each rank that does
//   gathered    every token to every rank, the own included: nothing to count
//
// Of replicas a token takes one on its own rank, else one on its own node, in turn where there
// are several, else any in turn (SGLang's static dispatch); or always any in turn (vLLM, and
// what EPLB reckons with). An expert at its capacity takes no more.
//
// Counts are small whole numbers in doubles. No allocation once the sizes are known.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/program/byte_matrix.h"
#include "sim/program/expert_placement.h"

namespace moeplan {

enum class CopyKind : std::uint8_t { PerExpert, PerRank, PerNode, Gathered };
enum class ReplicaRule : std::uint8_t { Nearest, InTurn };

class CopyCounter {
 public:
  void set_placement(const ExpertPlacement& placement, ReplicaRule rule);

  // capacity: pairs that an expert takes; 0 = all.
  void start(CopyKind kind, Count capacity = 0);
  // The experts of one token; numbers from placement.experts() on compute nothing.
  void add(std::uint32_t source, std::span<const std::uint32_t> experts);

  std::span<const double> slot_rows() const { return slot_rows_; }
  const ByteMatrix& copies() const { return copies_; }
  Count dropped() const { return dropped_; }

 private:
  std::uint32_t slot_for(std::uint32_t expert, std::uint32_t source);
  void count_per_rank(std::uint32_t source);
  void count_per_node(std::uint32_t source);
  double* row(std::uint32_t source) { return copies_.bytes.data() + source * ranks_; }

  CopyKind kind_ = CopyKind::PerExpert;
  ReplicaRule rule_ = ReplicaRule::Nearest;
  std::uint32_t experts_ = 0;
  std::uint32_t ranks_ = 0;
  std::uint32_t ranks_per_node_ = 1;
  std::vector<std::uint32_t> rank_of_slot_;
  std::vector<std::uint32_t> first_replica_;  // of each expert, and the end
  std::vector<std::uint32_t> replica_slots_;

  std::uint32_t capacity_ = 0;
  std::uint32_t token_ = 0;
  Count dropped_ = 0;
  std::vector<std::uint32_t> taken_;  // pairs of each expert: its turn among replicas, too
  std::vector<std::uint32_t> reached_;
  std::vector<std::uint32_t> rank_seen_;  // token that reached it last
  std::vector<std::uint32_t> node_seen_;
  std::vector<double> slot_rows_;
  ByteMatrix copies_;
};

}  // namespace moeplan
