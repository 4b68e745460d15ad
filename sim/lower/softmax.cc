// SPDX-License-Identifier: Apache-2.0
// Attention with explicit keys and values: MHA, GQA, MQA; full, sliding-window,
// chunked, cross and cache-sharing layers.
#include <algorithm>

#include "sim/lower/builder.h"

namespace moeplan {
namespace {

constexpr Roles kQkv{MatrixRole::Q, MatrixRole::K, MatrixRole::V};
constexpr Roles kKv{MatrixRole::K, MatrixRole::V};
constexpr Roles kQ{MatrixRole::Q};
constexpr Roles kO{MatrixRole::O};
constexpr Roles kIndex{MatrixRole::IndexQ, MatrixRole::IndexK, MatrixRole::IndexWeights};

}  // namespace

// GQA with fewer KV heads than ranks replicates: heads per rank = max(1, ceil(kv / tp)).
void lower_block(Builder& b, const SoftmaxAttention& a) {
  b.kv_heads = a.kv_heads;
  const Count heads = a.heads / b.layout.tp;
  const Count kv = std::max<Count>(1, ceil_div(a.kv_heads, b.layout.tp));
  const Count cache_per_token = b.kv_bytes(kv * a.head_dim) + b.kv_bytes(kv * a.value_dim);
  const std::uint16_t norm = b.input_norm();

  std::uint16_t qkv = 0;
  if (a.cross) {
    // Keys and values come from the encoder once, in prefill.
    const WeightRange kv_range = b.weights(kKv);
    const WeightRange q_range = b.weights(kQ);
    if (b.phase == Phase::Prefill) b.gemm(OpName::CrossKv, Part::Attention, kv_range);
    qkv = b.gemm(OpName::Qkv, Part::Attention, q_range);
    b.activation(q_range.rows, qkv, static_cast<std::uint16_t>(qkv + 1));
  } else {
    const WeightRange range = b.weights(kQkv);
    qkv = b.gemm(OpName::Qkv, Part::Attention, range);
    b.elementwise(OpName::Rope, Part::Attention, range.rows, range.rows);
    b.activation(range.rows, qkv, static_cast<std::uint16_t>(qkv + 2));
  }
  b.activation(b.hidden(), norm, qkv);

  if (a.index_heads > 0) {
    b.gemm(OpName::IndexQ, Part::Indexer, b.weights(kIndex));
    b.index_scores(a.index_heads, a.index_dim, b.kv_bytes(a.index_dim));
  }

  const Count kept = a.window != 0 ? a.window : a.chunk;
  if (!a.cross) b.gather_for_attention(cache_per_token, kept, heads * a.head_dim);
  Op attend;
  attend.kind = OpKind::Attention;
  attend.name = OpName::Attention;
  attend.part = Part::Attention;
  attend.causal = a.causal;
  attend.cross = a.cross;
  attend.n = dim(a.head_dim);
  attend.k = dim(a.value_dim);
  attend.a = dim(heads);
  attend.b = dim(kv);
  attend.window = dim(a.index_heads > 0 ? a.index_topk : a.window);
  attend.chunk = dim(a.chunk);
  attend.cache_bytes = dim(a.causal || a.cross ? cache_per_token : 0);  // an encoder keeps nothing
  const std::uint16_t attention = b.add(attend);
  if (!a.cross) b.add_partial_attention(heads, heads * a.value_dim);
  if (a.output_gate || a.head_gate)
    b.elementwise(OpName::OutputGate, Part::Attention, 2 * heads * a.value_dim, heads * a.value_dim);
  b.output_projection(OpName::AttentionOut, kO, attention);

  b.attention_scores(heads, kept == 0 ? 0 : kept + b.runtime.window_slack_tokens);
  const bool caches = (a.causal || a.cross) && !a.reuses_cache;
  if (!caches) return;
  const CacheKind kind = a.cross         ? CacheKind::Cross
                         : a.window != 0 ? CacheKind::Window
                         : a.chunk != 0  ? CacheKind::Chunk
                                         : CacheKind::Full;
  b.cache(kind, cache_per_token, kept == 0 ? 0 : kept + b.runtime.window_slack_tokens);
  if (a.index_heads > 0) b.cache(CacheKind::Indexer, b.kv_bytes(a.index_dim), 0);
}

}  // namespace moeplan
