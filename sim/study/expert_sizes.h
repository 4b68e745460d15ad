// SPDX-License-Identifier: Apache-2.0
// A model with other experts: how many, how many of them a token uses, how wide each is.
#pragma once

#include "sim/spec/model.h"

namespace moeplan {

struct ExpertSizes {
  Count experts = 0;
  Count top_k = 0;
  Count width = 0;
  friend bool operator==(const ExpertSizes&, const ExpertSizes&) = default;
};

// Of the model's main layers; no experts: all 0. Throws InputError(Usage) for a model that
// cannot be resized (family.h).
ExpertSizes expert_sizes_of(const ModelSpec& model);
ModelSpec with_experts(const ModelSpec& like, const ExpertSizes& sizes);

}  // namespace moeplan
