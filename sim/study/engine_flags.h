// SPDX-License-Identifier: Apache-2.0
// A deployment in the words of its engine's command line, and back. Writer and reader
// share one table per engine (flag <-> setting), so that neither knows a flag the other
// does not; read_engine_flags(runtime_flags(f)) says what f's question says, wherever the
// engine has words for it.
//
// What engines have no words for: how many sequences there are below the number admitted,
// copies of the engine, a reserve in bytes (written as a fraction, rounded down to
// thousandths), checkpoints of another weight format.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/study/fit.h"
#include "sim/study/placement_words.h"

namespace moeplan {

// What a command line says; what it does not say is empty.
struct EngineDeployment {
  std::string engine;  // RuntimeSpec::command_line
  std::optional<Count> context;
  std::optional<Count> sequences;  // at once in a replica
  std::optional<Count> admitted;   // per data-parallel rank
  std::optional<Count> tp, dp, cp, moe_tp, ep, pp, replicas, redundant;
  std::optional<std::string> weights, kv;
  std::optional<double> memory_fraction;
  std::optional<Count> chunk_tokens, kv_block_tokens, graph_sequences, host_expert_layers;
  std::optional<Spread> dense, head;
  AskedPlacement placement;  // for place(), once the layout is known
  bool load_mtp = false;
  std::optional<AdapterSpec> adapter;  // rank 0: not said
  struct Draft {
    std::string model;  // "" = in a file
    std::optional<std::string> weights, kv;
  };
  std::optional<Draft> draft;
  std::optional<Count> draft_tokens;
  std::optional<bool> flash_attention;
  std::optional<DispatchKind> exchange;
  std::optional<Count> adapter_files;  // llama.cpp: adapters whose shape their files say
  std::vector<std::string> ignored;    // flags without a say in memory, as they stood
};

// The engine a command line starts ("vllm serve ...", "llama-server ..."); "" when its
// first words are flags.
std::string engine_of(std::string_view command);

// Reads a command line of `engine` for a model: "vllm serve MODEL --tensor-parallel-size 8"
// or its flags alone. Throws InputError(Usage) with every flag that changes memory in a way
// this does not follow, and every value that is no value.
EngineDeployment read_engine_flags(std::string_view command, const std::string& engine, const ModelSpec& model,
                                   const FormatTable& formats);

// How place() names -ts and -ot of such a command line.
PlacementOrigins placement_origins();

// Puts into a question what the deployment says of all but its layout, load and placement.
void apply(const EngineDeployment& deployment, FitQuestion& question);

// ---- for the writer and the reader ----

// A setting of a command line, in the engine's own words.
enum class EngineSetting {
  Model,
  Context,
  Slots,
  Tp,
  Dp,
  AttentionDp,
  Cp,
  Pp,
  Ep,
  ExpertParallel,
  Kv,
  KvValues,
  Sequences,
  Chunk,
  Block,
  Graph,
  Fraction,
  Quantization,
  Draft,
  DraftSteps,
  DraftTopK,
  DraftTokens,
  DenseTp,
  DpHead,
  HostExperts,
  AllHostExperts,
  Override,
  GpuLayers,
  SplitMode,
  TensorSplit,
  FlashAttention,
  UnifiedKv,
  Dtype,
  Exchange,
  ExchangeMode,
  RedundantExperts,
  Lora,
  LoraSlots,
  LoraRank,
  LoraSharded,
  LoraModules,
  LoraFiles,
  LoraFormat,
  DraftModelPath,
  DraftGpuLayers,
  DraftKv,
  DraftKvValues
};

enum class FlagKind {
  Says,      // a setting
  Harmless,  // nothing about memory
  Refused    // something about memory that is not followed
};

struct FlagRule {
  std::string_view names;  // the one written first, then its other spellings, by spaces
  EngineSetting setting = EngineSetting::Model;
  bool takes_value = true;
  FlagKind kind = FlagKind::Says;
  bool several = false;  // its value is all the words up to the next flag
};

// The flags of one engine, in the order they are written.
std::vector<FlagRule> flag_rules(std::string_view engine);

using FlagValue = std::pair<EngineSetting, std::string>;
std::string write_flags(std::string_view engine, const std::vector<FlagValue>& values);

}  // namespace moeplan
