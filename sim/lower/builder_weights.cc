// SPDX-License-Identifier: Apache-2.0
// Weight matrices as tensors of one rank.
#include "sim/lower/builder.h"

#include <algorithm>

namespace moeplan {
namespace {

using Instances = std::bitset<kMaxInstances>;

// Instances in [first, first + count) that use this share.
Count count_instances(const MatrixPlan& m, std::size_t share, Count first, Count count) {
  if (m.share_count == 1) return count;
  Count used = 0;
  for (Count i = first; i < first + count; ++i)
    used += m.shares[share].instances.test(static_cast<std::size_t>(i)) ? 1 : 0;
  return used;
}

// The same of the instances in a set.
Count count_instances(const MatrixPlan& m, std::size_t share, const Instances& only) {
  return static_cast<Count>((m.share_count == 1 ? only : only & m.shares[share].instances).count());
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

// Expert kernels of some formats want the width per rank in whole tiles.
Count Builder::padded_width(Count width, const QuantFormat& format) const {
  for (const PaddingRule& rule : runtime.padding)
    if (rule.format == format.id) return round_up(width, rule.multiple);
  return width;
}

WeightShard Builder::shard_of(const Matrix& m, const QuantFormat& format) const {
  const Count ranks = layout.ranks_per_stage();
  const Count cuts = ranks_of(m.part);
  WeightShard s{m.rows, m.cols, m.copies, m.rows, m.cols, ranks};
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
  s.bytes = bytes_of(format, s.rows, s.cols).count() * s.copies;
  if (s.padded_rows != s.rows || s.padded_cols != s.cols)
    s.padding = bytes_of(format, s.padded_rows, s.padded_cols).count() * s.copies - s.bytes;
  return s;
}

const WeightShard& Builder::shard_of(std::size_t matrix, std::size_t share) {
  const MatrixPlan& m = block_->matrices[matrix];
  const auto make = [&] { return shard_of(m.matrix, plan.formats[m.shares[share].format]); };
  if (options.shards == nullptr || mtp_ || share > 0) return shard_ = make();
  return options.shards->at(index_, matrix, ranks_of(m.matrix.part), rank_class.hottest, make);
}

void Builder::add_lot(const MatrixPlan& m, const WeightShard& s, Part part, const Lot& lot, WeightRange& range) {
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
  t.fixed = s.bytes;
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
  if (s.padding > 0) {
    Tensor pad = t;
    pad.cls = TensorClass::Padding;
    pad.repeat = static_cast<std::int32_t>(instances);
    pad.elements = (s.padded_rows * s.padded_cols - s.rows * s.cols) * s.copies;
    pad.fixed = s.padding;
    add(pad);
    ++range.count;
  }
  range.cols = s.cols;
  range.padded_cols = s.padded_cols;
}

void Builder::add_weight(std::size_t matrix, WeightRange& range) {
  const MatrixPlan& m = block_->matrices[matrix];
  const bool experts = m.matrix.cut == Cut::Experts || m.matrix.cut == Cut::ExpertsIn;
  const Count on_host = experts ? on_host_ : 0;
  const Part part = mtp_ ? Part::Mtp : m.matrix.part;
  for (std::size_t i = 0; i < m.share_count; ++i) {
    const WeightShard& s = shard_of(matrix, i);
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
    if (on_host > 0) add_lot(m, s, part, {i, first_instance_, on_host, Place::Host}, range);
    if (i > 0) continue;
    range.rows += s.rows;
    range.padded_rows += s.padded_rows;
  }
}

WeightRange Builder::weights(Roles roles) {
  WeightRange range;
  range.first = static_cast<std::uint16_t>(program_.tensor_count);
  for (std::size_t i = 0; i < roles_.size(); ++i) {
    if (!roles.has(roles_[i]) || (added_ >> i & 1U) != 0) continue;
    added_ |= std::uint64_t{1} << i;
    add_weight(i, range);
  }
  return range;
}

void Builder::other_weights() {
  WeightRange range;
  for (std::size_t i = 0; i < roles_.size(); ++i)
    if ((added_ >> i & 1U) == 0) add_weight(i, range);
}

void Builder::guest_biases() {
  WeightRange range;
  for (std::size_t i = 0; i < block_->matrices.size(); ++i) {
    const Cut cut = block_->matrices[i].matrix.cut;
    if ((added_ >> i & 1U) == 0 && (cut == Cut::Experts || cut == Cut::ExpertsIn)) add_weight(i, range);
  }
}

void Builder::forget_elements(const WeightRange& range) {
  for (std::size_t i = 0; i < range.count; ++i) program_.tensor_array[range.first + i].elements = 0;
}

WeightRange Builder::single_weight(const MatrixPlan& m, Part part, Place place) {
  WeightRange range;
  range.first = static_cast<std::uint16_t>(program_.tensor_count);
  const WeightShard s = shard_of(m.matrix, plan.formats[m.shares[0].format]);
  add_lot(m, s, part, {0, 0, repeat_, place}, range);
  range.rows = s.rows;
  range.padded_rows = s.padded_rows;
  return range;
}

void Builder::loose_weight(const MatrixPlan& m) {
  if (m.matrix.rows != 0) single_weight(m, m.matrix.part);
}

}  // namespace moeplan
