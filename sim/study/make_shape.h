// SPDX-License-Identifier: Apache-2.0
// A model shape from what is asked of it: totals, experts, top-k, any size. The answer
// is a family (a known model, or a plain grouped-query mixture) with its sizes changed
// to ones that hardware likes. Total and active parameters are linear in
// the repeats of the main run of layers and in the width of an expert, so four exact counts
// per hidden width price every candidate; the best are then counted exactly.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/spec/matrices.h"

namespace moeplan {

struct ShapeAsk {
  Count total = 0;                // parameters, ParameterCounts::total
  std::optional<Count> active;    // ParameterCounts::active
  std::optional<ModelSpec> like;  // family; none = default_family()
  std::optional<Count> experts;
  std::optional<Count> top_k;
  std::optional<Count> shared;  // shared experts, each as wide as a routed one
  std::optional<Count> hidden;
  std::optional<Count> layers;  // of the decoder, dense ones included
  std::optional<Count> dense_layers;
  std::optional<Count> expert_width;
  std::optional<Count> vocab;
};

struct MadeShape {
  ModelSpec model;
  ParameterCounts counts;
  double total_off = 0;             // relative
  double active_off = 0;            // 0 when nothing was asked
  std::vector<std::string> chosen;  // "hidden 7168: ...", what was not asked and why
};

// Grouped-query attention, 128 experts of which 8 work, no shared expert: the plainest
// mixture in use (Qwen3-235B-A22B with 8 kv heads).
ModelSpec default_family();

// Deterministic. Throws InputError(Usage) naming the option and what is feasible.
MadeShape make_shape(const ShapeAsk& ask);

// How far off an answer may be before the ask counts as impossible.
inline constexpr double kMostTotalOff = 0.02;
inline constexpr double kMostActiveOff = 0.04;

}  // namespace moeplan
