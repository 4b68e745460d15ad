// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/activity.h"

#include <algorithm>

#include "sim/cost/attention.h"
#include "sim/cost/machine.h"
#include "sim/cost/soft.h"

namespace moeplan {
namespace {

constexpr double kValueBytes = 2.0;  // 16 bits between kernels

// Bytes of a working set, part of which may stay in the last level cache.
void add_bytes(Activity& activity, double bytes, const Machine& machine) {
  const double cached = bytes * cached_share(bytes, machine.cache);
  activity.cache_bytes += cached;
  activity.memory_bytes += bytes - cached;
}

// Sent bytes are read where they were and written where they go.
Activity sent(double bytes) {
  Activity activity;
  activity.link_bytes = bytes;
  activity.memory_bytes = 2 * bytes;
  return activity;
}

double share_of_others(double ranks) { return ranks > 1 ? (ranks - 1) / ranks : 0; }

}  // namespace

Activity activity_of(const GemmPoint& p, const Machine& machine) {
  Activity activity;
  activity.math = facts_of(p.format).math;
  activity.flops = 2 * p.m * p.n * p.k;
  activity.memory_bytes = p.n * p.k * p.weight_bytes;
  add_bytes(activity, p.m * (p.k * facts_of(p.format).input_bytes + p.n * kValueBytes), machine);
  return activity;
}

Activity activity_of(const MoePoint& p, const Machine& machine) {
  const double matrices = p.gated ? 3 : 2;
  const double expert = matrices * p.hidden * p.inter;
  Activity activity;
  activity.products = Products::Experts;
  activity.math = facts_of(p.format).math;
  activity.flops = 2 * expert * p.load.rows;
  activity.memory_bytes = expert * p.weight_bytes * p.load.distinct;
  // In, between the two products, out: what a row moves in moe_time.
  const double row = p.hidden * (facts_of(p.format).input_bytes + kValueBytes) + 2 * matrices * p.inter;
  add_bytes(activity, p.load.rows * row, machine);
  return activity;
}

Activity activity_of(const AttentionPoint& p, const Machine& machine) {
  const double dims = p.head_dim + p.value_dim;
  Activity activity;
  activity.products = Products::Attention;
  activity.flops = 2 * p.sequences * p.heads * attended_pairs(p) * dims;
  const double window = p.window > 0 ? std::min(p.window, p.kv_len) : p.kv_len;
  const double keys = std::min(p.kv_len, window + p.q_len - 1) * p.kv_heads * p.cache_bytes;
  add_bytes(activity, p.sequences * dims * (keys + p.q_len * p.heads * kValueBytes), machine);
  return activity;
}

Activity activity_of(const MlaPoint& p, const Machine& machine) {
  const double dims = p.context ? p.key_dim + p.value_dim : 2 * p.latent + p.rope;
  const double kept = p.selected > 0 ? std::min(p.selected, p.kv_len) : p.kv_len;
  const AttentionPoint as{.q_len = p.q_len, .kv_len = p.kv_len, .window = p.selected};
  Activity activity;
  activity.products = Products::Attention;
  activity.flops = 2 * p.sequences * p.heads * attended_pairs(as) * dims;
  add_bytes(activity,
            p.sequences * (kept * (p.latent + p.rope) * p.cache_bytes + p.q_len * p.heads * dims * kValueBytes),
            machine);
  return activity;
}

Activity activity_of(const CollectivePoint& p, const Machine&) {
  switch (p.op) {
    // Reduced, then gathered: what a ring sends.
    case CollectiveOp::AllReduce:
    case CollectiveOp::AllReduceCustom: return sent(2 * share_of_others(p.ranks) * p.bytes);
    case CollectiveOp::AllGather:
    case CollectiveOp::ReduceScatter:
    case CollectiveOp::AllToAll: return sent(share_of_others(p.ranks) * p.bytes);
    case CollectiveOp::SendRecv: return sent(p.bytes);
  }
  return {};
}

Activity activity_of(const EpPoint& p, const Machine&) {
  const double copies = p.destinations > 0 ? p.destinations : std::min(p.top_k, p.ranks);
  return sent(p.tokens * copies * share_of_others(p.ranks) * p.hidden * p.element_bytes);
}

Activity activity_of(const StreamPoint& p, const Machine& machine) {
  Activity activity;
  add_bytes(activity, p.bytes, machine);
  return activity;
}

}  // namespace moeplan
