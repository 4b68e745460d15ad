// SPDX-License-Identifier: Apache-2.0
#include "sim/spec/import/gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <tuple>

#include "sim/base/error.h"
#include "sim/spec/import/gguf_layers.h"
#include "sim/spec/import/gguf_types.h"
#include "sim/spec/matrices.h"
#include "sim/spec/model_limits.h"
#include "sim/spec/stored.h"

namespace moeplan {
namespace {

using S = GgufStem;

// A tensor with its name in parts.
struct Located {
  const ListedTensor* tensor = nullptr;
  GgufName name;
};

// What a tensor, or a part of a fused one, is in the model.
struct Share {
  MatrixRole role = MatrixRole::Extra;
  Part part = Part::Attention;
  Count elements = 0;
  Bytes bytes;
};

std::string text_of(const GgufMetadata& metadata, std::string_view key) {
  const auto found = metadata.find(key);
  return found == metadata.end() ? std::string() : found->second.text;
}

// "Mixtral 8x7B Instruct" -> "mixtral-8x7b-instruct"
std::string id_from(const std::string& name) {
  std::string id;
  for (const char c : name) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const bool kept = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9') || lower == '.' || lower == '_';
    if (kept)
      id += lower;
    else if (!id.empty() && id.back() != '-')
      id += '-';
  }
  while (!id.empty() && id.back() == '-') id.pop_back();
  return id;
}

// blk.7.inp_gate.weight -> blk.*.inp_gate
std::string pattern_of(std::string_view name) {
  std::string pattern;
  for (std::size_t i = 0; i < name.size();) {
    std::size_t end = name.find('.', i);
    if (end == std::string_view::npos) end = name.size();
    const std::string_view word = name.substr(i, end - i);
    const bool number = !word.empty() && word.find_first_not_of("0123456789") == std::string_view::npos;
    if (!(word == "weight" && end == name.size())) {
      if (!pattern.empty()) pattern += '.';
      pattern += number ? std::string("*") : std::string(word);
    }
    i = end + 1;
  }
  return pattern;
}

Part part_of_unknown(const Located& t) {
  const std::string_view name = t.tensor->name;
  const auto contains = [name](std::string_view word) { return name.find(word) != std::string_view::npos; };
  if (t.name.vision) return Part::Vision;
  if (contains("nextn")) return Part::Mtp;
  if (contains("indexer")) return Part::Indexer;
  if (contains("shexp")) return Part::Shared;
  if (contains("exp")) return Part::Experts;
  if (contains("norm")) return Part::Norm;
  if (contains("ffn")) return Part::Dense;
  if (contains("embd")) return Part::Embedding;
  if (t.name.layer < 0 && contains("output")) return Part::Head;
  return Part::Attention;
}

class GgufImport {
 public:
  GgufImport(const std::vector<GgufHeader>& shards, const std::string& path)
      : shards_(shards),
        metadata_(shards.front().metadata),
        path_(path),
        complaints_(path),
        architecture_(text_of(metadata_, "general.architecture")),
        keys_(metadata_, architecture_, complaints_) {}

  ModelSpec run() {
    arch_ = architecture();
    locate();
    complaints_.throw_if_any();  // every tensor has a place, and sizes whose products fit
    read_trunk();
    complaints_.throw_if_any();
    read_layers();
    complaints_.throw_if_any();
    ModelSpec model = out_.finish();
    check(violations(model));
    store(model);  // every byte has a role, and every role the size of its matrix
    complaints_.throw_if_any();
    check(violations(model));
    return model;
  }

 private:
  const GgufArchitecture* architecture() {
    if (architecture_.empty())
      complaints_.add("general.architecture", "nothing", "the name of an architecture");
    else if (const std::string_view reason = refused_gguf_architecture(architecture_); !reason.empty())
      complaints_.add("general.architecture", fmt::format("\"{}\": {}", architecture_, reason),
                      "a decoder of attention, experts and FFN layers");
    else if (find_gguf_architecture(architecture_) == nullptr)
      complaints_.add("general.architecture", fmt::format("\"{}\"", architecture_),
                      fmt::format("one of {}", fmt::join(supported_gguf_architectures(), ", ")));
    complaints_.throw_if_any();
    return find_gguf_architecture(architecture_);
  }

  // ---- tensors by layer ----

