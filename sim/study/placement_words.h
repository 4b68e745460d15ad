// SPDX-License-Identifier: Apache-2.0
// A placement in llama.cpp's words, read: --tensor-split 3,1 deals layers to devices,
// --override-tensor PATTERN=BUFFER moves tensors by name, the first pattern that matches
// deciding. Source: llama.cpp b8763 common/arg.cpp and src/llama-model-loader.cpp.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/base/error.h"
#include "sim/study/fit.h"

namespace moeplan {

struct TensorOverride {
  std::string pattern;  // ECMAScript, searched in the name
  std::string buffer;   // "CPU", "CUDA1"
};

// What a command line says of what lies where; checked against a model by place().
struct AskedPlacement {
  std::vector<double> shares;             // by device
  std::vector<TensorOverride> overrides;  // first match first
  bool any() const { return !shares.empty() || !overrides.empty(); }
};

// Appends to `problems` with the file and path of `where` what is no list of shares, or
// no pattern and buffer.
std::vector<double> read_shares(std::string_view text, const Problem& where, std::vector<Problem>& problems);
std::vector<TensorOverride> read_overrides(std::string_view text, const Problem& where, std::vector<Problem>& problems);

// Puts it into the question, whose layout must be set; host_expert_layers counts where no
// pattern matches. The problems have the file and path of these.
struct PlacementOrigins {
  Problem shares, overrides;
};
std::vector<Problem> place(const AskedPlacement& asked, const PlacementOrigins& origins, FitQuestion& question);

// The same placement in the fewest words: what is paged counts as the host's, layers
// without experts count as nothing, the runtime's own split is not named, and whole first
// layers are host_expert_layers.
void simplify_placement(FitQuestion& question);

// Decoder layers by device: those of the placement, or the runtime's.
std::vector<Count> layers_by_stage(const FitQuestion& question);

}  // namespace moeplan
