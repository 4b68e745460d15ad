// SPDX-License-Identifier: Apache-2.0
// An operator as a kernel sees it: its sizes on one rank, nothing about models. A
// program's ops, a row of a measurement file and a probe become the same points, so
// what is fitted is what is used.
#pragma once

#include "sim/base/units.h"
#include "sim/cost/kernel_format.h"

namespace moeplan {

// How a library cuts the output into tiles.
enum class GemmKernel : std::uint8_t {
  Tuned,        // the fastest of its tiles and splits of k: cuBLAS
  FittedTiles,  // widths fitted to the units, k never split: DeepGEMM
  TilesByRows,  // by m alone: the CUTLASS fp8 kernels of vLLM and SGLang
  Vectors       // a row after the other, without tiles: the mat-vec kernels of llama.cpp
};

// out[m, n] = x[m, k] * w[n, k]^T; quantising the activations included.
struct GemmPoint {
  KernelFormat format = KernelFormat::Bf16;
  double weight_bytes = 2.0;  // per element
  double m = 0;
  double n = 0;
  double k = 0;
  bool recorded = true;  // replayed from a graph: the stack's host time is not paid
  GemmKernel kernel = GemmKernel::Tuned;
};

// Token-expert pairs of the busiest rank of a layer.
struct RankLoad {
  double rows = 0;      // pairs
  double distinct = 0;  // experts with at least one
  double peak = 0;      // pairs of its busiest expert
};

// Routing, permutation, gate and up, activation, down, and the weighted sum, on one rank.
struct MoePoint {
  KernelFormat format = KernelFormat::Bf16;
  double weight_bytes = 2.0;  // per element
  bool gated = true;          // three matrices per expert; else two
  bool vectors = false;       // a row after the other, without tiles (GemmKernel::Vectors)
  double tokens = 0;          // entering the whole expert-parallel group
  double hidden = 0;
  double inter = 0;  // of an expert on this rank (after moe_tp)
  double top_k = 0;
  double experts = 0;        // a token chooses from
  double local_experts = 0;  // on this rank, replicas included
  double ranks = 1;          // expert-parallel
  RankLoad load;
};

// `sequences` with q_len new tokens each against kv_len keys, themselves included.
struct AttentionPoint {
  bool context = false;  // prefill kernel; else generation, q_len 1 (or 1 + drafts)
  bool causal = true;
  KernelFormat math = KernelFormat::Bf16;  // of the products
  double cache_bytes = 2.0;                // per cached element
  double sequences = 0;
  double q_len = 0;
  double kv_len = 0;
  double heads = 0;  // on this rank
  double kv_heads = 0;
  double head_dim = 0;   // of queries and keys
  double value_dim = 0;  // of values
  double window = 0;     // keys kept; 0 = all
};

// Multi-head latent attention. Context: expanded form, key dims nope + rope, value dims.
// Generation: absorbed form, scores over latent + rope, values over latent.
struct MlaPoint {
  bool context = false;
  KernelFormat math = KernelFormat::Bf16;
  double cache_bytes = 2.0;  // per cached element
  double sequences = 0;
  double q_len = 0;
  double kv_len = 0;
  double heads = 0;
  double latent = 512;
  double rope = 64;
  double key_dim = 192;  // context form
  double value_dim = 128;
  double selected = 0;  // keys a sparse indexer leaves; 0 = all
};

enum class CollectiveOp : std::uint8_t { AllReduce, AllReduceCustom, AllGather, ReduceScatter, AllToAll, SendRecv };
inline constexpr int kCollectiveOps = 6;

// bytes as nccl-tests counts them: all-gather the gathered total, all-to-all what one
// rank sends to all including itself.
struct CollectivePoint {
  CollectiveOp op = CollectiveOp::AllReduce;
  double bytes = 0;
  double ranks = 2;
  double near = 0;  // of them in one fast domain; 0 = as many as it holds
  double leaf = 0;  // below one set of leaf switches; 0 = as many as they serve
};

enum class EpMode : std::uint8_t { Normal, LowLatency, NvlinkOneSided, NvlinkTwoSided };
inline constexpr std::size_t kEpModes = 4;
enum class EpOp : std::uint8_t { Prepare, Dispatch, Combine, CombineLowPrecision };

struct EpPoint {
  EpMode mode = EpMode::LowLatency;
  EpOp op = EpOp::Dispatch;
  double ranks = 8;
  double ranks_per_node = 8;  // that the fast links join
  double ranks_per_leaf = 0;  // below one set of leaf switches; 0 = all
  double hidden = 0;
  double top_k = 0;
  double experts = 0;
  double tokens = 0;         // per rank
  double element_bytes = 1;  // of what is sent
  double comm_units = 0;     // SMs given to it; 0 = the library's choice
  double destinations = 0;   // distinct ranks of a token, its own included; 0 = of uniform routing
  double nodes = 0;          // distinct nodes, likewise
  double busiest = 1;        // what the busiest rank receives over the mean
};

// Norms, activations, residuals: bytes through memory, one kernel.
struct StreamPoint {
  double bytes = 0;  // read and written
  double kernels = 1;
  bool recorded = true;  // replayed from a graph
};

}  // namespace moeplan
