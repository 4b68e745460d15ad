// SPDX-License-Identifier: Apache-2.0
// What a serving engine does with memory: which layouts it can express, how it
// shards and pads, what it reserves, and what it allocates by capacity. Dated data
// (hw_profiles/runtimes/*.json), one file per engine.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/base/units.h"

namespace moeplan {

struct FormatTable;  // sim/spec/weights.h

// How MoE layers exchange tokens when attention is data parallel.
enum class DispatchKind {
  AllGather,        // gather all tokens, reduce-scatter the results
  DeepEpLowLatency  // per-expert buffers for the maximum number of tokens
};

// Which layouts can be expressed.
struct LayoutRules {
  bool tensor_parallel = true;
  bool data_parallel_attention = true;
  bool expert_parallel = true;
  bool pipeline_parallel = true;
  bool expert_tensor_mix = true;  // moe_tp > 1 and ep > 1 together
  bool uneven_experts = true;     // experts need not divide by ep
  friend bool operator==(const LayoutRules&, const LayoutRules&) = default;
};

struct SequenceDefault {
  Bytes min_memory;  // device memory from which it holds
  Count sequences = 256;
  friend bool operator==(const SequenceDefault&, const SequenceDefault&) = default;
};

// Pads one dimension of the experts of models whose weights are in `format`.
struct PaddingRule {
  std::string format;  // "mxfp4"
  Count multiple = 1;  // the expert width per rank rounds up to a multiple of this
  std::string source;
  friend bool operator==(const PaddingRule&, const PaddingRule&) = default;
};

struct RuntimeSpec {
  std::string id;
  std::string name;
  std::vector<std::string> aliases;
  std::string version;
  std::string as_of;  // date of the data
  std::string source;
  LayoutRules layouts;
  // budget = capacity - max(reserve_fixed, reserve_fraction * capacity)
  Bytes reserve_fixed;
  double reserve_fraction = 0.0;  // vLLM: 1 - gpu_memory_utilization
  std::string reserve_source;
  // Driver context, libraries and communicators inside the budget.
  Bytes context_bytes;
  Bytes context_bytes_multi;  // added when a replica has several devices
  double context_band = 0.5;  // relative uncertainty of both
  std::string context_source;
  Count kv_block_tokens = 1;                   // context rounds up to this per sequence
  Count window_slack_tokens = 0;               // extra tokens a windowed layer keeps
  std::string default_kv = "bf16";             // a KV format, or "auto" (the model's base format)
  std::vector<SequenceDefault> max_sequences;  // the admission limit, by device memory
  Count chunk_tokens = 0;                      // prefill chunk (max_num_batched_tokens, ubatch); 0 = whole prompt
  Count small_chunk_tokens = 0;                // below chunk_memory; 0 = same
  Bytes chunk_memory;
  std::vector<std::string> small_devices;  // device ids that get the defaults of the smallest memory (vLLM: A100)
  // The sampler's peak: bytes per (row x vocabulary entry), over all admission rows or the chunk.
  double sampler_bytes = 0.0;
  bool logits_for_chunk = false;  // llama.cpp reserves logits for every token of a ubatch
  std::string sampler_source;
  Count activation_bytes = 2;  // per element (llama.cpp: 4)
  double activation_band = 0.25;
  DispatchKind dispatch = DispatchKind::AllGather;
  Count dispatch_tokens = 128;  // capacity per rank, tokens
  // MLA prefill runs expanded and keeps room for up to this many cached tokens that a
  // chunk expands again; 0 = always absorbed (llama.cpp).
  Count mla_workspace_tokens = 0;
  std::vector<PaddingRule> padding;
  Count vocab_multiple = 1;     // embedding and head rows round up to this
  std::string formats = "any";  // kind of weight files it reads: any | gguf | tensors
  // The input embedding stays in host memory; a tied table has a copy on the device as head.
  bool input_table_on_host = false;
  bool host_offload = false;    // experts of n layers may live in host memory
  bool vision_resident = true;  // the vision tower is loaded
  std::string note;
  friend bool operator==(const RuntimeSpec&, const RuntimeSpec&) = default;
};

std::vector<std::string> violations(const RuntimeSpec& runtime);

// Why the runtime cannot hold weights under this label ("native", a format, a GGUF label)
// or a cache in this format ("" = its default), as sentences; empty = it can. Unknown
// names are no concern of this rule.
//   gguf:    weights native, GGUF labels and types, plain 16- and 32-bit floats, mxfp4;
//            a cache in what llama.cpp's --cache-type-k takes
//   tensors: weights in all but GGUF labels and types; a cache in bf16, fp16 or fp8
std::vector<std::string> format_violations(const RuntimeSpec& runtime, const FormatTable& formats,
                                           std::string_view weights_label, std::string_view kv_id);

}  // namespace moeplan
