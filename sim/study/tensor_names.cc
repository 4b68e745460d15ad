// SPDX-License-Identifier: Apache-2.0
#include "sim/study/tensor_names.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/spec/import/gguf_names.h"

namespace moeplan {
namespace {

// The first stem of a role; files name norms by what stands before or after them.
std::string_view stem_of(const Matrix& m, bool attention) {
  if (m.role == MatrixRole::Norm) return attention ? "attn_norm" : "ffn_norm";
  for (std::size_t s = 0; s < kGgufStems; ++s) {
    const StemInfo& info = info_of(static_cast<GgufStem>(s));
    if (info.role == m.role) return info.name;
  }
  return "";
}

bool is_nameless(MatrixRole role) {
  return role == MatrixRole::Bias || role == MatrixRole::RouterBias || role == MatrixRole::Extra;
}

std::optional<ExpertMatrix> expert_of(MatrixRole role) {
  switch (role) {
    case MatrixRole::ExpertGate: return ExpertMatrix::Gate;
    case MatrixRole::ExpertUp: return ExpertMatrix::Up;
    case MatrixRole::ExpertDown: return ExpertMatrix::Down;
    default: return std::nullopt;
  }
}

// Names of a block without "blk.N.".
std::vector<TensorName> names_in(const Block& block, const ModelSpec& model) {
  const MatrixList matrices = matrices_of(block, model);
  const bool attention =
      std::any_of(matrices.begin(), matrices.end(), [](const Matrix& m) { return m.part == Part::Attention; });
  std::vector<TensorName> names;
  const auto add = [&names](std::string name, std::optional<ExpertMatrix> expert) {
    name += ".weight";
    if (std::none_of(names.begin(), names.end(), [&name](const TensorName& n) { return n.name == name; }))
      names.push_back({name, -1, expert});
  };
  for (const Matrix& m : matrices) {
    const std::string_view stem = stem_of(m, attention);
    if (is_nameless(m.role) || stem.empty()) continue;
    add(std::string(stem), expert_of(m.role));
    if (m.role != MatrixRole::KvB) continue;  // files of today have it in halves
    add("attn_k_b", std::nullopt);
    add("attn_v_b", std::nullopt);
  }
  return names;
}

}  // namespace

std::vector<TensorName> gguf_tensor_names(const ModelSpec& model) {
  std::vector<TensorName> names = {{"token_embd.weight", -1, std::nullopt, true}};
  if (head_of(model).rows != 0) names.push_back({"output.weight", -1, std::nullopt});
  names.push_back({"output_norm.weight", -1, std::nullopt});
  std::vector<std::vector<TensorName>> by_block;
  for (const Block& block : model.blocks) by_block.push_back(names_in(block, model));
  const std::vector<LayerShape> layers = expand_layers(model, Stack::Decoder);
  for (std::size_t l = 0; l < layers.size(); ++l)
    for (const BlockIndex b : layers[l])
      for (const TensorName& n : by_block[b])
        names.push_back({fmt::format("blk.{}.{}", l, n.name), static_cast<Count>(l), n.expert});
  return names;
}

}  // namespace moeplan
