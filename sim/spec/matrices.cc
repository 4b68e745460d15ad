// SPDX-License-Identifier: Apache-2.0
// One function per block kind lists its weights; everything else is a sum over
// these lists. Source of each list: the transformers modeling file of the family
// named in model.h, checked against published element counts (tests/published).
#include "sim/spec/matrices.h"

#include <algorithm>
#include <cmath>

#include "sim/base/error.h"

namespace moeplan {
namespace {

// A 2-d weight.
Matrix weight(MatrixRole role, Part part, Cut cut, Count rows, Count cols) {
  return {.role = role, .part = part, .cut = cut, .rows = rows, .cols = cols};
}

// A small weight that checkpoints never convert: router, convolution, gates.
Matrix fixed_weight(MatrixRole role, Part part, Cut cut, Count rows, Count cols) {
  return {.role = role, .part = part, .cut = cut, .quantisable = false, .rows = rows, .cols = cols};
}

Matrix vector_of(MatrixRole role, Part part, Cut cut, Count rows) {
  return {.role = role, .part = part, .cut = cut, .quantisable = false, .rows = rows, .cols = 1};
}

// The hidden-wide norm vectors of a block; a layer norm with bias has two vectors.
Count norm_elements(const ModelSpec& model, Count norms) {
  return norms * model.hidden * (model.norm == NormKind::Layer ? 2 : 1);
}

void add_norms(MatrixList& list, const Block& block, const ModelSpec& model) {
  if (block.norms > 0) list.add(vector_of(MatrixRole::Norm, Part::Norm, Cut::None, norm_elements(model, block.norms)));
}

void add_qk_norms(MatrixList& list, const SoftmaxAttention& a) {
  if (a.qk_norm == QkNorm::None) return;
  const bool whole = a.qk_norm != QkNorm::PerDim;
  list.add(vector_of(MatrixRole::QNorm, Part::Norm, whole ? Cut::Rows : Cut::None, (whole ? a.heads : 1) * a.head_dim));
  if (!a.reuses_cache)
    list.add(vector_of(MatrixRole::KNorm, Part::Norm, whole ? Cut::KvRows : Cut::None,
                       (whole ? a.kv_heads : 1) * a.head_dim));
}

MatrixList softmax_matrices(const SoftmaxAttention& a, const ModelSpec& model) {
  const Count h = model.hidden;
  const Count q_rows = a.heads * a.head_dim * (a.output_gate ? 2 : 1);
  const Count k_rows = a.reuses_cache ? 0 : a.kv_heads * a.head_dim;
  const Count v_rows = a.reuses_cache || a.key_is_value ? 0 : a.kv_heads * a.value_dim;
  MatrixList list;
  list.add(weight(MatrixRole::Q, Part::Attention, Cut::Rows, q_rows, h));
  if (k_rows > 0) list.add(weight(MatrixRole::K, Part::Attention, Cut::KvRows, k_rows, h));
  if (v_rows > 0) list.add(weight(MatrixRole::V, Part::Attention, Cut::KvRows, v_rows, h));
  list.add(weight(MatrixRole::O, Part::Attention, Cut::Cols, h, a.heads * a.value_dim));
  if (a.head_gate) list.add(weight(MatrixRole::Gate, Part::Attention, Cut::Rows, a.heads, h));
  if (a.qkv_bias) {
    list.add(vector_of(MatrixRole::Bias, Part::Attention, Cut::Rows, q_rows));
    if (k_rows > 0) list.add(vector_of(MatrixRole::Bias, Part::Attention, Cut::KvRows, k_rows));
    if (v_rows > 0) list.add(vector_of(MatrixRole::Bias, Part::Attention, Cut::KvRows, v_rows));
  }
  if (a.out_bias) list.add(vector_of(MatrixRole::Bias, Part::Attention, Cut::None, h));
  if (a.sinks) list.add(vector_of(MatrixRole::Sinks, Part::Attention, Cut::Rows, a.heads));
  add_qk_norms(list, a);
  if (a.index_heads > 0) {
    list.add(weight(MatrixRole::IndexQ, Part::Indexer, Cut::None, a.index_heads * a.index_dim, h));
    list.add(weight(MatrixRole::IndexK, Part::Indexer, Cut::None, a.index_dim, h));
    list.add(vector_of(MatrixRole::IndexNorm, Part::Indexer, Cut::None, 2 * a.index_dim));  // q and k
  }
  return list;
}

MatrixList latent_matrices(const LatentAttention& a, const ModelSpec& model) {
  const Count h = model.hidden;
  const Count q_rows = a.heads * (a.nope_dim + a.rope_dim);
  MatrixList list;
  if (a.q_lora > 0) {
    list.add(weight(MatrixRole::QA, Part::Attention, Cut::None, a.q_lora, h));
    list.add(vector_of(MatrixRole::QANorm, Part::Norm, Cut::None, a.q_lora));
    list.add(weight(MatrixRole::QB, Part::Attention, Cut::Rows, q_rows, a.q_lora));
  } else {
    list.add(weight(MatrixRole::Q, Part::Attention, Cut::Rows, q_rows, h));
  }
  list.add(weight(MatrixRole::KvA, Part::Attention, Cut::None, a.kv_lora + a.rope_dim, h));
  list.add(vector_of(MatrixRole::KvANorm, Part::Norm, Cut::None, a.kv_lora));
  list.add(weight(MatrixRole::KvB, Part::Attention, Cut::Rows, a.heads * (a.nope_dim + a.value_dim), a.kv_lora));
  list.add(weight(MatrixRole::O, Part::Attention, Cut::Cols, h, a.heads * a.value_dim));
  if (a.bias) {
    if (a.q_lora > 0) list.add(vector_of(MatrixRole::Bias, Part::Attention, Cut::None, a.q_lora));
    list.add(vector_of(MatrixRole::Bias, Part::Attention, Cut::None, a.kv_lora + a.rope_dim));
    list.add(vector_of(MatrixRole::Bias, Part::Attention, Cut::None, h));
  }
  if (a.indexer == Indexer::Full) {
    // Queries come from the query latent, or from hidden when there is none.
    list.add(
        weight(MatrixRole::IndexQ, Part::Indexer, Cut::None, a.index_heads * a.index_dim, a.q_lora > 0 ? a.q_lora : h));
    list.add(weight(MatrixRole::IndexK, Part::Indexer, Cut::None, a.index_dim, h));
    list.add(fixed_weight(MatrixRole::IndexWeights, Part::Indexer, Cut::None, a.index_heads, h));
    list.add(vector_of(MatrixRole::IndexNorm, Part::Indexer, Cut::None, 2 * a.index_dim));  // layer norm: weight, bias
  }
  return list;
}

MatrixList linear_matrices(const LinearAttention& a, const ModelSpec& model) {
  const Count h = model.hidden;
  const Count keys = a.key_heads * a.key_dim;
  const Count values = a.value_heads * a.value_dim;
  MatrixList list;
  // q, k, v and the output gate z in one projection.
  list.add(weight(MatrixRole::LinearQkvz, Part::Attention, Cut::Rows, 2 * keys + 2 * values, h));
  list.add(weight(MatrixRole::LinearOut, Part::Attention, Cut::Cols, h, values));
  if (a.conv_kernel > 0)
    list.add(fixed_weight(MatrixRole::LinearConv, Part::Attention, Cut::Rows, 2 * keys + values, a.conv_kernel));
  if (a.kind == LinearKind::GatedDelta) {
    list.add(weight(MatrixRole::LinearBa, Part::Attention, Cut::Rows, 2 * a.value_heads, h));
    Matrix state = vector_of(MatrixRole::LinearState, Part::Attention, Cut::Rows, 2 * a.value_heads);  // A_log, dt_bias
    state.f32 = true;
    list.add(state);
    list.add(vector_of(MatrixRole::LinearNorm, Part::Norm, Cut::None, a.value_dim));
  } else {
    list.add(vector_of(MatrixRole::LinearNorm, Part::Norm, Cut::Rows, values));
  }
  return list;
}

// Mamba-1 as in Jamba: x and the gate z from one projection; dt, B and C from x.
MatrixList mamba1_matrices(const MambaMixer& m, const ModelSpec& model) {
  const Count h = model.hidden;
  const Count inner = m.heads * m.head_dim;
  MatrixList list;
  list.add(weight(MatrixRole::LinearQkvz, Part::Attention, Cut::Rows, 2 * inner, h));
  list.add(weight(MatrixRole::LinearX, Part::Attention, Cut::Cols, m.dt_rank + 2 * m.state, inner));
  list.add(weight(MatrixRole::LinearDt, Part::Attention, Cut::Rows, inner, m.dt_rank));
  list.add(weight(MatrixRole::LinearOut, Part::Attention, Cut::Cols, h, inner));
  list.add(fixed_weight(MatrixRole::LinearConv, Part::Attention, Cut::Rows, inner, m.conv_kernel));
  if (m.conv_bias) list.add(vector_of(MatrixRole::Bias, Part::Attention, Cut::Rows, inner));
  list.add(vector_of(MatrixRole::Bias, Part::Attention, Cut::Rows, inner));  // of the step
  if (m.proj_bias) {
    list.add(vector_of(MatrixRole::Bias, Part::Attention, Cut::Rows, 2 * inner));
    list.add(vector_of(MatrixRole::Bias, Part::Attention, Cut::None, h));
  }
  list.add(vector_of(MatrixRole::LinearState, Part::Attention, Cut::Rows, inner * (m.state + 1)));  // A_log, D
  list.add(vector_of(MatrixRole::LinearNorm, Part::Norm, Cut::None, m.dt_rank + 2 * m.state));
  return list;
}

MatrixList mamba_matrices(const MambaMixer& m, const ModelSpec& model) {
  if (m.dt_rank > 0) return mamba1_matrices(m, model);
  const Count h = model.hidden;
  const Count inner = m.heads * m.head_dim;
  const Count channels = inner + 2 * m.groups * m.state;  // x, B, C
  const Count in_rows = inner + channels + m.heads;       // z, xBC, dt
  MatrixList list;
  list.add(weight(MatrixRole::LinearQkvz, Part::Attention, Cut::Rows, in_rows, h));
  list.add(weight(MatrixRole::LinearOut, Part::Attention, Cut::Cols, h, inner));
  list.add(fixed_weight(MatrixRole::LinearConv, Part::Attention, Cut::Rows, channels, m.conv_kernel));
  if (m.conv_bias) list.add(vector_of(MatrixRole::Bias, Part::Attention, Cut::Rows, channels));
  if (m.proj_bias) {
    list.add(vector_of(MatrixRole::Bias, Part::Attention, Cut::Rows, in_rows));
    list.add(vector_of(MatrixRole::Bias, Part::Attention, Cut::None, h));
  }
  Matrix state = vector_of(MatrixRole::LinearState, Part::Attention, Cut::Rows, 3 * m.heads);  // A_log, D, dt_bias
  state.f32 = true;
  list.add(state);
  list.add(vector_of(MatrixRole::LinearNorm, Part::Norm, Cut::Rows, inner));
  return list;
}

// Every rank holds the whole layer: its output feeds the next step of all four gates.
MatrixList lstm_matrices(const LstmLayer& l, const ModelSpec& model) {
  MatrixList list;
  list.add(weight(MatrixRole::LinearQkvz, Part::Attention, Cut::None, 4 * l.units, model.hidden + l.output()));
  list.add(vector_of(MatrixRole::Bias, Part::Attention, Cut::None, 4 * l.units));
  if (l.projection > 0) list.add(weight(MatrixRole::LinearOut, Part::Attention, Cut::None, l.projection, l.units));
  return list;
}

MatrixList dense_matrices(const DenseFfn& f, const ModelSpec& model) {
  const Count h = model.hidden;
  MatrixList list;
  if (f.gated) list.add(weight(MatrixRole::FfnGate, Part::Dense, Cut::Rows, f.width, h));
  list.add(weight(MatrixRole::FfnUp, Part::Dense, Cut::Rows, f.width, h));
  list.add(weight(MatrixRole::FfnDown, Part::Dense, Cut::Cols, h, f.width));
  if (f.bias) {
    list.add(vector_of(MatrixRole::Bias, Part::Dense, Cut::Rows, (f.gated ? 2 : 1) * f.width));
    list.add(vector_of(MatrixRole::Bias, Part::Dense, Cut::None, h));
  }
  return list;
}

// Matrices of the routed experts. A token uses k of E + Z of them in expectation,
// where the Z zero-computation experts own no weights: share k / (E + Z).
void add_experts(MatrixList& list, const MoeFfn& f, Count width_in) {
  const double share = static_cast<double>(f.top_k) / static_cast<double>(f.experts + f.zero_experts);
  const auto of_experts = [&](Matrix m) {
    m.copies = f.experts;
    m.active_share = share;
    list.add(m);
  };
  if (f.gated) of_experts(weight(MatrixRole::ExpertGate, Part::Experts, Cut::Experts, f.width, width_in));
  of_experts(weight(MatrixRole::ExpertUp, Part::Experts, Cut::Experts, f.width, width_in));
  of_experts(weight(MatrixRole::ExpertDown, Part::Experts, Cut::ExpertsIn, width_in, f.width));
  if (f.expert_bias) {
    of_experts(vector_of(MatrixRole::Bias, Part::Experts, Cut::Experts, (f.gated ? 2 : 1) * f.width));
    // Added after the reduction: every rank of an expert holds it whole (its single column cannot be cut).
    of_experts(vector_of(MatrixRole::Bias, Part::Experts, Cut::ExpertsIn, width_in));
  }
}

// With a router for the groups, only the routers within the chosen groups are used.
void add_routers(MatrixList& list, const MoeFfn& f, Count hidden) {
  const Count twice = f.router_noise ? 2 : 1;
  Matrix router =
      fixed_weight(MatrixRole::Router, Part::Router, Cut::None, twice * (f.experts + f.zero_experts), hidden);
  router.f32 = f.router_f32;
  if (f.group_router) {
    Matrix primary = router;
    primary.rows = twice * f.groups;
    list.add(primary);
    router.active_share = static_cast<double>(f.top_groups) / static_cast<double>(f.groups);
  }
  list.add(router);
}

MatrixList moe_matrices(const MoeFfn& f, const ModelSpec& model) {
  const Count h = model.hidden;
  const Count choices = f.experts + f.zero_experts;
  MatrixList list;
  add_routers(list, f, h);
  if (f.router_bias) list.add(vector_of(MatrixRole::RouterBias, Part::Router, Cut::None, choices));
  if (f.correction_bias) {
    Matrix bias = vector_of(MatrixRole::CorrectionBias, Part::Router, Cut::None, choices);
    bias.f32 = true;
    list.add(bias);
  }
  if (f.latent > 0) {
    list.add(weight(MatrixRole::LatentDown, Part::Experts, Cut::None, f.latent, h));
    list.add(weight(MatrixRole::LatentUp, Part::Experts, Cut::None, h, f.latent));
  }
  add_experts(list, f, f.latent > 0 ? f.latent : h);
  if (f.shared_width > 0) {
    if (f.shared_gated) list.add(weight(MatrixRole::SharedGate, Part::Shared, Cut::Rows, f.shared_width, h));
    list.add(weight(MatrixRole::SharedUp, Part::Shared, Cut::Rows, f.shared_width, h));
    list.add(weight(MatrixRole::SharedDown, Part::Shared, Cut::Cols, h, f.shared_width));
    if (f.shared_scalar_gate) list.add(fixed_weight(MatrixRole::SharedScalar, Part::Shared, Cut::None, 1, h));
  }
  return list;
}

struct MatricesOfKind {
  const ModelSpec& model;
  MatrixList operator()(const SoftmaxAttention& a) const { return softmax_matrices(a, model); }
  MatrixList operator()(const LatentAttention& a) const { return latent_matrices(a, model); }
  MatrixList operator()(const LinearAttention& a) const { return linear_matrices(a, model); }
  MatrixList operator()(const MambaMixer& m) const { return mamba_matrices(m, model); }
  MatrixList operator()(const LstmLayer& l) const { return lstm_matrices(l, model); }
  MatrixList operator()(const DenseFfn& f) const { return dense_matrices(f, model); }
  MatrixList operator()(const MoeFfn& f) const { return moe_matrices(f, model); }
};

Count active_elements(const Matrix& m) {
  if (m.active_share == 1.0) return m.elements();  // a vision tower may have 2^48, past the bound below
  // Exact: k/E times a multiple of E differs from an integer by less than 2^-11.
  return std::llround(static_cast<double>(m.elements()) * m.active_share);
}

Part part_of(const ExtraTensor& extra) {
  const auto* found = std::find(kPartWords.begin(), kPartWords.end(), extra.part);
  CHECK(found != kPartWords.end());  // violations() refuses other words
  return static_cast<Part>(found - kPartWords.begin());
}

// Unique weights of the multi-token-prediction modules.
Count mtp_elements(const ModelSpec& model) {
  if (model.mtp.modules == 0) return 0;
  Count one = mtp_projection_of(model).elements() + mtp_norm_of(model).elements();
  for (BlockIndex b : model.mtp.shape)
    for (const Matrix& m : matrices_of(model.blocks[b], model)) one += m.elements();
  return model.mtp.modules * one;
}

}  // namespace

void MatrixList::add(const Matrix& m) {
  CHECK(size < kMaxMatrices);
  items[size++] = m;
}

MatrixList matrices_of(const Block& block, const ModelSpec& model) {
  MatrixList list = std::visit(MatricesOfKind{model}, block.kind);
  add_norms(list, block, model);
  return list;
}

Matrix embedding_of(const ModelSpec& model) {
  return weight(MatrixRole::Embedding, Part::Embedding, Cut::Vocab, model.vocab, model.hidden);
}

Matrix head_of(const ModelSpec& model) {
  return weight(MatrixRole::Head, Part::Head, Cut::Vocab, model.tied_embeddings ? 0 : model.vocab, model.hidden);
}

Matrix mtp_projection_of(const ModelSpec& model) {
  return weight(MatrixRole::MtpProjection, Part::Mtp, Cut::None, model.hidden, 2 * model.hidden);
}

Matrix matrix_of(const ExtraTensor& extra) {
  Matrix m = vector_of(MatrixRole::Extra, part_of(extra), Cut::None, extra.elements);
  m.active_share = extra.active ? 1.0 : 0.0;
  return m;
}

Matrix final_norm_of(const ModelSpec& model) {
  return vector_of(MatrixRole::Norm, Part::Norm, Cut::None, norm_elements(model, model.final_norms));
}

Matrix head_bias_of(const ModelSpec& model) {
  return vector_of(MatrixRole::Bias, Part::Head, Cut::None, model.head_bias ? model.vocab : 0);
}

Matrix mtp_norm_of(const ModelSpec& model) {
  return vector_of(MatrixRole::Norm, Part::Mtp, Cut::None, norm_elements(model, model.mtp.norms));
}

ParameterCounts count_parameters(const ModelSpec& model) {
  ParameterCounts counts;
  Count trunk = 0;
  const auto add = [&](const Matrix& m, Count times) {
    if (m.part != Part::Vision) trunk += times * m.elements();
    counts.active += times * active_elements(m);
    counts.by_part[static_cast<std::size_t>(m.part)] += times * m.elements();
  };

  std::vector<Count> uses(model.blocks.size(), 0);
  for (const LayerRun& run : model.runs)
    for (const LayerShape& layer : run.layers)
      for (BlockIndex b : layer) uses[b] += run.repeat;
  for (std::size_t b = 0; b < model.blocks.size(); ++b)
    for (const Matrix& m : matrices_of(model.blocks[b], model)) add(m, uses[b]);

  const Matrix table = embedding_of(model);
  const Matrix head = head_of(model);
  const Matrix head_bias = head_bias_of(model);
  for (const Matrix& m : {table, head, head_bias, final_norm_of(model)}) add(m, 1);
  Count input_tables = table.elements();
  for (const ExtraTensor& extra : model.extras) {
    const Matrix m = matrix_of(extra);
    add(m, 1);
    if (m.part == Part::Embedding) input_tables += active_elements(m);
  }

  const Count mtp = mtp_elements(model);
  counts.by_part[static_cast<std::size_t>(Part::Mtp)] += mtp;
  counts.total_with_mtp = trunk + mtp;
  counts.total = model.mtp.counted_in_total ? counts.total_with_mtp : trunk;
  const Count copied =
      table.elements() + (model.mtp.copies_head ? head.elements() : 0);  // beside each MTP module of the file
  const Count vision = counts.by_part[static_cast<std::size_t>(Part::Vision)];
  counts.checkpoint_elements = counts.total_with_mtp + vision + model.mtp.in_file_copies * copied;
  counts.active_no_embedding = counts.active - input_tables;
  counts.active_no_embedding_head = counts.active_no_embedding - head.elements() - head_bias.elements();
  return counts;
}

}  // namespace moeplan
