// SPDX-License-Identifier: Apache-2.0
// Model x layout x runtime -> Program. The only place that knows what MLA, top-k or
// tensor parallelism mean.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "sim/lower/placement.h"
#include "sim/program/program.h"
#include "sim/spec/adapter.h"
#include "sim/spec/layout.h"
#include "sim/spec/model.h"
#include "sim/spec/runtime.h"
#include "sim/spec/weights.h"

namespace moeplan {

class WeightShards;  // weight_shards.h

using BlockCounts = std::array<std::uint16_t, kMaxBlocks>;

// A model with its weight formats decided and its layers laid out: what does not
// change from layout to layout. Encoder layers come first.
struct ModelPlan {
  ModelSpec model;
  FormatTable formats;
  WeightPlan weights;
  std::vector<LayerShape> layers;
  Count encoder_layers = 0;
  std::vector<Count> instances;                      // of each block over all layers
  std::vector<BlockCounts> before;                   // layer l: of each block in the layers above it
  bool layers_alike = true;                          // of one block: no share of formats is of some layers alone
  std::vector<std::vector<std::uint16_t>> layer_of;  // of each block and instance
  std::vector<std::vector<MatrixRole>> roles;        // of each block's matrices, side by side
  std::vector<std::vector<MatrixRole>> mtp_roles;    // and of the blocks of a draft module
  std::shared_ptr<const ModelPlan> draft;            // of the draft model beside it; null = none
};

// Throws InputError(UnknownName) for a weight label that is not known.
ModelPlan plan_model(const ModelSpec& model, const FormatTable& formats, std::string_view weights_label);

// What a Program depends on besides the model.
struct LowerOptions {
  Layout layout;
  FormatId kv_format = 0;
  bool load_mtp = false;                        // the multi-token-prediction module is resident
  Count host_expert_layers = 0;                 // experts of layers 0..n-1 live in host memory (llama.cpp --n-cpu-moe)
  bool input_table_on_host = false;             // the embedding table stays in host memory
  std::optional<DispatchKind> exchange;         // instead of the runtime's
  std::optional<DispatchKind> prompt_exchange;  // and of prompts, where theirs is another
  Count dispatch_tokens = 128;                  // capacity of the expert exchange, tokens per rank
  double imbalance = 1.0;                       // routed rows of the busiest rank over the mean
  // Without flash attention: step tokens whose scores lie in memory at once; 0 = with it.
  Count score_tokens = 0;
  bool for_steps = false;  // without tensors that only a ledger reads: activations, workspaces, buffers
  // Not owned; nullptr = none. Its format is decided.
  const AdapterSpec* adapter = nullptr;
  FormatId adapter_format = 0;
  // Not owned; nullptr = the runtime's split, experts by host_expert_layers.
  const Placement* placement = nullptr;
  // Not owned; nullptr = none: what earlier lowerings of this layout worked out.
  WeightShards* shards = nullptr;
};

// MoE layers among the first n layers.
Count moe_layers_within(const ModelPlan& plan, Count n);

// Ranks of one replica that hold the same; counts sum to tp * cp * dp * pp. The first
// stage comes first; within a stage the ranks with more experts come first.
std::vector<RankClass> rank_classes(const ModelPlan& plan, const Layout& layout,
                                    StageSplit split = StageSplit::BeforeLast, const Placement* placement = nullptr);

// No heap; the layout must be legal (violations() is empty).
Program lower(const ModelPlan& plan, const RuntimeSpec& runtime, const LowerOptions& options,
              const RankClass& rank_class, Phase phase);

// The KV format a runtime uses unless told otherwise: its own default, or the
// model's base format for "auto".
FormatId default_kv_format(const ModelPlan& plan, const RuntimeSpec& runtime);

// Decoder layers of each pipeline stage (StageSplit says who takes the remainder).
std::vector<Count> stage_layers(Count layers, Count stages, StageSplit split = StageSplit::BeforeLast);

}  // namespace moeplan
