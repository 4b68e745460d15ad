// SPDX-License-Identifier: Apache-2.0
// Which format every weight matrix is stored in: the checkpoint's own mixture
// ("native": as its file says when there is one, else as published), one format for all
// quantisable matrices ("fp8"), or a GGUF label ("q4_k_m") by llama.cpp's per-tensor rules.
#pragma once

#include <array>
#include <bitset>
#include <string>
#include <string_view>
#include <vector>

#include "sim/spec/format.h"
#include "sim/spec/matrices.h"
#include "sim/spec/model.h"

namespace moeplan {

struct FormatTable {
  std::vector<QuantFormat> formats;
  // By id or alias, case-insensitive; nullptr when there is none.
  const QuantFormat* find(std::string_view name) const;
  // The same; throws InputError(UnknownName).
  FormatId id_of(std::string_view name) const;
  const QuantFormat& operator[](FormatId id) const { return formats[id]; }
};

// A K-quant label gives different layers different formats: `shares` lists them with
// the instances (0-based occurrence of the block in the stacks) that use each.
inline constexpr std::size_t kMaxInstances = 1024;
inline constexpr std::size_t kMaxShares = 8;
struct MatrixPlan {
  Matrix matrix;
  struct Share {
    FormatId format = 0;
    std::bitset<kMaxInstances> instances;
  };
  std::array<Share, kMaxShares> shares;
  std::size_t share_count = 1;  // shares[0] alone = every instance, whatever its bitset
  // From a file: exact bytes of each instance, all copies together. Empty = by the format.
  std::vector<Bytes> stored;
};

struct BlockPlan {
  std::vector<MatrixPlan> matrices;
};

// A model with the format of each of its matrices decided.
struct WeightPlan {
  std::string label;              // "native", "fp8", "q4_k_m"
  bool from_label = false;        // a mixture label: sizes are an estimate
  bool from_file = false;         // exact: every byte of ModelSpec::stored is somewhere in the plan
  bool keeps_vision = true;       // a GGUF file has none
  bool keeps_mtp = true;          // an MLX file has none, a GGUF file where llama.cpp keeps it
  double low = 1.0, high = 1.0;   // band of the quantised bytes, as factors
  std::vector<BlockPlan> blocks;  // parallel to ModelSpec::blocks
  MatrixPlan embedding;
  MatrixPlan head;  // elements 0 when tied
  MatrixPlan final_norm;
  MatrixPlan head_bias;
  std::vector<MatrixPlan> extras;
  std::vector<BlockPlan> mtp_blocks;  // parallel to MtpModule::shape
  MatrixPlan mtp_projection;
  MatrixPlan mtp_norm;
};

// label: "native", a format id or alias, or a GGUF mixture label.
// Throws InputError(UnknownName) with the nearest known label.
WeightPlan plan_weights(const ModelSpec& model, const FormatTable& formats, std::string_view label);

// Every label plan_weights accepts besides plain formats ("q4_k_m", ...), smallest first.
std::vector<std::string> mixture_labels();

// Tensor payload of the checkpoint: block scales, MTP and its in-file copies included.
struct CheckpointSize {
  Bytes bytes;
  Bytes low, high;
  std::array<Bytes, kPartWords.size()> by_part{};
};
CheckpointSize checkpoint_size(const ModelSpec& model, const WeightPlan& plan, const FormatTable& formats);

}  // namespace moeplan
