// SPDX-License-Identifier: Apache-2.0
// What a serving engine does with memory: which layouts it can express, how it
// shards and pads, what it reserves, and what it allocates by capacity. Dated data
// (hw_profiles/runtimes/*.json), one file per engine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/units.h"

namespace moeplan {

struct FormatTable;  // sim/spec/weights.h

// How MoE layers exchange tokens when attention is data parallel.
enum class DispatchKind : std::uint8_t {
  AllGather,         // gather all tokens, reduce-scatter the results
  DeepEpLowLatency,  // a copy per expert into buffers for the maximum number of tokens
  DeepEpNormal,      // a copy per rank; across nodes one per node, which hands it on
  DeepEp,            // low latency in decode steps, normal in prefill steps
  NvlinkOneSided,    // a copy per rank, written straight into the peer's memory
  NvlinkTwoSided     // the same through queues that the peer empties
};
inline constexpr std::size_t kDispatchKinds = 6;
std::string_view word_of(DispatchKind kind);  // "deep_ep_low_latency"
std::optional<DispatchKind> dispatch_named(std::string_view word);
constexpr bool is_deep_ep(DispatchKind kind) {
  return kind == DispatchKind::DeepEpLowLatency || kind == DispatchKind::DeepEpNormal || kind == DispatchKind::DeepEp;
}

// The order of ranks over devices, innermost first.
enum class RankOrder {
  TensorDataStage,  // pipeline stages are outermost (SGLang, TensorRT-LLM, Megatron)
  TensorStageData   // data-parallel ranks are (vLLM)
};

// Which layouts can be expressed.
struct LayoutRules {
  bool tensor_parallel = true;
  bool data_parallel_attention = true;
  bool expert_parallel = true;
  bool pipeline_parallel = true;
  bool expert_tensor_mix = true;     // moe_tp > 1 and ep > 1 together
  bool uneven_experts = true;        // experts need not divide by ep
  bool context_parallel = false;     // cp > 1
  bool sequence_parallel = false;    // sp
  bool partial_attention_dp = true;  // attention may be cut both ways, 1 < dp < ranks of a stage
  std::string source;
  friend bool operator==(const LayoutRules&, const LayoutRules&) = default;
};

// Where the layers that do not divide by the pipeline stages go.
enum class StageSplit {
  BeforeLast,  // to the stages before the last, from the back (vLLM)
  Last,        // to the last stages (SGLang)
  First,       // to the first stages (TensorRT-LLM)
  WithHead,    // even shares of the layers and the head (llama.cpp --split-mode layer)
  Equal        // nowhere: they must divide (Megatron)
};

// The ranks that share one copy of a dense matrix when attention is data parallel.
enum class Spread {
  Attention,  // the tensor-parallel ranks of attention; each data-parallel rank has its own
  Stage       // all ranks of the stage: tokens are gathered first, results scattered
};

struct ShardingRules {
  StageSplit stages = StageSplit::BeforeLast;
  Spread dense = Spread::Attention;        // dense feed-forward layers
  Spread shared = Spread::Attention;       // shared experts
  bool shared_whole_with_deep_ep = false;  // where tokens travel by DeepEP, they are as with Attention
  Spread head = Spread::Attention;         // an output head of its own; a tied one is the input table
  RankOrder order = RankOrder::TensorDataStage;
  std::string source;
  friend bool operator==(const ShardingRules&, const ShardingRules&) = default;
};

// What an engine keeps out of its caches.
enum class ReserveKind {
  Total,   // everything stays below capacity - max(fixed, fraction x capacity)
  Static,  // weights and caches stay below a share of what is free at start; activations live in the rest
  Free     // caches take 1 - fraction of what weights, activations and the rest leave
};

// The part of the memory SGLang leaves to activations and graphs when nobody names it.
struct AutoReserve {
  Bytes fixed;
  Bytes per_chunk_token;             // of the prefill chunk
  Bytes per_rank;                    // x tp x dp x pp
  Bytes per_graph_sequence;          // of the largest decode graph
  Bytes per_graph_sequence_dp;       // the same x dp, with data-parallel attention
  Bytes more_per_graph_sequence_dp;  // on top where the graph has over more_from sequences
  Count more_from = 300;
  Bytes per_prefill_graph;      // of attention with keys and values
  Bytes latent_prefill_graphs;  // all of them, of latent attention
  Bytes least;                  // on devices with over least_from
  Bytes least_from;
  Bytes draft;  // more with a multi-token-prediction module
  friend bool operator==(const AutoReserve&, const AutoReserve&) = default;
};

// What an engine fixes by the memory of the device.
struct AdmissionTier {
  Bytes min_memory;                // device memory from which it holds
  Count sequences = 0;             // admitted at once; 0 = no limit
  Count chunk_tokens = 0;          // prefill chunk (max_num_batched_tokens, ubatch); 0 = whole prompt
  Count context = 0;               // tokens when nobody names them; 0 = no such default
  Count graph_sequences = 0;       // of the largest decode graph on fewer than 4 tensor-parallel ranks
  Count graph_sequences_wide = 0;  // and on 4 or more
  Count prefill_graphs = 0;
  friend bool operator==(const AdmissionTier&, const AdmissionTier&) = default;
};

// The kernel family an engine runs an operator with; the first rule that matches holds.
struct KernelRule {
  std::string op;            // gemm | moe | attention | mla | dispatch
  std::string format;        // of the weights (gemm, moe) or the cache, a prefix of its id; "" = any
  std::string architecture;  // of the device, a prefix of its word; "" = any
  std::string kernel;        // as measurement files call it
  std::string source;
  friend bool operator==(const KernelRule&, const KernelRule&) = default;
};

// How LoRA adapters lie in memory.
struct AdapterRules {
  bool supported = false;
  // Room for the slots at start, for every module it can adapt unless told which: router, tables
  // and head too (vLLM). Else for the targets alone.
  bool every_module = false;
  bool whole_head = false;      // B of the head is not cut by tensor parallelism
  bool saves_modules = false;   // takes whole copies of matrices (modules_to_save)
  std::vector<Count> ranks;     // that room is made for; a rank takes the next larger. Empty = any
  std::string format = "auto";  // of A and B: "auto" = the model's base format
  std::string source;
  friend bool operator==(const AdapterRules&, const AdapterRules&) = default;
};

// How a draft model runs beside the model.
struct DraftRules {
  bool supported = false;
  bool every_stage = false;       // its layers are dealt to the pipeline stages; else all are on the last
  bool own_buffers = false;       // its activations lie beside the model's rather than in the same memory
  bool own_cache_format = false;  // its cache has the runtime's default format whatever the model's has
  bool with_attention_dp = true;
  Count tokens = 1;       // drafted in a row unless told otherwise
  Count vocab_slack = 0;  // entries the vocabularies may differ by
  Bytes reserve;          // that an automatic reserve grows by
  std::string source;
  friend bool operator==(const DraftRules&, const DraftRules&) = default;
};

// With "auto", what a checkpoint in this weight format asks the cache to be.
struct CheckpointCache {
  std::string weights;  // "nvfp4"
  std::string cache;    // "fp8"
  friend bool operator==(const CheckpointCache&, const CheckpointCache&) = default;
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
  ShardingRules sharding;
  ReserveKind reserve = ReserveKind::Total;
  Bytes reserve_fixed;            // Total only
  double reserve_fraction = 0.0;  // vLLM: 1 - gpu_memory_utilization
  AutoReserve auto_reserve;       // Static only
  std::string reserve_source;
  // Driver context, libraries and communicators inside the budget.
  Bytes context_bytes;
  Bytes context_bytes_multi;  // added when a replica has several devices
  double context_band = 0.5;  // relative uncertainty of both
  std::string context_source;
  Count kv_block_tokens = 1;        // context rounds up to this per sequence
  Count window_slack_tokens = 0;    // extra tokens a windowed layer keeps
  std::string default_kv = "bf16";  // a KV format, or "auto" (the model's base format)
  std::vector<CheckpointCache> checkpoint_caches;
  std::vector<std::string> cache_formats;  // it can keep; empty = any
  std::string kv_source;
  std::vector<AdmissionTier> tiers{AdmissionTier{}};  // by device memory, rising from 0
  std::vector<std::string> small_devices;             // device ids that get the first tier (vLLM: A100)
  // A request is admitted only when the cache has room for all it may generate
  // (TensorRT-LLM); else when it has room for what it holds now.
  bool admits_whole_length = false;
  bool chunk_over_dp = false;  // the tiers' chunk is of all data-parallel ranks together
  std::string admission_source;
  // The sampler's peak: bytes per (row x vocabulary entry), over all admission rows, the
  // sequences there are, or the chunk.
  double sampler_bytes = 0.0;
  bool logits_for_limit = true;   // the engine is always ready for as many rows as it admits
  bool logits_for_chunk = false;  // llama.cpp reserves logits for every token of a ubatch
  std::string sampler_source;
  Count activation_bytes = 2;  // per element (llama.cpp: 4)
  double activation_band = 0.25;
  bool flash_choice = false;  // attention can run without flash attention, with its scores in memory
  DispatchKind dispatch = DispatchKind::AllGather;
  // What its operators switch on instead: in a rack whose devices all reach each other, and
  // across fast domains. The same as `dispatch` where nothing is stated.
  DispatchKind dispatch_rack = DispatchKind::AllGather;
  DispatchKind dispatch_across = DispatchKind::AllGather;
  std::vector<DispatchKind> dispatch_others;  // it has besides
  std::string dispatch_source;
  Count dispatch_tokens = 128;  // capacity per rank, tokens
  // MLA prefill runs expanded and keeps room for up to this many cached tokens that a
  // chunk expands again; 0 = always absorbed (llama.cpp).
  Count mla_workspace_tokens = 0;
  AdapterRules adapters;
  DraftRules drafts;
  std::vector<PaddingRule> padding;
  std::vector<KernelRule> kernels;
  // Up to so many rows quantised products run as matrix times vector, row by row and without
  // tiles; 0 = never.
  Count vector_rows = 0;
  std::string vector_source;
  Count vocab_multiple = 1;     // embedding and head rows round up to this
  bool vocab_per_rank = false;  // on every rank rather than in all
  std::string command_line;     // whose options start it: llama.cpp | vllm | sglang | trtllm; "" = none known
  std::string formats = "any";  // kind of weight files it reads: any | gguf | tensors
  // The input embedding stays in host memory; a tied table has a copy on the device as head.
  bool input_table_on_host = false;
  bool host_offload = false;    // experts of n layers may live in host memory
  bool vision_resident = true;  // the vision tower is loaded
  std::string note;
  friend bool operator==(const RuntimeSpec&, const RuntimeSpec&) = default;
};

std::vector<std::string> violations(const RuntimeSpec& runtime);

// Whether the engine has this way to exchange tokens.
bool has_dispatch(const RuntimeSpec& runtime, DispatchKind kind);

// The tier of a device; one of small_devices gets the first whatever it has.
const AdmissionTier& tier_of(const RuntimeSpec& runtime, std::string_view device, Bytes memory);

// The rule that decides the kernel of an operator, or null where the data names none.
const KernelRule* kernel_of(const RuntimeSpec& runtime, std::string_view op, std::string_view format,
                            std::string_view architecture);

// Why the runtime cannot hold weights under this label ("native", a format, a GGUF label)
// or a cache in this format ("" = its default), as sentences; empty = it can. Unknown
// names are no concern of this rule.
//   gguf:    native, GGUF labels and types, plain 16- and 32-bit floats, mxfp4
//   tensors: all but GGUF labels and types
std::vector<std::string> format_violations(const RuntimeSpec& runtime, const FormatTable& formats,
                                           std::string_view weights_label, std::string_view kv_id);

}  // namespace moeplan
