// SPDX-License-Identifier: Apache-2.0
// Tables first: prefixes, parents (what surrounds a matrix), leaves (the matrix), and
// suffixes (values, scales, zero points). Parents and leaves meet in a context.
#include "sim/spec/import/hf_tensor_names.h"

#include <algorithm>
#include <initializer_list>
#include <iterator>

#include "sim/base/text.h"

namespace moeplan {
namespace {

using R = MatrixRole;

// Anything below these is a tower or projector of another modality.
constexpr std::string_view kVision[] = {"vision_tower",
                                        "vision_model",
                                        "visual",
                                        "vision_encoder",
                                        "vision_language_adapter",
                                        "patch_merger",
                                        "pre_mm_projector_norm",
                                        "mm_projector",
                                        "multi_modal_projector",
                                        "embed_vision",
                                        "image_newline",
                                        "vision_embed_tokens",
                                        "audio_tower",
                                        "audio_encoder",
                                        "embed_audio",
                                        "vision_projection",
                                        "vit_large_projector",
                                        "linear_proj_vision"};

// Wrappers around the language model.
constexpr std::string_view kWrappers[] = {"model.",  "language_model.", "text_model.", "transformer.", "backbone.",
                                          "module.", "base_model.",     "llm.",        "bert.",        "roberta."};

constexpr std::string_view kMtpPrefixes[] = {"mtp.", "mtp_block.", "nextn."};

// What precedes the number of a layer.
constexpr std::string_view kLayerWords[] = {"layers.*.", "h.*.",     "blocks.*.",
                                            "block.*.",  "layer.*.", "decoder_layer.*."};

enum class Context { Global, Layer, Attention, Indexer, Router, Ffn, Experts, Shared };

struct Parent {
  std::string_view path;
  Context context;
  Count first = 0;
};

constexpr Parent kParents[] = {
    {"", Context::Layer},
    {"", Context::Router},
    {"transformer_layer", Context::Layer},
    {"self_attn", Context::Attention},
    {"attn", Context::Attention},
    {"attention", Context::Attention},
    {"self_attention", Context::Attention},
    {"norm_attn_norm.attn", Context::Attention},
    {"SelfAttention", Context::Attention},
    {"EncDecAttention", Context::Attention, 1},
    {"attention.self", Context::Attention},
    {"attention.output", Context::Attention},
    {"linear_attn", Context::Attention},
    {"mixer", Context::Attention},
    {"self_attn.indexer", Context::Indexer},
    {"attention.indexer", Context::Indexer},
    {"attn.indexer", Context::Indexer},
    {"mlp", Context::Router},
    {"block_sparse_moe", Context::Router},
    {"feed_forward", Context::Router},
    {"ffn", Context::Router},
    {"mixer", Context::Router},
    {"moe", Context::Router},
    {"moe_block", Context::Router},
    {"mlp.experts", Context::Router},
    {"mlp.moe_statics", Context::Router},
    {"mlp", Context::Ffn},
    {"mlps", Context::Ffn},
    {"feed_forward", Context::Ffn},
    {"ffn", Context::Ffn},
    {"mixer", Context::Ffn},
    {"residual_mlp", Context::Ffn},
    {"block_sparse_moe.mlp", Context::Ffn},
    {"DenseReluDense", Context::Ffn},
    {"intermediate", Context::Ffn},
    {"output", Context::Ffn},
    {"mlp.experts", Context::Experts},
    {"mlp.switch_mlp", Context::Experts},
    {"block_sparse_moe", Context::Experts},
    {"block_sparse_moe.experts", Context::Experts},
    {"block_sparse_moe.switch_mlp", Context::Experts},
    {"feed_forward.experts", Context::Experts},
    {"ffn.experts", Context::Experts},
    {"ffn.experts.mlp", Context::Experts},
    {"mixer", Context::Experts},
    {"mixer.experts", Context::Experts},
    {"mixer.switch_mlp", Context::Experts},
    {"moe_block.experts", Context::Experts},
    {"moe", Context::Experts},
    {"moe.experts", Context::Experts},
    {"experts", Context::Experts},
    {"experts.switch_glu", Context::Experts},
    {"mlp.shared_experts", Context::Shared},
    {"mlp.shared_expert", Context::Shared},
    {"mlp.shared_mlp", Context::Shared},
    {"block_sparse_moe.shared_experts", Context::Shared},
    {"feed_forward.shared_expert", Context::Shared},
    {"ffn.shared_experts", Context::Shared},
    {"mixer.shared_experts", Context::Shared},
    {"shared_mlp", Context::Shared},
    {"shared_experts", Context::Shared},
    {"share_expert", Context::Shared},
    {"moe.share_expert", Context::Shared},
};

struct Leaf {
  Context context;
  std::string_view name;
  Part part;
  std::array<MatrixRole, 4> roles;
  std::size_t role_count = 1;
};

constexpr Leaf leaf(Context c, std::string_view name, Part part, R a) { return {c, name, part, {a}, 1}; }
constexpr Leaf leaf(Context c, std::string_view name, Part part, R a, R b) { return {c, name, part, {a, b}, 2}; }
constexpr Leaf leaf(Context c, std::string_view name, Part part, R a, R b, R d) {
  return {c, name, part, {a, b, d}, 3};
}
constexpr Leaf leaf(Context c, std::string_view name, Part part, R a, R b, R d, R e) {
  return {c, name, part, {a, b, d, e}, 4};
}

constexpr Leaf kLeaves[] = {
    // Outside the layers.
    leaf(Context::Global, "embed_tokens", Part::Embedding, R::Embedding),
    leaf(Context::Global, "tok_embeddings", Part::Embedding, R::Embedding),
    leaf(Context::Global, "word_embeddings", Part::Embedding, R::Embedding),
    leaf(Context::Global, "embeddings", Part::Embedding, R::Embedding),
    leaf(Context::Global, "embeddings.word_embeddings", Part::Embedding, R::Embedding),
    leaf(Context::Global, "embedding", Part::Embedding, R::Embedding),
    leaf(Context::Global, "wte", Part::Embedding, R::Embedding),
    leaf(Context::Global, "shared", Part::Embedding, R::Embedding),
    leaf(Context::Global, "embed", Part::Embedding, R::Embedding),
    leaf(Context::Global, "wpe", Part::Embedding, R::Extra),
    leaf(Context::Global, "embeddings.position_embeddings", Part::Embedding, R::Extra),
    leaf(Context::Global, "embeddings.token_type_embeddings", Part::Embedding, R::Extra),
    leaf(Context::Global, "lm_head", Part::Head, R::Head),
    leaf(Context::Global, "output", Part::Head, R::Head),
    leaf(Context::Global, "embed_out", Part::Head, R::Head),
    leaf(Context::Global, "head", Part::Head, R::Head),
    leaf(Context::Global, "fc", Part::Mtp, R::MtpProjection),
    leaf(Context::Global, "mtp_linear_proj", Part::Mtp, R::MtpProjection),
    // Directly in a layer; what has "norm" in its name is one.
    leaf(Context::Layer, "eh_proj", Part::Mtp, R::MtpProjection),
    leaf(Context::Layer, "embed_tokens", Part::Embedding, R::Embedding),
    leaf(Context::Layer, "shared_head.head", Part::Head, R::Head),
    // Attention: softmax, latent, linear and Mamba.
    leaf(Context::Attention, "q_proj", Part::Attention, R::Q),
    leaf(Context::Attention, "q", Part::Attention, R::Q),
    leaf(Context::Attention, "wq", Part::Attention, R::Q),
    leaf(Context::Attention, "query", Part::Attention, R::Q),
    leaf(Context::Attention, "k_proj", Part::Attention, R::K),
    leaf(Context::Attention, "k", Part::Attention, R::K),
    leaf(Context::Attention, "wk", Part::Attention, R::K),
    leaf(Context::Attention, "key", Part::Attention, R::K),
    leaf(Context::Attention, "v_proj", Part::Attention, R::V),
    leaf(Context::Attention, "v", Part::Attention, R::V),
    leaf(Context::Attention, "wv", Part::Attention, R::V),
    leaf(Context::Attention, "value", Part::Attention, R::V),
    leaf(Context::Attention, "o_proj", Part::Attention, R::O, R::LinearOut),
    leaf(Context::Attention, "o", Part::Attention, R::O),
    leaf(Context::Attention, "wo", Part::Attention, R::O),
    leaf(Context::Attention, "dense", Part::Attention, R::O),
    leaf(Context::Attention, "c_proj", Part::Attention, R::O),
    leaf(Context::Attention, "out", Part::Attention, R::O),
    leaf(Context::Attention, "out_proj", Part::Attention, R::O, R::LinearOut),
    leaf(Context::Attention, "qkv_proj", Part::Attention, R::Q, R::K, R::V, R::LinearQkvz),
    leaf(Context::Attention, "qkv", Part::Attention, R::Q, R::K, R::V),
    leaf(Context::Attention, "Wqkv", Part::Attention, R::Q, R::K, R::V),
    leaf(Context::Attention, "c_attn", Part::Attention, R::Q, R::K, R::V),
    leaf(Context::Attention, "query_key_value", Part::Attention, R::Q, R::K, R::V),
    leaf(Context::Attention, "q_a_proj", Part::Attention, R::QA),
    leaf(Context::Attention, "wq_a", Part::Attention, R::QA),
    leaf(Context::Attention, "q_b_proj", Part::Attention, R::QB),
    leaf(Context::Attention, "wq_b", Part::Attention, R::QB),
    leaf(Context::Attention, "kv_a_proj_with_mqa", Part::Attention, R::KvA),
    leaf(Context::Attention, "wkv_a_with_mqa", Part::Attention, R::KvA),
    leaf(Context::Attention, "wkv_a", Part::Attention, R::KvA),
    leaf(Context::Attention, "kv_b_proj", Part::Attention, R::KvB),
    leaf(Context::Attention, "wkv_b", Part::Attention, R::KvB),
    leaf(Context::Attention, "q_norm", Part::Norm, R::QNorm),
    leaf(Context::Attention, "q_layernorm", Part::Norm, R::QNorm),
    leaf(Context::Attention, "query_layernorm", Part::Norm, R::QNorm),
    leaf(Context::Attention, "k_norm", Part::Norm, R::KNorm),
    leaf(Context::Attention, "k_layernorm", Part::Norm, R::KNorm),
    leaf(Context::Attention, "key_layernorm", Part::Norm, R::KNorm),
    leaf(Context::Attention, "q_a_layernorm", Part::Norm, R::QANorm),
    leaf(Context::Attention, "q_a_norm", Part::Norm, R::QANorm),
    leaf(Context::Attention, "kv_a_layernorm", Part::Norm, R::KvANorm),
    leaf(Context::Attention, "kv_a_norm", Part::Norm, R::KvANorm),
    leaf(Context::Attention, "kv_norm", Part::Norm, R::KvANorm),
    leaf(Context::Attention, "LayerNorm", Part::Norm, R::Norm),
    leaf(Context::Attention, "sinks", Part::Attention, R::Sinks),
    leaf(Context::Attention, "g_proj", Part::Attention, R::Gate, R::LinearQkvz),
    leaf(Context::Attention, "relative_attention_bias", Part::Attention, R::Extra),
    leaf(Context::Attention, "in_proj", Part::Attention, R::LinearQkvz),
    leaf(Context::Attention, "in_proj_qkvz", Part::Attention, R::LinearQkvz),
    leaf(Context::Attention, "in_proj_qkv", Part::Attention, R::LinearQkvz),
    leaf(Context::Attention, "in_proj_z", Part::Attention, R::LinearQkvz),
    leaf(Context::Attention, "output_gate", Part::Attention, R::LinearQkvz),
    leaf(Context::Attention, "in_proj_ba", Part::Attention, R::LinearBa),
    leaf(Context::Attention, "in_proj_b", Part::Attention, R::LinearBa),
    leaf(Context::Attention, "in_proj_a", Part::Attention, R::LinearBa),
    leaf(Context::Attention, "conv1d", Part::Attention, R::LinearConv),
    leaf(Context::Attention, "A_log", Part::Attention, R::LinearState),
    leaf(Context::Attention, "D", Part::Attention, R::LinearState),
    leaf(Context::Attention, "dt_bias", Part::Attention, R::LinearState),
    leaf(Context::Attention, "norm", Part::Norm, R::LinearNorm),
    // Selection of keys: DeepSeek-V3.2's indexer, MiniMax-M3's.
    leaf(Context::Indexer, "wq_b", Part::Indexer, R::IndexQ),
    leaf(Context::Indexer, "wk", Part::Indexer, R::IndexK),
    leaf(Context::Indexer, "weights_proj", Part::Indexer, R::IndexWeights),
    leaf(Context::Indexer, "k_norm", Part::Indexer, R::IndexNorm),
    leaf(Context::Indexer, "q_norm", Part::Indexer, R::IndexNorm),
    leaf(Context::Indexer, "q_proj", Part::Indexer, R::IndexQ),
    leaf(Context::Indexer, "k_proj", Part::Indexer, R::IndexK),
    leaf(Context::Attention, "index_q_proj", Part::Indexer, R::IndexQ),
    leaf(Context::Attention, "index_k_proj", Part::Indexer, R::IndexK),
    leaf(Context::Attention, "index_q_norm", Part::Indexer, R::IndexNorm),
    leaf(Context::Attention, "index_k_norm", Part::Indexer, R::IndexNorm),
    // Routers, with what sits beside them.
    leaf(Context::Router, "gate", Part::Router, R::Router),
    leaf(Context::Router, "gate.wg", Part::Router, R::Router),
    leaf(Context::Router, "router", Part::Router, R::Router),
    leaf(Context::Router, "router.layer", Part::Router, R::Router),
    leaf(Context::Router, "router.classifier", Part::Router, R::Router),
    leaf(Context::Router, "router.proj", Part::Router, R::Router),
    leaf(Context::Router, "e_score_correction_bias", Part::Router, R::CorrectionBias),
    leaf(Context::Router, "gate.e_score_correction_bias", Part::Router, R::CorrectionBias),
    leaf(Context::Router, "router.e_score_correction_bias", Part::Router, R::CorrectionBias),
    leaf(Context::Router, "gate.expert_bias", Part::Router, R::CorrectionBias),
    leaf(Context::Router, "router_bias", Part::Router, R::CorrectionBias),
    leaf(Context::Router, "shared_expert_gate", Part::Shared, R::SharedScalar),
    leaf(Context::Router, "fc1_latent_proj", Part::Experts, R::LatentDown),
    leaf(Context::Router, "fc2_latent_proj", Part::Experts, R::LatentUp),
    // Dense feed-forward.
    leaf(Context::Ffn, "gate_proj", Part::Dense, R::FfnGate),
    leaf(Context::Ffn, "up_proj", Part::Dense, R::FfnUp),
    leaf(Context::Ffn, "down_proj", Part::Dense, R::FfnDown),
    leaf(Context::Ffn, "gate_up_proj", Part::Dense, R::FfnGate, R::FfnUp),
    leaf(Context::Ffn, "gate_and_up_proj", Part::Dense, R::FfnGate, R::FfnUp),
    leaf(Context::Ffn, "w1", Part::Dense, R::FfnGate),
    leaf(Context::Ffn, "w2", Part::Dense, R::FfnDown),
    leaf(Context::Ffn, "w3", Part::Dense, R::FfnUp),
    leaf(Context::Ffn, "wi", Part::Dense, R::FfnUp),
    leaf(Context::Ffn, "wi_0", Part::Dense, R::FfnGate),
    leaf(Context::Ffn, "wi_1", Part::Dense, R::FfnUp),
    leaf(Context::Ffn, "wo", Part::Dense, R::FfnDown),
    leaf(Context::Ffn, "c_fc", Part::Dense, R::FfnUp),
    leaf(Context::Ffn, "c_proj", Part::Dense, R::FfnDown),
    // Routed experts, one by one or all in a tensor.
    leaf(Context::Experts, "gate_proj", Part::Experts, R::ExpertGate),
    leaf(Context::Experts, "up_proj", Part::Experts, R::ExpertUp),
    leaf(Context::Experts, "down_proj", Part::Experts, R::ExpertDown),
    leaf(Context::Experts, "gate_up_proj", Part::Experts, R::ExpertGate, R::ExpertUp),
    leaf(Context::Experts, "gate_and_up_proj", Part::Experts, R::ExpertGate, R::ExpertUp),
    leaf(Context::Experts, "input_linear", Part::Experts, R::ExpertGate, R::ExpertUp),
    leaf(Context::Experts, "output_linear", Part::Experts, R::ExpertDown),
    leaf(Context::Experts, "w1", Part::Experts, R::ExpertGate),
    leaf(Context::Experts, "w2", Part::Experts, R::ExpertDown),
    leaf(Context::Experts, "w3", Part::Experts, R::ExpertUp),
    leaf(Context::Experts, "v1", Part::Experts, R::ExpertUp),
    leaf(Context::Experts, "wi", Part::Experts, R::ExpertUp),
    leaf(Context::Experts, "wi_0", Part::Experts, R::ExpertGate),
    leaf(Context::Experts, "wi_1", Part::Experts, R::ExpertUp),
    leaf(Context::Experts, "wo", Part::Experts, R::ExpertDown),
    leaf(Context::Experts, "linear", Part::Experts, R::ExpertGate),
    leaf(Context::Experts, "linear_v", Part::Experts, R::ExpertUp),
    leaf(Context::Experts, "linear_1", Part::Experts, R::ExpertDown),
    leaf(Context::Experts, "fc1", Part::Experts, R::ExpertUp),
    leaf(Context::Experts, "fc2", Part::Experts, R::ExpertDown),
    // Shared experts.
    leaf(Context::Shared, "gate_proj", Part::Shared, R::SharedGate),
    leaf(Context::Shared, "up_proj", Part::Shared, R::SharedUp),
    leaf(Context::Shared, "down_proj", Part::Shared, R::SharedDown),
    leaf(Context::Shared, "gate_up_proj", Part::Shared, R::SharedGate, R::SharedUp),
    leaf(Context::Shared, "gate_and_up_proj", Part::Shared, R::SharedGate, R::SharedUp),
    leaf(Context::Shared, "input_linear", Part::Shared, R::SharedGate, R::SharedUp),
    leaf(Context::Shared, "output_linear", Part::Shared, R::SharedDown),
    leaf(Context::Shared, "w1", Part::Shared, R::SharedGate),
    leaf(Context::Shared, "w2", Part::Shared, R::SharedDown),
    leaf(Context::Shared, "w3", Part::Shared, R::SharedUp),
};

struct Suffix {
  std::string_view text;
  TensorKind kind;
};

// Longest first where one ends with another.
constexpr Suffix kSuffixes[] = {
    {".weight.quant_state.bitsandbytes__nf4", TensorKind::Meta},
    {".weight.quant_state.bitsandbytes__fp4", TensorKind::Meta},
    {".weight.nested_quant_map", TensorKind::Meta},
    {".weight.nested_absmax", TensorKind::Scale},
    {".weight.quant_map", TensorKind::Meta},
    {".weight.absmax", TensorKind::Scale},
    {".weight_scale_inv", TensorKind::Scale},
    {".weight_global_scale", TensorKind::Scale},
    {".weight_scale_2", TensorKind::Scale},
    {".weight_scale", TensorKind::Scale},
    {".weight_zero_point", TensorKind::Zero},
    {".weight_packed", TensorKind::Packed},
    {".weight_shape", TensorKind::Meta},
    {".weight_g_idx", TensorKind::Meta},
    {".weight_format", TensorKind::Meta},
    {".input_global_scale", TensorKind::Meta},
    {".input_scale", TensorKind::Meta},
    {".input_zero_point", TensorKind::Meta},
    {".activation_scale", TensorKind::Meta},
    {".output_scale", TensorKind::Meta},
    {".k_scale", TensorKind::Meta},
    {".v_scale", TensorKind::Meta},
    {".q_scale", TensorKind::Meta},
    {".qscale_weight", TensorKind::Scale},
    {".qscale_act", TensorKind::Meta},
    {".SCB", TensorKind::Scale},
    {".qweight", TensorKind::Packed},
    {".qzeros", TensorKind::Zero},
    {".scales", TensorKind::Scale},
    {".biases", TensorKind::Zero},
    {".g_idx", TensorKind::Meta},
    {".weight", TensorKind::Values},
    {".bias", TensorKind::Bias},
    {"_weight_scale_inv", TensorKind::Scale},
    {"_weight_scale_2", TensorKind::Scale},
    {"_weight_scale", TensorKind::Scale},
    {"_input_scale", TensorKind::Meta},
    {"_scale_inv", TensorKind::Scale},
    {"_blocks", TensorKind::Packed},
    {"_scales", TensorKind::Scale},
    {"_scale", TensorKind::Scale},
    {"_bias", TensorKind::Bias},
};

bool is_norm_role(R role) {
  return role == R::Norm || role == R::QNorm || role == R::KNorm || role == R::KvANorm || role == R::QANorm ||
         role == R::IndexNorm || role == R::LinearNorm;
}

bool has_component(std::string_view path, std::string_view word) {
  for (std::size_t at = path.find(word); at != std::string_view::npos; at = path.find(word, at + 1)) {
    const bool begins = at == 0 || path[at - 1] == '.';
    const std::size_t end = at + word.size();
    if (begins && (end == path.size() || path[end] == '.')) return true;
  }
  return false;
}

const Leaf* find_leaf(Context context, std::string_view name) {
  const Leaf* found = std::find_if(std::begin(kLeaves), std::end(kLeaves),
                                   [&](const Leaf& l) { return l.context == context && l.name == name; });
  return found == std::end(kLeaves) ? nullptr : found;
}

// The pattern on its way from outside to inside.
class Reader {
 public:
  explicit Reader(std::string_view pattern) : pattern_(pattern), rest_(pattern) {}

