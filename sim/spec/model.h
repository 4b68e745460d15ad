// SPDX-License-Identifier: Apache-2.0
// A language model as its published shape: named blocks (attention or FFN), and
// layers as sequences of block names. A transformer layer is ["attention", "moe"];
// a Nemotron layer is ["mamba"]; LongCat's is ["mla", "dense", "mla", "dense",
// "moe"]. Nothing here says what anything costs; matrices.h lists the weights and
// sim/lower the operators.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "sim/base/units.h"

namespace moeplan {

// Norm vectors on queries and keys.
enum class QkNorm {
  None,
  PerDim,     // one vector of head_dim for q, one for k (Qwen3)
  FullWidth,  // one vector over all q heads, one over all kv heads (OLMoE, MiniMax-M2)
  PerHead     // head_dim for every head of q and k (MiniMax-M3)
};

// Softmax attention with explicit K and V (MHA, GQA, MQA). Source of every rule:
// the transformers modeling file of the named family.
struct SoftmaxAttention {
  Count heads = 0;
  Count kv_heads = 0;
  Count head_dim = 0;   // q and k
  Count value_dim = 0;  // v
  Count window = 0;     // keys seen, itself included; 0 = all
  Count chunk = 0;      // keys of the own chunk only (Llama 4); 0 = none
  bool causal = true;   // false in encoders (and then caches nothing)
  bool cross = false;   // keys and values from the encoder
  bool qkv_bias = false;
  bool out_bias = false;
  bool sinks = false;         // one learned logit per head (gpt-oss)
  bool key_is_value = false;  // no V projection (Gemma 4 global layers)
  bool reuses_cache = false;  // K and V of the previous layer (cross-layer attention)
  bool output_gate = false;   // q projection twice as wide (Qwen3-Next)
  bool head_gate = false;     // hidden -> heads gate (Step)
  QkNorm qk_norm = QkNorm::None;
  // Block-sparse selection (MiniMax-M3): index projections and keys.
  Count index_heads = 0;  // 0 = none
  Count index_dim = 0;
  Count index_topk = 0;  // keys attended
  friend bool operator==(const SoftmaxAttention&, const SoftmaxAttention&) = default;
};

enum class Indexer { None, Full, Shared };  // Shared: uses another layer's selection, owns nothing

// Multi-head latent attention (DeepSeek-V2 report, section 2.1) with DeepSeek-V3.2's
// sparse indexer.
struct LatentAttention {
  Count heads = 0;
  Count q_lora = 0;  // 0 = a plain q projection
  Count kv_lora = 0;
  Count nope_dim = 0;
  Count rope_dim = 0;
  Count value_dim = 0;
  bool bias = false;
  Indexer indexer = Indexer::None;
  Count index_heads = 0;
  Count index_dim = 0;
  Count index_topk = 0;
  friend bool operator==(const LatentAttention&, const LatentAttention&) = default;
};

enum class LinearKind {
  GatedDelta,  // Qwen3-Next, Qwen3.5
  Lightning    // MiniMax-M1
};

// Linear attention: a state per sequence instead of a cache per token.
struct LinearAttention {
  LinearKind kind = LinearKind::GatedDelta;
  Count key_heads = 0;
  Count value_heads = 0;
  Count key_dim = 0;
  Count value_dim = 0;
  Count conv_kernel = 0;  // 0 = no short convolution
  friend bool operator==(const LinearAttention&, const LinearAttention&) = default;
};

// Mamba-2 mixer (Nemotron-H), or with a dt_rank Mamba-1 (Jamba): there every channel is a
// head of width 1, B, C and the step come from the convolved input by a projection of
// their own, and each of the three has a norm.
struct MambaMixer {
  Count heads = 0;
  Count head_dim = 0;
  Count state = 0;
  Count groups = 0;
  Count conv_kernel = 0;
  bool conv_bias = false;
  bool proj_bias = false;
  Count dt_rank = 0;
  friend bool operator==(const MambaMixer&, const MambaMixer&) = default;
};

// A recurrent layer: four gates over [input, previous output], a cell of `units`, and
// where `projection` is set an output of that width (Sak 2014; Shazeer 2017).
struct LstmLayer {
  Count units = 0;
  Count projection = 0;  // 0 = the cell's own width
  Count output() const { return projection > 0 ? projection : units; }
  friend bool operator==(const LstmLayer&, const LstmLayer&) = default;
};

struct DenseFfn {
  Count width = 0;
  bool gated = true;  // gate, up, down; else up, down
  bool bias = false;
  friend bool operator==(const DenseFfn&, const DenseFfn&) = default;
};

struct MoeFfn {
  Count experts = 0;
  Count top_k = 0;
  Count width = 0;  // of one routed expert
  bool gated = true;
  bool expert_bias = false;  // gpt-oss
  Count latent = 0;          // experts work on this width, with hidden->latent and back (Nemotron-3 Super); 0 = hidden
  Count shared_width = 0;    // all shared experts together; 0 = none
  bool shared_gated = true;
  bool shared_scalar_gate = false;  // hidden -> 1 sigmoid gate (Qwen2-MoE, Qwen3-Next)
  bool router_bias = false;         // bias of the router projection (gpt-oss)
  bool router_f32 = false;          // router stored in F32 beside a 16-bit base (MiniMax-M2)
  bool correction_bias = false;     // selection bias per expert (DeepSeek-V3), counted as parameters, F32 on disk
  Count zero_experts = 0;           // experts that compute nothing (LongCat)
  Count groups = 1;                 // group-limited routing: of `groups`, `top_groups` may be used
  Count top_groups = 1;
  bool group_router = false;  // hierarchical: a router for the groups, then one within each chosen group (Shazeer 2017)
  bool router_noise = false;  // a second matrix beside every router, for noisy top-k gating (Shazeer 2017)
  friend bool operator==(const MoeFfn&, const MoeFfn&) = default;
};

using BlockKind =
    std::variant<SoftmaxAttention, LatentAttention, LinearAttention, MambaMixer, LstmLayer, DenseFfn, MoeFfn>;

struct Block {
  std::string name;
  Count norms = 1;  // hidden-wide norm vectors that belong to it (pre, post, ...)
  BlockKind kind;
  friend bool operator==(const Block&, const Block&) = default;
};

using BlockIndex = std::uint8_t;               // into ModelSpec::blocks
inline constexpr std::size_t kMaxBlocks = 10;  // the programs of a model have fixed room
using LayerShape = std::vector<BlockIndex>;

enum class Stack { Decoder, Encoder };

// `repeat` times the sequence `layers`.
struct LayerRun {
  Stack stack = Stack::Decoder;
  Count repeat = 1;
  std::vector<LayerShape> layers;
  friend bool operator==(const LayerRun&, const LayerRun&) = default;
};

enum class NormKind { Rms, Layer, LayerNoBias };  // Layer: weight and bias

// Parameters that are no block: position tables, relative biases, a vision tower.
struct ExtraTensor {
  std::string name;
  std::string part;  // "embedding", "attention", "vision", ...: a Part word of matrices.h
  Count elements = 0;
  bool active = true;  // used by a text token
  std::string source;
  friend bool operator==(const ExtraTensor&, const ExtraTensor&) = default;
};

// Multi-token-prediction module(s): each one layer of `shape` plus a projection
// 2h -> h and `norms` norm vectors; `in_file_copies` counts the copies of
// embedding+head a checkpoint repeats for it.
struct MtpModule {
  Count modules = 0;
  LayerShape shape;
  Count norms = 3;  // enorm, hnorm, final
  Count in_file_copies = 0;
  bool counted_in_total = false;  // the published total includes it (Qwen3-Next)
  bool in_gguf = false;           // llama.cpp's converter keeps it, with the copies (GLM-4.5)
  bool copies_head = true;        // the copies are of embedding and head; false: of the embedding alone (LongCat)
  friend bool operator==(const MtpModule&, const MtpModule&) = default;
};

// Matrices of one role that are stored otherwise than their neighbours.
struct QuantRule {
  std::string matrix;         // MatrixRole word
  std::string format;         // id of models/formats.json
  std::vector<Count> layers;  // of the decoder; empty = all
  friend bool operator==(const QuantRule&, const QuantRule&) = default;
};

// Which matrices the checkpoint stores quantised, and how. Embedding, head and the
// MTP projection are quantised only where their part is listed.
struct NativeQuant {
  std::string base = "bf16";        // format of everything not quantised
  std::string format;               // "" = nothing is quantised
  std::vector<std::string> parts;   // Part words whose matrices are; empty = all quantisable
  std::vector<std::string> except;  // MatrixRole words kept in base ("kv_a", "q_b"); "mtp": the whole module
  std::vector<QuantRule> rules;     // on top of these; of two that hold, the later
  friend bool operator==(const NativeQuant&, const NativeQuant&) = default;
};

// What the MLX converters do with this architecture besides quantising every matrix:
// Part words stored in 8 bits whatever the label (mlx-lm quant_predicate), and parts
// quantised that are kept elsewhere (routers, a vision tower).
struct MlxRule {
  std::vector<std::string> eight_bit;
  std::vector<std::string> quantised;
  friend bool operator==(const MlxRule&, const MlxRule&) = default;
};

// A figure someone published, for checking ours.
struct PublishedTotal {
  std::string
      quantity;  // total | total_with_mtp | checkpoint_elements | checkpoint_bytes | active | active_no_embedding | ...
  Count value = 0;
  double tolerance = 0.0;  // relative; 0 = exact
  std::string source;
  friend bool operator==(const PublishedTotal&, const PublishedTotal&) = default;
};

// What a shape rests on.
enum class ShapeBasis {
  Published,   // a configuration file or a paper that gives every size
  ClosedForm,  // sizes of a paper that leaves some open; the source names which
  Rumour,      // nobody responsible confirmed it
  Solved       // made by `models make` from asked totals; no such model exists
};

struct StoredWeights;  // sim/spec/stored.h

struct ModelSpec {
  std::string id;
  std::string name;
  std::vector<std::string> aliases;  // Hugging Face ids and short names
  std::string source;
  std::string note;
  ShapeBasis basis = ShapeBasis::Published;
  Count hidden = 0;
  Count vocab = 0;
  Count max_context = 0;
  bool tied_embeddings = false;
  bool head_bias = false;
  NormKind norm = NormKind::Rms;
  Count final_norms = 1;  // one per stack
  std::vector<Block> blocks;
  std::vector<LayerRun> runs;
  std::vector<ExtraTensor> extras;
  MtpModule mtp;
  NativeQuant quant;
  MlxRule mlx;
  std::vector<PublishedTotal> published;
  // Weights of one checkpoint file; null = by the published rules. Never part of a model document.
  std::shared_ptr<const StoredWeights> stored;
  friend bool operator==(const ModelSpec&, const ModelSpec&) = default;
};

// Layer shapes of one stack in order, runs expanded.
std::vector<LayerShape> expand_layers(const ModelSpec& model, Stack stack);
Count layer_count(const ModelSpec& model);
bool is_encoder_only(const ModelSpec& model);  // BERT: nothing is decoded, nothing cached

// Every rule a model must obey, all violations at once, as plain sentences
// ("moe: top_k 9 exceeds experts 8"); empty = sound.
std::vector<std::string> violations(const ModelSpec& model);

}  // namespace moeplan
