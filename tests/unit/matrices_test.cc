// SPDX-License-Identifier: Apache-2.0
#include "sim/spec/matrices.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "sim/spec/catalog.h"

namespace moeplan {
namespace {

ModelSpec model_of(const BlockKind& kind, Count hidden = 64, Count norms = 1) {
  ModelSpec model;
  model.id = "small";
  model.hidden = hidden;
  model.vocab = 100;
  model.max_context = 128;
  model.blocks = {{"block", norms, kind}};
  model.runs = {{Stack::Decoder, 1, {{0}}}};
  return model;
}

const Matrix* find(const MatrixList& list, MatrixRole role) {
  const auto* found = std::find_if(list.begin(), list.end(), [&](const Matrix& m) { return m.role == role; });
  return found == list.end() ? nullptr : found;
}

Count elements(const MatrixList& list) {
  Count sum = 0;
  for (const Matrix& m : list) sum += m.elements();
  return sum;
}

MatrixList matrices(const BlockKind& kind, Count hidden = 64) {
  const ModelSpec model = model_of(kind, hidden);
  return matrices_of(model.blocks[0], model);
}

const SoftmaxAttention kGqa{.heads = 8, .kv_heads = 2, .head_dim = 16, .value_dim = 16};

TEST(SoftmaxMatrices, GroupedQueryHasFourProjectionsAndANorm) {
  // q 128 x 64, k and v 32 x 64, o 64 x 128, norm 64
  EXPECT_EQ(elements(matrices(kGqa)), 128 * 64 + 2 * 32 * 64 + 64 * 128 + 64);
}

TEST(SoftmaxMatrices, TensorParallelismCutsQueriesByRowsKeysByKvHeadsAndOutputByColumns) {
  const MatrixList list = matrices(kGqa);
  EXPECT_EQ(find(list, MatrixRole::Q)->cut, Cut::Rows);
  EXPECT_EQ(find(list, MatrixRole::K)->cut, Cut::KvRows);
  EXPECT_EQ(find(list, MatrixRole::V)->cut, Cut::KvRows);
  EXPECT_EQ(find(list, MatrixRole::O)->cut, Cut::Cols);
  EXPECT_EQ(find(list, MatrixRole::Norm)->cut, Cut::None);
}

TEST(SoftmaxMatrices, OutputGateDoublesTheQueryProjection) {
  SoftmaxAttention a = kGqa;
  a.output_gate = true;
  EXPECT_EQ(elements(matrices(a)) - elements(matrices(kGqa)), 128 * 64);
}

TEST(SoftmaxMatrices, KeyIsValueHasNoValueProjection) {
  SoftmaxAttention a = kGqa;
  a.key_is_value = true;
  EXPECT_EQ(find(matrices(a), MatrixRole::V), nullptr);
}

TEST(SoftmaxMatrices, ReusedCacheHasNeitherKeyNorValueProjection) {
  SoftmaxAttention a = kGqa;
  a.reuses_cache = true;
  a.qk_norm = QkNorm::PerDim;
  EXPECT_EQ(find(matrices(a), MatrixRole::K), nullptr);
  EXPECT_EQ(find(matrices(a), MatrixRole::V), nullptr);
  EXPECT_EQ(find(matrices(a), MatrixRole::KNorm), nullptr);
  EXPECT_NE(find(matrices(a), MatrixRole::QNorm), nullptr);
}

TEST(SoftmaxMatrices, BiasesFollowTheCutOfTheirMatrix) {
  SoftmaxAttention a = kGqa;
  a.qkv_bias = a.out_bias = true;
  // q 128, k 32, v 32, o 64
  EXPECT_EQ(elements(matrices(a)) - elements(matrices(kGqa)), 128 + 32 + 32 + 64);
  Count none = 0, rows = 0, kv = 0;
  for (const Matrix& m : matrices(a)) {
    if (m.role != MatrixRole::Bias) continue;
    EXPECT_EQ(m.cols, 1);
    EXPECT_FALSE(m.quantisable);
    (m.cut == Cut::None ? none : m.cut == Cut::Rows ? rows : kv) += m.rows;
  }
  EXPECT_EQ(rows, 128);
  EXPECT_EQ(kv, 64);
  EXPECT_EQ(none, 64);
}

TEST(SoftmaxMatrices, QkNormsAreOneHeadWideOrAllHeadsWide) {
  SoftmaxAttention a = kGqa;
  const Count plain = elements(matrices(a));
  a.qk_norm = QkNorm::PerDim;
  EXPECT_EQ(elements(matrices(a)) - plain, 16 + 16);
  a.qk_norm = QkNorm::FullWidth;
  EXPECT_EQ(elements(matrices(a)) - plain, 8 * 16 + 2 * 16);
  a.qk_norm = QkNorm::PerHead;
  EXPECT_EQ(elements(matrices(a)) - plain, 8 * 16 + 2 * 16);
}

TEST(SoftmaxMatrices, SinksAndHeadGatesAreOnePerHead) {
  SoftmaxAttention a = kGqa;
  a.sinks = a.head_gate = true;
  EXPECT_EQ(elements(matrices(a)) - elements(matrices(kGqa)), 8 + 8 * 64);
}

// DeepSeek-V3.2, per layer: 64 x 128 x 1536 + 128 x 7168 + 64 x 7168 + 2 x 128 = 13,959,424;
// times 62 layers (one of them MTP) it is the difference of the V3.2 and V3 files, 865,484,288.
TEST(LatentMatrices, TheIndexerOfDeepSeekV32Has13959424Weights) {
  LatentAttention a{.heads = 128, .q_lora = 1536, .kv_lora = 512, .nope_dim = 128, .rope_dim = 64, .value_dim = 128};
  const Count plain = elements(matrices(a, 7168));
  a.index_heads = 64;
  a.index_dim = 128;
  a.index_topk = 2048;
  a.indexer = Indexer::Full;
  EXPECT_EQ(elements(matrices(a, 7168)) - plain, 13959424);
  EXPECT_EQ(62 * Count{13959424}, 685355329792 - 684489845504);
  a.indexer = Indexer::Shared;
  EXPECT_EQ(elements(matrices(a, 7168)), plain);
}

TEST(LatentMatrices, WithoutAQueryRankThereIsOneQueryProjection) {
  const LatentAttention a{.heads = 16, .kv_lora = 512, .nope_dim = 128, .rope_dim = 64, .value_dim = 128};
  const MatrixList list = matrices(a, 2048);
  EXPECT_EQ(find(list, MatrixRole::QA), nullptr);
  EXPECT_EQ(find(list, MatrixRole::Q)->rows, 16 * 192);
  // q, kv_a, its norm, kv_b, o, norm
  EXPECT_EQ(elements(list), 16 * 192 * 2048 + 576 * 2048 + 512 + 16 * 256 * 512 + 2048 * 16 * 128 + 2048);
}

TEST(LatentMatrices, TheLatentProjectionsAreReplicatedUnderTensorParallelism) {
  const LatentAttention a{
      .heads = 128, .q_lora = 1536, .kv_lora = 512, .nope_dim = 128, .rope_dim = 64, .value_dim = 128};
  const MatrixList list = matrices(a, 7168);
  EXPECT_EQ(find(list, MatrixRole::QA)->cut, Cut::None);
  EXPECT_EQ(find(list, MatrixRole::KvA)->cut, Cut::None);
  EXPECT_EQ(find(list, MatrixRole::QB)->cut, Cut::Rows);
  EXPECT_EQ(find(list, MatrixRole::KvB)->cut, Cut::Rows);
}

// Qwen3-Next: in_proj_qkvz 12288, in_proj_ba 64, conv 8192 x 4, A_log and dt_bias, norm 128, out 2048 x 4096.
TEST(LinearMatrices, GatedDeltaOfQwen3Next) {
  const LinearAttention a{.kind = LinearKind::GatedDelta,
                          .key_heads = 16,
                          .value_heads = 32,
                          .key_dim = 128,
                          .value_dim = 128,
                          .conv_kernel = 4};
  EXPECT_EQ(elements(matrices(a, 2048)), 12288 * 2048 + 64 * 2048 + 8192 * 4 + 64 + 128 + 2048 * 4096 + 2048);
}

// MiniMax-M1: q, k, v and gate of 8192, norm 8192, out.
TEST(LinearMatrices, LightningOfMiniMaxM1) {
  const LinearAttention a{
      .kind = LinearKind::Lightning, .key_heads = 64, .value_heads = 64, .key_dim = 128, .value_dim = 128};
  EXPECT_EQ(elements(matrices(a, 6144)), 4 * 8192 * 6144 + 8192 + 6144 * 8192 + 6144);
}

// Nemotron-3-Nano: inner 4096, channels 4096 + 2 x 8 x 128 = 6144, in_proj 4096 + 6144 + 64.
TEST(MambaMatrices, MixerOfNemotronNano) {
  const MambaMixer m{.heads = 64, .head_dim = 64, .state = 128, .groups = 8, .conv_kernel = 4, .conv_bias = true};
  EXPECT_EQ(elements(matrices(m, 2688)), 10304 * 2688 + 6144 * 5 + 3 * 64 + 4096 + 2688 * 4096 + 2688);
}

// Jamba: in 2 x 8192, convolution and bias, x to 256 + 2 x 16, step back to 8192 with bias,
// A_log and D, norms of step, B and C, out.
TEST(MambaMatrices, Mamba1OfJamba) {
  const MambaMixer m{
      .heads = 8192, .head_dim = 1, .state = 16, .groups = 1, .conv_kernel = 4, .conv_bias = true, .dt_rank = 256};
  EXPECT_EQ(elements(matrices(m, 4096)),
            16384 * 4096 + 8192 * 5 + 288 * 8192 + 8192 * 257 + 8192 * 17 + 288 + 4096 * 8192 + 4096);
}

// Four gates over [input 512, own output 512], each with a bias.
TEST(LstmMatrices, FourGatesSeeInputAndOutput) {
  const MatrixList list = matrices(LstmLayer{.units = 512}, 512);
  EXPECT_EQ(elements(list), 4 * 512 * (512 + 512) + 4 * 512 + 512);
}

// MoE-143M of Shazeer 2017: 4096 units projected to 1024, which is what comes back.
TEST(LstmMatrices, AProjectionIsWhatComesBack) {
  const MatrixList list = matrices(LstmLayer{.units = 4096, .projection = 1024}, 1024);
  EXPECT_EQ(elements(list), 4 * 4096 * (1024 + 1024) + 4 * 4096 + 1024 * 4096 + 1024);
}

// MoE-4096-h: 2 matrices (gate and noise) of 16 groups, and of 16 x 256 experts of which 2 groups are used.
TEST(MoeMatrices, AHierarchyHasARouterForTheGroupsAndOneInEach) {
  const MoeFfn f{.experts = 4096,
                 .top_k = 4,
                 .width = 32,
                 .groups = 16,
                 .top_groups = 2,
                 .group_router = true,
                 .router_noise = true};
  Count routers = 0;
  double active = 0;
  for (const Matrix& m : matrices(f, 512)) {
    if (m.role != MatrixRole::Router) continue;
    routers += m.elements();
    active += static_cast<double>(m.elements()) * m.active_share;
  }
  EXPECT_EQ(routers, 2 * 512 * (16 + 4096));
  EXPECT_EQ(active, 2 * 512 * (16 + 2 * 256));
}

TEST(FfnMatrices, GatedHasThreeMatricesAndPlainHasTwo) {
  EXPECT_EQ(elements(matrices(DenseFfn{.width = 256})), 3 * 256 * 64 + 64);
  EXPECT_EQ(elements(matrices(DenseFfn{.width = 256, .gated = false})), 2 * 256 * 64 + 64);
  // up 256, down 64
  EXPECT_EQ(elements(matrices(DenseFfn{.width = 256, .gated = false, .bias = true})), 2 * 256 * 64 + 256 + 64 + 64);
}

TEST(MoeMatrices, ExpertsAreOneMatrixWithCopiesAndTheShareOfTopK) {
  const MatrixList list = matrices(MoeFfn{.experts = 8, .top_k = 2, .width = 32});
  const Matrix* down = find(list, MatrixRole::ExpertDown);
  EXPECT_EQ(down->rows, 64);
  EXPECT_EQ(down->cols, 32);
  EXPECT_EQ(down->copies, 8);
  EXPECT_EQ(down->cut, Cut::ExpertsIn);
  EXPECT_DOUBLE_EQ(down->active_share, 0.25);
  EXPECT_EQ(find(list, MatrixRole::ExpertUp)->cut, Cut::Experts);
  EXPECT_EQ(find(list, MatrixRole::Router)->cut, Cut::None);
  EXPECT_FALSE(find(list, MatrixRole::Router)->quantisable);
}

// LongCat: k = 12 of 512 + 256; a token uses 12 x 512 / 768 = 8 real experts in expectation.
TEST(MoeMatrices, ZeroComputationExpertsCountByExpectedTopK) {
  const MatrixList list = matrices(MoeFfn{.experts = 512, .top_k = 12, .width = 32, .zero_experts = 256});
  const Matrix* up = find(list, MatrixRole::ExpertUp);
  EXPECT_DOUBLE_EQ(up->active_share * static_cast<double>(up->copies), 8.0);
  EXPECT_EQ(find(list, MatrixRole::Router)->rows, 768);
}

TEST(MoeMatrices, LatentExpertsWorkOnTheLatentWidth) {
  const MatrixList list = matrices(MoeFfn{.experts = 8, .top_k = 2, .width = 32, .gated = false, .latent = 16});
  EXPECT_EQ(find(list, MatrixRole::ExpertUp)->cols, 16);
  // router, down and up projection, two matrices per expert, norm
  EXPECT_EQ(elements(list), 8 * 64 + 2 * 16 * 64 + 8 * 2 * 32 * 16 + 64);
}

// gpt-oss: gate and up biases of 2 x width, down bias of hidden, router bias.
TEST(MoeMatrices, ExpertBiasesOfGptOss) {
  const MoeFfn plain{.experts = 8, .top_k = 2, .width = 32};
  MoeFfn biased = plain;
  biased.expert_bias = biased.router_bias = true;
  EXPECT_EQ(elements(matrices(biased)) - elements(matrices(plain)), 8 * (2 * 32 + 64) + 8);
}

TEST(MoeMatrices, TheCorrectionBiasIsStoredInF32) {
  const MatrixList list = matrices(MoeFfn{.experts = 8, .top_k = 2, .width = 32, .correction_bias = true});
  EXPECT_TRUE(find(list, MatrixRole::CorrectionBias)->f32);
  EXPECT_FALSE(find(list, MatrixRole::Router)->f32);
}

TEST(NormMatrices, ALayerNormHasWeightAndBias) {
  ModelSpec model = model_of(DenseFfn{.width = 32});
  const Count rms = elements(matrices_of(model.blocks[0], model));
  model.norm = NormKind::Layer;
  EXPECT_EQ(elements(matrices_of(model.blocks[0], model)) - rms, 64);
  model.norm = NormKind::LayerNoBias;
  EXPECT_EQ(elements(matrices_of(model.blocks[0], model)), rms);
}

TEST(CountParameters, ATiedTableCountsOnceAsTheEmbedding) {
  ModelSpec model = model_of(DenseFfn{.width = 32});
  const ParameterCounts untied = count_parameters(model);
  model.tied_embeddings = true;
  const ParameterCounts tied = count_parameters(model);
  EXPECT_EQ(untied.total - tied.total, 100 * 64);
  EXPECT_EQ(tied.active - tied.active_no_embedding, 100 * 64);
  EXPECT_EQ(tied.active_no_embedding, tied.active_no_embedding_head);
}

TEST(CountParameters, MtpIsOutsideTheTotalAndItsCopiesOnlyInTheFile) {
  ModelSpec model = model_of(DenseFfn{.width = 32});
  model.mtp.modules = 2;
  model.mtp.shape = {0};
  model.mtp.in_file_copies = 1;
  const ParameterCounts counts = count_parameters(model);
  // two modules: a block of 3 x 32 x 64 + 64, the projection 2 x 64 x 64, three norms
  const Count mtp = 2 * (3 * 32 * 64 + 64 + 2 * 64 * 64 + 3 * 64);
  EXPECT_EQ(counts.total_with_mtp - counts.total, mtp);
  EXPECT_EQ(counts.by_part[static_cast<std::size_t>(Part::Mtp)], mtp);
  EXPECT_EQ(counts.checkpoint_elements - counts.total_with_mtp, 2 * 100 * 64);
}

TEST(CountParameters, AVisionTowerIsInTheFileAndNotInTheTotal) {
  ModelSpec model = model_of(DenseFfn{.width = 32});
  const ParameterCounts plain = count_parameters(model);
  model.extras.push_back({"tower", "vision", 1000, false, ""});
  const ParameterCounts counts = count_parameters(model);
  EXPECT_EQ(counts.total, plain.total);
  EXPECT_EQ(counts.active, plain.active);
  EXPECT_EQ(counts.checkpoint_elements, plain.checkpoint_elements + 1000);
}

// E = k = 1 is a dense FFN plus a router of one row.
TEST(CountParameters, OneExpertIsADenseFfn) {
  const ParameterCounts dense = count_parameters(model_of(DenseFfn{.width = 32}));
  const ParameterCounts moe = count_parameters(model_of(MoeFfn{.experts = 1, .top_k = 1, .width = 32}));
  EXPECT_EQ(moe.total, dense.total + 64);
  EXPECT_EQ(moe.active, moe.total);
}

TEST(OuterMatrices, ATiedHeadHasNoRowsAndTheMtpProjectionTwiceTheColumns) {
  ModelSpec model = model_of(DenseFfn{.width = 8});
  EXPECT_EQ(embedding_of(model).elements(), 100 * 64);
  EXPECT_EQ(head_of(model).elements(), 100 * 64);
  model.tied_embeddings = true;
  EXPECT_EQ(head_of(model).elements(), 0);
  EXPECT_EQ(mtp_projection_of(model).elements(), 64 * 2 * 64);
  const Matrix table = matrix_of(ExtraTensor{.name = "table", .part = "embedding", .elements = 12, .active = false});
  EXPECT_EQ(table.part, Part::Embedding);
  EXPECT_EQ(table.elements(), 12);
  EXPECT_EQ(table.active_share, 0.0);
}

TEST(Words, EveryRoleAndPartHasItsOwnWord) {
  for (std::size_t i = 0; i < kRoleWords.size(); ++i) {
    EXPECT_FALSE(kRoleWords[i].empty());
    EXPECT_EQ(std::count(kRoleWords.begin(), kRoleWords.end(), kRoleWords[i]), 1) << kRoleWords[i];
  }
  for (std::string_view word : kPartWords) EXPECT_EQ(std::count(kPartWords.begin(), kPartWords.end(), word), 1);
}

// Every preset's blocks fit the fixed list, and their shares are fractions.
TEST(Matrices, EveryPresetHasPositiveSizesAndSharesUpToOne) {
  const Catalog catalog = Catalog::embedded();
  for (const std::string& id : catalog.model_ids()) {
    const ModelSpec model = catalog.model(id);
    for (const Block& block : model.blocks)
      for (const Matrix& m : matrices_of(block, model)) {
        EXPECT_GT(m.elements(), 0) << id << " " << word_of(m.role);
        EXPECT_GE(m.active_share, 0.0);
        EXPECT_LE(m.active_share, 1.0);
      }
  }
}

}  // namespace
}  // namespace moeplan