  NamePlace place() {
    place_.module = pattern_;
    const bool vision = std::any_of(std::begin(kVision), std::end(kVision),
                                    [&](std::string_view word) { return has_component(pattern_, word); });
    if (vision) return whole(Part::Vision, R::Extra);
    strip_prefixes();
    const bool in_layer = strip_layer();
    remove_stars();
    if (!find(in_layer)) guess();
    return std::move(place_);
  }

 private:
  NamePlace whole(Part part, R role) {
    place_.placed = true;
    place_.part = part;
    place_.roles = {role};
    place_.role_count = 1;
    return std::move(place_);
  }

  bool strip(std::string_view prefix) {
    if (!rest_.starts_with(prefix)) return false;
    for (const char c : prefix) stars_before_ += c == '*' ? 1 : 0;
    rest_.remove_prefix(prefix.size());
    return true;
  }
  template <class Table>
  bool strip_any(const Table& table) {
    return std::any_of(std::begin(table), std::end(table), [&](std::string_view prefix) { return strip(prefix); });
  }

  void strip_prefixes() {
    while (true) {
      if (strip_any(kWrappers)) continue;
      if (strip_any(kMtpPrefixes)) {
        place_.mtp = true;
        // ERNIE numbers its modules here; others have layers below.
        if (rest_.starts_with("*.")) {
          place_.layer = stars_before_;
          strip("*.");
        }
      } else if (strip("encoder.")) {
        place_.stack = Stack::Encoder;
      } else if (!strip("decoder.")) {
        place_.mtp = place_.mtp || rest_.starts_with("mtp_");  // ERNIE: mtp_emb_norm.0, mtp_linear_proj.0
        return;
      }
    }
  }

