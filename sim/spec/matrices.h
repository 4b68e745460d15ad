// SPDX-License-Identifier: Apache-2.0
// The weights of a block, one matrix at a time: the only enumeration of weights
// in the program. Parameter counts, checkpoint sizes, per-rank residents and the
// GEMMs of a step all come from this list.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "sim/spec/model.h"

namespace moeplan {

// Where a weight (or a byte, or a FLOP) belongs in every table. The words are
// those of CLI.md section 6.
enum class Part : std::uint8_t {
  Attention,
  Router,
  Experts,
  Shared,
  Dense,
  Embedding,
  Head,
  Norm,
  Mtp,
  Indexer,
  Vision,
  State
};
inline constexpr std::array<std::string_view, 12> kPartWords = {"attention", "router",    "experts", "shared",
                                                                "dense",     "embedding", "head",    "norm",
                                                                "mtp",       "indexer",   "vision",  "state"};
constexpr std::string_view word_of(Part p) { return kPartWords[static_cast<std::size_t>(p)]; }

// The role of a matrix inside its block; it names the operator that uses it and
// selects the K-quant recipe.
enum class MatrixRole : std::uint8_t {
  Q,
  QA,
  QB,
  K,
  V,
  KvA,
  KvB,
  O,
  QNorm,
  KNorm,
  KvANorm,
  QANorm,
  Sinks,
  Gate,  // attention
  IndexQ,
  IndexK,
  IndexWeights,
  IndexNorm,  // indexer
  LinearQkvz,
  LinearBa,
  LinearConv,
  LinearOut,
  LinearX,   // Mamba-1: channels -> step, B and C
  LinearDt,  // Mamba-1: step -> channels
  LinearState,
  LinearNorm,  // linear attention, mamba
  FfnGate,
  FfnUp,
  FfnDown,
  ExpertGate,
  ExpertUp,
  ExpertDown,
  SharedGate,
  SharedUp,
  SharedDown,
  SharedScalar,
  LatentDown,
  LatentUp,
  Router,
  RouterBias,
  CorrectionBias,
  Bias,
  Norm,
  Embedding,
  Head,
  MtpProjection,
  Extra
};

inline constexpr std::array<std::string_view, 47> kRoleWords = {"q",
                                                                "q_a",
                                                                "q_b",
                                                                "k",
                                                                "v",
                                                                "kv_a",
                                                                "kv_b",
                                                                "o",
                                                                "q_norm",
                                                                "k_norm",
                                                                "kv_a_norm",
                                                                "q_a_norm",
                                                                "sinks",
                                                                "gate",
                                                                "index_q",
                                                                "index_k",
                                                                "index_weights",
                                                                "index_norm",
                                                                "linear_qkvz",
                                                                "linear_ba",
                                                                "linear_conv",
                                                                "linear_out",
                                                                "linear_x",
                                                                "linear_dt",
                                                                "linear_state",
                                                                "linear_norm",
                                                                "ffn_gate",
                                                                "ffn_up",
                                                                "ffn_down",
                                                                "expert_gate",
                                                                "expert_up",
                                                                "expert_down",
                                                                "shared_gate",
                                                                "shared_up",
                                                                "shared_down",
                                                                "shared_scalar",
                                                                "latent_down",
                                                                "latent_up",
                                                                "router",
                                                                "router_bias",
                                                                "correction_bias",
                                                                "bias",
                                                                "norm",
                                                                "embedding",
                                                                "head",
                                                                "mtp_projection",
                                                                "extra"};
static_assert(kRoleWords.size() == static_cast<std::size_t>(MatrixRole::Extra) + 1);
constexpr std::string_view word_of(MatrixRole r) { return kRoleWords[static_cast<std::size_t>(r)]; }

// How tensor parallelism cuts a matrix.
enum class Cut : std::uint8_t {
  None,       // every rank holds it whole
  Rows,       // output dimension (column parallel)
  Cols,       // reduction dimension (row parallel)
  KvRows,     // output dimension by KV heads: replicated when ranks outnumber heads
  Experts,    // `copies` by EP, rows by MoE TP
  ExpertsIn,  // `copies` by EP, cols by MoE TP
  Vocab       // rows by attention TP, padded
};

struct Matrix {
  MatrixRole role = MatrixRole::Extra;
  Part part = Part::Attention;
  Cut cut = Cut::None;
  bool quantisable = true;    // a 2-d weight that quantised checkpoints may convert
  bool f32 = false;           // stored in F32 whatever the format (router bias, A_log)
  Count rows = 0;             // output dimension
  Count cols = 1;             // reduction dimension; 1 for vectors
  Count copies = 1;           // experts; 1 otherwise
  double active_share = 1.0;  // share used by one token: k / E for experts, 0 for what no token uses
  constexpr Count elements() const { return rows * cols * copies; }
};

inline constexpr std::size_t kMaxMatrices = 24;

// A fixed-capacity list: building it never touches the heap.
struct MatrixList {
  std::array<Matrix, kMaxMatrices> items;
  std::size_t size = 0;
  void add(const Matrix& m);
  const Matrix* begin() const { return items.data(); }
  const Matrix* end() const { return items.data() + size; }
};

// Weights of one instance of the block (norm vectors included).
MatrixList matrices_of(const Block& block, const ModelSpec& model);

// Weights outside every block. rows = 0 where the model has none.
Matrix embedding_of(const ModelSpec& model);
Matrix head_of(const ModelSpec& model);            // none when tied
Matrix mtp_projection_of(const ModelSpec& model);  // of one MTP module
Matrix matrix_of(const ExtraTensor& extra);
Matrix final_norm_of(const ModelSpec& model);
Matrix head_bias_of(const ModelSpec& model);
Matrix mtp_norm_of(const ModelSpec& model);  // of one MTP module

// Parameter totals in the three active conventions (CLI.md section 4).
struct ParameterCounts {
  Count total = 0;                // trunk, MTP excluded unless counted_in_total; no vision tower
  Count total_with_mtp = 0;       // trunk + unique MTP weights
  Count checkpoint_elements = 0;  // with in-file copies and a vision tower
  Count active = 0;
  Count active_no_embedding = 0;
  Count active_no_embedding_head = 0;
  std::array<Count, kPartWords.size()> by_part{};  // of total_with_mtp, and vision; mtp under Part::Mtp
};
ParameterCounts count_parameters(const ModelSpec& model);

}  // namespace moeplan
