// SPDX-License-Identifier: Apache-2.0
// LoRA adapters beside the weights.
#include "sim/lower/builder.h"

#include "sim/base/error.h"

namespace moeplan {

// Of A (rank x in) and B (out x rank) the half beside the dimension that tensor parallelism
// cuts is cut with it, the other is on every rank; fully sharded, that one is cut too: A by
// its rank, B by its rows. A table is read by rows, not multiplied: both halves are whole.
// Source: vllm/lora/layers base_linear.py, fused_moe.py, vocal_parallel_embedding.py.
void Builder::note_adapter(const Matrix& m, const WeightShard& s, Place place, Count instances) {
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

}  // namespace moeplan
