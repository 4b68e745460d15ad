// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/op_points.h"

#include <algorithm>
#include <cmath>

#include "sim/program/routing.h"

namespace moeplan {
namespace {

constexpr double kActivationBytes = 2;  // bf16 between kernels

EpMode mode_of(DispatchKind kind) {
  switch (kind) {
    case DispatchKind::DeepEpNormal: return EpMode::Normal;
    case DispatchKind::NvlinkOneSided: return EpMode::NvlinkOneSided;
    case DispatchKind::NvlinkTwoSided: return EpMode::NvlinkTwoSided;
    case DispatchKind::AllGather:
    case DispatchKind::DeepEp:
    case DispatchKind::DeepEpLowLatency: return EpMode::LowLatency;
  }
  return EpMode::LowLatency;
}

}  // namespace

GemmPoint gemm_point(const PlannedOp& planned, const Op& op, double rows, const Kernels& kernels) {
  GemmPoint point;
  point.kernel =
      rows <= kernels.vector_rows ? GemmKernel::Vectors : kernels.gemm_tiles[static_cast<std::size_t>(planned.format)];
  point.format = planned.format;
  point.weight_bytes = planned.weight_bytes;
  point.m = rows;
  point.n = op.padded_n != 0 ? op.padded_n : op.n;
  point.k = op.padded_k != 0 ? op.padded_k : op.k;
  return point;
}

MoePoint moe_point_of(const PlannedOp& planned, const Op& op, const Program& p, const Binding& b, double hidden,
                      const ExpertLoad& load) {
  MoePoint point;
  point.format = planned.format;
  point.weight_bytes = planned.weight_bytes;
  point.gated = planned.gated;
  point.tokens = static_cast<double>(b.group_tokens);
  point.hidden = hidden;
  point.inter = planned.inter;
  point.top_k = op.b;
  point.experts = op.choices;
  point.local_experts = op.a;
  point.ranks = static_cast<double>(p.ep);
  point.load = {.rows = load.rows, .distinct = load.distinct, .peak = load.peak};
  if (op.exchange != DispatchKind::AllGather) {
    // Only the rank's own pairs arrive: kernels see no tokens and no buffers of other ranks.
    point.tokens = load.rows / point.top_k;
    point.experts = point.local_experts;
    point.ranks = 1;
  }
  return point;
}

MoePoint moe_point(const PlannedOp& planned, const Op& op, const Program& p, const Kernels& kernels, const Binding& b) {
  return moe_point_for(planned, op, p, kernels, b, load_of(op, b));
}

MoePoint moe_point_for(const PlannedOp& planned, const Op& op, const Program& p, const Kernels& kernels,
                       const Binding& b, const ExpertLoad& load) {
  MoePoint point = moe_point_of(planned, op, p, b, op.padded_k != 0 ? op.padded_k : op.k, load);
  point.vectors = point.tokens <= kernels.vector_rows;
  return point;
}

AttentionPoint attention_point(const PlannedOp& planned, const Op& op, const Segment& s) {
  AttentionPoint point;
  point.context = !s.generates();
  point.causal = op.causal;
  point.cache_bytes = planned.cache == CacheWidth::Fp8 ? 1 : kActivationBytes;
  point.sequences = static_cast<double>(s.sequences);
  point.q_len = static_cast<double>(s.new_tokens);
  point.kv_len = static_cast<double>(s.context + s.new_tokens);
  point.heads = op.a;
  point.kv_heads = op.b;
  point.head_dim = op.n;
  point.value_dim = op.k;
  point.window = op.cross ? 0 : op.window;
  if (op.chunk != 0 && !op.cross) {
    // A token attends within its own chunk: prompts fall into chunks that see nothing of each other.
    const double chunk = op.chunk;
    point.sequences *= std::max(1.0, std::ceil(point.q_len / chunk));
    point.q_len = std::min(point.q_len, chunk);
    point.kv_len = std::min(point.kv_len, chunk);
  }
  return point;
}

MlaPoint mla_point(const PlannedOp& planned, const Op& op, const Segment& s) {
  const bool absorbed = planned.absorbed || s.generates();
  MlaPoint point;
  point.context = !absorbed;
  point.cache_bytes = planned.cache == CacheWidth::Fp8 ? 1 : kActivationBytes;
  point.sequences = static_cast<double>(s.sequences);
  point.q_len = static_cast<double>(s.new_tokens);
  point.kv_len = static_cast<double>(s.context + s.new_tokens);
  point.heads = op.a;
  point.selected = op.window;
  // Prompts of sparse attention run in latent space too, over the keys the indexer leaves.
  if (point.selected > 0 && !s.generates()) point.context = true;
  if (absorbed) {
    point.latent = op.b;
    point.rope = op.choices;
  } else {
    point.key_dim = op.n;
    point.value_dim = op.k;
  }
  return point;
}

AttentionPoint index_point(const Op& op, const Segment& s) {
  AttentionPoint point;
  point.context = !s.generates();
  point.cache_bytes = static_cast<double>(op.cache_bytes) / op.n;
  point.sequences = static_cast<double>(s.sequences);
  point.q_len = static_cast<double>(s.new_tokens);
  point.kv_len = static_cast<double>(s.context + s.new_tokens);
  point.heads = op.a;
  point.kv_heads = 1;
  point.head_dim = op.n;
  point.value_dim = 0;
  return point;
}

CollectivePoint collective_point(const PlannedOp& planned, const Op& op, double rows) {
  CollectivePoint point;
  point.ranks = op.a;
  point.near = planned.span.near;
  point.leaf = planned.span.leaf;
  point.bytes = rows * op.n;
  switch (op.collective) {
    case CollectiveKind::AllReduce: {
      // Engines sum small messages in one kernel of their own, inside a fast domain.
      constexpr double kLargestCustom = 8.0 * 1024 * 1024;
      const bool custom = point.bytes <= kLargestCustom && point.ranks <= point.near;
      point.op = custom ? CollectiveOp::AllReduceCustom : CollectiveOp::AllReduce;
      break;
    }
    case CollectiveKind::AllGather:
      point.op = CollectiveOp::AllGather;
      point.bytes *= op.a;
      break;
    case CollectiveKind::ReduceScatter:
      point.op = CollectiveOp::ReduceScatter;
      point.bytes *= op.a;
      break;
    case CollectiveKind::SendRecv: point.op = CollectiveOp::SendRecv; break;
    case CollectiveKind::Dispatch:
    case CollectiveKind::Combine: point.op = CollectiveOp::AllToAll; break;  // priced as an exchange
  }
  return point;
}

EpPoint exchange_point(const PlannedOp& planned, const Op& op, const Program& p, const Binding& b) {
  EpPoint point;
  const double width = static_cast<double>(op.n) / op.k;  // with scales
  point.mode = mode_of(op.exchange);
  point.op = op.collective == CollectiveKind::Dispatch ? EpOp::Dispatch : EpOp::Combine;
  point.ranks = op.a;
  point.ranks_per_node = planned.span.near;
  point.ranks_per_leaf = planned.span.leaf;
  point.hidden = op.k;
  point.top_k = op.b;
  point.experts = op.choices;
  // Ranks that cut one attention layer have the same tokens and share the sending.
  point.tokens = rows_of(op, b) / static_cast<double>(p.tp);
  point.element_bytes = width >= 2 ? 2 : width >= 1 ? 1 : 0.5;
  if (const LoadTable* table = b.loads == nullptr ? nullptr : b.loads->find(op.choices, op.b); table != nullptr) {
    const Destinations reached = table->destinations();
    point.destinations = reached.ranks;
    point.nodes = reached.nodes;
    const ExpertLoad load = table->at(rows_of(op, b) * static_cast<double>(p.dp * p.cp));
    if (load.mean_rows > 0) point.busiest = std::max(1.0, load.rows / load.mean_rows);
  }
  return point;
}

StreamPoint stream_point(const Op& op, const Work& work) {
  StreamPoint point;
  point.bytes = work.activation_bytes + work.weight_bytes;
  // A recurrent state is read and written.
  if (op.kind == OpKind::Scan) point.bytes += 2 * work.cache_bytes;
  return point;
}

OperatorPoint point_of(const PlannedOp& planned, const Program& p, const Kernels& kernels, const Binding& b) {
  const Op& op = p.op_array[planned.op];
  if (by_segment(op))
    return with_segment_point(planned, op, b.step.size > 0 ? b.step.segments[0] : Segment{}, b.cp,
                              [](const auto& point) { return OperatorPoint(point); });
  switch (planned.family) {
    case Family::Gemm: return gemm_point(planned, op, rows_of(op, b), kernels);
    case Family::Moe: return moe_point(planned, op, p, kernels, b);
    case Family::Collective: return collective_point(planned, op, rows_of(op, b));
    case Family::Ep: return exchange_point(planned, op, p, b);
    default: return stream_point(op, work_of(op, p, b));
  }
}

}  // namespace moeplan
