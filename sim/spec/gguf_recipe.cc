// SPDX-License-Identifier: Apache-2.0
#include "sim/spec/gguf_recipe.h"

#include <algorithm>
#include <array>

namespace moeplan {
namespace {

// Smallest files first. The factors hold the published files that share a label
// (tests/published/checkpoint_size_test.cc lists them) with a midpoint within 5 %. A
// label that raises no down projection has no lean recipe of its own: low speaks of the
// plain one.
constexpr std::array<GgufLabel, 33> kLabels = {{
    {"iq1_s", "iq1_s", 0.93, 1.05},
    {"iq1_m", "iq1_m", 0.93, 1.05},
    {"iq2_xxs", "iq2_xxs", 0.93, 1.05},
    {"iq2_xs", "iq2_xs", 0.93, 1.05},
    {"iq2_s", "iq2_xs", 0.93, 1.05},
    {"iq2_m", "iq2_s", 0.93, 1.05},
    {"q2_k_s", "q2_k", 0.98, 1.03},
    {"q2_k", "q2_k", 1.0, 1.04},
    {"q2_k_l", "q2_k", 1.0, 1.04, "q2_k", true},
    {"iq3_xxs", "iq3_xxs", 0.95, 1.05},
    {"iq3_xs", "iq3_s", 0.95, 1.04},
    {"q3_k_s", "q3_k", 0.96, 1.03},
    {"iq3_s", "iq3_s", 0.95, 1.03},
    {"iq3_m", "iq3_s", 0.97, 1.03},
    {"q3_k_m", "q3_k", 0.995, 1.02},
    {"q3_k_l", "q3_k", 0.995, 1.02},
    {"q3_k_xl", "q3_k", 0.995, 1.02, "q3_k_l", true},
    {"iq4_xs", "iq4_xs", 0.98, 1.02},
    {"mxfp4_moe", "mxfp4", 0.995, 1.005},
    {"q4_0", "q4_0", 0.985, 1.03},
    {"q4_k_s", "q4_k", 0.98, 1.035},
    {"iq4_nl", "iq4_nl", 0.98, 1.02},
    {"q4_k_m", "q4_k", 0.995, 1.03},
    {"q4_k_l", "q4_k", 0.995, 1.03, "q4_k_m", true},
    {"q4_1", "q4_1", 0.985, 1.015},
    {"q5_0", "q5_0", 0.985, 1.02},
    {"q5_k_s", "q5_k", 0.985, 1.035},
    {"q5_k_m", "q5_k", 0.995, 1.05},
    {"q5_k_l", "q5_k", 0.995, 1.05, "q5_k_m", true},
    {"q5_1", "q5_1", 0.985, 1.015},
    {"q6_k", "q6_k", 0.99, 1.055},
    {"q6_k_l", "q6_k", 0.99, 1.055, "q6_k", true},
    {"q8_0", "q8_0", 0.995, 1.01},
}};

struct Shorthand {
  std::string_view name;
  std::string_view label;
};
constexpr std::array<Shorthand, 3> kShorthands = {{{"q3_k", "q3_k_m"}, {"q4_k", "q4_k_m"}, {"q5_k", "q5_k_m"}}};

// The first and last eighth of the layers and every third between.
bool more_bits(Count layer, Count layers) {
  return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
}

template <class... Words>
bool is_one_of(std::string_view label, Words... words) {
  return ((label == words) || ...);
}

bool below_3_bits(std::string_view label) {
  return is_one_of(label, "iq1_s", "iq1_m", "iq2_xxs", "iq2_xs", "iq2_s", "iq2_m");
}

std::string_view output_type(std::string_view id, std::string_view base) {
  if (id == "mxfp4_moe" || base == "q8_0") return "q8_0";
  if (below_3_bits(id) || id == "iq3_xxs") return "q5_k";
  return "q6_k";
}

std::string_view embedding_type(std::string_view id, std::string_view base) {
  if (is_one_of(id, "iq1_s", "iq1_m", "iq2_xxs", "iq2_xs")) return "q2_k";
  if (is_one_of(id, "iq2_s", "iq2_m", "iq3_xxs")) return "iq3_s";
  return base;
}

// Labels below 3 bits have rules of their own.
std::string_view low_bit_type(std::string_view id, std::string_view base, const GgufTensor& t) {
  const bool richer = is_one_of(id, "iq2_s", "iq2_m");
  switch (t.role) {
    case MatrixRole::V: return t.heads_per_kv >= 4 || t.experts >= 4 ? "q4_k" : richer ? "iq3_s" : "q2_k";
    case MatrixRole::K: return t.experts == 8 ? "q4_k" : base;
    case MatrixRole::O:
      if (t.experts == 8) return "q5_k";
      return is_one_of(id, "iq1_s", "iq1_m") ? "iq2_xxs" : richer ? "iq3_s" : base;
    case MatrixRole::FfnDown:
    case MatrixRole::ExpertDown:
    case MatrixRole::SharedDown: return t.down_index < t.layers / 8 ? (richer ? "iq3_s" : "q2_k") : base;
    default: return base;
  }
}

std::string_view mixed_value_type(std::string_view id, std::string_view base, const GgufTensor& t) {
  const bool grouped = t.heads_per_kv >= 4;
  if (id == "q2_k") return grouped ? "q4_k" : "q3_k";
  if (id == "q2_k_s") return grouped ? "q4_k" : base;
  if (id == "iq3_xxs") return grouped ? "q4_k" : base;
  if (is_one_of(id, "iq3_xs", "iq3_s")) return grouped ? "q4_k" : base;
  if (id == "iq3_m") return "q4_k";
  if (id == "q3_k_m") return t.value_index < 2 ? "q5_k" : "q4_k";
  if (id == "q3_k_l") return "q5_k";
  if (is_one_of(id, "iq4_nl", "iq4_xs")) return grouped ? "q5_k" : base;
  if (is_one_of(id, "q4_k_m", "q5_k_m")) return more_bits(t.value_index, t.value_layers) ? "q6_k" : base;
  if (id == "q4_k_s") return t.value_index < 4 ? "q5_k" : base;
  return base;
}

std::string_view value_type(std::string_view id, std::string_view base, const GgufTensor& t) {
  if (t.experts == 8) return "q8_0";
  const std::string_view type = mixed_value_type(id, base, t);
  return t.eighty_layers && is_one_of(type, "q3_k", "q4_k") ? "q5_k" : type;
}

std::string_view key_or_query_type(std::string_view id, std::string_view base, const GgufTensor& t) {
  if (t.role == MatrixRole::K && t.experts == 8) return "q8_0";
  if (id == "iq3_xs") return "iq3_xxs";
  if (id == "iq3_xxs") return "iq2_s";
  return base;
}

std::string_view output_projection_type(std::string_view id, std::string_view base, const GgufTensor& t) {
  if (t.experts == 8) {
    const bool raised = is_one_of(id, "q2_k", "iq3_xs", "iq3_xxs", "q3_k_s", "q3_k_m", "iq4_nl", "q4_k_s", "q4_k_m",
                                  "iq3_s", "iq3_m", "iq4_xs");
    return raised ? "q5_k" : base;
  }
  if (id == "q2_k") return "q3_k";
  if (id == "iq3_xxs") return "iq3_s";
  if (is_one_of(id, "q3_k_m", "iq3_m")) return "q4_k";
  if (id == "q3_k_l") return "q5_k";
  return base;
}

std::string_view down_type(std::string_view id, std::string_view base, const GgufTensor& t) {
  const bool first_eighth = t.layer < t.layers / 8;
  if (id == "q2_k") return "q3_k";
  if (id == "q2_k_s") return first_eighth ? "q4_k" : base;
  if (id == "q3_k_m") return t.layer < t.layers / 16 ? "q5_k" : "q4_k";
  if (id == "iq3_m") return first_eighth || (t.experts == 8 && more_bits(t.layer, t.layers)) ? "q4_k" : base;
  if (id == "q3_k_l") return "q5_k";
  if (is_one_of(id, "q4_k_m", "q5_k_m")) return more_bits(t.layer, t.layers) ? "q6_k" : base;
  if (is_one_of(id, "iq4_nl", "iq4_xs", "q4_k_s")) return first_eighth ? "q5_k" : base;
  return base;
}

// What quantizers write that spare the down projections: the base type, and one step
// below the rule where the base is two steps away.
std::string_view lean_down_type(std::string_view id, std::string_view base) { return id == "q3_k_l" ? "q4_k" : base; }

// Gate and up projections of the middle layers.
std::string_view gate_or_up_type(std::string_view id, std::string_view base, const GgufTensor& t) {
  const bool middle = t.layer >= t.layers / 8 && t.layer < 7 * t.layers / 8;
  return id == "iq3_xs" && middle ? "iq3_xxs" : base;
}

bool is_down(MatrixRole role) {
  return role == MatrixRole::FfnDown || role == MatrixRole::ExpertDown || role == MatrixRole::SharedDown;
}

bool is_expert(MatrixRole role) {
  return role == MatrixRole::ExpertGate || role == MatrixRole::ExpertUp || role == MatrixRole::ExpertDown;
}

}  // namespace

const GgufLabel* find_gguf_label(std::string_view name) {
  for (const Shorthand& s : kShorthands)
    if (s.name == name) name = s.label;
  const auto* found = std::find_if(kLabels.begin(), kLabels.end(), [&](const GgufLabel& l) { return l.id == name; });
  return found == kLabels.end() ? nullptr : found;
}

std::vector<GgufLabel> gguf_labels() { return {kLabels.begin(), kLabels.end()}; }

std::string_view gguf_type(const GgufLabel& label, const GgufTensor& t, GgufRecipe recipe) {
  const std::string_view id = label.rules.empty() ? label.id : label.rules;
  const std::string_view base = label.base;
  if (!t.quantisable) return "fp32";  // router, norms, biases, convolutions
  if (label.q8_tables && (t.role == MatrixRole::Head || t.role == MatrixRole::Embedding)) return "q8_0";
  if (t.role == MatrixRole::Head || (t.role == MatrixRole::Embedding && t.tied_embedding)) return output_type(id, base);
  if (id == "mxfp4_moe") return is_expert(t.role) ? "mxfp4" : "q8_0";
  if (t.role == MatrixRole::Embedding) return embedding_type(id, base);
  if (recipe == GgufRecipe::Lean && is_down(t.role)) return lean_down_type(id, base);
  if (below_3_bits(id)) return low_bit_type(id, base, t);
  switch (t.role) {
    case MatrixRole::V: return value_type(id, base, t);
    case MatrixRole::K:
    case MatrixRole::Q: return key_or_query_type(id, base, t);
    case MatrixRole::O: return output_projection_type(id, base, t);
    case MatrixRole::FfnDown:
    case MatrixRole::ExpertDown:
    case MatrixRole::SharedDown: return down_type(id, base, t);
    case MatrixRole::FfnGate:
    case MatrixRole::FfnUp:
    case MatrixRole::ExpertGate:
    case MatrixRole::ExpertUp:
    case MatrixRole::SharedGate:
    case MatrixRole::SharedUp: return gate_or_up_type(id, base, t);
    default: return base;
  }
}

}  // namespace moeplan