  void locate() {
    double elements = 0;
    for (const GgufHeader& shard : shards_)
      for (const ListedTensor& t : shard.list.tensors) {
        Located located{&t, parse_gguf_name(t.name)};
        const bool small =
            std::all_of(t.shape.begin(), t.shape.begin() + t.rank, [](Count size) { return size <= kMaxMatrixSide; });
        if (located.name.layer >= kLayersRange.max)
          complaints_.add("tensor " + std::string(t.name), fmt::format("layer {}", located.name.layer),
                          fmt::format("a layer below {}", kLayersRange.max));
        else if (!small || t.elements() > kExtraRange.max)
          complaints_.add("tensor " + std::string(t.name), fmt::format("{} values", t.elements()),
                          "dimensions up to 2^28 and 2^48 values");
        else
          add_piece(located);
        elements += static_cast<double>(t.elements());
        tensors_.push_back(located);
      }
    const double most = kMaxParameters;
    if (elements > most)
      complaints_.add("tensors", fmt::format("{:.3g} values", elements), fmt::format("at most {:.3g}", most));
    complaints_.throw_if_any();
    drop_spare_scales();
  }

  void add_piece(const Located& t) {
    if (t.name.layer < 0) {
      if (t.name.stem != S::Other && t.name.suffix != GgufName::Suffix::Scale) add_to(piece(outside_, t.name), t);
      return;
    }
    const auto layer = static_cast<std::size_t>(t.name.layer);
    if (layers_.size() <= layer) layers_.resize(layer + 1);
    layers_[layer].used = true;
    if (t.name.stem != S::Other && t.name.suffix != GgufName::Suffix::Scale) add_to(piece(layers_[layer], t.name), t);
  }

  static GgufPiece& piece(GgufLayer& layer, const GgufName& name) {
    const auto stem = static_cast<std::size_t>(name.stem);
    return name.suffix == GgufName::Suffix::Bias ? layer.biases[stem] : layer.weights[stem];
  }

  static void add_to(GgufPiece& piece, const Located& located) {
    const ListedTensor& t = *located.tensor;
    piece.elements += t.elements();
    ++piece.tensors;
    if (piece.first == nullptr) {
      piece.first = &t;
      piece.cols = t.rank > 1 ? t.shape[t.rank - 1U] : 1;
      piece.rows = t.rank > 1 ? t.shape[t.rank - 2U] : t.shape[0];
      piece.copies = 1;
      for (std::size_t i = 0; i + 2 < t.rank; ++i) piece.copies *= t.shape[i];
    } else if (located.name.expert >= 0) {
      ++piece.copies;
    }
  }

  // "ffn_up_exps.scale" belongs to an NVFP4 tensor; elsewhere it is a parameter of its own.
  void drop_spare_scales() {
    for (Located& t : tensors_) {
      if (t.name.suffix != GgufName::Suffix::Scale || t.name.stem == S::Other) continue;
      const GgufLayer& layer = t.name.layer < 0 || t.name.layer >= kLayersRange.max
                                   ? outside_
                                   : layers_[static_cast<std::size_t>(t.name.layer)];
      const GgufPiece& weight = layer[t.name.stem];
      if (weight.empty() || weight.first->dtype != "NVFP4") t.name.stem = S::Other;
    }
  }

  // ---- the trunk ----

  void read_trunk() {
    ModelSpec& m = out_.model;
    const GgufPiece& table = outside_[S::TokenEmbd];
    if (table.empty()) return complaints_.add("token_embd.weight", "no such tensor", "one in the file");
    m.hidden = table.cols;
    m.vocab = table.rows;
    agree("embedding_length", table, m.hidden);
    agree("vocab_size", table, m.vocab);
    m.max_context = keys_.required("context_length", kContextRange);
    m.tied_embeddings = !outside_.has(S::Output);
    if (outside_.has(S::Output) && outside_[S::Output].elements != table.elements)
      complaints_.add("tensor output.weight", fmt::format("{} values", outside_[S::Output].elements),
                      fmt::format("{} as in token_embd.weight", table.elements));
    m.head_bias = outside_.has_bias(S::Output);
    m.final_norms = outside_.has(S::OutputNorm) ? 1 : 0;
    const bool rms = keys_.has("attention.layer_norm_rms_epsilon") || !keys_.has("attention.layer_norm_epsilon");
    m.norm = outside_.has_bias(S::OutputNorm) ? NormKind::Layer : rms ? NormKind::Rms : NormKind::LayerNoBias;
    read_identity(m);
  }

