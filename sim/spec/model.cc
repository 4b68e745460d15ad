// SPDX-License-Identifier: Apache-2.0
// Expanding layer runs, and the rules a model must obey. The upper limits are far
// above any published model and low enough that no product of sizes leaves 64 bits.
#include "sim/spec/model.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include "sim/spec/matrices.h"

namespace moeplan {
namespace {

constexpr Count kMaxHidden = Count{1} << 18;
constexpr Count kMaxVocab = Count{1} << 24;
constexpr Count kMaxContext = Count{1} << 32;
constexpr Count kMaxHeads = Count{1} << 14;
constexpr Count kMaxHeadDim = Count{1} << 14;
constexpr Count kMaxWidth = Count{1} << 22;
constexpr Count kMaxExperts = Count{1} << 18;  // Shazeer 2017 had 2^17
constexpr Count kMaxLayers = 1024;
constexpr Count kMaxNorms = 16;
constexpr Count kMaxModules = 64;
constexpr Count kMaxPublished = Count{1} << 60;
constexpr double kMaxParameters = 4503599627370496.0;  // 2^52: bytes of any format stay below 2^56

constexpr std::array<std::string_view, 8> kPublishedQuantities = {
    "total",  "total_with_mtp",      "checkpoint_elements",      "checkpoint_bytes",
    "active", "active_no_embedding", "active_no_embedding_head", "mtp"};

// Collects the broken rules of one subject ("moe").
class Rules {
 public:
  Rules(std::vector<std::string>& out, std::string subject) : out_(out), subject_(std::move(subject)) {}

  void require(bool holds, std::string sentence) {
    if (!holds) out_.push_back(subject_ + ": " + std::move(sentence));
  }
  void within(std::string_view field, Count value, Count low, Count high) {
    require(value >= low && value <= high, fmt::format("{} is {}, expected {} to {}", field, value, low, high));
  }