  bool strip_layer() {
    for (const std::string_view word : kLayerWords) {
      const int star = stars_before_;
      if (!strip(word)) continue;
      place_.layer = star;
      strip("layer.*.");  // T5: the sub-layers of a block
      strip("transformer_layer.");
      return true;
    }
    return place_.layer >= 0;
  }

  // Numbers inside a layer: an expert's, or of the second attention of a LongCat layer.
  void remove_stars() {
    int star = stars_before_;
    for (std::size_t at = 0; at < rest_.size();) {
      const std::size_t end = std::min(rest_.find('.', at), rest_.size());
      std::string_view word = rest_.substr(at, end - at);
      at = end + 1;
      const bool after_experts = tail_ == "experts" || tail_.ends_with(".experts");
      if (word == "*" || (after_experts && word == "expert_*")) {
        if (after_experts)
          place_.one_expert = true;
        else if (place_.occurrence < 0)
          place_.occurrence = star;
        ++star;
        continue;
      }
      if (!tail_.empty()) tail_ += '.';
      tail_ += word;
      star += static_cast<int>(std::count(word.begin(), word.end(), '*'));
    }
  }

  // Suffix, then parent and leaf, longest parent first.
  bool find(bool in_layer) {
    for (const Suffix& suffix : kSuffixes) {
      if (!tail_.ends_with(suffix.text)) continue;
      const std::string_view module = std::string_view(tail_).substr(0, tail_.size() - suffix.text.size());
      if (find_module(module, in_layer)) {
        set_kind(suffix);
        return true;
      }
    }
    return find_module(tail_, in_layer);
  }

