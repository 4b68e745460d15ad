// SPDX-License-Identifier: Apache-2.0
// Multi-head latent attention. Decode runs absorbed: every head scores the cached
// latent (kv_lora + rope dims) and sums latents (kv_lora dims). Prefill runs
// expanded: K and V of every head are rebuilt from the latent, the cached context
// again in each chunk; sequences that decode in the same step stay absorbed. With the sparse indexer (DSA) prefill is
// absorbed too, over the selected keys only.
#include "sim/lower/builder.h"

namespace moeplan {
namespace {

constexpr Roles kLatentIn{MatrixRole::QA, MatrixRole::KvA};
constexpr Roles kQ{MatrixRole::Q};
constexpr Roles kQB{MatrixRole::QB};
constexpr Roles kKvB{MatrixRole::KvB};
constexpr Roles kO{MatrixRole::O};
constexpr Roles kIndexQ{MatrixRole::IndexQ};
constexpr Roles kIndexIn{MatrixRole::IndexK, MatrixRole::IndexWeights};

// Bytes of the cached latent of one token. DeepSeek-V3.2's FP8 layout keeps the
// latent in FP8 with an F32 scale per 128 values and the rope part in bf16
// (facts: 656 B for 512 + 64).
Count latent_bytes(const Builder& b, const LatentAttention& a) {
  const bool fp8 = b.plan.formats[b.options.kv_format].group_bytes == b.plan.formats[b.options.kv_format].group;
  if (a.indexer != Indexer::None && fp8) return a.kv_lora + a.kv_lora / 128 * 4 + a.rope_dim * 2;
  return b.kv_bytes(a.kv_lora + a.rope_dim);
}

// The indexer's key: FP8 values and one F32 scale per 128 (facts: 132 B for 128).
Count index_key_bytes(const LatentAttention& a) { return a.index_dim + ceil_div(a.index_dim, 128) * 4; }

void lower_indexer(Builder& b, const LatentAttention& a) {
  b.gemm(OpName::IndexQ, Part::Indexer, b.weights(kIndexQ));
  b.gemm(OpName::IndexK, Part::Indexer, b.weights(kIndexIn));
  b.index_scores(a.index_heads, a.index_dim, index_key_bytes(a));
}

}  // namespace

void lower_block(Builder& b, const LatentAttention& a) {
  const Count heads = a.heads / b.layout.tp;
  const bool absorbed = b.phase == Phase::Decode || a.indexer != Indexer::None || b.runtime.mla_workspace_tokens == 0;
  const std::uint16_t norm = b.input_norm();
  std::uint16_t in = 0;
  std::uint16_t q = 0;
  if (a.q_lora > 0) {
    const WeightRange latent = b.weights(kLatentIn);
    in = b.gemm(OpName::QkvA, Part::Attention, latent);
    b.elementwise(OpName::LatentNorm, Part::Norm, latent.rows, latent.rows);
    q = b.gemm(OpName::QB, Part::Attention, b.weights(kQB));
    b.activation(latent.rows, in, q);
  } else {
    q = b.gemm(OpName::Qkv, Part::Attention, b.weights(kQ));
    const WeightRange latent = b.weights(kLatentIn);
    in = b.gemm(OpName::QkvA, Part::Attention, latent);
    b.activation(latent.rows, in, static_cast<std::uint16_t>(in + 2));
  }
  b.activation(b.hidden(), norm, in);
  if (a.indexer == Indexer::Full) lower_indexer(b, a);

  // Absorbed: the same weights turn q into latent space and the result back, once per
  // new token. Expanded: they rebuild K and V of new and cached tokens.
  const std::uint16_t kv_up =
      b.gemm(OpName::KvB, Part::Attention, b.weights(kKvB), absorbed ? Rows::Tokens : Rows::WithContext);
  b.gather_for_attention(latent_bytes(b, a), 0, heads * (a.kv_lora + a.rope_dim));
  Op attend;
  attend.kind = OpKind::Mla;
  attend.name = OpName::Attention;
  attend.part = Part::Attention;
  attend.a = dim(heads);
  attend.n = dim(absorbed ? a.kv_lora + a.rope_dim : a.nope_dim + a.rope_dim);
  attend.k = dim(absorbed ? a.kv_lora : a.value_dim);
  attend.b = dim(a.kv_lora);
  attend.choices = dim(a.rope_dim);
  attend.window = dim(a.indexer == Indexer::None ? 0 : a.index_topk);
  attend.cache_bytes = dim(latent_bytes(b, a));
  const std::uint16_t attention = b.add(attend);
  b.add_partial_attention(heads, heads * a.kv_lora);
  b.activation(heads * (a.nope_dim + a.rope_dim), q, attention);
  if (absorbed) {
    b.activation(heads * (a.kv_lora + a.rope_dim), kv_up, attention);
    b.activation(heads * a.kv_lora, attention, attention);
  } else {
    b.activation(heads * (a.nope_dim + a.rope_dim + a.value_dim), kv_up, attention);
  }
  b.output_projection(OpName::AttentionOut, kO, attention);

  b.attention_scores(heads, 0);
  b.cache(CacheKind::Latent, latent_bytes(b, a), 0);
  if (a.indexer == Indexer::Full) b.cache(CacheKind::Indexer, index_key_bytes(a), 0);
  if (!absorbed) b.latent_workspace(a.kv_lora + a.rope_dim + heads * (a.nope_dim + a.rope_dim + a.value_dim));
}

}  // namespace moeplan
