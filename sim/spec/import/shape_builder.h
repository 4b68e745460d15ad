// SPDX-License-Identifier: Apache-2.0
// Collects the blocks and layers of an imported model, then folds equal layers into
// runs.
#pragma once

#include <string>
#include <vector>

#include "sim/spec/model.h"

namespace moeplan {

class ShapeBuilder {
 public:
  ModelSpec model;

  // The block of this name, added when new. The same name always means the same content.
  BlockIndex block(const std::string& name, Count norms, const BlockKind& kind);
  void layer(LayerShape shape) { decoder_.push_back(std::move(shape)); }
  void encoder_layer(LayerShape shape) { encoder_.push_back(std::move(shape)); }
  // A sentence for ModelSpec::note.
  void remark(const std::string& sentence);
  // The finished model: layers folded into runs.
  ModelSpec finish();

 private:
  std::vector<LayerShape> decoder_;
  std::vector<LayerShape> encoder_;
};

// Equal layers, and repeated sequences of up to 16 layers, as runs.
std::vector<LayerRun> fold_layers(const std::vector<LayerShape>& layers, Stack stack);

}  // namespace moeplan