  void set_kind(const Suffix& suffix) {
    place_.kind = suffix.kind;
    place_.suffix = suffix.text;
    place_.module = place_.module.substr(0, place_.module.size() - suffix.text.size());
    if (suffix.kind != TensorKind::Bias || is_norm_role(place_.roles[0]) || place_.roles[0] == R::Extra) return;
    if (place_.roles[0] == R::Router) {
      place_.roles = {R::RouterBias, R::CorrectionBias};
      place_.role_count = 2;
    } else {
      place_.roles = {R::Bias};
      place_.role_count = 1;
    }
  }

  bool find_module(std::string_view module, bool in_layer) {
    if (module.empty()) return false;
    if (!in_layer) return take(find_leaf(Context::Global, module), 0) || take_norm(module);
    for (std::size_t dot = module.rfind('.');; dot = module.rfind('.', dot - 1)) {
      const bool none = dot == std::string_view::npos;
      const std::string_view path = none ? "" : module.substr(0, dot);
      const std::string_view name = none ? module : module.substr(dot + 1);
      for (const Parent& parent : kParents)
        if (parent.path == path && take(find_leaf(parent.context, name), parent.first)) return true;
      if (none || dot == 0) break;
    }
    return take_norm(module);
  }

  bool take(const Leaf* found, Count first) {
    if (found == nullptr) return false;
    place_.placed = true;
    place_.part = found->part;
    place_.roles = found->roles;
    place_.role_count = found->role_count;
    place_.first = first;
    return true;
  }

