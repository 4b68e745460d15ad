// SPDX-License-Identifier: Apache-2.0
// Something that takes time on one rank: one entry per operator of one layer, with
// `repeat` for identical layers. Dimensions that do not depend on the step are
// numbers; the one that does is named by Rows.
#pragma once

#include <cstdint>
#include <string_view>

#include "sim/spec/matrices.h"
#include "sim/spec/runtime.h"

namespace moeplan {

enum class OpKind : std::uint8_t { Gemm, Moe, Attention, Mla, Scan, Elementwise, Gather, Collective, Copy, Host };
inline constexpr int kOpKinds = 10;

enum class Lane : std::uint8_t { Compute, Comm, Copy, Host };

// The step variable that counts an operator's rows on this rank.
enum class Rows : std::uint8_t {
  Tokens,            // new tokens of the rank's sequences
  TensorShard,       // those of one rank of a tensor group, with sequence parallelism
  Sequences,         // one logit row per sequence
  Routed,            // token-expert pairs that reach the rank's experts
  WithContext,       // of prompts new tokens plus the cached context that is expanded again (MLA prefill)
  CachedShard,       // of prompts, the tokens whose keys and values other context-parallel ranks need
  GeneratedTokens,   // new tokens of the sequences that generate
  Gathered,          // new tokens of every data-parallel rank
  GatheredSequences  // one logit row per sequence of every data-parallel rank
};

enum class CollectiveKind : std::uint8_t { AllReduce, AllGather, ReduceScatter, Dispatch, Combine, SendRecv };

// The ranks of a replica that take part in a collective.
enum class RankGroup : std::uint8_t {
  Tensor,    // those that cut one attention layer
  Context,   // of each tensor group that shares sequences, one
  Data,      // one of each tensor group: their tokens differ
  Stage,     // all of a pipeline stage
  NextStage  // a rank and its like in the next stage
};

enum class OpName : std::uint8_t {
  Embedding,
  Norm,
  Qkv,
  Rope,
  Attention,
  AttentionOut,
  QkvA,
  LatentNorm,
  QB,
  KvB,
  IndexQ,
  IndexK,
  IndexWeights,
  IndexScores,
  LinearIn,
  Conv,
  Scan,
  LinearOut,
  GateUp,
  Activation,
  Down,
  Router,
  TopK,
  Dispatch,
  Permute,
  LatentDown,
  ExpertGateUp,
  ExpertActivation,
  ExpertDown,
  Unpermute,
  Combine,
  LatentUp,
  SharedGateUp,
  SharedActivation,
  SharedDown,
  SharedGate,
  Add,
  AllReduce,
  AllGather,
  ReduceScatter,
  StageSend,
  FinalNorm,
  Head,
  Sampler,
  MtpProjection,
  CrossKv,
  OutputGate,
  HostExperts
};
inline constexpr std::size_t kOpNames = 48;
std::string_view word_of(OpName name);
std::string_view word_of(OpKind kind);

inline constexpr std::uint16_t kNone = 0xFFFF;
inline constexpr std::uint8_t kNoBlock = 0xFF;

// Dimensions by kind:
//   Gemm        rows x n x k
//   Moe         rows x n x k over `a` local experts
//   any op on Rows::Routed: a = local experts, b = top-k, choices = experts a token chooses from,
//               chunk = redundant experts over all ranks (of which a holds its share)
//   Attention   a = query heads, b = kv heads, n = qk dim, k = value dim, window, chunk
//   Mla         a = heads, n = dims per score, k = dims per value, window = keys selected (0 = all),
//               b = dims of the cached latent, choices = of its rope part
//   Scan        n = state elements per sequence, k = FLOPs per state element and token
//   Elementwise n = elements read per row, k = elements written per row
//   Gather      k = elements per row
//   Collective  n = bytes per row, a = ranks in the group, b = fan-out (top-k); an exchange of
//               tokens also k = elements per row, choices = experts a token chooses from
struct Op {
  OpKind kind = OpKind::Elementwise;
  Lane lane = Lane::Compute;
  Rows rows = Rows::Tokens;
  OpName name = OpName::Norm;
  Part part = Part::Attention;
  CollectiveKind collective = CollectiveKind::AllReduce;
  bool causal : 1 = true;
  bool cross : 1 = false;         // keys are the encoder's, not the context
  std::uint8_t block = kNoBlock;  // of the model's blocks (ModelSpec::blocks); none: once a step, or a draft
  std::uint16_t repeat = 1;       // layers that run it in this step
  std::uint16_t layers = 1;       // layers its weights belong to (more than repeat: an encoder in decode)
  std::uint16_t after[2] = {kNone, kNone};
  std::uint16_t weights_first = 0;  // tensors [first, first + count) are read
  std::uint16_t weights_count = 0;
  std::uint16_t replicas = 1;  // without weights: ranks of the stage that do this very work
  RankGroup group = RankGroup::Tensor;
  DispatchKind exchange = DispatchKind::AllGather;  // of Dispatch and Combine; never DeepEp
  std::int32_t n = 0;
  std::int32_t k = 0;
  std::int32_t a = 0;
  std::int32_t b = 0;
  std::int32_t window = 0;
  std::int32_t chunk = 0;
  std::int32_t choices = 0;
  std::int32_t padded_n = 0;  // executed instead of n where a kernel pads; 0 = n
  std::int32_t padded_k = 0;
  std::int32_t cache_bytes = 0;  // attention: cache bytes read per key on this rank
};
static_assert(sizeof(Op) <= 64);

}  // namespace moeplan
