// SPDX-License-Identifier: Apache-2.0
// Where a tensor belongs, by its name: "model.layers.3.mlp.experts.17.up_proj.weight" is
// expert_up of layer 3. Two steps: numbers are taken out (90,000 names become about a
// hundred patterns), then tables say what a pattern means. Source of the tables: the
// modeling files of the families in hf_config.cc, Mistral's and MLX's own names, and the
// tensors that each quantisation method adds.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "sim/spec/matrices.h"

namespace moeplan {

// A name without its numbers: "model.layers.*.mlp.experts.*.up_proj.weight", {3, 17}.
struct NumberedName {
  std::string pattern;
  std::array<Count, 4> numbers{};       // further numbers stay in the pattern's text
  std::array<std::size_t, 4> places{};  // of the numbers' * in the pattern
  std::size_t count = 0;
};
inline constexpr Count kMostNumber = 1'000'000;  // a larger number is text

// Into `out`, whose room is used again.
void take_numbers(std::string_view name, NumberedName& out);

// What a tensor of a module holds.
enum class TensorKind : std::uint8_t {
  Values,  // the matrix itself
  Packed,  // its values, several in one storage unit
  Scale,
  Zero,  // zero points, MLX biases
  Bias,
  Meta  // shapes, group indices, tables, activation scales
};

struct NamePlace {
  bool placed = false;  // false: only `part` is known, at best
  Stack stack = Stack::Decoder;
  bool mtp = false;     // named as part of a multi-token-prediction module
  int layer = -1;       // which of the numbers is the layer, -1 = outside every layer
  int occurrence = -1;  // which of the numbers counts modules of one kind in the layer
  Count first = 0;      // occurrence without a number: 1 for cross attention
  bool one_expert = false;
  Part part = Part::Attention;
  bool known_part = true;
  std::array<MatrixRole, 4> roles{};  // what the tensor may be; those the layer has share it
  std::size_t role_count = 0;
  TensorKind kind = TensorKind::Values;
  std::string module;  // the pattern without what is told by `kind`
  std::string_view suffix;
};

NamePlace place_of_pattern(std::string_view pattern);

}  // namespace moeplan
