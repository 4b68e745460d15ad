// SPDX-License-Identifier: Apache-2.0
// Tensor names of GGUF files -> roles. Source: TENSOR_NAMES of gguf-py/gguf/constants.py
// (llama.cpp b8763), and the names of files from before merged experts (one tensor per
// expert) and before the split of MLA's attn_kv_b.
#pragma once

#include <cstdint>
#include <string_view>

#include "sim/spec/matrices.h"

namespace moeplan {

enum class GgufStem : std::uint8_t {
  // outside every layer
  TokenEmbd,
  Output,
  OutputNorm,
  PositionEmbd,
  // attention
  AttnQ,
  AttnK,
  AttnV,
  AttnQkv,
  AttnOutput,
  AttnGate,
  AttnSinks,
  AttnQNorm,
  AttnKNorm,
  AttnQA,
  AttnQB,
  AttnKvA,
  AttnKvB,
  AttnKB,
  AttnVB,
  AttnQANorm,
  AttnKvANorm,
  IndexerK,
  IndexerQ,
  IndexerProj,
  IndexerKNorm,
  IndexerQNorm,
  // linear attention, Mamba
  SsmIn,
  SsmBa,
  SsmAlpha,
  SsmBeta,
  SsmConv,
  SsmA,
  SsmD,
  SsmDt,
  SsmNorm,
  SsmOut,
  // feed-forward
  FfnGate,
  FfnUp,
  FfnDown,
  FfnGateInp,
  FfnGateExps,
  FfnUpExps,
  FfnDownExps,
  FfnGateUpExps,
  ExpProbsB,
  FfnGateShexp,
  FfnUpShexp,
  FfnDownShexp,
  FfnGateInpShexp,
  FfnLatentDown,
  FfnLatentUp,
  // norms of the hidden width
  AttnNorm,
  AttnNorm2,
  AttnOutputNorm,
  PostAttentionNorm,
  FfnNorm,
  FfnNormExps,
  PostFfwNorm,
  PostFfwNorm1,
  PostFfwNorm2,
  PreFfwNorm2,
  LayerOutputNorm,
  // multi-token prediction
  NextnEhProj,
  NextnEmbedTokens,
  NextnHead,
  NextnENorm,
  NextnHNorm,
  NextnHeadNorm,
  Other
};
inline constexpr std::size_t kGgufStems = static_cast<std::size_t>(GgufStem::Other) + 1;

struct StemInfo {
  std::string_view name;  // without "blk.N." and ".weight"
  GgufStem stem;
  MatrixRole role;
  Part part;
  MatrixRole bias;  // role of "<name>.bias"; Extra = it has none
};

const StemInfo& info_of(GgufStem stem);

// A tensor name in its parts.
struct GgufName {
  enum class Suffix : std::uint8_t { Weight, Bias, Scale };
  GgufStem stem = GgufStem::Other;
  Suffix suffix = Suffix::Weight;
  Count layer = -1;   // of "blk.N."; -1 = outside every layer
  Count expert = -1;  // of "ffn_up.N.weight" in old files
  bool vision = false;
};

GgufName parse_gguf_name(std::string_view name);

}  // namespace moeplan
