// SPDX-License-Identifier: Apache-2.0
// The weights of a made-up file: what a plan ("native", a format, a label) stores, as a
// file of the model would list it, tensor group by tensor group.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "sim/spec/stored.h"
#include "sim/spec/weights.h"

namespace moeplan {

class StoredMaker {
 public:
  StoredMaker(const ModelSpec& model, const FormatTable& formats, std::string_view label)
      : model_(model), formats_(formats), plan_(plan_weights(model, formats, label)) {
    stored_.file = model.id + "-" + plan_.label + ".gguf";
    stored_.label = plan_.label;
    stored_.gguf = !plan_.keeps_vision;
  }

  StoredWeights make() {
    std::vector<std::size_t> next(model_.blocks.size(), 0);
    for (const Stack stack : {Stack::Encoder, Stack::Decoder}) {
      Count layer = 0;
      for (const LayerShape& shape : expand_layers(model_, stack)) {
        std::map<std::pair<MatrixRole, Part>, Count> seen;
        for (const BlockIndex b : shape) add_block(stack, layer, plan_.blocks[b], next[b]++, seen, false);
        ++layer;
      }
      if (stack == Stack::Decoder && plan_.keeps_mtp) add_mtp(layer);
    }
    add(Stack::Decoder, -1, 0, plan_.embedding, 0, false);
    add(Stack::Decoder, -1, 0, plan_.head, 0, false);
    add(Stack::Decoder, -1, 0, plan_.final_norm, 0, false);
    add(Stack::Decoder, -1, 0, plan_.head_bias, 0, false);
    for (const MatrixPlan& extra : plan_.extras)
      if (plan_.keeps_vision || extra.matrix.part != Part::Vision) add(Stack::Decoder, -1, 0, extra, 0, false);
    return stored_;
  }

 private:
  using Seen = std::map<std::pair<MatrixRole, Part>, Count>;

  void add_mtp(Count layer) {
    for (Count module = 0; module < model_.mtp.modules; ++module) {
      Seen seen;
      for (const BlockPlan& block : plan_.mtp_blocks)
        add_block(Stack::Decoder, layer + module, block, static_cast<std::size_t>(module), seen, true);
      add(Stack::Decoder, layer + module, 0, plan_.mtp_projection, 0, true);
      add(Stack::Decoder, layer + module, 0, plan_.mtp_norm, 0, true);
    }
    for (Count copy = 0; copy < model_.mtp.in_file_copies; ++copy) {
      add(Stack::Decoder, layer, 0, plan_.embedding, 0, true);
      if (model_.mtp.copies_head) add(Stack::Decoder, layer, 0, plan_.head, 0, true);
    }
  }

  // Blocks of one layer that have the same role are its occurrences.
  void add_block(Stack stack, Count layer, const BlockPlan& block, std::size_t instance, Seen& seen, bool mtp) {
    Seen here;
    for (const MatrixPlan& m : block.matrices) {
      add(stack, layer, seen[{m.matrix.role, m.matrix.part}], m, instance, mtp);
      here[{m.matrix.role, m.matrix.part}] = 1;
    }
    for (const auto& [key, count] : here) seen[key] += count;
  }

  void add(Stack stack, Count layer, Count occurrence, const MatrixPlan& m, std::size_t instance, bool mtp) {
    if (m.matrix.rows == 0) return;
    std::size_t share = 0;
    for (std::size_t s = 0; m.share_count > 1 && s < m.share_count; ++s)
      if (m.shares[s].instances.test(instance)) share = s;
    const QuantFormat& format = formats_[m.shares[share].format];
    StoredEntry e;
    e.stack = stack;
    e.layer = layer;
    e.occurrence = occurrence;
    e.role = m.matrix.role;
    e.part = mtp ? Part::Mtp : m.matrix.part;
    e.format = format.id;
    e.elements = m.matrix.elements();
    e.bytes = bytes_of(format, m.matrix.rows, m.matrix.cols) * m.matrix.copies;
    e.tensors = m.matrix.copies;
    stored_.tensors += e.tensors;
    stored_.payload += e.bytes;
    stored_.entries.push_back(std::move(e));
  }

  const ModelSpec& model_;
  const FormatTable& formats_;
  WeightPlan plan_;
  StoredWeights stored_;
};

inline StoredWeights stored_like(const ModelSpec& model, const FormatTable& formats, std::string_view label) {
  return StoredMaker(model, formats, label).make();
}

// The model with the weights of such a file.
inline ModelSpec with_stored(ModelSpec model, const FormatTable& formats, std::string_view label) {
  model.stored = std::make_shared<const StoredWeights>(stored_like(model, formats, label));
  return model;
}

}  // namespace moeplan