  void agree(std::string_view key, const GgufPiece& piece, Count value) {
    const Count said = keys_.count(key, {0, Count{1} << 50}, value);
    if (said != value)
      complaints_.add("tensor " + std::string(piece.first->name), std::to_string(value),
                      fmt::format("{} by {}", said, keys_.name(key)));
  }

  void read_identity(ModelSpec& m) {
    const std::string stem = std::filesystem::path(path_).stem().string();
    m.name = text_of(metadata_, "general.name");
    m.id = id_from(m.name);
    if (m.id.empty()) m.id = id_from(stem);
    if (m.id.empty()) m.id = "gguf-model";
    if (m.name.empty()) m.name = m.id;
    m.source = "GGUF header of " + file_name(path_);
    const bool mxfp4 = std::any_of(tensors_.begin(), tensors_.end(), [](const Located& t) {
      return t.tensor->dtype == "MXFP4" && info_of(t.name.stem).part == Part::Experts;
    });
    if (!mxfp4) return;
    m.quant.format = "mxfp4";
    m.quant.parts = {"experts"};
  }

  // ---- layers ----

  // Layers after the trunk are multi-token-prediction modules (nextn.*).
  Count trunk_layers() {
    const Count said = keys_.required("block_count", kLayersRange);
    const Count nextn = keys_.count("nextn_predict_layers", kModulesRange, 0);
    auto trunk = static_cast<Count>(layers_.size());
    while (trunk > 0 && layers_[static_cast<std::size_t>(trunk - 1)].has(S::NextnEhProj)) --trunk;
    // Converters count the modules in block_count or do not, and write their tensors or do not.
    if (trunk != said && trunk != said - nextn)
      complaints_.add(keys_.name("block_count"), std::to_string(said),
                      fmt::format("{}, the layers of the tensors (blk.0 to blk.{})", trunk, trunk - 1),
                      "a shard of a split model that lost its number?");
    return trunk;
  }

  void read_layers() {
    const Count trunk = trunk_layers();
    GgufLayerReader reader(keys_, *arch_, out_);
    uses_.resize(layers_.size());
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      const auto index = static_cast<Count>(l);
      if (!layers_[l].used) {
        complaints_.add(fmt::format("blk.{}", index), "no tensors", "those of a layer");
        continue;
      }
      std::optional<LayerShape> shape = reader.read(layers_[l], index, uses_[l]);
      if (!shape) continue;
      shapes_.push_back(*shape);
      if (index < trunk)
        out_.layer(std::move(*shape));
      else
        add_module(*shape, layers_[l]);
    }
    trunk_ = trunk;
  }

  void add_module(const LayerShape& shape, const GgufLayer& layer) {
    MtpModule& mtp = out_.model.mtp;
    if (mtp.modules > 0 && mtp.shape != shape)
      complaints_.add("nextn layers", "modules of different shapes", "modules of one shape");
    ++mtp.modules;
    mtp.shape = shape;
    mtp.in_gguf = true;
    mtp.norms = 0;
    for (const S s : {S::NextnENorm, S::NextnHNorm, S::NextnHeadNorm}) mtp.norms += layer.has(s) ? 1 : 0;
    if (layer.has(S::NextnEmbedTokens) && layer.has(S::NextnHead)) ++mtp.in_file_copies;
  }

  // ---- bytes ----

  // A part of a tensor by rows: rows have equal bytes.
  static Share part_of(const ListedTensor& t, MatrixRole role, Part part, Count rows, Count of) {
    const auto share = [rows, of](Count amount) { return amount / of * rows + amount % of * rows / of; };
    return {role, part, share(t.elements()), Bytes(share(t.bytes.count()))};
  }

