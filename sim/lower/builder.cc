// SPDX-License-Identifier: Apache-2.0
#include "sim/lower/builder.h"

#include <algorithm>
#include <cmath>

#include "sim/base/error.h"

namespace moeplan {
namespace {

// Instances in [first, first + count) that use this share.
Count count_instances(const MatrixPlan& m, std::size_t share, Count first, Count count) {
  if (m.share_count == 1) return count;
  Count used = 0;
  for (Count i = first; i < first + count; ++i)
    used += m.shares[share].instances.test(static_cast<std::size_t>(i)) ? 1 : 0;
  return used;
}

using Instances = std::bitset<kMaxInstances>;

// The same of the instances in a set.
Count count_instances(const MatrixPlan& m, std::size_t share, const Instances& only) {
  return static_cast<Count>((m.share_count == 1 ? only : only & m.shares[share].instances).count());
}

ExpertMatrix matrix_of(const Matrix& m) {
  if (m.role == MatrixRole::ExpertGate) return ExpertMatrix::Gate;
  return m.cut == Cut::ExpertsIn ? ExpertMatrix::Down : ExpertMatrix::Up;
}

// What a file holds for these instances.
Count stored_bytes(const MatrixPlan& m, std::size_t share, Count first, Count count, const Instances* only) {
  Bytes total;
  for (Count i = first; i < first + count; ++i) {
    const auto instance = static_cast<std::size_t>(i);
    if (only != nullptr && !only->test(instance)) continue;
    if (m.share_count == 1 || m.shares[share].instances.test(instance)) total += m.stored[instance];
  }
  return total.count();
}

// bytes x part / whole, rounded up.
Count proportion(Count bytes, Count part, Count whole) {
  if (part == whole) return bytes;
  return static_cast<Count>((static_cast<__int128>(bytes) * part + whole - 1) / whole);
}

}  // namespace

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
      program_(program) {}

void Builder::begin_block(BlockIndex index, Count first_instance, Count repeat, Count executed, Count on_host) {
  block_ = &plan.weights.blocks[index];
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

Count Builder::ranks_of(Part part) const {
  const ShardingRules& rules = runtime.sharding;
  const bool whole = rules.shared_whole_with_deep_ep && is_deep_ep(exchange());
  const Spread shared = whole ? Spread::Attention : rules.shared;
  const Spread spread = part == Part::Dense    ? rules.dense
                        : part == Part::Shared ? shared
                        : part == Part::Head   ? rules.head
                                               : Spread::Attention;
  return spread == Spread::Stage ? layout.ranks_per_stage() : layout.tp;
}

// Expert kernels of some formats want the width per rank in whole tiles.
Count Builder::padded_width(Count width, const QuantFormat& format) const {
  for (const PaddingRule& rule : runtime.padding)
    if (rule.format == format.id) return round_up(width, rule.multiple);
  return width;
}

Builder::Shard Builder::shard_of(const Matrix& m, const QuantFormat& format) const {
  const Count ranks = layout.ranks_per_stage();
  const Count cuts = ranks_of(m.part);
  Shard s{m.rows, m.cols, m.copies, m.rows, m.cols, ranks};
  switch (m.cut) {
    case Cut::None: break;
    case Cut::Rows:
      s.rows = m.rows / cuts;
      s.replicas = ranks / cuts;
      break;
    case Cut::Cols:
      s.cols = m.cols / cuts;
      s.replicas = ranks / cuts;
      break;
    case Cut::KvRows: {
      const Count holders = std::min(layout.tp, kv_heads);
      s.rows = m.rows / holders;
      s.replicas = ranks / holders;
      break;
    }
    case Cut::Experts:
      s.rows = m.rows / layout.moe_tp;
      s.copies = local_experts(m.copies);
      s.replicas = 1;
      break;
    case Cut::ExpertsIn:
      // A bias added after the reduction cannot be cut: every rank of the expert holds it.
      s.cols = m.cols == 1 ? 1 : m.cols / layout.moe_tp;
      s.copies = local_experts(m.copies);
      s.replicas = m.cols == 1 ? layout.moe_tp : 1;
      break;
    case Cut::Vocab:
      s.rows = ceil_div(m.rows, cuts);
      s.replicas = ranks / cuts;
      break;
  }
  s.padded_rows = s.rows;
  s.padded_cols = s.cols;
  if (m.cut == Cut::Experts) s.padded_rows = padded_width(s.rows, format);
  if (m.cut == Cut::ExpertsIn) s.padded_cols = padded_width(s.cols, format);
  if (m.cut == Cut::Vocab)
    s.padded_rows = runtime.vocab_per_rank ? round_up(s.rows, runtime.vocab_multiple)
                                           : ceil_div(round_up(m.rows, runtime.vocab_multiple), cuts);
  return s;
}

void Builder::add(const Tensor& tensor) {
  const bool passing =
      tensor.cls == TensorClass::Activation || tensor.cls == TensorClass::Workspace || tensor.cls == TensorClass::Comm;
  if (options.for_steps && passing) return;
  CHECK(program_.tensor_count < static_cast<Count>(kMaxTensors));
  program_.tensor_array[static_cast<std::size_t>(program_.tensor_count++)] = tensor;
}

void Builder::add_lot(const MatrixPlan& m, const Shard& s, Part part, const Lot& lot, WeightRange& range) {
  const Count instances = lot.only != nullptr ? count_instances(m, lot.share, *lot.only)
                                              : count_instances(m, lot.share, lot.first, lot.count);
  if (instances == 0) return;
  const FormatId format_id = m.shares[lot.share].format;
  const QuantFormat& format = plan.formats[format_id];
  Tensor t;
  t.cls = TensorClass::Weight;
  t.part = part;
  t.role = m.matrix.role;
  t.format = format_id;
  t.place = lot.place;
  t.replicas = static_cast<std::uint16_t>(s.replicas);
  t.repeat = static_cast<std::int32_t>(instances);
  t.estimated = plan.weights.from_label && format.whole_groups;
  t.elements = s.rows * s.cols * s.copies;
  t.fixed = bytes_of(format, s.rows, s.cols).count() * s.copies;
  const bool padded = s.padded_rows != s.rows || s.padded_cols != s.cols;
  const Count padding = padded ? bytes_of(format, s.padded_rows, s.padded_cols).count() * s.copies - t.fixed : 0;
  if (!m.stored.empty()) {
    const Count total = proportion(stored_bytes(m, lot.share, lot.first, lot.count, lot.only), t.elements,
                                   std::max<Count>(m.matrix.elements(), 1));
    if (total % instances == 0) {
      t.fixed = total / instances;
    } else {  // instances differ: one sum for all
      t.repeat = 1;
      t.elements *= instances;
      t.fixed = total;
    }
  }
  add(t);
  ++range.count;
  if (options.adapter != nullptr && !mtp_) note_adapter(m.matrix, s, lot.place, instances);
  if (padding > 0) {
    Tensor pad = t;
    pad.cls = TensorClass::Padding;
    pad.repeat = static_cast<std::int32_t>(instances);
    pad.elements = (s.padded_rows * s.padded_cols - s.rows * s.cols) * s.copies;
    pad.fixed = padding;
    add(pad);
    ++range.count;
  }
  range.cols = s.cols;
  range.padded_cols = s.padded_cols;
}

// Of A (rank x in) and B (out x rank) the half beside the dimension that tensor parallelism
// cuts is cut with it, the other is on every rank; fully sharded, that one is cut too: A by
// its rank, B by its rows. A table is read by rows, not multiplied: both halves are whole.
// Source: vllm/lora/layers base_linear.py, fused_moe.py, vocal_parallel_embedding.py.
void Builder::note_adapter(const Matrix& m, const Shard& s, Place place, Count instances) {
  const AdapterSpec& a = *options.adapter;
  const auto role = static_cast<std::size_t>(m.role);
  if (m.cols <= 1 || m.rows == 0) return;
  Tensor t;
  t.cls = TensorClass::Weight;
  t.owner = Owner::Adapter;
  t.part = m.part;
  t.role = m.role;
  t.format = options.adapter_format;
  t.place = place;
  t.repeat = static_cast<std::int32_t>(instances);
  t.elements = s.copies * a.slots;  // note_half multiplies by the shape
  if (a.saved.test(role)) note_half(t, AdapterHalf::Whole, s.rows, s.cols, s.replicas);
  if (!a.targets.test(role)) return;
  const Count ranks = layout.ranks_per_stage();
  if (m.role == MatrixRole::Embedding) {
    note_half(t, AdapterHalf::A, a.rank, m.rows, ranks);
    note_half(t, AdapterHalf::B, m.cols, a.rank, ranks);
    return;
  }
  if (m.role == MatrixRole::Head && runtime.adapters.whole_head) {
    note_half(t, AdapterHalf::A, a.rank, m.cols, ranks);
    note_half(t, AdapterHalf::B, m.rows, a.rank, ranks);
    return;
  }
  const bool expert = m.cut == Cut::Experts || m.cut == Cut::ExpertsIn;
  const bool by_cols = m.cut == Cut::Cols || m.cut == Cut::ExpertsIn;
  const Count holders = expert ? layout.moe_tp : ranks;  // of the half that is not cut
  const Count ways = m.cut == Cut::None     ? 1
                     : expert               ? layout.moe_tp
                     : m.cut == Cut::KvRows ? layout.tp
                                            : ranks_of(m.part);
  const Count more = a.fully_sharded ? ways : 1;
  const Count a_replicas = by_cols ? s.replicas : holders / more;
  const Count b_replicas = by_cols ? holders / more : s.replicas;
  note_half(t, AdapterHalf::A, by_cols ? a.rank : ceil_div(a.rank, more), s.cols, a_replicas);
  note_half(t, AdapterHalf::B, by_cols ? ceil_div(s.rows, more) : s.rows, a.rank, b_replicas);
}

void Builder::note_half(const Tensor& like, AdapterHalf half, Count rows, Count cols, Count replicas) {
  Tensor t = like;
  t.half = half;
  t.replicas = static_cast<std::uint16_t>(replicas);
  t.fixed = bytes_of(plan.formats[t.format], rows, cols).count() * like.elements;
  t.elements = rows * cols * like.elements;
  for (std::size_t i = 0; i < half_count_; ++i) {
    Tensor& known = halves_[i];
    const bool same_place = known.place == t.place && known.replicas == t.replicas;
    if (!same_place || known.role != t.role || known.half != half || known.elements != t.elements) continue;
    known.repeat += t.repeat;
    return;
  }
  CHECK(half_count_ < kMostHalves);
  halves_[half_count_++] = t;
}

void Builder::add_adapters() {
  for (std::size_t i = 0; i < half_count_; ++i) add(halves_[i]);
}

void Builder::add_weight(const MatrixPlan& m, WeightRange& range) {
  const bool experts = m.matrix.cut == Cut::Experts || m.matrix.cut == Cut::ExpertsIn;
  const Count on_host = experts ? on_host_ : 0;
  const Part part = mtp_ ? Part::Mtp : m.matrix.part;
  for (std::size_t i = 0; i < m.share_count; ++i) {
    const Shard s = shard_of(m.matrix, plan.formats[m.shares[i].format]);
    if (experts && placed_) {
      add_placed(m, s, part, i, range);
      if (i == 0) {
        range.rows += s.rows;
        range.padded_rows += s.padded_rows;
      }
      continue;
    }
    // The first instances are the ones that go to the host.
    add_lot(m, s, part, {i, first_instance_ + on_host, repeat_ - on_host, Place::Device}, range);
    add_lot(m, s, part, {i, first_instance_, on_host, Place::Host}, range);
    if (i > 0) continue;
    range.rows += s.rows;
    range.padded_rows += s.padded_rows;
  }
}

void Builder::add_placed(const MatrixPlan& m, const Shard& s, Part part, std::size_t share, WeightRange& range) {
  range.cols = s.cols;  // even where none lies here
  range.padded_cols = s.padded_cols;
  for (const Place place : {Place::Device, Place::Host, Place::Ssd}) {
    const Instances here = lying_in(matrix_of(m.matrix), place);
    add_lot(m, s, part, {share, 0, plan.instances[index_], place, &here}, range);
  }
}

Instances Builder::lying_in(ExpertMatrix matrix, Place place) const {
  Instances found;
  const std::vector<std::uint16_t>& layers = plan.layer_of[index_];
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const bool own = static_cast<Count>(i) >= first_instance_ && static_cast<Count>(i) < first_instance_ + repeat_;
    const Home home = options.placement->experts[layers[i]][matrix];
    const bool here = home == kAtHome ? own : home == static_cast<Home>(rank_class.first_stage);
    bool lies = false;
    switch (place) {
      case Place::Device: lies = here && own != guests_; break;
      case Place::Host: lies = own && !guests_ && home == kOnHost; break;
      case Place::Ssd: lies = own && !guests_ && home == kOnSsd; break;
    }
    if (lies) found.set(i);
  }
  return found;
}

Count Builder::layers_in(std::span<const ExpertMatrix> matrices, Place place) const {
  Count most = 0;
  for (const ExpertMatrix m : matrices) most = std::max(most, static_cast<Count>(lying_in(m, place).count()));
  return most;
}

void Builder::set_layers(std::uint16_t index, Count layers) {
  op(index).layers = static_cast<std::uint16_t>(layers);
  op(index).repeat = static_cast<std::uint16_t>(guests_ ? layers : std::min(layers, executed_));
}

void Builder::add_host_op(const Op& like, Count layers) {
  if (layers == 0) return;
  Op host = like;
  host.kind = OpKind::Host;
  host.lane = Lane::Host;
  host.name = OpName::HostExperts;
  host.padded_n = host.padded_k = 0;
  set_layers(add(host), layers);
}

// An op whose gate and up lie apart runs in both places: its bytes are right in each, its
// FLOPs are counted twice.
void Builder::split_by_placement(std::uint16_t in, std::uint16_t act, std::uint16_t out) {
  if (!placed_) return;
  static constexpr ExpertMatrix kIn[] = {ExpertMatrix::Gate, ExpertMatrix::Up};
  static constexpr ExpertMatrix kOut[] = {ExpertMatrix::Down};
  const auto off_device = [this](std::span<const ExpertMatrix> matrices) {
    Instances any;
    for (const ExpertMatrix m : matrices) any |= lying_in(m, Place::Host) | lying_in(m, Place::Ssd);
    return static_cast<Count>(any.count());
  };
  set_layers(in, layers_in(kIn, Place::Device));
  set_layers(act, layers_in(kIn, Place::Device));
  set_layers(out, layers_in(kOut, Place::Device));
  const Op on_in = op(in);
  const Op on_out = op(out);
  add_host_op(on_in, off_device(kIn));
  add_host_op(on_out, off_device(kOut));
}

bool Builder::begin_guests(BlockIndex index, Count first, Count count) {
  if (options.placement == nullptr || options.placement->experts.empty()) return false;
  begin_block(index, first, count, count, 0);
  guests_ = true;
  static constexpr ExpertMatrix kAll[] = {ExpertMatrix::Gate, ExpertMatrix::Up, ExpertMatrix::Down};
  return layers_in(kAll, Place::Device) > 0;
}

WeightRange Builder::weights(Roles roles) {
  WeightRange range;
  range.first = static_cast<std::uint16_t>(program_.tensor_count);
  for (std::size_t i = 0; i < block_->matrices.size(); ++i) {
    const MatrixPlan& m = block_->matrices[i];
    if (!roles.has(m.matrix.role) || (added_ >> i & 1U) != 0) continue;
    added_ |= std::uint64_t{1} << i;
    add_weight(m, range);
  }
  return range;
}

void Builder::other_weights() {
  WeightRange range;
  for (std::size_t i = 0; i < block_->matrices.size(); ++i) {
    if ((added_ >> i & 1U) != 0) continue;
    add_weight(block_->matrices[i], range);
  }
}

void Builder::guest_biases() {
  WeightRange range;
  for (std::size_t i = 0; i < block_->matrices.size(); ++i) {
    const Cut cut = block_->matrices[i].matrix.cut;
    if ((added_ >> i & 1U) == 0 && (cut == Cut::Experts || cut == Cut::ExpertsIn))
      add_weight(block_->matrices[i], range);
  }
}

void Builder::forget_elements(const WeightRange& range) {
  for (std::size_t i = 0; i < range.count; ++i) program_.tensor_array[range.first + i].elements = 0;
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

WeightRange Builder::single_weight(const MatrixPlan& m, Part part, Place place) {
  WeightRange range;
  range.first = static_cast<std::uint16_t>(program_.tensor_count);
  const Shard s = shard_of(m.matrix, plan.formats[m.shares[0].format]);
  add_lot(m, s, part, {0, 0, repeat_, place}, range);
  range.rows = s.rows;
  range.padded_rows = s.padded_rows;
  return range;
}

void Builder::loose_weight(const MatrixPlan& m) {
  if (m.matrix.rows != 0) single_weight(m, m.matrix.part);
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

DispatchKind Builder::exchange() const {
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

void Builder::split_to_host(std::initializer_list<std::uint16_t> ops) {
  if (on_host_ == 0) return;
  const Count device = repeat_ - on_host_;
  const Op in = op(*ops.begin());
  const Op out = op(*(ops.end() - 1));
  for (const std::uint16_t i : ops) {
    op(i).layers = static_cast<std::uint16_t>(device);
    op(i).repeat = static_cast<std::uint16_t>(std::min(device, executed_));
  }
  Op host = in;
  host.kind = OpKind::Host;
  host.lane = Lane::Host;
  host.name = OpName::HostExperts;
  host.weights_count = static_cast<std::uint16_t>(in.weights_count + out.weights_count);
  host.n = in.n + out.k;
  host.k = in.k;
  host.padded_n = host.padded_k = 0;
  const std::uint16_t index = add(host);
  op(index).layers = static_cast<std::uint16_t>(on_host_);
  op(index).repeat = static_cast<std::uint16_t>(executed_ - std::min(device, executed_));
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