  // Norms of layers and stacks have many names, all with the word in them. Those inside
  // attention are in the table: their width differs.
  bool take_norm(std::string_view module) {
    const std::size_t dot = module.rfind('.');
    const std::string name = lower_case(module.substr(dot == std::string_view::npos ? 0 : dot + 1));
    const bool is_norm = name.find("norm") != std::string::npos || name.starts_with("ln_");
    const bool inside =
        module.find("attn.") != std::string_view::npos || module.find("mixer.") != std::string_view::npos;
    if (!is_norm || (inside && !module.starts_with("norm_attn_norm."))) return false;
    place_.occurrence = -1;
    place_.placed = true;
    place_.part = Part::Norm;
    place_.roles = {R::Norm};
    place_.role_count = 1;
    return true;
  }

  // The part of what no table knows, by the words in its name.
  void guess() {
    struct Word {
      std::string_view text;
      Part part;
    };
    static constexpr Word kWords[] = {
        {"indexer", Part::Indexer},     {"shared_expert", Part::Shared},
        {"expert", Part::Experts},      {"router", Part::Router},
        {"norm", Part::Norm},           {"attn", Part::Attention},
        {"attention", Part::Attention}, {"mixer", Part::Attention},
        {"moe", Part::Experts},         {"mlp", Part::Dense},
        {"feed_forward", Part::Dense},  {"ffn", Part::Dense},
        {"embed", Part::Embedding},     {"lm_head", Part::Head},
    };
    const auto* found = std::find_if(std::begin(kWords), std::end(kWords),
                                     [&](const Word& w) { return tail_.find(w.text) != std::string::npos; });
    place_.known_part = found != std::end(kWords);
    place_.part = place_.known_part ? found->part : Part::Dense;
    place_.roles = {R::Extra};
    place_.role_count = 1;
  }