  // The roles of a tensor in its layer; one, or those of a fused tensor.
  std::vector<Share> shares_of(const Located& located) const {
    const ListedTensor& t = *located.tensor;
    const StemInfo& info = info_of(located.name.stem);
    if (located.name.stem == S::Other) return {{MatrixRole::Extra, part_of_unknown(located), t.elements(), t.bytes}};
    if (located.name.suffix == GgufName::Suffix::Scale) return {{info.role, info.part, 0, t.bytes}};
    if (located.name.suffix == GgufName::Suffix::Bias) {
      const bool none = info.bias == MatrixRole::Extra;
      return {{info.bias, none ? part_of_unknown(located) : info.part, t.elements(), t.bytes}};
    }
    if (located.name.layer < 0) return {{info.role, info.part, t.elements(), t.bytes}};
    const GgufUse& use = uses_[static_cast<std::size_t>(located.name.layer)];
    const Count qkv = use.qkv_q + use.qkv_k + use.qkv_v;
    const bool merged = located.name.stem == S::FfnGateUpExps;
    if (located.name.stem == S::AttnQkv && !use.linear && qkv > 0)
      return {part_of(t, MatrixRole::Q, Part::Attention, use.qkv_q, qkv),
              part_of(t, MatrixRole::K, Part::Attention, use.qkv_k, qkv),
              part_of(t, MatrixRole::V, Part::Attention, use.qkv_v, qkv)};
    if (merged || (located.name.stem == S::FfnUp && use.gate_up_fused))
      return {part_of(t, merged ? MatrixRole::ExpertGate : MatrixRole::FfnGate, info.part, 1, 2),
              part_of(t, info.role, info.part, 1, 2)};
    MatrixRole role = info.role;
    if (use.linear && (located.name.stem == S::AttnQkv || located.name.stem == S::AttnGate))
      role = MatrixRole::LinearQkvz;
    if (use.gate_in_q && located.name.stem == S::AttnGate) role = MatrixRole::Q;
    if (use.split_kv_b && located.name.stem == S::AttnKvB) role = MatrixRole::Extra;
    return {{role, info.part, t.elements(), t.bytes}};
  }

  using Place = std::tuple<Count, MatrixRole, Part>;  // layer, role, part
  struct Sum {
    Count elements = 0;
    std::string_view name;  // of its first tensor
  };

  // Tensors of a part that no matrix explains.
  struct Pool {
    std::string name;  // of the first
    bool several = false;
    Count elements = 0;
  };

  // What the model expects at each place, by role.
  std::map<Place, Count> expected_of(const ModelSpec& model) const {
    std::map<Place, Count> expected;
    const auto add = [&expected](Count layer, const Matrix& m, bool mtp) {
      if (m.rows > 0) expected[{layer, m.role, mtp ? Part::Mtp : m.part}] += m.elements();
    };
    for (std::size_t l = 0; l < shapes_.size(); ++l)
      for (const BlockIndex b : shapes_[l])
        for (const Matrix& m : matrices_of(model.blocks[b], model))
          add(static_cast<Count>(l), m, static_cast<Count>(l) >= trunk_);
    for (Count module = 0; module < model.mtp.modules; ++module) {
      add(trunk_ + module, mtp_projection_of(model), true);
      add(trunk_ + module, mtp_norm_of(model), true);
    }
    for (const Matrix& m : {embedding_of(model), head_of(model), final_norm_of(model), head_bias_of(model)})
      add(-1, m, false);
    return expected;
  }

  void store(ModelSpec& model) {
    const std::map<Place, Count> expected = expected_of(model);
    std::map<Place, Sum> found;
    std::map<std::tuple<Count, MatrixRole, Part, std::string_view>, StoredEntry> entries;
    std::map<Part, Pool> extras;
    auto stored = std::make_shared<StoredWeights>();
    for (const Located& t : tensors_) {
      for (Share share : shares_of(t)) {
        Count layer = t.name.layer;
        const bool module = layer >= trunk_;
        if (module && share.part != Part::Vision) share.part = Part::Mtp;
        const bool copy = module && (share.role == MatrixRole::Embedding || share.role == MatrixRole::Head);
        if (!copy && (share.role == MatrixRole::Extra || !expected.contains({layer, share.role, share.part})))
          share.role = MatrixRole::Extra;
        if (share.role == MatrixRole::Extra) {
          layer = module ? layer : -1;
          if (counts_as_parameter(t)) add_to(extras[share.part], pattern_of(t.tensor->name), share.elements);
        } else if (!copy) {
          Sum& sum = found[{layer, share.role, share.part}];
          sum.elements += share.elements;
          if (sum.name.empty()) sum.name = t.tensor->name;
        }
        if (share.role == MatrixRole::Extra) note_unplaced(*stored, t, share.bytes);
        add_entry(entries[{layer, share.role, share.part, t.tensor->dtype}], layer, share, *t.tensor);
      }
    }
    compare(expected, found);
    for (const auto& [part, pool] : extras) add_extra(model, part, pool);
    for (auto& [key, entry] : entries) stored->entries.push_back(std::move(entry));
    finish(*stored);
    model.stored = std::move(stored);
  }

  // Tables of positions and angles, vision towers and spare copies have their place as extras.
  static void note_unplaced(StoredWeights& stored, const Located& t, Bytes bytes) {
    constexpr std::size_t kExamples = 5;
    if (t.name.vision || t.name.stem == S::PositionEmbd || !counts_as_parameter(t)) return;
    ++stored.unplaced_tensors;
    stored.unplaced_bytes += bytes;
    if (stored.unplaced_examples.size() < kExamples) stored.unplaced_examples.emplace_back(t.tensor->name);
  }

