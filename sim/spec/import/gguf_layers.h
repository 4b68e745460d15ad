// SPDX-License-Identifier: Apache-2.0
// Layers of a GGUF file -> blocks. The tensors of a layer say what it is (attn_kv_a_mqa:
// MLA; ffn_gate_inp: experts) and how wide; metadata says what shapes leave open (heads,
// top-k, windows). Where both speak and disagree, the tensor is named.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "sim/base/error.h"
#include "sim/base/json.h"
#include "sim/spec/import/gguf_names.h"
#include "sim/spec/import/gguf_reader.h"
#include "sim/spec/import/shape_builder.h"

namespace moeplan {

// What llama.cpp knows about an architecture beside its file.
struct GgufArchitecture {
  std::string_view name;
  Count window_period = 1;  // every period-th layer attends to all, the others to the window; 1 = all to all, 0 = none
  Count chunk = 0;          // the others attend within chunks of this length instead (Llama 4)
  bool router_f32 = false;  // published checkpoints hold the router in F32
};

// nullptr: not one that is modelled.
const GgufArchitecture* find_gguf_architecture(std::string_view name);
std::vector<std::string> supported_gguf_architectures();
// Why a known architecture is not modelled; "" = not known.
std::string_view refused_gguf_architecture(std::string_view name);

// Complaints about one file; the first sixteen are kept.
class GgufComplaints {
 public:
  explicit GgufComplaints(std::string file) : file_(std::move(file)) {}
  void add(std::string path, std::string found, std::string expected, std::string hint = "");
  void throw_if_any() const;
  bool any() const { return !problems_.empty(); }

 private:
  std::string file_;
  std::vector<Problem> problems_;
};

// Metadata under "<architecture>.".
class GgufKeys {
 public:
  GgufKeys(const GgufMetadata& metadata, std::string architecture, GgufComplaints& complaints)
      : metadata_(metadata), prefix_(std::move(architecture) + "."), complaints_(complaints) {}

  bool has(std::string_view key) const { return find(key) != nullptr; }
  // The value, or of the layer where the file lists one per layer; `fallback` when absent.
  // A value outside of `range` is a complaint.
  Count count(std::string_view key, CountRange range, Count fallback, Count layer = 0);
  // The same, and absence is a complaint.
  Count required(std::string_view key, CountRange range, Count layer = 0);
  // A list of one entry per layer, or nullptr.
  const GgufValue* list(std::string_view key) const;
  std::string name(std::string_view key) const { return prefix_ + std::string(key); }
  GgufComplaints& complaints() { return complaints_; }

 private:
  const GgufValue* find(std::string_view key) const;

  const GgufMetadata& metadata_;
  std::string prefix_;
  GgufComplaints& complaints_;
};

// Tensors of one stem in one layer (all experts of old files together).
struct GgufPiece {
  const ListedTensor* first = nullptr;
  Count tensors = 0;
  Count elements = 0;
  Count rows = 0;  // of one: output dimension; the size of a vector
  Count cols = 0;  // of one: reduction dimension; 1 for a vector
  Count copies = 0;
  bool empty() const { return tensors == 0; }
};

struct GgufLayer {
  std::array<GgufPiece, kGgufStems> weights;
  std::array<GgufPiece, kGgufStems> biases;
  bool used = false;
  const GgufPiece& operator[](GgufStem s) const { return weights[static_cast<std::size_t>(s)]; }
  const GgufPiece& bias(GgufStem s) const { return biases[static_cast<std::size_t>(s)]; }
  bool has(GgufStem s) const { return !(*this)[s].empty(); }
  bool has_bias(GgufStem s) const { return !bias(s).empty(); }
};

// What a fused or ambiguous tensor is in its layer.
struct GgufUse {
  Count qkv_q = 0, qkv_k = 0, qkv_v = 0;  // rows of attn_qkv; all 0 = it is a linear layer's
  bool linear = false;
  bool gate_in_q = false;      // attn_gate is as wide as the queries: part of q
  bool gate_up_fused = false;  // ffn_up holds gate and up
  bool split_kv_b = false;     // attn_k_b and attn_v_b; an attn_kv_b beside them is a spare copy
  Count norms = 0;
};

class GgufLayerReader {
 public:
  GgufLayerReader(GgufKeys& keys, const GgufArchitecture& arch, ShapeBuilder& out)
      : keys_(keys), arch_(arch), out_(out) {}

  // The blocks of layer `index`; nullopt after a complaint.
  std::optional<LayerShape> read(const GgufLayer& layer, Count index, GgufUse& use);

 private:
  struct Norms {
    Count mixer = 0, dense = 0, moe = 0;
  };
  Norms norms_of(const GgufLayer& layer, GgufUse& use) const;
  std::optional<BlockKind> softmax(const GgufLayer& layer, Count index, GgufUse& use);
  std::optional<BlockKind> latent(const GgufLayer& layer, Count index);
  std::optional<BlockKind> linear(const GgufLayer& layer, Count index);
  std::optional<BlockKind> mamba(const GgufLayer& layer, Count index);
  std::optional<BlockKind> dense(const GgufLayer& layer, Count index, GgufUse& use);
  std::optional<BlockKind> moe(const GgufLayer& layer, Count index);
  void read_indexer(const GgufLayer& layer, Count index, SoftmaxAttention& a);
  Count window_of(Count index);
  QkNorm qk_norm(const GgufLayer& layer, const SoftmaxAttention& a);
  bool add(LayerShape& shape, const char* name, Count norms, const std::optional<BlockKind>& kind);

  // tensor = a x b: b, or a complaint at the tensor when a does not divide.
  Count divide(const GgufPiece& piece, Count total, Count by, const std::string& by_what);
  void expect(const GgufPiece& piece, Count found, Count expected, const std::string& what);
  void missing(Count index, GgufStem stem);

  GgufKeys& keys_;
  const GgufArchitecture& arch_;
  ShapeBuilder& out_;
};

}  // namespace moeplan
