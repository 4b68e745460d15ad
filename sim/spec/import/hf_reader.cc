// SPDX-License-Identifier: Apache-2.0
#include "sim/spec/import/hf_reader.h"

#include <algorithm>
#include <array>
#include <utility>

#include "sim/spec/model_limits.h"

namespace moeplan {
namespace {

// What a size may be, by the name of its key; the first that fits. A key that is not
// here is a product or a count of something else: violations() has its limit.
struct NamedRange {
  std::string_view part;
  CountRange range;
};
constexpr NamedRange kRanges[] = {
    {"vocab_size", kVocabRange},
    {"max_position_embeddings", kContextRange},
    {"max_seq_len", kContextRange},
    {"n_positions", kContextRange},
    {"n_ctx", kContextRange},
    {"window", kWindowRange},
    {"chunk_size", kWindowRange},
    {"index_topk", kWindowRange},
    {"head_dim", kHeadDimRange},
    {"rope_head", kHeadDimRange},
    {"d_kv", kHeadDimRange},
    {"state_size", kHeadDimRange},
    {"heads", kHeadsRange},
    {"n_head", kHeadsRange},
    {"attention_groups", kHeadsRange},
    {"experts_per_tok", kTopKRange},
    {"top_k", kTopKRange},
    {"topk", kTopKRange},
    {"moe_k", kTopKRange},
    {"expert_dim", kWidthRange},
    {"expert_ffn", kWidthRange},
    {"expert_hidden", kWidthRange},
    {"ffn_hidden", kWidthRange},
    {"expert_intermediate", kWidthRange},
    {"intermediate_size", kWidthRange},
    {"hidden_dim", kWidthRange},
    {"d_ff", kWidthRange},
    {"n_inner", kWidthRange},
    {"experts", kExpertsRange},
    {"expert_num", kExpertsRange},
    {"lora_rank", kLoraRange},
    {"latent_size", kLoraRange},
    {"hidden_size", kHiddenRange},
    {"n_embd", kHiddenRange},
    {"d_model", kHiddenRange},
    {"nextn", kModulesRange},
};

// Any other size: its square fits 64 bits.
constexpr CountRange kAnySize{0, (Count{1} << 31) - 1};

CountRange range_of(std::string_view key, Count min) {
  const NamedRange* found = std::find_if(std::begin(kRanges), std::end(kRanges), [&](const NamedRange& named) {
    return key.find(named.part) != std::string_view::npos;
  });
  return {min, found == std::end(kRanges) ? kAnySize.max : found->range.max};
}

// Keys of transformers' PretrainedConfig and of the families that never change a
// weight's shape or a cache's size: generation, tokens, training, rope, activation.
constexpr std::string_view kHarmless[] = {"_attn_implementation",
                                          "_name_or_path",
                                          "activation_function",
                                          "add_cross_attention",
                                          "architectures",
                                          "attention_dropout",
                                          "attn_logit_softcapping",
                                          "attn_pdrop",
                                          "audio_token_id",
                                          "auto_map",
                                          "aux_loss_alpha",
                                          "bad_words_ids",
                                          "begin_suppress_tokens",
                                          "boa_token_id",
                                          "boi_token_id",
                                          "bos_token_id",
                                          "chunk_size_feed_forward",
                                          "clip_qkv",
                                          "cross_attention_hidden_size",
                                          "decoder_start_token_id",
                                          "diversity_penalty",
                                          "do_sample",
                                          "dropout_rate",
                                          "dtype",
                                          "early_stopping",
                                          "emb_pdrop",
                                          "embd_pdrop",
                                          "encoder_no_repeat_ngram_size",
                                          "eoa_token_id",
                                          "eoa_token_index",
                                          "eod_token_id",
                                          "eoi_token_id",
                                          "eos_token_id",
                                          "ep_size",
                                          "exponential_decay_length_penalty",
                                          "expert_capacity",
                                          "expert_dropout",
                                          "final_logit_softcapping",
                                          "finetuning_task",
                                          "forced_bos_token_id",
                                          "forced_eos_token_id",
                                          "hidden_act",
                                          "hidden_activation",
                                          "hidden_dropout",
                                          "id2label",
                                          "ignore_index",
                                          "image_token_id",
                                          "image_token_index",
                                          "initial_context_length",
                                          "initializer_factor",
                                          "initializer_range",
                                          "input_jitter_noise",
                                          "is_decoder",
                                          "is_encoder_decoder",
                                          "label2id",
                                          "layer_norm_eps",
                                          "layer_norm_epsilon",
                                          "length_penalty",
                                          "logits_scaling",
                                          "max_length",
                                          "media_placeholder_token_id",
                                          "min_length",
                                          "mlp_hidden_act",
                                          "model_type",
                                          "mscale",
                                          "no_repeat_ngram_size",
                                          "norm_eps",
                                          "norm_topk_prob",
                                          "num_beam_groups",
                                          "num_beams",
                                          "num_logits_to_keep",
                                          "num_return_sequences",
                                          "output_attentions",
                                          "output_hidden_states",
                                          "output_past",
                                          "output_router_logits",
                                          "output_scores",
                                          "pad_id",
                                          "pad_token_id",
                                          "partial_rotary_factor",
                                          "prefix",
                                          "pretraining_tp",
                                          "problem_type",
                                          "pruned_heads",
                                          "remove_invalid_values",
                                          "repetition_penalty",
                                          "resid_pdrop",
                                          "residual_multiplier",
                                          "embedding_multiplier",
                                          "attention_multiplier",
                                          "return_dict",
                                          "return_dict_in_generate",
                                          "rms_norm_eps",
                                          "rope_interleave",
                                          "rope_parameters",
                                          "rope_scaling",
                                          "rope_theta",
                                          "rotary_dim",
                                          "routed_scaling_factor",
                                          "router_aux_loss_coef",
                                          "router_dtype",
                                          "router_jitter_noise",
                                          "router_z_loss_coef",
                                          "scale_attn_weights",
                                          "scoring_func",
                                          "sep_token_id",
                                          "seq_aux",
                                          "summary_activation",
                                          "summary_first_dropout",
                                          "summary_proj_to_labels",
                                          "summary_type",
                                          "summary_use_proj",
                                          "suppress_tokens",
                                          "swiglu_alpha",
                                          "swiglu_limit",
                                          "task_specific_params",
                                          "temperature",
                                          "tf_legacy_loss",
                                          "tie_encoder_decoder",
                                          "tokenizer_class",
                                          "top_k",
                                          "top_p",
                                          "torch_dtype",
                                          "torchscript",
                                          "transformers_version",
                                          "typical_p",
                                          "unk_token_id",
                                          "use_bfloat16",
                                          "use_cache",
                                          "video_token_id",
                                          "vision_end_token_id",
                                          "vision_start_token_id",
                                          "use_rotary_pos_emb",
                                          "moe_router_dtype",
                                          "moe_router_scaling_factor",
                                          "dense_act_fn",
                                          "moe_loss_weight",
                                          "moe_jitter_eps",
                                          "router_bias_update_speed",
                                          "n_ctx",
                                          "attention_head_scale",
                                          "head_dropout",
                                          "use_flash_attn",
                                          "use_parallel_residual_norm",
                                          "use_unified_vision_chunk",
                                          "vision_soft_tokens_per_image",
                                          "video_placeholder",
                                          "image_placeholder",
                                          "bos_id",
                                          "eos_id",
                                          "max_batch_size",
                                          "max_new_tokens",
                                          "mrope_section"};

bool is_harmless(std::string_view key) {
  return std::find(std::begin(kHarmless), std::end(kHarmless), key) != std::end(kHarmless) ||
         key.ends_with("_token_id") || key.ends_with("_token_index") || key.ends_with("_dropout");
}

// Parts of names that speak of shapes; a text under such a key is refused, any other text is not.
constexpr std::string_view kShapeWords[] = {"size",  "dim",    "num_",   "heads",  "layer",    "expert", "width",
                                            "rank",  "kernel", "lora",   "moe",    "pattern",  "group",  "mtp",
                                            "state", "shared", "latent", "window", "type_list"};

bool looks_like_shape(std::string_view key) {
  return std::any_of(std::begin(kShapeWords), std::end(kShapeWords),
                     [&](std::string_view word) { return key.find(word) != std::string_view::npos; });
}

bool is_empty_value(const JsonNode& node) {
  switch (node.kind) {
    case JsonKind::Null: return true;
    case JsonKind::Bool: return !node.boolean;
    case JsonKind::Integer: return node.integer == 0;
    case JsonKind::Real: return node.real == 0.0;
    case JsonKind::NonFinite: return true;
    case JsonKind::String: return node.text.empty();
    case JsonKind::Array: return node.items.empty();
    case JsonKind::Object: return node.members.empty();
  }
  return false;
}

}  // namespace

HfReader::HfReader(const JsonNode& node, std::string path, Complaints& complaints, const HfReader* outer)
    : reader_(node, std::move(path), complaints, /*null_is_absent=*/true), outer_(outer) {}

template <class Read>
auto HfReader::checked(std::string_view key, Read read) {
  asked_.emplace(key);
  const std::size_t before = complaints().problems().size();
  auto value = read();
  if (complaints().problems().size() != before || complaints().full()) wrong_.emplace(key);
  return value;
}

bool HfReader::has(std::string_view key) {
  asked_.emplace(key);
  return reader_.has(key);
}

bool HfReader::present_or_null(std::string_view key) const { return reader_.self().find(key) != nullptr; }

Count HfReader::size(std::string_view key) {
  if (!read_well({key})) return 1;  // two blocks may have the size of one key: one complaint
  return checked(key, [&] { return reader_.count(key, range_of(key, 1)); });
}

Count HfReader::size_or(std::string_view key, Count fallback) {
  return checked(key, [&] { return reader_.count_or(key, range_of(key, 1), fallback); });
}

Count HfReader::count_or(std::string_view key, Count fallback) {
  return checked(key, [&] { return reader_.count_or(key, range_of(key, 0), fallback); });
}

bool HfReader::flag_or(std::string_view key, bool fallback) {
  asked_.emplace(key);
  return reader_.flag_or(key, fallback);
}

std::string HfReader::text_or(std::string_view key, std::string_view fallback) {
  asked_.emplace(key);
  return reader_.text_or(key, fallback);
}

std::vector<std::string> HfReader::texts(std::string_view key) {
  return checked(key, [&] { return reader_.texts_or_empty(key); });
}

std::vector<Count> HfReader::counts(std::string_view key) {
  return checked(key, [&] { return reader_.counts_or_empty(key, range_of(key, 0)); });
}

const JsonNode* HfReader::node(std::string_view key) { return has(key) ? reader_.node(key) : nullptr; }

HfReader HfReader::object(std::string_view key) {
  asked_.emplace(key);
  static const JsonNode kEmpty = [] {
    JsonNode n;
    n.kind = JsonKind::Object;
    return n;
  }();
  const JsonNode* found = reader_.has(key) ? reader_.node(key) : nullptr;
  if (found == nullptr || found->kind != JsonKind::Object) {
    complain(key, "an object");
    return HfReader(kEmpty, path_of(key), complaints(), this);
  }
  return HfReader(*found, path_of(key), complaints(), this);
}

std::string HfReader::first_of(std::initializer_list<std::string_view> keys) {
  std::string_view chosen;
  for (std::string_view key : keys)
    if (has(key) && chosen.empty()) chosen = key;
  return std::string(chosen.empty() ? *keys.begin() : chosen);
}

Count HfReader::layers(std::string_view key) {
  const Count layers = checked(key, [&] { return reader_.count(key, kLayersRange); });
  layers_known_ = layers_known_ && read_well({key});
  return std::clamp(layers, kLayersRange.min, kLayersRange.max);
}

std::vector<std::size_t> HfReader::layer_words(std::string_view key, Count layers,
                                               const std::vector<std::string>& words) {
  std::vector<std::size_t> out;
  if (!has(key)) return out;
  const std::vector<std::string> found = texts(key);
  std::string expected = "one of";
  for (const std::string& word : words) expected += " \"" + word + "\"";
  expected += " for each of the " + std::to_string(layers) + " layers";
  for (const std::string& text : found) {
    const std::size_t index = static_cast<std::size_t>(std::find(words.begin(), words.end(), text) - words.begin());
    if (index == words.size()) {
      complain(key, expected, "found \"" + text + "\"");
      return {};
    }
    out.push_back(index);
  }
  if (static_cast<Count>(out.size()) == layers) return out;
  if (!found.empty() && layers_known_ && read_well({key}))
    complain(key, expected, "found " + std::to_string(out.size()) + " entries");
  return {};
}

Count HfReader::uniform_size(std::string_view key, Count layers) {
  const JsonNode* value = node(key);
  if (value == nullptr || value->kind != JsonKind::Array || !read_well({key})) return size(key);
  const std::vector<Count> values = counts(key);
  if (!read_well({key})) return 1;
  const bool equal = std::all_of(values.begin(), values.end(), [&](Count v) { return v >= 1 && v == values.front(); });
  if (!values.empty() && equal && (!layers_known_ || static_cast<Count>(values.size()) == layers))
    return values.front();
  const std::string length = layers_known_ ? std::to_string(layers) + " " : "";
  complain(
      key, "a positive size, or one equal entry for each of the " + length + "layers",
      equal ? "found " + std::to_string(values.size()) + " entries" : "sizes that differ by layer are not modelled");
  return 1;
}

void HfReader::understand(std::initializer_list<std::string_view> keys) {
  for (std::string_view key : keys) asked_.emplace(key);
}

void HfReader::expect_flag(std::string_view key, bool expected, std::string_view why) {
  if (flag_or(key, expected) != expected) complain(key, expected ? "true" : "false", std::string(why));
}

void HfReader::expect_zero(std::string_view key, std::string_view why) {
  const JsonNode* value = node(key);
  if (value != nullptr && !is_empty_value(*value)) complain(key, "0, false or null", std::string(why));
}

bool HfReader::tied(bool fallback) {
  constexpr std::string_view kKey = "tie_word_embeddings";
  asked_.emplace(kKey);
  if (!reader_.has(kKey) && outer_ != nullptr && outer_->reader_.has(kKey)) {
    ObjectReader enclosing = outer_->reader_;
    return enclosing.flag_or(kKey, fallback);
  }
  return reader_.flag_or(kKey, fallback);
}

std::string HfReader::dtype() {
  for (std::string_view key : {"torch_dtype", "dtype"}) {
    if (!reader_.has(key)) continue;
    const std::string word = reader_.text_or(key, "");
    if (word == "bfloat16" || word == "torch.bfloat16") return "bf16";
    if (word == "float16" || word == "torch.float16") return "fp16";
    if (word == "float32" || word == "torch.float32") return "fp32";
    if (!word.empty() && word != "auto") complain(key, "bfloat16, float16 or float32");
  }
  if (outer_ == nullptr) return "";
  HfReader enclosing = *outer_;
  return enclosing.dtype();
}

void HfReader::complain(std::string_view key, std::string expected, std::string hint) {
  reader_.complain(key, std::move(expected), std::move(hint));
  wrong_.emplace(key);
}

bool HfReader::read_well(std::initializer_list<std::string_view> keys) const {
  return std::none_of(keys.begin(), keys.end(), [&](std::string_view key) { return wrong_.contains(key); });
}

void HfReader::require(bool holds, std::string_view key, std::initializer_list<std::string_view> others,
                       std::string expected, std::string hint) {
  if (!holds && read_well({key}) && read_well(others)) complain(key, std::move(expected), std::move(hint));
}

void HfReader::refuse_unknown(std::string_view model_type) {
  for (const std::string& key : reader_.keys()) {
    if (asked_.contains(key) || is_harmless(key)) continue;
    const JsonNode* value = reader_.self().find(key);
    if (value == nullptr || is_empty_value(*value)) continue;
    if (value->kind == JsonKind::String && !looks_like_shape(key)) continue;
    complaints().add(*value, path_of(key), what_is(*value),
                     "no such key: it may change shapes and is not understood for " + std::string(model_type),
                     "take it out if it changes no weight, or describe the model as a project model file");
  }
}

}  // namespace moeplan
