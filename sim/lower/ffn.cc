// SPDX-License-Identifier: Apache-2.0
// Dense and Mixture-of-Experts feed-forward blocks.
#include "sim/lower/builder.h"
#include "sim/lower/dispatch.h"

namespace moeplan {
namespace {

constexpr Roles kDenseIn{MatrixRole::FfnGate, MatrixRole::FfnUp};
constexpr Roles kDenseOut{MatrixRole::FfnDown};
constexpr Roles kSharedIn{MatrixRole::SharedGate, MatrixRole::SharedUp};
constexpr Roles kSharedOut{MatrixRole::SharedDown};
constexpr Roles kSharedScalar{MatrixRole::SharedScalar};
constexpr Roles kExpertIn{MatrixRole::ExpertGate, MatrixRole::ExpertUp};
constexpr Roles kExpertOut{MatrixRole::ExpertDown};
constexpr Roles kRouter{MatrixRole::Router};
constexpr Roles kLatentDown{MatrixRole::LatentDown};
constexpr Roles kLatentUp{MatrixRole::LatentUp};

constexpr Count kFp8ScaleGroup = 128;  // one F32 scale per 128 values (DeepEP)
constexpr Count kFp4ScaleGroup = 16;   // one FP8 scale per 16 values (nvfp4)

struct FfnNames {
  OpName in, activation, out;
};

// in -> activation -> out over every token of the rank, or of all data-parallel ranks
// that share the weights.
void lower_mlp(Builder& b, Part part, Roles in_roles, Roles out_roles, const FfnNames& names) {
  const Rows rows = b.gathers(part) ? Rows::Gathered : Rows::Tokens;
  const Count each = b.gathers(part) ? b.layout.token_groups() : 1;
  const WeightRange in_range = b.weights(in_roles);
  const std::uint16_t in = b.gemm(names.in, part, in_range, rows);
  const WeightRange out_range = b.weights(out_roles);
  const std::uint16_t act = b.elementwise(names.activation, part, in_range.rows, out_range.cols, rows);
  const std::uint16_t out = b.gemm(names.out, part, out_range, rows);
  b.activation(in_range.rows * each, in, act);
  b.activation(out_range.cols * each, act, out);
  b.activation(b.hidden() * each, out, out);
}

void gather_tokens(Builder& b, Part part) {
  b.collective(CollectiveKind::AllGather, OpName::AllGather, part, 2 * b.hidden(), RankGroup::Data);
}

// Partial results of the gathered tokens back to the ranks the tokens belong to.
void scatter_results(Builder& b, Part part) {
  b.collective(CollectiveKind::ReduceScatter, OpName::Combine, part, 2 * b.hidden(), RankGroup::Data);
}

std::uint16_t expert_gemm(Builder& b, OpName name, const WeightRange& w) {
  const std::uint16_t index = b.gemm(name, Part::Experts, w, Rows::Routed);
  b.op(index).kind = OpKind::Moe;
  if (b.layout.token_groups() > 1) b.op(index).exchange = b.exchange();
  return index;
}

// One token as it is sent to experts.
struct Payload {
  Count elements = 0;
  Count bytes = 0;
};

// DeepEP quantises to FP8 where the experts multiply in it, TensorRT-LLM's NVLink kernels to
// whatever the experts take; other experts receive 16 bits.
Payload payload_of(const Builder& b, Count width, const WeightRange& experts) {
  const std::string_view format = b.format_of(experts);
  const DispatchKind kind = b.exchange();
  const bool nvlink = kind == DispatchKind::NvlinkOneSided || kind == DispatchKind::NvlinkTwoSided;
  if (nvlink && format == "nvfp4") return {width, width / 2 + width / kFp4ScaleGroup};
  if (nvlink && format.starts_with("fp8")) return {width, width};
  if (!nvlink && format.starts_with("fp8")) return {width, width + width / kFp8ScaleGroup * 4};
  return {width, width * 2};
}

void exchange_tokens(Builder& b, const MoeFfn& f, CollectiveKind kind, OpName name, const Payload& payload) {
  if (b.exchange() == DispatchKind::AllGather) {
    const bool there = kind == CollectiveKind::Dispatch;
    b.collective(there ? CollectiveKind::AllGather : CollectiveKind::ReduceScatter, name, Part::Experts,
                 payload.elements * 2, RankGroup::Data);
    return;
  }
  Op& op = b.op(b.collective(kind, name, Part::Experts, payload.bytes, RankGroup::Stage));
  op.exchange = b.exchange();
  op.b = dim(f.top_k);
  op.k = dim(payload.elements);
  op.choices = dim(f.experts + f.zero_experts);
}

// Buffers for the worst case; so are the outputs of the masked grouped GEMMs behind the
// low-latency kind ([local experts, ranks x tokens] rows).
void add_dispatch_buffer(Builder& b, const MoeFfn& f, Count in_rows) {
  const Count tokens = b.options.dispatch_tokens;
  const Count ranks = b.layout.ranks_per_stage();
  const DispatchKind kind =
      b.layout.moe_tp > 1 ? DispatchKind::AllGather : b.options.exchange.value_or(b.runtime.dispatch);
  const bool low_latency = kind == DispatchKind::DeepEpLowLatency || kind == DispatchKind::DeepEp;
  const bool normal = kind == DispatchKind::DeepEpNormal || kind == DispatchKind::DeepEp;
  Tensor t;
  t.cls = TensorClass::Comm;
  t.part = Part::Experts;
  if (low_latency) {
    t.fixed = deepep_low_latency_bytes(f.experts + b.layout.redundant, tokens, b.hidden()).count();
    Tensor masked = t;
    masked.cls = TensorClass::Workspace;
    const Count rows = saturating_product(b.local_experts(f.experts) * ranks, tokens);
    masked.fixed = saturating_product(rows, (in_rows + b.hidden()) * 2);
    b.add(masked);
  }
  if (normal) t.fixed += deepep_normal_bytes(ranks, b.hidden()).count();
  if (kind == DispatchKind::NvlinkOneSided)
    t.fixed = nvlink_one_sided_bytes(ranks, tokens, f.top_k, b.hidden()).count();
  if (kind == DispatchKind::NvlinkTwoSided) t.fixed = nvlink_two_sided_bytes(ranks).count();
  // Gathered tokens of every data-parallel rank, in and out, bf16.
  if (kind == DispatchKind::AllGather)
    t.fixed = saturating_product(b.layout.token_groups() * tokens, b.hidden() * 2 * 2);
  b.add(t);
}

// With a router for the groups, a token multiplies that one and those within its groups.
void lower_routers(Builder& b, const MoeFfn& f, Rows rows) {
  const std::uint16_t router = b.gemm(OpName::Router, Part::Router, b.weights(kRouter), rows);
  if (!f.group_router) return;
  const Count choices = f.experts + f.zero_experts;
  b.op(router).n = dim((f.router_noise ? 2 : 1) * (f.groups + choices / f.groups * f.top_groups));
}

}  // namespace

void lower_block(Builder& b, const DenseFfn&) {
  const std::uint16_t norm = b.input_norm();
  if (b.gathers(Part::Dense)) gather_tokens(b, Part::Dense);
  lower_mlp(b, Part::Dense, kDenseIn, kDenseOut, {OpName::GateUp, OpName::Activation, OpName::Down});
  if (b.gathers(Part::Dense)) scatter_results(b, Part::Dense);
  b.activation(b.hidden(), norm, static_cast<std::uint16_t>(norm + 1));
  b.add_to_stream(Part::Dense, RankGroup::Tensor);
  b.other_weights();
}

// Ranks of attention DP and of CP hold different tokens, so experts are reached by an exchange.
// With attention TP alone every rank already has all tokens: each computes its own
// experts and the results are summed by the all-reduce.
void lower_block(Builder& b, const MoeFfn& f) {
  const bool exchange = b.layout.token_groups() > 1;
  const Count width = f.latent > 0 ? f.latent : b.hidden();
  b.use_experts(f);
  // With sequence parallelism a token can leave from the one rank that has it.
  const bool direct = b.layout.sp && exchange && b.exchange() != DispatchKind::AllGather;
  const Rows rows = direct ? Rows::TensorShard : Rows::Tokens;
  const std::uint16_t norm =
      direct ? b.elementwise(OpName::Norm, Part::Norm, b.hidden(), b.hidden(), rows) : b.input_norm();
  lower_routers(b, f, rows);
  b.elementwise(OpName::TopK, Part::Router, f.experts, f.top_k, rows);
  const WeightRange latent_down = b.weights(kLatentDown);
  if (!latent_down.empty()) b.gemm(OpName::LatentDown, Part::Experts, latent_down, rows);
  const WeightRange in_range = b.weights(kExpertIn);
  const WeightRange out_range = b.weights(kExpertOut);
  if (exchange) exchange_tokens(b, f, CollectiveKind::Dispatch, OpName::Dispatch, payload_of(b, width, in_range));
  const std::uint16_t permute = b.elementwise(OpName::Permute, Part::Experts, width, width, Rows::Routed);
  const std::uint16_t in = expert_gemm(b, OpName::ExpertGateUp, in_range);
  const std::uint16_t act =
      b.elementwise(OpName::ExpertActivation, Part::Experts, in_range.rows, out_range.cols, Rows::Routed);
  const std::uint16_t out = expert_gemm(b, OpName::ExpertDown, out_range);
  const std::uint16_t unpermute = b.elementwise(OpName::Unpermute, Part::Experts, width, width, Rows::Routed);
  b.split_to_host({in, act, out});
  b.split_by_placement(in, act, out);

  if (exchange) exchange_tokens(b, f, CollectiveKind::Combine, OpName::Combine, {width, width * 2});
  const WeightRange latent_up = b.weights(kLatentUp);
  if (!latent_up.empty()) b.gemm(OpName::LatentUp, Part::Experts, latent_up, rows);
  b.routed_activation(width, permute, in);
  b.routed_activation(in_range.rows, in, act);
  b.routed_activation(out_range.cols, act, out);
  b.routed_activation(width, out, unpermute);
  b.activation(b.hidden(), norm, unpermute);
  if (f.shared_width > 0) {
    // A gather for the experts serves the shared ones too.
    const bool own_gather = b.gathers(Part::Shared) && (b.exchange() != DispatchKind::AllGather || width != b.hidden());
    if (direct) b.gather_stream(Part::Shared);
    if (own_gather) gather_tokens(b, Part::Shared);
    lower_mlp(b, Part::Shared, kSharedIn, kSharedOut,
              {OpName::SharedGateUp, OpName::SharedActivation, OpName::SharedDown});
    if (own_gather) scatter_results(b, Part::Shared);
    const WeightRange scalar = b.weights(kSharedScalar);
    if (!scalar.empty()) b.gemm(OpName::SharedGate, Part::Shared, scalar);
    b.elementwise(OpName::Add, Part::Shared, 2 * b.hidden(), b.hidden());
  }
  b.activation(b.hidden(), unpermute, b.last_op());
  // What was dispatched comes back to where it left.
  if (!direct || f.shared_width > 0) b.add_to_stream(Part::Experts, exchange ? RankGroup::Tensor : RankGroup::Stage);
  b.other_weights();
  if (exchange && !b.dispatch_buffer_added) {
    add_dispatch_buffer(b, f, in_range.rows);
    b.dispatch_buffer_added = true;
  }
}

// The experts of a layer that another device runs, but for its router and permutation.
void lower_guests(Builder& b, const MoeFfn& f) {
  const Count width = f.latent > 0 ? f.latent : b.hidden();
  b.use_experts(f);
  const WeightRange in_range = b.weights(kExpertIn);
  const WeightRange out_range = b.weights(kExpertOut);
  const std::uint16_t in = expert_gemm(b, OpName::ExpertGateUp, in_range);
  const std::uint16_t act =
      b.elementwise(OpName::ExpertActivation, Part::Experts, in_range.rows, out_range.cols, Rows::Routed);
  const std::uint16_t out = expert_gemm(b, OpName::ExpertDown, out_range);
  b.split_by_placement(in, act, out);
  b.routed_activation(width, in, in);
  b.routed_activation(in_range.rows, in, act);
  b.routed_activation(out_range.cols, act, out);
  b.routed_activation(width, out, out);
  b.guest_biases();
}

}  // namespace moeplan