 private:
  std::vector<std::string>& out_;
  std::string subject_;
};

void check(const SoftmaxAttention& a, Rules& rules) {
  rules.within("heads", a.heads, 1, kMaxHeads);
  rules.within("kv_heads", a.kv_heads, 1, kMaxHeads);
  rules.within("head_dim", a.head_dim, 1, kMaxHeadDim);
  rules.within("value_dim", a.value_dim, 1, kMaxHeadDim);
  rules.within("window", a.window, 0, kMaxContext);
  rules.within("chunk", a.chunk, 0, kMaxContext);
  rules.require(a.window == 0 || a.chunk == 0, "window and chunk cannot both be set");
  rules.require(a.kv_heads <= 0 || a.heads % a.kv_heads == 0,
                fmt::format("heads {} is not a multiple of kv_heads {}", a.heads, a.kv_heads));
  rules.require(!a.key_is_value || a.value_dim == a.head_dim, "key_is_value needs value_dim equal to head_dim");
  if (a.index_heads == 0) {
    rules.require(a.index_dim == 0 && a.index_topk == 0, "index_dim and index_topk need index_heads");
    return;
  }
  rules.within("index_heads", a.index_heads, 1, kMaxHeads);
  rules.within("index_dim", a.index_dim, 1, kMaxHeadDim);
  rules.within("index_topk", a.index_topk, 1, kMaxContext);
}

void check(const LatentAttention& a, Rules& rules) {
  rules.within("heads", a.heads, 1, kMaxHeads);
  rules.within("q_lora", a.q_lora, 0, kMaxHidden);
  rules.within("kv_lora", a.kv_lora, 1, kMaxHidden);
  rules.within("nope_dim", a.nope_dim, 1, kMaxHeadDim);
  rules.within("rope_dim", a.rope_dim, 0, kMaxHeadDim);
  rules.within("value_dim", a.value_dim, 1, kMaxHeadDim);
  if (a.indexer == Indexer::None) {
    rules.require(a.index_heads == 0 && a.index_dim == 0 && a.index_topk == 0,
                  "index_heads, index_dim and index_topk need an indexer");
    return;
  }
  rules.within("index_heads", a.index_heads, 1, kMaxHeads);
  rules.within("index_dim", a.index_dim, 1, kMaxHeadDim);
  rules.within("index_topk", a.index_topk, 1, kMaxContext);
}

void check(const LinearAttention& a, Rules& rules) {
  rules.within("key_heads", a.key_heads, 1, kMaxHeads);
  rules.within("value_heads", a.value_heads, 1, kMaxHeads);
  rules.within("key_dim", a.key_dim, 1, kMaxHeadDim);
  rules.within("value_dim", a.value_dim, 1, kMaxHeadDim);
  rules.within("conv_kernel", a.conv_kernel, 0, 64);
  rules.require(a.key_heads <= 0 || a.value_heads % a.key_heads == 0,
                fmt::format("value_heads {} is not a multiple of key_heads {}", a.value_heads, a.key_heads));
}

void check(const MambaMixer& m, Rules& rules) {
  rules.within("heads", m.heads, 1, kMaxHeads);
  rules.within("head_dim", m.head_dim, 1, kMaxHeadDim);
  rules.within("state", m.state, 1, kMaxHeadDim);
  rules.within("groups", m.groups, 1, kMaxHeads);
  rules.within("conv_kernel", m.conv_kernel, 1, 64);
  rules.require(m.groups <= 0 || m.heads % m.groups == 0,
                fmt::format("heads {} is not a multiple of groups {}", m.heads, m.groups));
}

void check(const DenseFfn& f, Rules& rules) { rules.within("width", f.width, 1, kMaxWidth); }

void check(const MoeFfn& f, Rules& rules) {
  rules.within("experts", f.experts, 1, kMaxExperts);
  rules.within("zero_experts", f.zero_experts, 0, kMaxExperts);
  rules.within("width", f.width, 1, kMaxWidth);
  rules.within("latent", f.latent, 0, kMaxHidden);
  rules.within("shared_width", f.shared_width, 0, kMaxWidth);
  rules.within("top_k", f.top_k, 1, 2 * kMaxExperts);
  rules.within("groups", f.groups, 1, kMaxExperts);
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
}

bool is_cross(const Block& block) {
  const SoftmaxAttention* a = std::get_if<SoftmaxAttention>(&block.kind);
  return a != nullptr && a->cross;
}

bool is_part(std::string_view word) {
  return std::find(kPartWords.begin(), kPartWords.end(), word) != kPartWords.end();
}

// Names, used at least once, sizes.
void check_blocks(const ModelSpec& model, std::vector<std::string>& out) {
  Rules rules(out, "blocks");
  rules.require(!model.blocks.empty(), "there are none");
  rules.require(model.blocks.size() <= 250, fmt::format("{} blocks, expected at most 250", model.blocks.size()));
  for (std::size_t i = 0; i < model.blocks.size(); ++i) {
    const Block& block = model.blocks[i];
    rules.require(!block.name.empty(), fmt::format("block {} has no name", i + 1));
    for (std::size_t j = 0; j < i; ++j)
      rules.require(model.blocks[j].name != block.name, fmt::format("the name \"{}\" is used twice", block.name));
    Rules of_block(out, block.name);
    of_block.within("norms", block.norms, 0, kMaxNorms);
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
    rules.within("repeat", run.repeat, 1, kMaxLayers);
    rules.require(!run.layers.empty(), "a run has no layers");
    if (run.repeat < 1 || run.repeat > kMaxLayers) continue;
    layers += run.repeat * static_cast<Count>(run.layers.size());
    for (const LayerShape& layer : run.layers) {
      rules.require(!layer.empty(), "a layer has no blocks");
      for (BlockIndex b : layer) uses[b] += run.repeat;
    }
  }
  rules.require(decoder, "there are none (a model needs a decoder stack)");
  rules.require(layers <= kMaxLayers, fmt::format("there are {}, expected at most {}", layers, kMaxLayers));
  for (BlockIndex b : model.mtp.shape) uses[b] += 1;
  for (std::size_t b = 0; b < model.blocks.size(); ++b) {
    rules.require(uses[b] > 0, fmt::format("block \"{}\" is in no layer", model.blocks[b].name));
    rules.require(uses[b] <= kMaxLayers, fmt::format("block \"{}\" occurs {} times, expected at most {}",
                                                     model.blocks[b].name, uses[b], kMaxLayers));
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
  rules.within("hidden", model.hidden, 1, kMaxHidden);
  rules.within("vocab", model.vocab, 1, kMaxVocab);
  rules.within("max_context", model.max_context, 1, kMaxContext);
  rules.within("final_norms", model.final_norms, 0, kMaxNorms);
  for (const ExtraTensor& extra : model.extras) {
    Rules of_extra(out, "extras/" + extra.name);
    of_extra.within("elements", extra.elements, 1, Count{1} << 48);
    of_extra.require(is_part(extra.part), fmt::format("\"{}\" is not a part", extra.part));
  }
  Rules mtp(out, "mtp");
  mtp.within("modules", model.mtp.modules, 0, kMaxModules);
  mtp.within("norms", model.mtp.norms, 0, kMaxNorms);
  mtp.within("in_file_copies", model.mtp.in_file_copies, 0, kMaxModules);
  mtp.require(model.mtp.modules == 0 || !model.mtp.shape.empty(), "a module needs a layer");
  mtp.require(model.mtp.modules > 0 || (model.mtp.shape.empty() && model.mtp.in_file_copies == 0),
              "a layer or copies without modules");
  Rules quant(out, "quant");
  quant.require(!model.quant.base.empty(), "base is empty");
  for (const std::string& part : model.quant.parts)
    quant.require(is_part(part), fmt::format("\"{}\" is not a part", part));
  Rules published(out, "published");
  for (const PublishedTotal& p : model.published) {
    const bool known =
        std::find(kPublishedQuantities.begin(), kPublishedQuantities.end(), p.quantity) != kPublishedQuantities.end();
    published.require(
        known, fmt::format("\"{}\" is not a quantity (one of {})", p.quantity, fmt::join(kPublishedQuantities, ", ")));
    published.within(p.quantity, p.value, 1, kMaxPublished);
    published.require(p.tolerance >= 0.0 && p.tolerance <= 1.0,
                      fmt::format("tolerance {} is not in 0 to 1", p.tolerance));
  }
}

// In doubles, so that the check itself cannot overflow. Sizes are in range here.
void check_parameters(const ModelSpec& model, std::vector<std::string>& out) {
  const auto elements = [&](const LayerShape& layer) {
    double sum = 0.0;
    for (BlockIndex b : layer)
      for (const Matrix& m : matrices_of(model.blocks[b], model))
        sum += static_cast<double>(m.rows) * static_cast<double>(m.cols) * static_cast<double>(m.copies);
    return sum;
  };
  double total = 2.0 * static_cast<double>(model.vocab) * static_cast<double>(model.hidden) *
                 static_cast<double>(1 + model.mtp.in_file_copies);
  for (const LayerRun& run : model.runs)
    for (const LayerShape& layer : run.layers) total += static_cast<double>(run.repeat) * elements(layer);
  total += static_cast<double>(model.mtp.modules) * elements(model.mtp.shape);
  for (const ExtraTensor& extra : model.extras) total += static_cast<double>(extra.elements);
  if (total > kMaxParameters)
    out.push_back(fmt::format("model: {:.3g} parameters, expected at most {:.3g}", total, kMaxParameters));
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

std::vector<std::string> violations(const ModelSpec& model) {
  std::vector<std::string> out;
  if (!indices_are_sound(model)) return {"layers: a layer names a block that does not exist"};
  check_rest(model, out);
  check_blocks(model, out);
  check_runs(model, out);
  if (out.empty()) check_parameters(model, out);
  return out;
}

}  // namespace moeplan
