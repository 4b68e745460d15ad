// SPDX-License-Identifier: Apache-2.0
// Expanding layer runs, and the rules a model must obey. Its limits: model_limits.h.
#include "sim/spec/model.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include "sim/spec/matrices.h"
#include "sim/spec/model_limits.h"

namespace moeplan {
namespace {

constexpr std::array<std::string_view, 9> kPublishedQuantities = {"total",
                                                                  "total_with_mtp",
                                                                  "total_no_embedding_head",
                                                                  "checkpoint_elements",
                                                                  "checkpoint_bytes",
                                                                  "active",
                                                                  "active_no_embedding",
                                                                  "active_no_embedding_head",
                                                                  "mtp"};

// Collects the broken rules of one subject ("moe").
class Rules {
 public:
  Rules(std::vector<std::string>& out, std::string subject) : out_(out), subject_(std::move(subject)) {}

  void require(bool holds, std::string sentence) {
    if (!holds) out_.push_back(subject_ + ": " + std::move(sentence));
  }
  void within(std::string_view field, Count value, CountRange range) {
    require(value >= range.min && value <= range.max,
            fmt::format("{} is {}, expected {} to {}", field, value, range.min, range.max));
  }

 private:
  std::vector<std::string>& out_;
  std::string subject_;
};

void check(const SoftmaxAttention& a, Rules& rules) {
  rules.within("heads", a.heads, kHeadsRange);
  rules.within("kv_heads", a.kv_heads, kHeadsRange);
  rules.within("head_dim", a.head_dim, kHeadDimRange);
  rules.within("value_dim", a.value_dim, kHeadDimRange);
  rules.within("window", a.window, kWindowRange);
  rules.within("chunk", a.chunk, kWindowRange);
  rules.require(a.window == 0 || a.chunk == 0, "window and chunk cannot both be set");
  rules.require(a.kv_heads <= 0 || a.heads % a.kv_heads == 0,
                fmt::format("heads {} is not a multiple of kv_heads {}", a.heads, a.kv_heads));
  rules.require(!a.key_is_value || a.value_dim == a.head_dim, "key_is_value needs value_dim equal to head_dim");
  if (a.index_heads == 0) {
    rules.require(a.index_dim == 0 && a.index_topk == 0, "index_dim and index_topk need index_heads");
    return;
  }
  rules.within("index_heads", a.index_heads, kHeadsRange);
  rules.within("index_dim", a.index_dim, kHeadDimRange);
  rules.within("index_topk", a.index_topk, at_least_one(kWindowRange));
}

void check(const LatentAttention& a, Rules& rules) {
  rules.within("heads", a.heads, kHeadsRange);
  rules.within("q_lora", a.q_lora, kLoraRange);
  rules.within("kv_lora", a.kv_lora, at_least_one(kLoraRange));
  rules.within("nope_dim", a.nope_dim, kHeadDimRange);
  rules.within("rope_dim", a.rope_dim, or_none(kHeadDimRange));
  rules.within("value_dim", a.value_dim, kHeadDimRange);
  if (a.indexer == Indexer::None) {
    rules.require(a.index_heads == 0 && a.index_dim == 0 && a.index_topk == 0,
                  "index_heads, index_dim and index_topk need an indexer");
    return;
  }
  rules.within("index_heads", a.index_heads, kHeadsRange);
  rules.within("index_dim", a.index_dim, kHeadDimRange);
  rules.within("index_topk", a.index_topk, at_least_one(kWindowRange));
}

void check(const LinearAttention& a, Rules& rules) {
  rules.within("key_heads", a.key_heads, kHeadsRange);
  rules.within("value_heads", a.value_heads, kHeadsRange);
  rules.within("key_dim", a.key_dim, kHeadDimRange);
  rules.within("value_dim", a.value_dim, kHeadDimRange);
  rules.within("conv_kernel", a.conv_kernel, kKernelRange);
  rules.require(a.key_heads <= 0 || a.value_heads % a.key_heads == 0,
                fmt::format("value_heads {} is not a multiple of key_heads {}", a.value_heads, a.key_heads));
}

void check(const MambaMixer& m, Rules& rules) {
  rules.within("heads", m.heads, kHeadsRange);
  rules.within("head_dim", m.head_dim, kHeadDimRange);
  rules.within("state", m.state, kHeadDimRange);
  rules.within("groups", m.groups, kHeadsRange);
  rules.within("conv_kernel", m.conv_kernel, at_least_one(kKernelRange));
  rules.within("dt_rank", m.dt_rank, kLoraRange);
  rules.require(m.dt_rank == 0 || (m.head_dim == 1 && m.groups == 1),
                "dt_rank (Mamba-1) needs head_dim 1 and one group");
  rules.require(m.groups <= 0 || m.heads % m.groups == 0,
                fmt::format("heads {} is not a multiple of groups {}", m.heads, m.groups));
}

void check(const LstmLayer& l, Rules& rules) {
  rules.within("units", l.units, kWidthRange);
  rules.within("projection", l.projection, or_none(kWidthRange));
}

void check(const DenseFfn& f, Rules& rules) { rules.within("width", f.width, kWidthRange); }

void check(const MoeFfn& f, Rules& rules) {
  rules.within("experts", f.experts, kExpertsRange);
  rules.within("zero_experts", f.zero_experts, or_none(kExpertsRange));
  rules.within("width", f.width, kWidthRange);
  rules.within("latent", f.latent, kLoraRange);
  rules.within("shared_width", f.shared_width, or_none(kWidthRange));
  rules.within("top_k", f.top_k, kTopKRange);
  rules.within("groups", f.groups, kExpertsRange);
  rules.require(f.shared_width > 0 || !f.shared_scalar_gate, "shared_scalar_gate needs a shared_width");
  rules.require(f.top_k <= f.experts + f.zero_experts,
                f.zero_experts > 0
                    ? fmt::format("top_k {} exceeds experts {} + zero_experts {}", f.top_k, f.experts, f.zero_experts)
                    : fmt::format("top_k {} exceeds experts {}", f.top_k, f.experts));
  if (f.groups < 1) return;
  rules.require(f.experts % f.groups == 0, fmt::format("groups {} do not divide experts {}", f.groups, f.experts));
  rules.require(f.top_groups >= 1 && f.top_groups <= f.groups,
                fmt::format("top_groups is {}, expected 1 to {} (groups)", f.top_groups, f.groups));
  rules.require(f.groups == 1 || f.top_k <= f.experts / f.groups * f.top_groups,
                fmt::format("top_k {} exceeds the {} experts of top_groups {}", f.top_k,
                            f.experts / f.groups * f.top_groups, f.top_groups));
  if (!f.group_router) return;
  rules.require(f.groups > 1, "group_router needs more than one of groups");
  rules.require(
      f.top_groups < 1 || f.top_k % f.top_groups == 0,
      fmt::format("top_k {} is not a multiple of top_groups {}, as group_router needs", f.top_k, f.top_groups));
}

bool is_cross(const Block& block) {
  const SoftmaxAttention* a = std::get_if<SoftmaxAttention>(&block.kind);
  return a != nullptr && a->cross;
}

bool is_part(std::string_view word) {
  return std::find(kPartWords.begin(), kPartWords.end(), word) != kPartWords.end();
}

bool is_matrix_role(std::string_view word) {
  return std::find(kRoleWords.begin(), kRoleWords.end(), word) != kRoleWords.end();
}

// Names, used at least once, sizes.
void check_blocks(const ModelSpec& model, std::vector<std::string>& out) {
  Rules rules(out, "blocks");
  rules.require(!model.blocks.empty(), "there are none");
  rules.require(model.blocks.size() <= kMaxBlocks,
                fmt::format("there are {}, expected at most {}", model.blocks.size(), kMaxBlocks));
  for (std::size_t i = 0; i < model.blocks.size(); ++i) {
    const Block& block = model.blocks[i];
    rules.require(!block.name.empty(), fmt::format("block {} has no name", i + 1));
    for (std::size_t j = 0; j < i; ++j)
      rules.require(model.blocks[j].name != block.name, fmt::format("the name \"{}\" is used twice", block.name));
    Rules of_block(out, block.name);
    of_block.within("norms", block.norms, kNormsRange);
    std::visit([&](const auto& kind) { check(kind, of_block); }, block.kind);
  }
}

bool indices_are_sound(const ModelSpec& model) {
  const auto sound = [&](BlockIndex b) { return b < model.blocks.size(); };
  if (!std::all_of(model.mtp.shape.begin(), model.mtp.shape.end(), sound)) return false;
  for (const LayerRun& run : model.runs)
    for (const LayerShape& layer : run.layers)
      if (!std::all_of(layer.begin(), layer.end(), sound)) return false;
  return true;
}

void check_runs(const ModelSpec& model, std::vector<std::string>& out) {
  Rules rules(out, "layers");
  Count layers = 0;
  bool decoder = false, encoder = false;
  std::vector<Count> uses(model.blocks.size(), 0);
  for (const LayerRun& run : model.runs) {
    (run.stack == Stack::Decoder ? decoder : encoder) = true;
    rules.within("repeat", run.repeat, kLayersRange);
    rules.require(!run.layers.empty(), "a run has no layers");
    if (run.repeat < 1 || run.repeat > kLayersRange.max) continue;
    layers += run.repeat * static_cast<Count>(run.layers.size());
    for (const LayerShape& layer : run.layers) {
      rules.require(!layer.empty(), "a layer has no blocks");
      for (BlockIndex b : layer) uses[b] += run.repeat;
    }
  }
  rules.require(decoder || encoder, "there are none");
  rules.require(decoder || model.mtp.modules == 0, "multi-token prediction needs a decoder stack");
  rules.require(layers <= kLayersRange.max, fmt::format("there are {}, expected at most {}", layers, kLayersRange.max));
  for (BlockIndex b : model.mtp.shape) uses[b] += 1;
  for (std::size_t b = 0; b < model.blocks.size(); ++b) {
    rules.require(uses[b] > 0, fmt::format("block \"{}\" is in no layer", model.blocks[b].name));
    rules.require(uses[b] <= kLayersRange.max, fmt::format("block \"{}\" occurs {} times, expected at most {}",
                                                           model.blocks[b].name, uses[b], kLayersRange.max));
    rules.require(encoder || !is_cross(model.blocks[b]),
                  fmt::format("block \"{}\" attends to an encoder, and there is none", model.blocks[b].name));
  }
}

void check_rest(const ModelSpec& model, std::vector<std::string>& out) {
  Rules rules(out, "model");
  const bool plain_id = !model.id.empty() && std::all_of(model.id.begin(), model.id.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
  });
  rules.require(plain_id, fmt::format("id \"{}\" is not made of a-z, 0-9, '.', '-' and '_'", model.id));
  rules.within("hidden", model.hidden, kHiddenRange);
  rules.within("vocab", model.vocab, kVocabRange);
  rules.within("max_context", model.max_context, kContextRange);
  rules.within("final_norms", model.final_norms, kNormsRange);
  for (const ExtraTensor& extra : model.extras) {
    Rules of_extra(out, "extras/" + extra.name);
    of_extra.within("elements", extra.elements, kExtraRange);
    of_extra.require(is_part(extra.part), fmt::format("\"{}\" is not a part", extra.part));
  }
  Rules mtp(out, "mtp");
  mtp.within("modules", model.mtp.modules, kModulesRange);
  mtp.within("norms", model.mtp.norms, kNormsRange);
  mtp.within("in_file_copies", model.mtp.in_file_copies, kModulesRange);
  mtp.require(model.mtp.modules == 0 || !model.mtp.shape.empty(), "a module needs a layer");
  mtp.require(model.mtp.modules > 0 || (model.mtp.shape.empty() && model.mtp.in_file_copies == 0),
              "a layer or copies without modules");
  Rules quant(out, "quant");
  quant.require(!model.quant.base.empty(), "base is empty");
  for (const std::string& part : model.quant.parts)
    quant.require(is_part(part), fmt::format("\"{}\" is not a part", part));
  for (const QuantRule& rule : model.quant.rules) {
    quant.require(is_matrix_role(rule.matrix), fmt::format("\"{}\" is not a matrix", rule.matrix));
    quant.require(!rule.format.empty(), "a rule without a format");
  }
  Rules published(out, "published");
  for (const PublishedTotal& p : model.published) {
    const bool known =
        std::find(kPublishedQuantities.begin(), kPublishedQuantities.end(), p.quantity) != kPublishedQuantities.end();
    published.require(
        known, fmt::format("\"{}\" is not a quantity (one of {})", p.quantity, fmt::join(kPublishedQuantities, ", ")));
    published.within(p.quantity, p.value, kPublishedRange);
    published.require(p.tolerance >= 0.0 && p.tolerance <= 1.0,
                      fmt::format("tolerance {} is not in 0 to 1", p.tolerance));
  }
}

// In doubles, so that the check itself cannot overflow. Sizes are in range here.
void check_parameters(const ModelSpec& model, std::vector<std::string>& out) {
  const auto elements = [](const Matrix& m) {
    return static_cast<double>(m.rows) * static_cast<double>(m.cols) * static_cast<double>(m.copies);
  };
  const auto of_layer = [&](const LayerShape& layer) {
    double sum = 0.0;
    for (BlockIndex b : layer)
      for (const Matrix& m : matrices_of(model.blocks[b], model)) sum += elements(m);
    return sum;
  };
  double total =
      (elements(embedding_of(model)) + elements(head_of(model))) * static_cast<double>(1 + model.mtp.in_file_copies);
  for (const LayerRun& run : model.runs)
    for (const LayerShape& layer : run.layers) total += static_cast<double>(run.repeat) * of_layer(layer);
  total += static_cast<double>(model.mtp.modules) * (of_layer(model.mtp.shape) + elements(mtp_projection_of(model)));
  for (const ExtraTensor& extra : model.extras) total += elements(matrix_of(extra));
  if (total > kMaxParameters)
    out.push_back(fmt::format("model: {:.3g} parameters, expected at most {:.3g}", total, kMaxParameters));
}

// The state of a layer and sequence, and the cache of a layer and token, in elements.
struct Remembered {
  Count state = 0;
  Count cache = 0;
};

Remembered remembered_by(const Block& block) {
  if (const auto* a = std::get_if<SoftmaxAttention>(&block.kind))
    return {.cache = a->kv_heads * (a->head_dim + a->value_dim)};
  if (const auto* a = std::get_if<LinearAttention>(&block.kind))
    return {.state = a->value_heads * a->key_dim * a->value_dim};
  if (const auto* m = std::get_if<MambaMixer>(&block.kind)) return {.state = m->heads * m->head_dim * m->state};
  if (const auto* l = std::get_if<LstmLayer>(&block.kind)) return {.state = l->units + l->output()};
  return {};  // latent: at most kLoraRange + kHeadDimRange
}

// What the 32-bit sizes of operators hold. Each field is in range here, so no product overflows.
void check_sizes(const Block& block, const ModelSpec& model, std::vector<std::string>& out) {
  Rules rules(out, block.name);
  Count projected = 0;
  for (const Matrix& m : matrices_of(block, model)) {
    rules.require(m.rows <= kMaxMatrixSide && m.cols <= kMaxMatrixSide,
                  fmt::format("matrix {} is {} x {}, expected at most {} rows and columns", word_of(m.role), m.rows,
                              m.cols, kMaxMatrixSide));
    if (m.role == MatrixRole::Q || m.role == MatrixRole::K || m.role == MatrixRole::V) projected += m.rows;
  }
  rules.require(projected <= kMaxMatrixSide,
                fmt::format("q, k and v have {} rows together, expected at most {}", projected, kMaxMatrixSide));
  const Remembered kept = remembered_by(block);
  rules.require(kept.state <= kMaxStateElements,
                fmt::format("the state has {} elements, expected at most {}", kept.state, kMaxStateElements));
  rules.require(kept.cache <= kMaxCacheElements,
                fmt::format("the cache has {} elements per token, expected at most {}", kept.cache, kMaxCacheElements));
}

// How far attention sees: each different reach is a form of its own in the ledger.
void check_reaches(const ModelSpec& model, std::vector<std::string>& out) {
  std::vector<Count> reaches;
  for (const Block& block : model.blocks) {
    const auto* a = std::get_if<SoftmaxAttention>(&block.kind);
    if (a == nullptr) continue;
    for (Count reach : {a->window, a->chunk})
      if (reach != 0 && std::find(reaches.begin(), reaches.end(), reach) == reaches.end()) reaches.push_back(reach);
  }
  Rules(out, "blocks")
      .require(reaches.size() <= kMaxReaches,
               fmt::format("{} different windows and chunks, expected at most {}", reaches.size(), kMaxReaches));
}

}  // namespace

std::vector<LayerShape> expand_layers(const ModelSpec& model, Stack stack) {
  std::vector<LayerShape> layers;
  for (const LayerRun& run : model.runs) {
    if (run.stack != stack) continue;
    for (Count i = 0; i < run.repeat; ++i) layers.insert(layers.end(), run.layers.begin(), run.layers.end());
  }
  return layers;
}

Count layer_count(const ModelSpec& model) {
  Count layers = 0;
  for (const LayerRun& run : model.runs) layers += run.repeat * static_cast<Count>(run.layers.size());
  return layers;
}

bool is_encoder_only(const ModelSpec& model) {
  return std::all_of(model.runs.begin(), model.runs.end(),
                     [](const LayerRun& run) { return run.stack == Stack::Encoder; });
}

std::vector<std::string> violations(const ModelSpec& model) {
  std::vector<std::string> out;
  if (!indices_are_sound(model)) return {"layers: a layer names a block that does not exist"};
  check_rest(model, out);
  check_blocks(model, out);
  check_runs(model, out);
  if (!out.empty()) return out;
  check_reaches(model, out);
  for (const Block& block : model.blocks) check_sizes(block, model, out);
  check_parameters(model, out);
  return out;
}

}  // namespace moeplan
