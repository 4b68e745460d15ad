// SPDX-License-Identifier: Apache-2.0
#include "reports/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "sim/spec/stored.h"
#include "sim/study/explain.h"

namespace moeplan {
namespace {

std::string_view name_of_weights(Part part) {
  switch (part) {
    case Part::Attention: return "attention weights";
    case Part::Router: return "router weights";
    case Part::Experts: return "expert weights";
    case Part::Shared: return "shared expert weights";
    case Part::Dense: return "dense FFN weights";
    case Part::Embedding: return "embedding table";
    case Part::Head: return "output head";
    case Part::Norm: return "norm weights";
    case Part::Mtp: return "MTP module";
    case Part::Indexer: return "indexer weights";
    case Part::Vision: return "vision tower";
    case Part::State: return "state weights";
  }
  return "weights";
}

std::string_view name_of_draft(TensorClass cls) {
  switch (cls) {
    case TensorClass::Weight: return "draft weights";
    case TensorClass::Kv: return "draft kv cache";
    case TensorClass::State: return "draft state";
    case TensorClass::Activation: return "draft activations";
    case TensorClass::Workspace: return "draft workspace";
    case TensorClass::Comm: return "draft buffers";
    case TensorClass::Runtime: return "draft context";
    case TensorClass::Padding: return "draft padding";
    case TensorClass::Gradient:
    case TensorClass::Optimizer: break;
  }
  return "draft";
}

std::string plural(Count n, std::string_view noun) {
  return fmt::format("{} {}{}", grouped(n), noun, n == 1 ? "" : "s");
}

std::string_view head_sharing(const SoftmaxAttention& a) {
  if (a.kv_heads == a.heads) return "multi-head";
  return a.kv_heads == 1 ? "multi-query" : "grouped-query";
}

// The short name of a mixer; "" for an FFN.
struct MixerName {
  std::string operator()(const SoftmaxAttention& a) const {
    std::string name(head_sharing(a));
    if (a.window != 0) name += fmt::format(", window {}", grouped(a.window));
    if (a.chunk != 0) name += fmt::format(", chunk {}", grouped(a.chunk));
    if (a.cross) name += ", cross";
    if (a.index_heads != 0) name += ", block-sparse";
    return name;
  }
  std::string operator()(const LatentAttention& a) const {
    return a.indexer == Indexer::None ? "latent (MLA)" : "latent, sparse (MLA + DSA)";
  }
  std::string operator()(const LinearAttention& a) const {
    return a.kind == LinearKind::GatedDelta ? "linear (gated delta)" : "linear (lightning)";
  }
  std::string operator()(const MambaMixer& m) const { return m.dt_rank > 0 ? "Mamba-1" : "Mamba-2"; }
  std::string operator()(const LstmLayer&) const { return "LSTM"; }
  std::string operator()(const DenseFfn&) const { return ""; }
  std::string operator()(const MoeFfn&) const { return ""; }
};

struct BlockText {
  std::string operator()(const SoftmaxAttention& a) const {
    return fmt::format("{} attention: {} of {}, {}", MixerName()(a), plural(a.heads, "head"), grouped(a.head_dim),
                       plural(a.kv_heads, "kv head"));
  }
  std::string operator()(const LatentAttention& a) const {
    std::string text = fmt::format("{} attention: {}, kv latent {} + {} rope", MixerName()(a), plural(a.heads, "head"),
                                   grouped(a.kv_lora), grouped(a.rope_dim));
    if (a.q_lora != 0) text += fmt::format(", q latent {}", grouped(a.q_lora));
    if (a.indexer != Indexer::None) text += fmt::format(", indexer keeps {} keys", grouped(a.index_topk));
    return text;
  }
  std::string operator()(const LinearAttention& a) const {
    return fmt::format("{} attention: {} of {}, {} of {}", MixerName()(a), plural(a.key_heads, "key head"),
                       grouped(a.key_dim), plural(a.value_heads, "value head"), grouped(a.value_dim));
  }
  std::string operator()(const MambaMixer& m) const {
    if (m.dt_rank > 0)
      return fmt::format("Mamba-1 mixer: {} channels, state {}, step rank {}", grouped(m.heads), grouped(m.state),
                         grouped(m.dt_rank));
    return fmt::format("Mamba-2 mixer: {} of {}, state {}", plural(m.heads, "head"), grouped(m.head_dim),
                       grouped(m.state));
  }
  std::string operator()(const LstmLayer& l) const {
    std::string text = fmt::format("LSTM layer: {} units", grouped(l.units));
    if (l.projection != 0) text += fmt::format(", projected to {}", grouped(l.projection));
    return text;
  }
  std::string operator()(const DenseFfn& f) const {
    return fmt::format("dense FFN: {} wide{}", grouped(f.width), f.gated ? ", gated" : "");
  }
  std::string operator()(const MoeFfn& f) const {
    std::string text = fmt::format("mixture of experts: {}, top-{}, each {} wide{}", plural(f.experts, "expert"),
                                   f.top_k, grouped(f.width), f.gated ? ", gated" : "");
    if (f.shared_width != 0) text += fmt::format(", shared {} wide", grouped(f.shared_width));
    if (f.zero_experts != 0) text += fmt::format(", {} that compute nothing", grouped(f.zero_experts));
    if (f.groups > 1) text += fmt::format(", from {} of {} groups", f.top_groups, f.groups);
    if (f.group_router) text += ", each with its router";
    if (f.router_noise) text += ", noisy gating";
    return text;
  }
};

// The label of a file, or the formats of most of its bytes.
std::string describe_stored(const StoredWeights& stored) {
  std::string formats = stored.label;
  if (formats.empty()) {
    std::map<std::string, Bytes> sizes;
    for (const StoredEntry& e : stored.entries) sizes[e.format] += e.bytes;
    std::vector<std::pair<std::string, Bytes>> largest(sizes.begin(), sizes.end());
    std::stable_sort(largest.begin(), largest.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    for (std::size_t i = 0; i < std::min<std::size_t>(largest.size(), 3); ++i)
      formats += (i == 0 ? "" : ", ") + largest[i].first;
  }
  return fmt::format("{}: {} of {}", formats, plural(stored.tensors, "tensor"), file_name(stored.file));
}

}  // namespace

std::string_view name_of_line(const LedgerLine& line) {
  if (line.owner == Owner::Adapter) return "LoRA adapters";
  if (line.owner == Owner::Draft) return name_of_draft(line.cls);
  switch (line.cls) {
    case TensorClass::Weight: return name_of_weights(line.part);
    case TensorClass::Kv: return "kv cache";
    case TensorClass::State: return "recurrent state";
    case TensorClass::Activation: return "activations";
    case TensorClass::Workspace: return "workspace";
    case TensorClass::Comm: return "exchange buffers";
    case TensorClass::Runtime: return "runtime context";
    case TensorClass::Padding: return "padding";
    case TensorClass::Gradient: return "gradients";
    case TensorClass::Optimizer: return "optimizer";
  }
  return "";
}

std::optional<MoeFfn> moe_of(const ModelSpec& model) {
  std::optional<MoeFfn> found;
  for (const Block& block : model.blocks) {
    const MoeFfn* moe = std::get_if<MoeFfn>(&block.kind);
    if (moe != nullptr && (!found || moe->experts > found->experts)) found = *moe;
  }
  return found;
}

std::string describe_experts(const ModelSpec& model) {
  const std::optional<MoeFfn> moe = moe_of(model);
  if (!moe) return "no experts";
  return fmt::format("{}, top-{}{}", plural(moe->experts, "expert"), moe->top_k,
                     moe->shared_width != 0 ? ", shared" : "");
}

std::string describe_attention(const ModelSpec& model) {
  std::vector<std::string> names;
  for (const Block& block : model.blocks) {
    const std::string name = std::visit(MixerName(), block.kind);
    if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return fmt::format("{}", fmt::join(names, " + "));
}

std::string describe_block(const Block& block) { return std::visit(BlockText(), block.kind); }

std::string_view active_convention(const ModelSpec& model) {
  const bool one_stack = expand_layers(model, Stack::Encoder).empty() || is_encoder_only(model);
  return one_stack ? "one token" : "one encoder plus one decoder token";
}

std::string_view describe_basis(ShapeBasis basis) {
  switch (basis) {
    case ShapeBasis::Published: return "published";
    case ShapeBasis::ClosedForm: return "closed form";
    case ShapeBasis::Rumour: return "rumour";
    case ShapeBasis::Solved: return "solved";
  }
  return "";
}

std::string basis_note(const ModelSpec& model) {
  switch (model.basis) {
    case ShapeBasis::Published: return "";
    case ShapeBasis::ClosedForm:
      return "The shape is a closed form: no weights were published, and what the paper leaves open is assumed.";
    case ShapeBasis::Rumour: return "The shape is a RUMOUR that its maker never confirmed.";
    case ShapeBasis::Solved: return "The shape was made from asked totals; no such model exists.";
  }
  return "";
}

std::string describe_native(const ModelSpec& model) {
  if (model.stored != nullptr) return describe_stored(*model.stored);
  const NativeQuant& quant = model.quant;
  return quant.format.empty() ? quant.base : fmt::format("{}, rest {}", quant.format, quant.base);
}

}  // namespace moeplan
