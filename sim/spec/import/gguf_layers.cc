// SPDX-License-Identifier: Apache-2.0
// Source of the rules: load_arch_hparams and load_arch_tensors of llama.cpp's models
// (src/llama-model.cpp, src/models/*.cpp around b8763).
#include "sim/spec/import/gguf_layers.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/spec/model_limits.h"

namespace moeplan {
namespace {

using S = GgufStem;

constexpr std::array<GgufArchitecture, 61> kArchitectures = {{
    {"llama"},          {"llama4", 4, 8192},
    {"deci"},           {"baichuan"},
    {"starcoder2"},     {"stablelm"},
    {"internlm2"},      {"minicpm"},
    {"orion"},          {"xverse"},
    {"olmo"},           {"olmo2", 4},
    {"olmoe"},          {"gpt2"},
    {"qwen"},           {"qwen2"},
    {"qwen2moe"},       {"qwen2vl"},
    {"qwen3"},          {"qwen3moe"},
    {"qwen3next"},      {"qwen3vl"},
    {"qwen3vlmoe"},     {"qwen35"},
    {"qwen35moe"},      {"phi2"},
    {"phi3"},           {"phimoe"},
    {"gemma"},          {"gemma2", 2},
    {"gemma3", 6},      {"gemma4", 6},
    {"command-r"},      {"cohere2", 4},
    {"dbrx"},           {"grok"},
    {"arctic"},         {"deepseek"},
    {"deepseek2"},      {"deepseek32"},
    {"chatglm"},        {"glm4"},
    {"glm4moe"},        {"glm-dsa"},
    {"nemotron"},       {"nemotron_h"},
    {"nemotron_h_moe"}, {"exaone"},
    {"exaone4", 4},     {"granite"},
    {"granitemoe"},     {"granitehybrid"},
    {"bailingmoe"},     {"bailingmoe2"},
    {"dots1"},          {"ernie4_5"},
    {"ernie4_5-moe"},   {"hunyuan-moe"},
    {"hunyuan-dense"},  {"gpt-oss", 2},
    {"smollm3"},
}};

// In a second table so that each stays readable.
constexpr std::array<GgufArchitecture, 6> kNewer = {{{.name = "minimax-m2", .router_f32 = true},
                                                     {.name = "minimax-m3", .router_f32 = true},
                                                     {.name = "mistral3"},
                                                     {.name = "mistral4"},
                                                     {.name = "seed_oss"},
                                                     {.name = "step35", .window_period = 4}}};

struct Refused {
  std::string_view name;
  std::string_view reason;
};
constexpr std::string_view kRecurrent = "recurrent layers of a kind that is not modelled";
constexpr std::string_view kShortConv = "short convolutions, which are not modelled";
constexpr std::string_view kEncoder = "an encoder without a decoder";
constexpr std::array<Refused, 26> kRefused = {{
    {"mamba", kRecurrent},
    {"mamba2", "layers without attention or FFN, which are not modelled"},
    {"jamba", kRecurrent},
    {"rwkv6", kRecurrent},
    {"rwkv6qwen2", kRecurrent},
    {"rwkv7", kRecurrent},
    {"arwkv7", kRecurrent},
    {"falcon-h1", "attention and Mamba side by side in one layer, which is not modelled"},
    {"plamo2", kRecurrent},
    {"minimax-01", "its lightning attention has other tensors in GGUF, which are not modelled"},
    {"kimi-linear", kRecurrent},
    {"kimi-k3", kRecurrent},
    {"lfm2", kShortConv},
    {"lfm2moe", kShortConv},
    {"deepseek4", "compressed attention and hyper-connections, which are not modelled"},
    {"gemma3n", "alternating updates and per-layer embeddings, which are not modelled"},
    {"openelm", "widths that differ in every layer"},
    {"t5", "an encoder-decoder, which is not modelled from GGUF"},
    {"t5encoder", kEncoder},
    {"bert", kEncoder},
    {"nomic-bert", kEncoder},
    {"nomic-bert-moe", kEncoder},
    {"jina-bert-v2", kEncoder},
    {"neo-bert", kEncoder},
    {"modern-bert", kEncoder},
    {"clip", "a vision tower alone (mmproj): give the file of the language model"},
}};

std::string shape_of(const ListedTensor& t) {
  std::string text;
  for (std::size_t i = 0; i < t.rank; ++i) text += (i == 0 ? "" : " x ") + std::to_string(t.shape[i]);
  return text;
}

bool has_experts(const GgufLayer& layer) { return layer.has(S::FfnGateInp); }

}  // namespace

const GgufArchitecture* find_gguf_architecture(std::string_view name) {
  for (const GgufArchitecture& a : kArchitectures)
    if (a.name == name) return &a;
  for (const GgufArchitecture& a : kNewer)
    if (a.name == name) return &a;
  return nullptr;
}

std::vector<std::string> supported_gguf_architectures() {
  std::vector<std::string> names;
  for (const GgufArchitecture& a : kArchitectures) names.emplace_back(a.name);
  for (const GgufArchitecture& a : kNewer) names.emplace_back(a.name);
  std::sort(names.begin(), names.end());
  return names;
}

std::string_view refused_gguf_architecture(std::string_view name) {
  for (const Refused& r : kRefused)
    if (r.name == name) return r.reason;
  return "";
}

// ---- complaints, keys ----

void GgufComplaints::add(std::string path, std::string found, std::string expected, std::string hint) {
  constexpr std::size_t kMost = 16;
  Problem problem{file_, 0, 0, std::move(path), std::move(found), std::move(expected), std::move(hint)};
  const bool known = std::find(problems_.begin(), problems_.end(), problem) != problems_.end();
  if (problems_.size() < kMost && !known) problems_.push_back(std::move(problem));
}

void GgufComplaints::throw_if_any() const {
  if (!problems_.empty()) throw InputError(ErrorKind::InvalidInput, problems_);
}

const GgufValue* GgufKeys::find(std::string_view key) const {
  const auto found = metadata_.find(prefix_ + std::string(key));
  return found == metadata_.end() ? nullptr : &found->second;
}

const GgufValue* GgufKeys::list(std::string_view key) const {
  const GgufValue* value = find(key);
  return value != nullptr && value->kind == GgufValue::Kind::List ? value : nullptr;
}

Count GgufKeys::count(std::string_view key, CountRange range, Count fallback, Count layer) {
  const GgufValue* value = find(key);
  if (value == nullptr) return fallback;
  if (value->kind != GgufValue::Kind::Integer && value->kind != GgufValue::Kind::Flag &&
      value->kind != GgufValue::Kind::List) {
    complaints_.add(name(key), "a text or a real number", "an integer");
    return fallback;
  }
  Count found = value->integer;
  if (value->kind == GgufValue::Kind::List) {
    if (layer >= static_cast<Count>(value->list.size())) {
      complaints_.add(name(key), fmt::format("a list of {} integers", value->list.size()),
                      fmt::format("an entry for layer {}", layer));
      return fallback;
    }
    found = value->list[static_cast<std::size_t>(layer)];
  }
  if (found >= range.min && found <= range.max) return found;
  complaints_.add(name(key), std::to_string(found), fmt::format("{} to {}", range.min, range.max));
  return fallback;
}

Count GgufKeys::required(std::string_view key, CountRange range, Count layer) {
  if (!has(key)) complaints_.add(name(key), "nothing", "this metadata key");
  return count(key, range, range.min, layer);
}

// ---- layers ----

Count GgufLayerReader::divide(const GgufPiece& piece, Count total, Count by, const std::string& by_what) {
  if (by > 0 && total % by == 0) return total / by;
  keys_.complaints().add("tensor " + std::string(piece.first->name), shape_of(*piece.first),
                         fmt::format("{} in {}", total, by_what));
  return 0;
}

void GgufLayerReader::expect(const GgufPiece& piece, Count found, Count expected, const std::string& what) {
  if (found == expected || piece.first == nullptr) return;
  keys_.complaints().add("tensor " + std::string(piece.first->name),
                         fmt::format("{} ({})", found, shape_of(*piece.first)),
                         fmt::format("{} by {}", expected, what));
}

void GgufLayerReader::missing(Count index, S stem) {
  keys_.complaints().add(fmt::format("blk.{}.{}.weight", index, info_of(stem).name), "no such tensor",
                         "one in the file", "a file of one part of a model, or a newer layout?");
}

// set_swa_pattern(n) of llama.cpp: layer il sees a window when n = 0 or il mod n < n - 1.
Count GgufLayerReader::window_of(Count index) {
  Count window = keys_.count("attention.sliding_window", kWindowRange, arch_.name == "gemma2" ? 4096 : 0, index);
  if (arch_.chunk > 0) window = keys_.has("attention.sliding_window") && window == 0 ? 0 : arch_.chunk;
  if (window == 0) return 0;
  if (keys_.list("attention.sliding_window_pattern") != nullptr)
    return keys_.count("attention.sliding_window_pattern", {0, 1}, 0, index) != 0 ? window : 0;
  const Count period = keys_.count("attention.sliding_window_pattern", kLayersRange, arch_.window_period);
  return period == 0 || index % period < period - 1 ? window : 0;
}

QkNorm GgufLayerReader::qk_norm(const GgufLayer& layer, const SoftmaxAttention& a) {
  const GgufPiece& norm = layer[S::AttnQNorm];
  if (norm.empty()) return QkNorm::None;
  if (norm.elements == a.head_dim) return QkNorm::PerDim;
  expect(norm, norm.elements, a.heads * a.head_dim, "the heads of attn_q");
  return norm.first->rank > 1 ? QkNorm::PerHead : QkNorm::FullWidth;
}

void GgufLayerReader::read_indexer(const GgufLayer& layer, Count index, SoftmaxAttention& a) {
  if (!layer.has(S::IndexerQ)) return;
  a.index_heads = keys_.required("attention.indexer.head_count", kHeadsRange, index);
  a.index_dim = divide(layer[S::IndexerQ], layer[S::IndexerQ].rows, a.index_heads, "index heads");
  const Count block = keys_.count("attention.indexer.block_size", {1, kWindowRange.max}, 1, index);
  a.index_topk = saturating_product(keys_.required("attention.indexer.top_k", {1, kWindowRange.max}, index), block);
}

std::optional<BlockKind> GgufLayerReader::softmax(const GgufLayer& layer, Count index, GgufUse& use) {
  SoftmaxAttention a;
  a.heads = keys_.required("attention.head_count", kHeadsRange, index);
  a.kv_heads = keys_.count("attention.head_count_kv", kHeadsRange, a.heads, index);
  const Count reach = window_of(index);
  (arch_.chunk > 0 ? a.chunk : a.window) = reach;
  const bool narrow = reach != 0 && keys_.has("attention.key_length_swa");
  const Count key_length =
      keys_.count(narrow ? "attention.key_length_swa" : "attention.key_length", kHeadDimRange, 0, index);
  const GgufPiece& q = layer[S::AttnQ];
  const GgufPiece& qkv = layer[S::AttnQkv];
  if (layer[S::AttnOutput].empty()) return missing(index, S::AttnOutput), std::nullopt;
  a.value_dim = divide(layer[S::AttnOutput], layer[S::AttnOutput].cols, a.heads, "heads");
  if (!q.empty()) {
    a.head_dim = key_length != 0 ? key_length : divide(q, q.rows, a.heads, "heads");
    a.output_gate = q.rows == 2 * a.heads * a.head_dim;
    expect(q, q.rows, a.heads * a.head_dim * (a.output_gate ? 2 : 1), "the heads and attention.key_length");
    a.reuses_cache = layer[S::AttnK].empty() && layer[S::AttnV].empty();
    a.key_is_value = !a.reuses_cache && layer[S::AttnV].empty();
  } else {
    a.head_dim = key_length != 0 ? key_length : a.value_dim;
    use.qkv_q = a.heads * a.head_dim;
    use.qkv_k = a.kv_heads * a.head_dim;
    use.qkv_v = a.kv_heads * a.value_dim;
    expect(qkv, qkv.rows, use.qkv_q + use.qkv_k + use.qkv_v, "heads, kv heads and their width");
  }
  if (layer.has(S::AttnGate)) {
    a.head_gate = layer[S::AttnGate].rows == a.heads;
    use.gate_in_q = !a.head_gate;
    if (use.gate_in_q) a.output_gate = true;
  }
  a.qkv_bias = layer.has_bias(S::AttnQ) || layer.has_bias(S::AttnQkv);
  a.out_bias = layer.has_bias(S::AttnOutput);
  a.sinks = layer.has(S::AttnSinks);
  a.qk_norm = qk_norm(layer, a);
  read_indexer(layer, index, a);
  return a;
}

std::optional<BlockKind> GgufLayerReader::latent(const GgufLayer& layer, Count index) {
  LatentAttention a;
  a.heads = keys_.required("attention.head_count", kHeadsRange, index);
  const GgufPiece& kv_a = layer[S::AttnKvA];
  for (const S needed : {S::AttnKvANorm, S::AttnOutput})
    if (layer[needed].empty()) return missing(index, needed), std::nullopt;
  a.kv_lora = layer[S::AttnKvANorm].elements;
  expect(layer[S::AttnKvANorm], a.kv_lora, keys_.count("attention.kv_lora_rank", kLoraRange, a.kv_lora, index),
         keys_.name("attention.kv_lora_rank"));
  a.rope_dim = kv_a.rows - a.kv_lora;
  if (a.rope_dim < 0) return expect(kv_a, kv_a.rows, a.kv_lora, "attn_kv_a_norm at least"), std::nullopt;
  const S q_stem = layer.has(S::AttnQA) ? S::AttnQB : S::AttnQ;
  if (layer[q_stem].empty()) return missing(index, q_stem), std::nullopt;
  if (layer.has(S::AttnQA)) {
    a.q_lora = layer[S::AttnQA].rows;
    expect(layer[S::AttnQA], a.q_lora, keys_.count("attention.q_lora_rank", kLoraRange, a.q_lora, index),
           keys_.name("attention.q_lora_rank"));
  }
  a.nope_dim = divide(layer[q_stem], layer[q_stem].rows, a.heads, "heads") - a.rope_dim;
  if (a.nope_dim < 0) return expect(layer[q_stem], layer[q_stem].rows, a.heads * a.rope_dim, "at least"), std::nullopt;
  a.value_dim = divide(layer[S::AttnOutput], layer[S::AttnOutput].cols, a.heads, "heads");
  a.bias = layer.has_bias(S::AttnKvA);
  if (layer.has(S::IndexerQ)) {
    a.indexer = Indexer::Full;
  } else if (keys_.has("attention.indexer.head_count")) {
    a.indexer = Indexer::Shared;
  }
  if (a.indexer != Indexer::None) {
    a.index_heads = keys_.required("attention.indexer.head_count", kHeadsRange, index);
    a.index_dim = keys_.required("attention.indexer.key_length", kHeadDimRange, index);
    a.index_topk = keys_.required("attention.indexer.top_k", {1, kWindowRange.max}, index);
  }
  return a;
}

std::optional<BlockKind> GgufLayerReader::linear(const GgufLayer& layer, Count index) {
  LinearAttention a;
  a.key_dim = keys_.required("ssm.state_size", kHeadDimRange, index);
  a.key_heads = keys_.required("ssm.group_count", kHeadsRange, index);
  a.value_heads = keys_.required("ssm.time_step_rank", kHeadsRange, index);
  a.conv_kernel = keys_.required("ssm.conv_kernel", kKernelRange, index);
  if (layer[S::SsmOut].empty()) return missing(index, S::SsmOut), std::nullopt;
  a.value_dim = divide(layer[S::SsmOut], layer[S::SsmOut].cols, a.value_heads, "value heads");
  return a;
}

std::optional<BlockKind> GgufLayerReader::mamba(const GgufLayer& layer, Count index) {
  MambaMixer m;
  m.heads = keys_.required("ssm.time_step_rank", kHeadsRange, index);
  m.state = keys_.required("ssm.state_size", kHeadDimRange, index);
  m.groups = keys_.required("ssm.group_count", kHeadsRange, index);
  m.conv_kernel = keys_.required("ssm.conv_kernel", kKernelRange, index);
  if (layer[S::SsmOut].empty()) return missing(index, S::SsmOut), std::nullopt;
  m.head_dim = divide(layer[S::SsmOut], layer[S::SsmOut].cols, m.heads, "heads");
  m.conv_bias = layer.has_bias(S::SsmConv);
  m.proj_bias = layer.has_bias(S::SsmIn);
  return m;
}

std::optional<BlockKind> GgufLayerReader::dense(const GgufLayer& layer, Count index, GgufUse& use) {
  DenseFfn f;
  if (layer[S::FfnDown].empty()) return missing(index, S::FfnDown), std::nullopt;
  f.width = layer[S::FfnDown].cols;
  use.gate_up_fused = !layer.has(S::FfnGate) && layer[S::FfnUp].rows == 2 * f.width;
  f.gated = layer.has(S::FfnGate) || use.gate_up_fused;
  f.bias = layer.has_bias(S::FfnDown);
  // With experts the key may mean theirs.
  if (!has_experts(layer) && !keys_.has("expert_count"))
    expect(layer[S::FfnDown], f.width, keys_.count("feed_forward_length", kWidthRange, f.width, index),
           keys_.name("feed_forward_length"));
  return f;
}

std::optional<BlockKind> GgufLayerReader::moe(const GgufLayer& layer, Count index) {
  MoeFfn f;
  const GgufPiece& router = layer[S::FfnGateInp];
  f.experts = router.rows;
  expect(router, f.experts, keys_.required("expert_count", kExpertsRange, index), keys_.name("expert_count"));
  f.top_k = keys_.required("expert_used_count", kTopKRange, index);
  const GgufPiece& down = layer[S::FfnDownExps];
  if (down.empty()) return missing(index, S::FfnDownExps), std::nullopt;
  expect(down, down.copies, f.experts, "ffn_gate_inp");
  f.width = down.cols;
  expect(down, f.width, keys_.count("expert_feed_forward_length", kWidthRange, f.width, index),
         keys_.name("expert_feed_forward_length"));
  f.gated = layer.has(S::FfnGateExps) || layer.has(S::FfnGateUpExps);
  f.expert_bias = layer.has_bias(S::FfnDownExps);
  f.router_bias = layer.has_bias(S::FfnGateInp);
  f.correction_bias = layer.has(S::ExpProbsB) || layer.has_bias(S::ExpProbsB);
  f.router_f32 = arch_.router_f32;
  f.latent = layer[S::FfnLatentDown].rows;
  if (layer.has(S::FfnDownShexp)) {
    f.shared_width = layer[S::FfnDownShexp].cols;
    // Some converters write the width of one of several shared experts.
    const Count one = keys_.count("expert_shared_feed_forward_length", or_none(kWidthRange), f.shared_width, index);
    if (one != 0 && f.shared_width % one != 0)
      expect(layer[S::FfnDownShexp], f.shared_width, one, keys_.name("expert_shared_feed_forward_length"));
    f.shared_gated = layer.has(S::FfnGateShexp);
    f.shared_scalar_gate = layer.has(S::FfnGateInpShexp);
  }
  f.groups = keys_.count("expert_group_count", kExpertsRange, 1, index);
  f.top_groups = keys_.count("expert_group_used_count", kExpertsRange, f.groups, index);
  return f;
}

// The norm before the FFN has different names: ffn_norm, else post_attention_norm, else attn_output_norm.
GgufLayerReader::Norms GgufLayerReader::norms_of(const GgufLayer& layer, GgufUse& use) const {
  Norms n;
  const auto here = [&](std::initializer_list<S> stems) {
    Count count = 0;
    for (const S s : stems) count += layer.has(s) && layer[s].elements == out_.model.hidden ? 1 : 0;
    return count;
  };
  n.dense = here({S::FfnNorm, S::PostFfwNorm, S::PostFfwNorm1, S::LayerOutputNorm});
  n.moe = here({S::FfnNormExps, S::PostFfwNorm2, S::PreFfwNorm2});
  n.mixer = here({S::AttnNorm, S::AttnNorm2, S::AttnOutputNorm, S::PostAttentionNorm});
  use.norms = n.dense + n.moe + n.mixer;
  const bool dense = layer.has(S::FfnDown);
  const bool ffn = dense || has_experts(layer);
  const bool mixer = layer.has(S::AttnOutput) || layer.has(S::SsmOut);
  if (ffn && mixer && !layer.has(S::FfnNorm) && here({S::PostAttentionNorm, S::AttnOutputNorm}) > 0) {
    --n.mixer;
    ++n.dense;
  }
  if (!ffn) n = {.mixer = use.norms};
  if (!mixer) n = {.dense = use.norms};
  if (!dense) n = {.mixer = n.mixer, .moe = n.moe + n.dense};
  if (!has_experts(layer)) n = {.mixer = n.mixer, .dense = n.dense + n.moe};
  return n;
}

bool GgufLayerReader::add(LayerShape& shape, const char* name, Count norms, const std::optional<BlockKind>& kind) {
  if (!kind) return false;
  const auto same = [&](const Block& b) { return b.norms == norms && b.kind == *kind; };
  auto& blocks = out_.model.blocks;
  const auto found = std::find_if(blocks.begin(), blocks.end(), same);
  if (found != blocks.end()) {
    shape.push_back(static_cast<BlockIndex>(found - blocks.begin()));
    return true;
  }
  if (blocks.size() >= kMaxBlocks) {
    keys_.complaints().add("layers", fmt::format("more than {} different blocks", kMaxBlocks),
                           "layers that repeat a few shapes");
    return false;
  }
  std::string unique = name;
  const auto taken = [&](const std::string& n) {
    return std::any_of(blocks.begin(), blocks.end(), [&n](const Block& b) { return b.name == n; });
  };
  for (int i = 2; taken(unique); ++i) unique = fmt::format("{}_{}", name, i);
  shape.push_back(out_.block(unique, norms, *kind));
  return true;
}

std::optional<LayerShape> GgufLayerReader::read(const GgufLayer& layer, Count index, GgufUse& use) {
  LayerShape shape;
  const Norms norms = norms_of(layer, use);
  use.split_kv_b = layer.has(S::AttnKB);
  use.linear = layer.has(S::SsmOut);
  bool sound = true;
  if (layer.has(S::AttnKvA)) {
    sound = add(shape, "mla", norms.mixer, latent(layer, index));
  } else if (layer.has(S::SsmOut)) {
    sound = layer.has(S::SsmD) ? add(shape, "mamba", norms.mixer, mamba(layer, index))
                               : add(shape, "linear", norms.mixer, linear(layer, index));
  } else if (layer.has(S::AttnQ) || layer.has(S::AttnQkv)) {
    const char* name = window_of(index) == 0 ? "attention" : arch_.chunk > 0 ? "chunked" : "window";
    sound = add(shape, name, norms.mixer, softmax(layer, index, use));
  }
  if (layer.has(S::FfnDown)) sound = add(shape, "dense", norms.dense, dense(layer, index, use)) && sound;
  if (has_experts(layer)) sound = add(shape, "moe", norms.moe, moe(layer, index)) && sound;
  if (shape.empty() && sound)
    keys_.complaints().add(fmt::format("blk.{}", index), "a layer without attention and FFN tensors",
                           "attn_q, attn_qkv, attn_kv_a_mqa, ssm_out or ffn_down");
  if (!sound || shape.empty()) return std::nullopt;
  return shape;
}

}  // namespace moeplan
