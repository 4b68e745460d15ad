// SPDX-License-Identifier: Apache-2.0
// What of a step routing costs: the time of a step in parts that add up to it exactly. The same
// program is priced again with one cause after the other taken away, in the order of the parts
// from the last to the first; each part is what the step gains by that.
//
// The useful part of an expert layer: its rows in one product on the rank that has the mean of
// them, reading as many experts' weights as its tokens would use if all used the same ones
// (k x local experts / experts: one dense feed-forward as wide as the k experts of a token, cut
// over the expert-parallel ranks), every token's hidden state moved once. So one expert with
// k = 1 is its dense feed-forward and nothing but its router is overhead.
//
// Not apart: top-k over the scores is part of the fused kernel, whose constants were fitted
// to at most 512 experts; what more scores cost beyond the growth per local expert is not modelled.
#pragma once

#include <array>
#include <string_view>

#include "sim/engine/step_model.h"

namespace moeplan {

enum class ExpertPart : std::uint8_t {
  Rest,       // attention, norms, head, dense layers, shared experts, gaps between kernels
  Launches,   // of the expert layers' kernels: a dense feed-forward has them, too
  Useful,     // arithmetic and weights of the active parameters
  Spread,     // weights of further experts because tokens do not use the same ones
  Padding,    // tiles of many small products instead of one
  Permute,    // copies of tokens, sorting, descriptors of local experts
  Router,     // its matrix product
  Exchange,   // dispatch and combine
  Imbalance,  // the busiest rank against the mean one
};
inline constexpr std::size_t kExpertParts = 9;
std::string_view word_of(ExpertPart part);  // "distinct experts"
std::string_view key_of(ExpertPart part);   // "distinct_experts"
// Whether a dense feed-forward of the active parameters would not have it.
constexpr bool is_overhead(ExpertPart part) { return part >= ExpertPart::Spread; }

struct ExpertSplit {
  std::array<Picoseconds, kExpertParts> parts{};
  Picoseconds time;  // their sum: that of the step
  ExpertLoad load;   // of the layer with the most experts drawn
  Picoseconds of(ExpertPart part) const { return parts[static_cast<std::size_t>(part)]; }
  Picoseconds overhead() const;
  // Of overhead, launches and useful: the share routing has of the feed-forward.
  double overhead_share() const;
};

// One micro-batch through all stages, as StepModel::step prices it.
ExpertSplit expert_split(const StepModel& model, const Step& step);

}  // namespace moeplan
