// SPDX-License-Identifier: Apache-2.0
#include "sim/lower/builder.h"

#include <algorithm>
#include <cmath>

#include "sim/base/error.h"

namespace moeplan {
std::int32_t dim(Count value) {
  CHECK(value >= 0 && value <= 0x7FFFFFFF);
  return static_cast<std::int32_t>(value);
}

Builder::Builder(Program& program, const ModelPlan& plan_in, const RuntimeSpec& runtime_in,
                 const LowerOptions& options_in, const RankClass& rank_class_in)
    : plan(plan_in),
      runtime(runtime_in),
      options(options_in),
      rank_class(rank_class_in),
      layout(options_in.layout),
      phase(program.phase),
      program_(program),
      exchange_(chosen_exchange()) {
  for (std::size_t part = 0; part < sharers_.size(); ++part)
    sharers_[part] = spread_of(static_cast<Part>(part)) == Spread::Stage ? layout.ranks_per_stage() : layout.tp;
}

void Builder::begin_block(BlockIndex index, Count first_instance, Count repeat, Count executed, Count on_host) {
  block_ = &plan.weights.blocks[index];
  roles_ = plan.roles[index];
  added_ = 0;
  repeat_ = repeat;
  first_instance_ = first_instance;
  executed_ = executed;
  on_host_ = on_host;
  mtp_ = false;
  guests_ = false;
  index_ = index;
  placed_ = options.placement != nullptr && !options.placement->experts.empty();
}

void Builder::begin_mtp(std::size_t position, Count modules) {
  begin_block(plan.model.mtp.shape[position], 0, modules, modules, 0);
  block_ = &plan.weights.mtp_blocks[position];
  roles_ = plan.mtp_roles[position];
  mtp_ = true;
  placed_ = false;
}

void Builder::begin_single(Count repeat) {
  block_ = nullptr;
  repeat_ = executed_ = repeat;
  first_instance_ = 0;
  on_host_ = 0;
  mtp_ = false;
}

void Builder::use_experts(const MoeFfn& f) {
  experts_.a = dim(local_experts(f.experts));
  experts_.b = dim(f.top_k);
  experts_.choices = dim(f.experts + f.zero_experts);
  experts_.chunk = dim(layout.redundant);
}

Count Builder::local_experts(Count experts) const {
  const Count slots = experts + layout.redundant;
  return rank_class.hottest ? ceil_div(slots, layout.ep) : slots / layout.ep;
}

Spread Builder::spread_of(Part part) const {
  const ShardingRules& rules = runtime.sharding;
  const bool whole = rules.shared_whole_with_deep_ep && is_deep_ep(exchange());
  const Spread shared = whole ? Spread::Attention : rules.shared;
  return part == Part::Dense    ? rules.dense
         : part == Part::Shared ? shared
         : part == Part::Head   ? rules.head
                                : Spread::Attention;
}

void Builder::add(const Tensor& tensor) {
  const bool passing =
      tensor.cls == TensorClass::Activation || tensor.cls == TensorClass::Workspace || tensor.cls == TensorClass::Comm;
  if (options.for_steps && passing) return;
  CHECK(program_.tensor_count < static_cast<Count>(kMaxTensors));
  program_.tensor_array[static_cast<std::size_t>(program_.tensor_count++)] = tensor;
}

// vLLM draws for max_num_seqs rows while the hidden states of the profiled chunk and
// the gathered rows (twice) are alive; llama.cpp keeps logits for a whole ubatch.
void Builder::sampler_workspace(std::uint16_t op_index) {
  Tensor t;
  t.cls = TensorClass::Activation;
  t.part = Part::Head;
  t.first_op = t.last_op = op_index;
  const Count logits = std::llround(runtime.sampler_bytes * static_cast<double>(plan.model.vocab));
  const Count row = hidden() * runtime.activation_bytes;
  if (runtime.logits_for_chunk) {
    t.per_token = logits;
  } else {
    t.per_sequence = logits + 2 * row;
  }
  add(t);
}

std::uint16_t Builder::add(Op op) {
  CHECK(program_.op_count < static_cast<Count>(kMaxOps));
  if (program_.op_count > 0) op.after[0] = last_op();
  op.repeat = static_cast<std::uint16_t>(executed_);
  op.layers = static_cast<std::uint16_t>(repeat_);
  if (block_ != nullptr && !mtp_) op.block = static_cast<std::uint8_t>(index_);
  if (op.rows == Rows::Routed) {
    op.a = experts_.a;
    op.b = experts_.b;
    op.choices = experts_.choices;
    op.chunk = experts_.chunk;
  }
  program_.op_array[static_cast<std::size_t>(program_.op_count++)] = op;
  return last_op();
}

std::uint16_t Builder::gemm(OpName name, Part part, const WeightRange& w, Rows rows) {
  Op op;
  op.kind = OpKind::Gemm;
  op.name = name;
  op.part = part;
  op.rows = rows;
  op.weights_first = w.first;
  op.weights_count = w.count;
  op.n = dim(w.rows);
  op.k = dim(w.cols);
  if (w.padded_rows != w.rows || w.padded_cols != w.cols) {
    op.padded_n = dim(w.padded_rows);
    op.padded_k = dim(w.padded_cols);
  }
  return add(op);
}

std::uint16_t Builder::elementwise(OpName name, Part part, Count read, Count written, Rows rows) {
  Op op;
  op.kind = OpKind::Elementwise;
  op.name = name;
  op.part = part;
  op.rows = rows;
  op.n = dim(read);
  op.k = dim(written);
  return add(op);
}

std::uint16_t Builder::collective(CollectiveKind kind, OpName name, Part part, Count bytes_per_row, RankGroup group,
                                  Rows rows) {
  Op op;
  op.kind = OpKind::Collective;
  op.lane = Lane::Comm;
  op.collective = kind;
  op.name = name;
  op.part = part;
  op.rows = rows;
  op.n = dim(bytes_per_row);
  op.group = group;
  op.a = dim(size_of(group));
  op.b = 1;
  return add(op);
}

Count Builder::size_of(RankGroup group) const {
  switch (group) {
    case RankGroup::Tensor: return layout.tp;
    case RankGroup::Context: return layout.cp;
    case RankGroup::Data: return layout.token_groups();
    case RankGroup::Stage: return layout.ranks_per_stage();
    case RankGroup::NextStage: return 2;
  }
  return 1;
}

std::string_view Builder::format_of(const WeightRange& w) const {
  return w.empty() ? "bf16" : std::string_view(plan.formats[program_.tensor_array[w.first].format].id);
}

DispatchKind Builder::chosen_exchange() const {
  // Nobody's kernels copy a token to the several ranks that cut one expert.
  if (layout.moe_tp > 1) return DispatchKind::AllGather;
  if (phase == Phase::Prefill && options.prompt_exchange) return *options.prompt_exchange;
  const DispatchKind kind = options.exchange.value_or(runtime.dispatch);
  if (kind != DispatchKind::DeepEp) return kind;
  return phase == Phase::Decode ? DispatchKind::DeepEpLowLatency : DispatchKind::DeepEpNormal;
}

std::uint16_t Builder::input_norm() {
  const std::uint16_t norm = elementwise(OpName::Norm, Part::Norm, hidden(), hidden(), stream_rows());
  gather_stream(Part::Norm);
  return norm;
}

void Builder::gather_stream(Part part) {
  if (layout.sp)
    collective(CollectiveKind::AllGather, OpName::AllGather, part, 2 * hidden(), RankGroup::Tensor, Rows::TensorShard);
}

void Builder::add_to_stream(Part part, RankGroup group) {
  if (size_of(group) == 1) return;
  if (layout.sp)
    collective(CollectiveKind::ReduceScatter, OpName::ReduceScatter, part, 2 * hidden(), group, Rows::TensorShard);
  else
    collective(CollectiveKind::AllReduce, OpName::AllReduce, part, 2 * hidden(), group);
}

void Builder::output_projection(OpName name, Roles roles, std::uint16_t since) {
  const WeightRange range = weights(roles);
  const std::uint16_t out = gemm(name, Part::Attention, range);
  activation(range.cols, since, out);
  add_to_stream(Part::Attention, RankGroup::Tensor);
  activation(hidden(), out, last_op());
  other_weights();
}

void Builder::gather_for_attention(Count cache_bytes_per_token, Count kept, Count query_elements) {
  if (layout.cp == 1) return;
  if (phase == Phase::Prefill) {
    const std::uint16_t gather = collective(CollectiveKind::AllGather, OpName::AllGather, Part::Attention,
                                            cache_bytes_per_token, RankGroup::Context, Rows::CachedShard);
    op(gather).window = dim(kept);
    gathered_per_token = std::max(gathered_per_token, cache_bytes_per_token);
  }
  const std::uint16_t queries = collective(CollectiveKind::AllGather, OpName::AllGather, Part::Attention,
                                           query_elements * 2, RankGroup::Context, Rows::GeneratedTokens);
  activation(query_elements * layout.cp, queries, static_cast<std::uint16_t>(queries + 1));
}

void Builder::add_partial_attention(Count heads, Count value_elements) {
  if (layout.cp == 1) return;
  constexpr Count kStatistics = 2 * 4;  // a maximum and a sum in F32
  activation(value_elements * layout.cp, last_op(), static_cast<std::uint16_t>(last_op() + 1));
  collective(CollectiveKind::ReduceScatter, OpName::ReduceScatter, Part::Attention,
             value_elements * 2 + heads * kStatistics, RankGroup::Context, Rows::GeneratedTokens);
}

// A chunk sees all that is cached before it; R(c) of the ledger counts one rank's part.
void Builder::add_gathered() {
  if (gathered_per_token == 0) return;
  Tensor t;
  t.cls = TensorClass::Workspace;
  t.per_token = gathered_per_token * layout.cp;
  add(t);
}

void Builder::activation(Count elements_per_token, std::uint16_t first, std::uint16_t last) {
  Tensor t;
  t.cls = TensorClass::Activation;
  t.first_op = first;
  t.last_op = last;
  t.per_token = elements_per_token * runtime.activation_bytes;
  add(t);
}

void Builder::cache(CacheKind kind, Count bytes_per_token, Count window) {
  Tensor t;
  t.cls = TensorClass::Kv;
  t.cache = kind;
  t.repeat = static_cast<std::int32_t>(repeat_);
  t.window = dim(ceil_div(window, layout.cp));
  t.format = options.kv_format;
  t.per_token = bytes_per_token;
  add(t);
}

void Builder::state(Count bytes_per_sequence) {
  Tensor t;
  t.cls = TensorClass::State;
  t.part = Part::State;
  t.repeat = static_cast<std::int32_t>(repeat_);
  t.per_sequence = bytes_per_sequence;
  add(t);
}

void Builder::routed_activation(Count elements, std::uint16_t first, std::uint16_t last) {
  const Count pairs = saturating_product(saturating_product(elements, experts_.b), experts_.a * layout.token_groups());
  const Count mean = ceil_div(pairs, experts_.choices + experts_.chunk);
  if (options.imbalance <= 1.0) return activation(mean, first, last);
  // A token sends one row to each expert it picks, so the busiest rank gets at most
  // min(top-k, local experts) rows of every token.
  const Count most =
      saturating_product(elements, static_cast<Count>(std::min(experts_.a, experts_.b)) * layout.token_groups());
  const double busiest = std::ceil(static_cast<double>(mean) * options.imbalance);
  activation(busiest < static_cast<double>(most) ? static_cast<Count>(busiest) : most, first, last);
}

void Builder::index_scores(Count heads, Count head_dim, Count key_bytes) {
  Op scores;
  scores.kind = OpKind::Mla;
  scores.name = OpName::IndexScores;
  scores.part = Part::Indexer;
  scores.replicas = static_cast<std::uint16_t>(layout.tp);
  scores.n = dim(head_dim);
  scores.a = dim(heads);
  scores.cache_bytes = dim(key_bytes);
  add(scores);
}

void Builder::attention_scores(Count heads, Count window) {
  if (options.score_tokens == 0) return;
  score_heads_ = std::max(score_heads_, heads);
  if (score_window_ == -1) score_window_ = window;
  score_window_ = window == 0 || score_window_ == 0 ? 0 : std::max(score_window_, window);
}

// Source: ggml-org/llama.cpp src/llama-graph.cpp build_attn_mha (mul_mat, softmax in place,
// F32) and build_attn_inp_kv (mask, F32). Logs without flash attention: Llama-3.1-8B, 131,072
// tokens of context, 512 at once: (32 + 1) x 4 B x 512 x 131,072 = 8,448 MiB, and 32 MiB of
// other tensors make the 8,480.00 MiB it reports; Mistral-7B 164.00 and 2,144.00 MiB at 2,048
// and 32,768.
void Builder::add_scores() {
  if (options.score_tokens == 0 || score_window_ == -1) return;
  constexpr Count kScoreBytes = 4;
  Tensor t;
  t.cls = TensorClass::Workspace;
  t.role = MatrixRole::Q;
  t.per_token = (score_heads_ + 1) * kScoreBytes * options.score_tokens;
  t.window = dim(score_window_);
  add(t);
}

void Builder::latent_workspace(Count elements) {
  if (workspace_added) return;
  workspace_added = true;
  constexpr Count kTokensPerContextToken = 8;  // vLLM: 8 x max_model_len, capped
  Tensor t;
  t.cls = TensorClass::Workspace;
  t.per_token = elements * 2 * kTokensPerContextToken * layout.cp;
  t.window = dim(ceil_div(runtime.mla_workspace_tokens / kTokensPerContextToken, layout.cp));
  add(t);
}

Count Builder::kv_bytes(Count elements) const {
  return payload_bytes(plan.formats[options.kv_format], elements).count();
}

}  // namespace moeplan