  // Tables of angles come from the configuration, not from training.
  static bool counts_as_parameter(const Located& t) {
    return !t.tensor->name.starts_with("rope_") && t.tensor->name.find("attn_rot_embd") == std::string_view::npos &&
           !(t.name.stem == S::AttnKvB);
  }

  static void add_entry(StoredEntry& entry, Count layer, const Share& share, const ListedTensor& t) {
    if (entry.bytes == Bytes(0)) {
      entry.layer = layer;
      entry.role = share.role;
      entry.part = share.part;
      entry.format = find_ggml_type(t.dtype)->format;
      entry.tensors = 0;
    }
    entry.elements += share.elements;
    entry.bytes += share.bytes;
    ++entry.tensors;
  }

  void compare(const std::map<Place, Count>& expected, const std::map<Place, Sum>& found) {
    for (const auto& [place, elements] : expected) {
      const auto& [layer, role, part] = place;
      const auto it = found.find(place);
      const std::string where = layer < 0 ? std::string() : fmt::format("blk.{}: ", layer);
      if (it == found.end())
        complaints_.add(fmt::format("{}{} ({})", where, word_of(role), word_of(part)), "no tensor",
                        fmt::format("{} values", elements));
      else if (it->second.elements != elements)
        complaints_.add("tensor " + std::string(it->second.name), fmt::format("{} values", it->second.elements),
                        fmt::format("{} for {}", elements, word_of(role)));
    }
  }

  static void add_to(Pool& pool, const std::string& pattern, Count elements) {
    pool.elements += elements;
    if (pool.name.empty())
      pool.name = pattern;
    else if (pool.name != pattern)
      pool.several = true;
  }

  void add_extra(ModelSpec& model, Part part, const Pool& pool) const {
    if (pool.elements == 0 || part == Part::Mtp) return;
    model.extras.push_back({.name = pool.name + (pool.several ? " and others" : ""),
                            .part = std::string(word_of(part)),
                            .elements = pool.elements,
                            .active = part != Part::Vision,
                            .source = "tensors of " + file_name(path_)});
  }

  // Tensors by type, most bytes first.
  std::vector<StoredType> types() const {
    std::map<std::string_view, StoredType> sums;
    for (const Located& t : tensors_) {
      StoredType& sum = sums[t.tensor->dtype];
      ++sum.tensors;
      sum.bytes += t.tensor->bytes;
    }
    std::vector<StoredType> sorted;
    for (auto& [name, sum] : sums) {
      sum.dtype = name;
      sorted.push_back(std::move(sum));
    }
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const StoredType& a, const StoredType& b) { return a.bytes > b.bytes; });
    return sorted;
  }

  void finish(StoredWeights& stored) const {
    stored.file = path_;
    stored.gguf = true;
    const auto label = metadata_.find("general.file_type");
    if (label != metadata_.end() && label->second.integer >= 0)
      stored.label = gguf_label_of(static_cast<std::uint64_t>(label->second.integer));
    stored.tensors = static_cast<Count>(tensors_.size());
    stored.types = types();
    stored.shards = static_cast<Count>(shards_.size());
    for (const GgufHeader& shard : shards_) {
      stored.payload += shard.list.payload;
      stored.file_bytes += shard.list.file_bytes;
    }
  }

  void check(const std::vector<std::string>& sentences) {
    for (const std::string& sentence : sentences) complaints_.add("the model it describes", sentence, "a sound model");
    complaints_.throw_if_any();
  }

  const std::vector<GgufHeader>& shards_;
  const GgufMetadata& metadata_;
  const std::string& path_;
  GgufComplaints complaints_;
  std::string architecture_;
  GgufKeys keys_;
  const GgufArchitecture* arch_ = nullptr;
  ShapeBuilder out_;
  std::vector<Located> tensors_;
  GgufLayer outside_;
  std::vector<GgufLayer> layers_;
  std::vector<GgufUse> uses_;       // parallel to layers_
  std::vector<LayerShape> shapes_;  // parallel to layers_
  Count trunk_ = 0;
};

}  // namespace

ModelSpec import_gguf_headers(const std::vector<GgufHeader>& shards, const std::string& path) {
  return GgufImport(shards, path).run();
}

}  // namespace moeplan
