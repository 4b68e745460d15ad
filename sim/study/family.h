// SPDX-License-Identifier: Apache-2.0
// A model as a family of shapes: everything stays as it is except a few sizes, and what
// must follow from them (heads with the width, groups with the experts).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/spec/model.h"

namespace moeplan {

// The sizes that are free. Of a family without experts, width is that of the dense FFN.
struct FamilySizes {
  Count hidden = 0;
  Count repeats = 0;  // of the main run of layers
  Count experts = 1;
  Count top_k = 1;
  Count width = 0;   // of one expert
  Count shared = 0;  // shared experts
};

class Family {
 public:
  // Throws InputError(Usage) for a family that cannot be resized: with an encoder, or without a
  // run of equal layers. Vocabulary and leading dense layers replace the family's own.
  Family(const ModelSpec& like, std::optional<Count> vocab, std::optional<Count> dense_layers);

  const FamilySizes& own() const { return own_; }
  bool has_experts() const { return moe_ >= 0; }
  Count period() const;        // layers of one repeat of the main run
  Count other_layers() const;  // outside the main run
  Count most_repeats() const;
  std::optional<Count> repeats_for(Count layers) const;

  // The family's sizes with this width.
  FamilySizes scaled_to(Count hidden) const;
  ModelSpec with(const FamilySizes& sizes) const;

  // Each size and where it comes from, one sentence each.
  std::vector<std::string> explain(const FamilySizes& sizes) const;

 private:
  void lead_with_dense_layers(Count layers);

  ModelSpec like_;
  std::size_t main_ = 0;  // index of the main run
  int moe_ = -1;          // index of the block whose experts are free; -1 = none
  int dense_ = -1;        // of the block whose width is free where there are no experts
  FamilySizes own_;
};

}  // namespace moeplan
