// SPDX-License-Identifier: Apache-2.0
// Experts that do not lie on the device that runs their layer.
#include "sim/lower/builder.h"

#include <algorithm>

namespace moeplan {
namespace {

using Instances = std::bitset<kMaxInstances>;

ExpertMatrix matrix_of(const Matrix& m) {
  if (m.role == MatrixRole::ExpertGate) return ExpertMatrix::Gate;
  return m.cut == Cut::ExpertsIn ? ExpertMatrix::Down : ExpertMatrix::Up;
}

}  // namespace

void Builder::add_placed(const MatrixPlan& m, const WeightShard& s, Part part, std::size_t share, WeightRange& range) {
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

}  // namespace moeplan