  std::string_view pattern_;
  std::string_view rest_;
  int stars_before_ = 0;
  std::string tail_;
  NamePlace place_;
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

void take_numbers(std::string_view name, NumberedName& out) {
  out.pattern.resize(name.size());
  out.count = 0;
  char* to = out.pattern.data();
  bool starts = true;  // of a component, or of the number in "expert_7"
  for (std::size_t i = 0; i < name.size();) {
    if (!starts || !is_digit(name[i]) || out.count == out.numbers.size()) {
      starts = name[i] == '.' || (name[i] == '_' && i >= 6 && name.compare(i - 6, 6, "expert") == 0);
      *to++ = name[i++];
      continue;
    }
    std::size_t end = i;
    Count number = 0;
    while (end < name.size() && is_digit(name[end]) && number < kMostNumber) number = 10 * number + (name[end++] - '0');
    if ((end == name.size() || name[end] == '.') && number < kMostNumber) {
      out.places[out.count] = static_cast<std::size_t>(to - out.pattern.data());
      out.numbers[out.count++] = number;
      *to++ = '*';
    } else {
      to =
          std::copy(name.begin() + static_cast<std::ptrdiff_t>(i), name.begin() + static_cast<std::ptrdiff_t>(end), to);
    }
    i = end;
    starts = false;
  }
  out.pattern.resize(static_cast<std::size_t>(to - out.pattern.data()));
}

NamePlace place_of_pattern(std::string_view pattern) { return Reader(pattern).place(); }

}  // namespace moeplan
