// SPDX-License-Identifier: Apache-2.0
// "Will this fit?": one deployment evaluated to a verdict per rank class, the load it
// leaves room for, and, when it does not fit, the single changes that make it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/ledger/headroom.h"
#include "sim/lower/lower.h"
#include "sim/spec/adapter.h"
#include "sim/spec/catalog.h"
#include "sim/spec/workload.h"
#include "sim/study/speed_floor.h"

namespace moeplan {

// The memory a rank may use.
struct DeviceBudget {
  std::string device;  // profile id, or "" for a bare --memory
  Bytes capacity;      // what programs can allocate in all
  Bytes reserve;       // kept free: of engines that reserve a sum (ReserveKind::Total), or when asked for
  bool reserve_asked = false;
  std::optional<Bytes> host;    // memory of the host that experts may use, over the replica
  bool host_is_device = false;  // unified memory: moving experts gains nothing
  Count node_devices = 1;
  Count fast_domain = 8;     // devices that reach each other over the fast fabric
  std::optional<Bytes> ssd;  // of the host: room to page experts from
  // RAM of which a setting of the system gives programs only a part (Metal); more of it can be asked for.
  std::optional<Bytes> raisable_to;
};

// One device of a machine whose devices differ.
struct MixedDevice {
  std::string device;  // profile id
  Bytes capacity;
  Bytes reserve;
};

// A model that proposes tokens, which the other verifies.
struct DraftModel {
  ModelSpec model;
  std::string weights = "native";
  std::string kv = "";  // "" = by the runtime's rule
};

// A deployment and its load. Everything a verdict depends on.
struct FitQuestion {
  ModelSpec model;
  FormatTable formats;
  RuntimeSpec runtime;
  std::string weights = "native";
  std::string kv = "";  // "" = the runtime's default
  DeviceBudget device;
  // Of unlike devices each pipeline stage has its own; `device` is then the smallest. Empty
  // = all are like `device`.
  std::vector<MixedDevice> mixed;
  Layout layout;
  Placement placement;
  Workload workload;
  bool load_mtp = false;
  std::optional<AdapterSpec> adapter;  // LoRA beside the weights
  std::optional<DraftModel> draft;     // speculative decoding by a second model
  Count draft_tokens = 0;              // drafted in a row; 0 = the runtime's with a draft, else none
  bool flash_attention = true;
  Count host_expert_layers = 0;          // experts of layers 0..n-1 (llama.cpp --n-cpu-moe)
  std::optional<DispatchKind> exchange;  // how tokens reach their experts; none = by the runtime's rule
  Count dispatch_tokens = 0;             // 0 = the runtime's
  double imbalance = 1.0;                // routed rows of the busiest rank over the mean, at least 1
  TierRates rates;                       // for the bound on decode speed; not part of the verdict
  // The engine's own word for how much it takes (--gpu-memory-utilization and kin).
  std::optional<double> memory_fraction;
  Count chunk_tokens = 0;     // prefill chunk; 0 = the runtime's
  Count kv_block_tokens = 0;  // cache block; 0 = the runtime's
  Count graph_sequences = 0;  // of the largest decode graph; 0 = the runtime's
  Count admitted = 0;         // sequences a data-parallel rank is ready for; 0 = the runtime's
};

// How tokens reach their experts: as asked, else as the runtime does inside a node, in a
// rack that is one fast domain, or across domains.
DispatchKind exchange_of(const FitQuestion& question);
// The kernels it is in a phase. Nobody squeezes prompts through low-latency buffers, which are
// sized for decode steps, unless told to.
DispatchKind exchange_in(const FitQuestion& question, Phase phase);

enum class Verdict { Yes, Tight, No };
std::string_view word_of(Verdict verdict);

// One rank class at the asked load.
struct RankResult {
  RankClass rank_class;
  Program program;  // of a prefill step, the larger one
  Residency residency;
  MemoryLedger ledger;
  std::string device;  // profile id
  Bytes capacity;
  Bytes held;         // left empty by the engine
  Bytes margin;       // capacity - held - total
  ErrorWidth spread;  // of held + total
  Bytes budget() const { return capacity - held; }
};

struct FitResult {
  FitQuestion question;
  FormatId kv_format = 0;
  Verdict verdict = Verdict::No;
  double probability = 0;         // that it fits: at least 0.9 for yes, 0.5 for tight
  std::vector<RankResult> ranks;  // tightest first
  Bytes host_bytes;
  ErrorWidth host_spread;   // of host_bytes, where the size of the host is known
  Bytes host_margin;        // host memory - host_bytes; 0 where the size is not known
  bool host_short = false;  // the host memory is what is missing
  Bytes ssd_bytes;          // paged from SSD, over all ranks
  Bytes margin;             // of the tightest rank
  Bytes uncertainty;        // from the median to the 90th percentile of the tightest rank
  // Solved with everything else held; -1: not even an empty one fits.
  Count max_context = 0;  // at most the model's maximum
  bool context_at_model_limit = false;
  Count max_sequences = 0;   // over the replica
  Count sequence_limit = 0;  // of the engine's admission; 0 = none
  Bytes cache_room;          // budget left for kv and state on the tightest rank
};

// Requires a legal layout. Throws InputError for unknown weight or KV formats.
FitResult evaluate(const FitQuestion& question);

// One change of a question, evaluated.
enum class ChangeKind {
  Layout,
  GpuLimit,
  NoDraft,
  FlashAttention,
  Reserve,
  Context,
  Sequences,
  KvFormat,
  HostExperts,
  WeightFormat,
  MoreGpus,
  FormatAndHost,
  Pair
};
struct Change {
  ChangeKind kind = ChangeKind::Layout;
  std::string text;  // "--weights q3_k_m", "experts of 7 layers in host memory"
  double size = 0;   // relative: 0 = nothing given up, 1 = everything
  FitResult result;
  DecodeFloor decode;
};

struct Changes {
  std::vector<Change> fitting;    // smallest first
  std::optional<Change> closest;  // when none fits: the one that came nearest
};

// Single changes that make a "no" a "yes" or "tight", and the best few pairs of changes
// of kinds that are not enough alone.
Changes find_changes(const FitQuestion& question);

// The layout for a number of devices when the user names none: the first legal one that
// fits (tensor parallelism within the fast fabric before across it, one copy before
// several), else the first legal one; none when nothing is legal.
std::optional<Layout> choose_layout(const FitQuestion& question, Count gpus);

// DeviceBudget::reserve where nobody asked for another.
Bytes reserve_of(const RuntimeSpec& runtime, Bytes capacity);
// New tokens of a prefill step of each data-parallel rank; 0 = whole prompts.
Count chunk_tokens_of(const FitQuestion& question);
// The adapter as the engine makes room for it: its targets and the rank it rounds up to.
AdapterSpec resident_adapter(const AdapterSpec& adapter, const RuntimeSpec& runtime, const ModelSpec& model);
// Why the engine cannot hold it, as sentences; empty = it can.
std::vector<std::string> adapter_violations(const FitQuestion& question);

// What the engine leaves empty, by its reserve rule or as asked.
Holdback holdback_of(const FitQuestion& question);
// The share the engine's own option would name: vLLM's and SGLang's of the memory,
// TensorRT-LLM's of what is left to the caches.
double memory_fraction_of(const FitQuestion& question);

// The command that lets Metal use so much of the RAM.
std::string gpu_limit_command(Bytes limit);

// What limits the tightest rank: the ledger kind with the most bytes.
std::string_view limiting_kind(const FitResult& result);

// Command-line flags that set this deployment up in its engine; "" when unknown.
std::string runtime_flags(const FitResult& result);

}  // namespace moeplan
