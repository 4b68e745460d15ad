// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/op_plan.h"

#include <algorithm>

namespace moeplan {
namespace {

// Part of the fused expert kernel, which is priced at its first GEMM.
bool is_absorbed_by_experts(const Op& op) {
  switch (op.name) {
    case OpName::TopK:
    case OpName::Permute:
    case OpName::Unpermute: return true;
    case OpName::ExpertActivation:
    case OpName::ExpertDown: return op.kind != OpKind::Host;
    default: return false;
  }
}

// The format most of an op's bytes are in.
FormatId format_of(const Op& op, const Program& p, FormatId none) {
  FormatId format = none;
  double most = -1;
  for (std::size_t i = 0; i < op.weights_count; ++i) {
    const Tensor& t = p.tensor_array[op.weights_first + i];
    const double bytes = static_cast<double>(t.fixed) * t.repeat;
    if (bytes <= most) continue;
    most = bytes;
    format = t.format;
  }
  return format;
}

// The down projection of the experts whose gate and up `index` is.
const Op& down_of(const Program& p, std::size_t index) {
  for (std::size_t i = index + 1; i < p.ops().size(); ++i) {
    if (p.ops()[i].name == OpName::ExpertDown) return p.ops()[i];
  }
  return p.ops()[index];
}

CacheWidth cache_width(const Program& p, const FormatTable& formats) {
  for (const Tensor& t : p.tensors()) {
    if (t.cls != TensorClass::Kv) continue;
    const QuantFormat& f = formats[t.format];
    return f.group_bytes * 2 < f.group * 3 ? CacheWidth::Fp8 : CacheWidth::Bf16;
  }
  return CacheWidth::Bf16;
}

// The device's matrices of the same layers say how wide the experts are. Of two operators of
// one layer (a placement may part gate and up from down) the first hands the layer over, the
// second those that the first does not.
void plan_host(PlannedOp& planned, const Program& p, std::size_t index, const Kernels& kernels) {
  const std::span<const Op> ops = p.ops();
  const Op& op = ops[index];
  planned.family = Family::Stream;
  const FormatId format = format_of(op, p, 0);
  planned.format = kernels.format_of[format];
  planned.weight_bytes = kernels.weight_bytes_of[format];
  for (std::size_t i = index; i-- > 0;) {
    if (ops[i].name == OpName::ExpertDown && planned.inter == 0) planned.inter = ops[i].k;
    if (ops[i].name != OpName::ExpertGateUp) continue;
    planned.hidden = ops[i].k;
    planned.gated = ops[i].n > planned.inter;
    break;
  }
  const bool second = index > 0 && ops[index - 1].kind == OpKind::Host;
  const double before = second ? ops[index - 1].repeat : 0;
  planned.handovers = op.repeat == 0 ? 0 : std::max(0.0, op.repeat - before) / op.repeat;
}

PlannedOp planned_of(const Program& p, std::size_t index, const Kernels& kernels, CacheWidth cache) {
  const Op& op = p.ops()[index];
  PlannedOp planned;
  planned.op = static_cast<std::uint16_t>(index);
  planned.cache = cache;
  switch (op.kind) {
    case OpKind::Gemm:
    case OpKind::Moe: {
      const FormatId format = format_of(op, p, 0);
      planned.family = op.kind == OpKind::Moe ? Family::Moe : Family::Gemm;
      planned.format = op.weights_count == 0 ? KernelFormat::Bf16 : kernels.format_of[format];
      planned.weight_bytes = op.weights_count == 0 ? 2 : kernels.weight_bytes_of[format];
      if (op.kind == OpKind::Moe) {
        const Op& down = down_of(p, index);
        planned.inter = down.padded_k != 0 ? down.padded_k : down.k;
        planned.gated = op.n > down.k;
      }
      break;
    }
    case OpKind::Mla:
      // Absorbed, a key is the cached latent itself (two bytes an element or less).
      planned.absorbed = op.cache_bytes <= 2.2 * op.n;
      planned.family = planned.absorbed ? Family::MlaGeneration : Family::MlaContext;
      break;
    case OpKind::Attention: planned.family = Family::AttentionGeneration; break;
    case OpKind::Collective: {
      const bool exchange = op.collective == CollectiveKind::Dispatch || op.collective == CollectiveKind::Combine;
      planned.family = exchange ? Family::Ep : Family::Collective;
      planned.span = span_of(op.group, p, kernels.machine.link);
      break;
    }
    case OpKind::Scan:
    case OpKind::Elementwise:
    case OpKind::Gather:
    case OpKind::Copy: planned.family = Family::Stream; break;
    case OpKind::Host: plan_host(planned, p, index, kernels); break;
  }
  return planned;
}

}  // namespace

bool cost_the_same(const Op& a, const PlannedOp& pa, const Op& b, const PlannedOp& pb) {
  if (a.n != b.n || a.k != b.k || a.a != b.a || a.b != b.b || a.name != b.name || a.kind != b.kind) return false;
  if (a.kind == OpKind::Host) return false;
  return a.rows == b.rows && a.collective == b.collective && a.causal == b.causal && a.cross == b.cross &&
         a.group == b.group && a.exchange == b.exchange && a.window == b.window && a.chunk == b.chunk &&
         a.choices == b.choices && a.padded_n == b.padded_n && a.padded_k == b.padded_k &&
         a.cache_bytes == b.cache_bytes && pa.family == pb.family && pa.format == pb.format && pa.cache == pb.cache &&
         pa.absorbed == pb.absorbed && pa.weight_bytes == pb.weight_bytes && pa.inter == pb.inter &&
         pa.gated == pb.gated && pa.span == pb.span;
}

OpPlan plan_ops(const Program& p, const Kernels& kernels, const FormatTable& formats) {
  OpPlan plan;
  const CacheWidth cache = cache_width(p, formats);
  for (std::size_t i = 0; i < p.ops().size(); ++i) {
    const Op& op = p.ops()[i];
    if (op.repeat == 0 || is_absorbed_by_experts(op)) continue;
    plan.ops[plan.count++] = planned_of(p, i, kernels, cache);
  }
  return plan;
}

}  // namespace moeplan
