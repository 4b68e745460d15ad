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

// The first tier holds from 0, each later one from more.
void check_tiers(Sentences& out, const RuntimeSpec& runtime) {
  if (runtime.tiers.empty()) {
    out.emplace_back("admission has no tier");
    return;
  }
  if (runtime.tiers.front().min_memory != Bytes(0)) {
    out.push_back(fmt::format("the first admission tier starts at {} B, must hold from 0 B",
                              runtime.tiers.front().min_memory.count()));
  }
  for (std::size_t i = 0; i < runtime.tiers.size(); ++i) {
    const AdmissionTier& tier = runtime.tiers[i];
    const std::string where = fmt::format("the tier from {} B: ", tier.min_memory.count());
    check_at_least(out, where + "sequences", tier.sequences, 0);
    check_at_least(out, where + "chunk_tokens", tier.chunk_tokens, 0);
    check_at_least(out, where + "context", tier.context, 0);
    check_at_least(out, where + "graph_sequences", tier.graph_sequences, 0);
    check_at_least(out, where + "graph_sequences_wide", tier.graph_sequences_wide, tier.graph_sequences);
    check_at_least(out, where + "prefill_graphs", tier.prefill_graphs, 0);
    if (i > 0 && tier.min_memory <= runtime.tiers[i - 1].min_memory) {
      out.push_back(fmt::format("tiers must rise: the one from {} B follows the one from {} B", tier.min_memory.count(),
                                runtime.tiers[i - 1].min_memory.count()));
    }
  }
}

void check_reserve(Sentences& out, const RuntimeSpec& runtime) {
  check_source(out, "the reserve", runtime.reserve_source);
  check_at_least(out, "reserve_fixed", runtime.reserve_fixed.count(), 0);
  check_fraction(out, "reserve_fraction", runtime.reserve_fraction, 0.9);
  if (runtime.reserve != ReserveKind::Total && runtime.reserve_fixed != Bytes(0))
    out.emplace_back("a fixed reserve belongs to reserve kind total only");
  if (runtime.reserve == ReserveKind::Static && runtime.reserve_fraction != 0)
    out.emplace_back("reserve kind static follows its auto rule, fraction must be 0");
  if (runtime.reserve != ReserveKind::Static && runtime.auto_reserve != AutoReserve{})
    out.emplace_back("an auto rule belongs to reserve kind static only");
}

void check_kernels(Sentences& out, const RuntimeSpec& runtime) {
  static constexpr std::array<std::string_view, 5> kOps = {"gemm", "moe", "attention", "mla", "dispatch"};
  for (const KernelRule& rule : runtime.kernels) {
    const std::string where = fmt::format("kernel {} of {}", rule.kernel, rule.op);
    if (std::find(kOps.begin(), kOps.end(), rule.op) == kOps.end())
      out.push_back(fmt::format("{}: the operator must be one of {}", where, fmt::join(kOps, ", ")));
    check_text(out, fmt::format("the kernel of a rule for {}", rule.op), rule.kernel);
    check_source(out, where, rule.source);
  }
}

constexpr Count kLeastWorkspace = 8;  // tokens; a smaller one is a slip

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
  const std::vector<std::string>& kept = runtime.cache_formats;
  if (format == nullptr || kept.empty() || std::find(kept.begin(), kept.end(), format->id) != kept.end()) return "";
  return fmt::format("{} keeps no cache in {} (one of {})", runtime.id, format->id, fmt::join(kept, ", "));
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

constexpr std::array<std::string_view, kDispatchKinds> kDispatchWords = {
    "all_gather", "deep_ep_low_latency", "deep_ep_normal", "deep_ep", "nvlink_one_sided", "nvlink_two_sided"};

std::string_view word_of(DispatchKind kind) { return kDispatchWords[static_cast<std::size_t>(kind)]; }

std::optional<DispatchKind> dispatch_named(std::string_view word) {
  for (std::size_t i = 0; i < kDispatchKinds; ++i)
    if (kDispatchWords[i] == word) return static_cast<DispatchKind>(i);
  return std::nullopt;
}

bool has_dispatch(const RuntimeSpec& runtime, DispatchKind kind) {
  const std::vector<DispatchKind>& others = runtime.dispatch_others;
  return kind == runtime.dispatch || kind == runtime.dispatch_rack || kind == runtime.dispatch_across ||
         std::find(others.begin(), others.end(), kind) != others.end();
}

std::vector<std::string> violations(const RuntimeSpec& runtime) {
  Sentences out;
  check_text(out, "id", runtime.id);
  check_text(out, "name", runtime.name);
  check_text(out, "version", runtime.version);
  check_text(out, "as_of", runtime.as_of);
  check_text(out, "default_kv", runtime.default_kv);
  check_source(out, "the runtime", runtime.source);
  check_source(out, "the layout rules", runtime.layouts.source);
  check_source(out, "the sharding rules", runtime.sharding.source);
  check_source(out, "the admission", runtime.admission_source);
  check_reserve(out, runtime);
  check_source(out, "the context", runtime.context_source);
  check_at_least(out, "context_bytes", runtime.context_bytes.count(), 0);
  check_at_least(out, "context_bytes_multi", runtime.context_bytes_multi.count(), 0);
  check_fraction(out, "context_band", runtime.context_band, 1.0);
  if (!runtime.cache_formats.empty() || !runtime.checkpoint_caches.empty())
    check_source(out, "the cache", runtime.kv_source);
  check_at_least(out, "vector_rows", runtime.vector_rows, 0);
  if (runtime.vector_rows > 0) check_source(out, "the products of vectors", runtime.vector_source);
  check_at_least(out, "kv_block_tokens", runtime.kv_block_tokens, 1);
  check_at_least(out, "window_slack_tokens", runtime.window_slack_tokens, 0);
  check_tiers(out, runtime);
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
  static constexpr std::array<std::string_view, 5> kCommandLines = {"", "llama.cpp", "vllm", "sglang", "trtllm"};
  if (std::find(kCommandLines.begin(), kCommandLines.end(), runtime.command_line) == kCommandLines.end())
    out.push_back(
        fmt::format("command_line is \"{}\", must be llama.cpp, vllm, sglang or trtllm", runtime.command_line));
  check_at_least(out, "vocab_multiple", runtime.vocab_multiple, 1);
  for (const PaddingRule& rule : runtime.padding) {
    if (rule.format.empty()) out.push_back("a padding rule names no format");
    check_at_least(out, fmt::format("padding of {}", rule.format), rule.multiple, 1);
    check_source(out, fmt::format("padding of {}", rule.format), rule.source);
  }
  check_kernels(out, runtime);
  if (!runtime.layouts.expert_parallel && runtime.layouts.expert_tensor_mix) {
    out.push_back("layouts: expert_tensor_mix needs expert_parallel");
  }
  return out;
}

const AdmissionTier& tier_of(const RuntimeSpec& runtime, std::string_view device, Bytes memory) {
  const auto& small = runtime.small_devices;
  if (std::find(small.begin(), small.end(), device) != small.end()) return runtime.tiers.front();
  const AdmissionTier* found = &runtime.tiers.front();
  for (const AdmissionTier& tier : runtime.tiers)
    if (memory >= tier.min_memory) found = &tier;
  return *found;
}

const KernelRule* kernel_of(const RuntimeSpec& runtime, std::string_view op, std::string_view format,
                            std::string_view architecture) {
  for (const KernelRule& rule : runtime.kernels) {
    if (rule.op != op || !format.starts_with(rule.format)) continue;
    if (architecture.starts_with(rule.architecture)) return &rule;
  }
  return nullptr;
}

}  // namespace moeplan
