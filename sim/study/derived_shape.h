// SPDX-License-Identifier: Apache-2.0
// A model with one of its sizes changed and others following, so that parameters stay: "256
// experts at constant total parameters". What follows is a product of sizes held constant
// (experts x width, top-k x width); what a product leaves out, such as the rows of the router, and
// what does not divide shows as the distance from the model's own counts.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/spec/model.h"

namespace moeplan {

enum class ShapeSize { Experts, TopK, Width, Shared, Hidden, Layers };
inline constexpr std::size_t kShapeSizes = 6;
std::string_view word_of(ShapeSize size);  // "experts", "top_k", ...
std::optional<ShapeSize> shape_size_named(std::string_view word);

// Routed parameters that stay. Changing        with Active        with Total         with both
//   experts                                    (nothing follows)  width              width, top-k
//   top-k                                      width              (nothing follows)  width, experts
//   width                                      top-k              experts            top-k, experts
//   shared experts                             top-k              experts            top-k, experts
// of hidden and layers nothing can follow.
enum class Keep { None, Active, Total, TotalAndActive };
inline constexpr std::size_t kKeeps = 4;
std::string_view word_of(Keep keep);  // "none", "active", "total", "total+active"
std::optional<Keep> keep_named(std::string_view word);

struct Resized {
  std::string reason;  // why there is no such model; "" = there is
  ModelSpec model;
  Count total = 0;
  Count active = 0;
  double off_total = 0;            // over the model's own count, minus 1
  double off_active = 0;           // likewise
  std::vector<std::string> notes;  // "width 5461: 5461.33 to the nearest", "no expert groups: ..."

  bool is_possible() const { return reason.empty(); }
};

// Sizes of several expert blocks change in proportion to those of the first that a layer uses.
// Hidden and layers resize the model as a family does (sim/study/family.h): heads and dense widths
// follow, without multi-token prediction and vision tower, and the own counts are those of the family.
Resized resized(const ModelSpec& model, ShapeSize size, Count value, Keep keep);

// Of the block the sizes are of; none without experts.
std::optional<Count> size_of(const ModelSpec& model, ShapeSize size);

}  // namespace moeplan
