// SPDX-License-Identifier: Apache-2.0
// Checks of runtime profiles: ranges, tiers that rise, a source for each constant.
#include "sim/spec/runtime.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "sim/base/text.h"
#include "sim/spec/gguf_recipe.h"
#include "sim/spec/weights.h"

namespace moeplan {
namespace {

using Sentences = std::vector<std::string>;

void check_at_least(Sentences& out, std::string_view what, Count value, Count least) {
  if (value < least) out.push_back(fmt::format("{} is {}, must be at least {}", what, value, least));
}

void check_fraction(Sentences& out, std::string_view what, double value, double high) {
  if (!(value >= 0 && value <= high)) {
    out.push_back(fmt::format("{} is {:g}, must be between 0 and {:g}", what, value, high));
  }
}

void check_text(Sentences& out, std::string_view what, const std::string& text) {
  if (text.empty()) out.push_back(fmt::format("{} is empty", what));
}

void check_source(Sentences& out, std::string_view what, const std::string& source) {
  if (source.empty()) out.push_back(fmt::format("{} has no source", what));
}

// Tiers by device memory, if any: the first holds from 0, each later one from more.
void check_max_sequences(Sentences& out, const RuntimeSpec& runtime) {
  if (runtime.max_sequences.empty()) return;  // no admission limit
  if (runtime.max_sequences.front().min_memory != Bytes(0)) {
    out.push_back(fmt::format("max_sequences starts at {} B, the first tier must hold from 0 B",
                              runtime.max_sequences.front().min_memory.count()));
  }
  for (std::size_t i = 0; i < runtime.max_sequences.size(); ++i) {
    const SequenceDefault& tier = runtime.max_sequences[i];
    check_at_least(out, fmt::format("max_sequences from {} B", tier.min_memory.count()), tier.sequences, 1);
    if (i > 0 && tier.min_memory <= runtime.max_sequences[i - 1].min_memory) {
      out.push_back(fmt::format("max_sequences must rise: the tier from {} B follows the tier from {} B",
                                tier.min_memory.count(), runtime.max_sequences[i - 1].min_memory.count()));
    }
  }
}

void check_chunks(Sentences& out, const RuntimeSpec& runtime) {
  check_at_least(out, "chunk_tokens", runtime.chunk_tokens, 0);
  check_at_least(out, "small_chunk_tokens", runtime.small_chunk_tokens, 0);
  check_at_least(out, "chunk_memory", runtime.chunk_memory.count(), 0);
  if (runtime.small_chunk_tokens > 0 && runtime.chunk_memory == Bytes(0)) {
    out.push_back(fmt::format("small_chunk_tokens is {} but chunk_memory, below which it holds, is 0",
                              runtime.small_chunk_tokens));
  }
  if (runtime.chunk_tokens > 0 && runtime.small_chunk_tokens > runtime.chunk_tokens) {
    out.push_back(
        fmt::format("small_chunk_tokens {} exceeds chunk_tokens {}", runtime.small_chunk_tokens, runtime.chunk_tokens));
  }
}

// ggml-org/llama.cpp common/arg.cpp, kv_cache_types.
constexpr std::array<std::string_view, 9> kGgufCaches = {"fp32", "fp16", "bf16", "q8_0",  "q4_0",
                                                         "q4_1", "q5_0", "q5_1", "iq4_nl"};
// vLLM config/cache.py, CacheDType.
constexpr std::array<std::string_view, 3> kTensorCaches = {"bf16", "fp16", "fp8"};

constexpr Count kLeastWorkspace = 8;  // tokens; a smaller one is a slip

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Numbers without scales.
bool is_plain_float(const QuantFormat& f) {
  return f.group == 1 && f.group_bytes >= 2 && f.tile_bytes == 0 && f.tensor_bytes == 0;
}

// "" when the weights can be held.
std::string weights_violation(const RuntimeSpec& runtime, const FormatTable& table, std::string_view label) {
  const std::string name = lower_case(label);
  if (name.empty() || name == "native") return "";
  const bool is_label = find_gguf_label(name) != nullptr;
  const QuantFormat* format = table.find(name);
  if (!is_label && format == nullptr) return "";
  const bool is_gguf = is_label || format->whole_groups;
  if (runtime.formats == "tensors" && is_gguf)
    return fmt::format("{} reads no GGUF files, and {} is a GGUF type", runtime.id, name);
  if (runtime.formats == "gguf" && !is_gguf && !is_plain_float(*format) && format->id != "mxfp4")
    return fmt::format("{} reads GGUF files only, and {} is no GGUF type (q4_k_m, q8_0, bf16, mxfp4 are)", runtime.id,
                       name);
  return "";
}

std::string cache_violation(const RuntimeSpec& runtime, const FormatTable& table, std::string_view kv_id) {
  const QuantFormat* format = table.find(kv_id);
  if (format == nullptr || runtime.formats == "any") return "";
  if (runtime.formats == "gguf" && !contains(kGgufCaches, format->id))
    return fmt::format("{} keeps no cache in {} (one of {})", runtime.id, format->id, fmt::join(kGgufCaches, ", "));
  if (runtime.formats == "tensors" && !contains(kTensorCaches, format->id))
    return fmt::format("{} keeps no cache in {} (one of {})", runtime.id, format->id, fmt::join(kTensorCaches, ", "));
  return "";
}

}  // namespace

std::vector<std::string> format_violations(const RuntimeSpec& runtime, const FormatTable& formats,
                                           std::string_view weights_label, std::string_view kv_id) {
  Sentences out;
  for (const std::string& sentence :
       std::array{weights_violation(runtime, formats, weights_label), cache_violation(runtime, formats, kv_id)})
    if (!sentence.empty()) out.push_back(sentence);
  return out;
}

std::vector<std::string> violations(const RuntimeSpec& runtime) {
  Sentences out;
  check_text(out, "id", runtime.id);
  check_text(out, "name", runtime.name);
  check_text(out, "version", runtime.version);
  check_text(out, "as_of", runtime.as_of);
  check_text(out, "default_kv", runtime.default_kv);
  check_source(out, "the runtime", runtime.source);
  check_source(out, "the reserve", runtime.reserve_source);
  check_source(out, "the context", runtime.context_source);
  check_at_least(out, "reserve_fixed", runtime.reserve_fixed.count(), 0);
  check_fraction(out, "reserve_fraction", runtime.reserve_fraction, 0.9);
  check_at_least(out, "context_bytes", runtime.context_bytes.count(), 0);
  check_at_least(out, "context_bytes_multi", runtime.context_bytes_multi.count(), 0);
  check_fraction(out, "context_band", runtime.context_band, 1.0);
  check_at_least(out, "kv_block_tokens", runtime.kv_block_tokens, 1);
  check_at_least(out, "window_slack_tokens", runtime.window_slack_tokens, 0);
  check_max_sequences(out, runtime);
  check_chunks(out, runtime);
  check_fraction(out, "sampler_bytes", runtime.sampler_bytes, 1000.0);
  if (runtime.sampler_bytes > 0) check_source(out, "the sampler", runtime.sampler_source);
  check_at_least(out, "activation_bytes", runtime.activation_bytes, 1);
  check_fraction(out, "activation_band", runtime.activation_band, 1.0);
  check_at_least(out, "dispatch_tokens", runtime.dispatch_tokens, 1);
  if (runtime.mla_workspace_tokens != 0) {
    check_at_least(out, "mla_workspace_tokens, unless 0,", runtime.mla_workspace_tokens, kLeastWorkspace);
  }
  if (runtime.formats != "any" && runtime.formats != "gguf" && runtime.formats != "tensors") {
    out.push_back(fmt::format("formats is \"{}\", must be any, gguf or tensors", runtime.formats));
  }
  check_at_least(out, "vocab_multiple", runtime.vocab_multiple, 1);
  for (const PaddingRule& rule : runtime.padding) {
    if (rule.format.empty()) out.push_back("a padding rule names no format");
    check_at_least(out, fmt::format("padding of {}", rule.format), rule.multiple, 1);
    check_source(out, fmt::format("padding of {}", rule.format), rule.source);
  }
  if (!runtime.layouts.expert_parallel && runtime.layouts.expert_tensor_mix) {
    out.push_back("layouts: expert_tensor_mix needs expert_parallel");
  }
  return out;
}

}  // namespace moeplan
