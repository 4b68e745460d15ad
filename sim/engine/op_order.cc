// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/op_order.h"

#include <algorithm>
#include <array>

namespace moeplan {
namespace {

class Order {
 public:
  Order(const StepModel::RankModel& model, const ModelPlan& plan, const Binding& binding)
      : model_(model), plan_(plan), binding_(binding) {
    for (std::uint16_t i = 0; i < model.ops.count; ++i)
      if (const Op& op = op_of(i); op.block != kNoBlock) of_block_[op.block].push_back(i);
    find_layers();
  }

  std::vector<OrderedOp> all() {
    std::uint16_t i = 0;
    for (; i < count() && op_of(i).block == kNoBlock; ++i) add_runs(i);
    add_layers();
    for (; i < count() && op_of(i).block != kNoBlock; ++i) {
    }
    for (; i < count() && model_.ops.ops[i].op < model_.program.first_draft; ++i) add_runs(i);
    add_drafts(i);
    return std::move(order_);
  }

 private:
  std::uint16_t count() const { return static_cast<std::uint16_t>(model_.ops.count); }
  const Op& op_of(std::uint16_t i) const { return model_.program.op_array[model_.ops.ops[i].op]; }
  Runs runs(std::uint16_t i) const { return runs_of(model_.ops.ops[i].op, model_.program, binding_); }

  // Layers of the class that run: an encoder does not in decode.
  void find_layers() {
    const RankClass& c = model_.rank_class;
    const Count first = c.first ? 0 : plan_.encoder_layers + c.first_layer;
    const Count end = plan_.encoder_layers + c.first_layer + c.layers;
    const bool decodes = model_.program.phase == Phase::Decode;
    first_ = decodes ? std::max(first, plan_.encoder_layers) : first;
    layers_ = std::max<Count>(0, end - first_);
    for (Count l = first_; l < end; ++l)
      for (const BlockIndex b : plan_.layers[static_cast<std::size_t>(l)]) ++instances_[b];
  }

  void add_layers() {
    std::array<Count, kMaxBlocks> seen{};
    for (Count l = 0; l < layers_; ++l) {
      for (const BlockIndex b : plan_.layers[static_cast<std::size_t>(first_ + l)]) {
        const Count instance = seen[b]++;
        for (const std::uint16_t i : of_block_[b]) {
          const Op& op = op_of(i);
          const Count without = instances_[b] - op.repeat;
          const bool runs_here = op.kind == OpKind::Host ? instance < op.repeat : instance >= without;
          if (runs_here) add(i, static_cast<std::uint16_t>(l), false);
        }
      }
    }
    // Experts of other stages' layers that lie here.
    for (std::size_t b = 0; b < of_block_.size(); ++b)
      for (const std::uint16_t i : of_block_[b])
        for (Count more = op_of(i).repeat - instances_[b]; more > 0; --more) add(i, kNoLayer, false);
  }

  void add_runs(std::uint16_t i) {
    const Runs r = runs(i);
    for (Count n = 0; n < r.whole; ++n) add(i, kNoLayer, false);
    for (Count n = 0; n < r.single; ++n) add(i, kNoLayer, true);
  }

  // The drafting module runs from end to end once for each draft.
  void add_drafts(std::uint16_t begin) {
    Count most = 0;
    for (std::uint16_t i = begin; i < count(); ++i) most = std::max(most, runs(i).whole + runs(i).single);
    for (Count n = 0; n < most; ++n) {
      for (std::uint16_t i = begin; i < count(); ++i) {
        const Runs r = runs(i);
        if (n < r.whole + r.single) add(i, kNoLayer, n >= r.whole);
      }
    }
  }

  void add(std::uint16_t planned, std::uint16_t layer, bool single) {
    order_.push_back({.planned = planned, .layer = layer, .single = single});
  }

  const StepModel::RankModel& model_;
  const ModelPlan& plan_;
  const Binding& binding_;
  std::array<std::vector<std::uint16_t>, kMaxBlocks> of_block_;
  std::array<Count, kMaxBlocks> instances_{};
  Count first_ = 0;
  Count layers_ = 0;
  std::vector<OrderedOp> order_;
};

}  // namespace

std::vector<OrderedOp> order_of(const StepModel::RankModel& model, const ModelPlan& plan, const Binding& binding) {
  return Order(model, plan, binding).all();
}

}  // namespace moeplan
