// SPDX-License-Identifier: Apache-2.0
// What sets one engine apart from another: where it puts layers and dense weights, what
// it leaves empty, and which cuts it has words for.
#include <gtest/gtest.h>

#include "sim/ledger/headroom.h"
#include "sim/program/work.h"
#include "sim/study/fit.h"

namespace moeplan {
namespace {

const Catalog& catalog() {
  static const Catalog kCatalog = Catalog::embedded();
  return kCatalog;
}

FitQuestion question(const char* model, const char* runtime, Layout layout, Bytes capacity) {
  FitQuestion q;
  q.model = catalog().model(model);
  q.formats = catalog().formats();
  q.runtime = catalog().runtime(runtime);
  q.layout = layout;
  q.device.capacity = capacity;
  if (q.runtime.reserve == ReserveKind::Total)
    q.device.reserve = std::max(q.runtime.reserve_fixed, scaled(capacity, q.runtime.reserve_fraction));
  q.workload = {.context = 8192, .sequences = 8};
  return q;
}

constexpr Bytes kH100 = Bytes(81559 * (Count{1} << 20));  // MiB the driver reports

Bytes sum_of(const RankResult& r, bool (*belongs)(TensorClass)) {
  Bytes total;
  for (const LedgerLine& line : r.ledger.lines())
    if (line.place == Place::Device && belongs(line.cls)) total += line.bytes;
  return total;
}

Bytes weights_of(const RankResult& r, Part part) {
  Bytes total;
  for (const LedgerLine& line : r.ledger.lines())
    if (line.cls == TensorClass::Weight && line.part == part) total += line.bytes;
  return total;
}

TEST(StageSplit, EveryEnginePutsTheExtraLayersElsewhere) {
  using Counts = std::vector<Count>;
  EXPECT_EQ(stage_layers(61, 4, StageSplit::BeforeLast), (Counts{15, 15, 16, 15}));
  EXPECT_EQ(stage_layers(61, 4, StageSplit::Last), (Counts{15, 15, 15, 16}));
  EXPECT_EQ(stage_layers(63, 4, StageSplit::First), (Counts{16, 16, 16, 15}));
  // 33 units over two devices: layers 0..16 lie below one half, 15 and the head above.
  EXPECT_EQ(stage_layers(32, 2, StageSplit::WithHead), (Counts{17, 15}));
  EXPECT_EQ(stage_layers(60, 4, StageSplit::Equal), (Counts{15, 15, 15, 15}));
}

TEST(StageSplit, NoLayerIsLost) {
  for (const StageSplit split : {StageSplit::BeforeLast, StageSplit::Last, StageSplit::First, StageSplit::WithHead})
    for (Count layers = 1; layers < 70; ++layers)
      for (Count stages = 1; stages <= layers; ++stages) {
        Count sum = 0;
        for (const Count n : stage_layers(layers, stages, split)) sum += n;
        EXPECT_EQ(sum, layers) << stages;
      }
}

TEST(SglangReserve, FollowsItsRuleOnAnH100) {
  FitQuestion q = question("qwen3-235b-a22b", "sglang", {.tp = 4, .moe_tp = 4}, kH100);
  // 512 + 1.5 x 8,192 chunk + 128 x 4 ranks + 2 x 512 of the graph + 8 x 58 prefill graphs
  // = 14,800 MiB of 81,559: 1 - 0.18146 = 0.819 in thousandths
  EXPECT_DOUBLE_EQ(memory_fraction_of(q), 0.819);
  // Below 4 ranks the graph is of 256: 512 + 12,288 + 256 + 512 + 464 = 14,032
  q.layout = {.tp = 2, .moe_tp = 2};
  EXPECT_DOUBLE_EQ(memory_fraction_of(q), 0.828);
}

TEST(SglangReserve, GrowsWithDataParallelAttentionAndDrafts) {
  FitQuestion q = question("deepseek-r1", "sglang", {.dp = 8, .moe_tp = 1, .ep = 8}, 140 * kGiB);
  // 512 + 12,288 + 128 x 8 + 1,024 + (3 + 1.5) x 512 x 8 + 1,536 of latent attention = 34,816 MiB of 143,360
  EXPECT_DOUBLE_EQ(memory_fraction_of(q), 0.757);
  q.load_mtp = true;  // 2 GiB more
  EXPECT_DOUBLE_EQ(memory_fraction_of(q), 0.743);
}

// 8,192 tokens of all 8 data-parallel ranks; what is named is of each.
TEST(SglangChunk, IsDividedAmongDataParallelRanks) {
  FitQuestion q = question("deepseek-r1", "sglang", {.dp = 8, .moe_tp = 1, .ep = 8}, 140 * kGiB);
  EXPECT_EQ(chunk_tokens_of(q), 1024);
  q.layout = {.tp = 8, .moe_tp = 8};
  EXPECT_EQ(chunk_tokens_of(q), 8192);
  q.layout = {.dp = 8, .moe_tp = 1, .ep = 8};
  q.chunk_tokens = 2048;
  EXPECT_EQ(chunk_tokens_of(q), 2048);
}

TEST(SglangReserve, IsAtLeastTenGibibytesOnLargeDevices) {
  FitQuestion q = question("mixtral-8x7b", "sglang", {}, 80 * kGiB);
  q.chunk_tokens = 2048;  // 512 + 3,072 + 128 + 512 + 464 would do
  EXPECT_DOUBLE_EQ(memory_fraction_of(q), 0.875);
  q.device.capacity = 50 * kGiB;
  // 512 + 3,072 + 128 + 2 x 32 + 8 x 50 = 4,176 of 51,200
  EXPECT_DOUBLE_EQ(memory_fraction_of(q), 0.918);
}

TEST(SglangReserve, ActivationsLiveInIt) {
  const FitResult f = evaluate(question("mixtral-8x7b", "sglang", {.tp = 2, .moe_tp = 2}, kH100));
  const RankResult& r = f.ranks.front();
  const Bytes context = f.question.runtime.context_bytes + f.question.runtime.context_bytes_multi;
  const Bytes at_start = kH100 - context;
  // What weights and caches may take, rounded as the engine does, less what they take.
  const Bytes statics = sum_of(r, [](TensorClass c) { return !is_dynamic(c) && c != TensorClass::Runtime; });
  EXPECT_EQ(r.margin, scaled(at_start, memory_fraction_of(f.question)) - statics);
  EXPECT_GT(sum_of(r, is_dynamic), Bytes(0));
}

TEST(SglangReserve, ActivationsBeyondItStillCount) {
  FitQuestion q = question("mixtral-8x7b", "sglang", {.tp = 2, .moe_tp = 2}, kH100);
  q.memory_fraction = 1.0;
  const FitResult f = evaluate(q);
  EXPECT_EQ(f.margin, kH100 - f.ranks.front().ledger.total);
}

TEST(TrtllmReserve, CachesTakeNineTenthsOfWhatIsLeft) {
  const FitResult f = evaluate(question("mixtral-8x7b", "trtllm", {.tp = 2, .moe_tp = 2}, kH100));
  const RankResult& r = f.ranks.front();
  const Bytes rest = r.ledger.total - sum_of(r, is_cache);
  // The room for caches is 0.9 x (capacity - everything else).
  EXPECT_NEAR(f.cache_room.size() / scaled(kH100 - rest, 0.9).size(), 1.0, 1e-9);
}

TEST(Reserve, HeadroomEndsWhereTheVerdictTurns) {
  for (const char* runtime : {"sglang", "trtllm", "vllm", "megatron"}) {
    FitQuestion q = question("mixtral-8x7b", runtime, {.tp = 2, .moe_tp = 2}, kH100);
    const Count most = evaluate(q).max_sequences;
    ASSERT_GT(most, 1) << runtime;
    q.workload.sequences = most;
    EXPECT_NE(evaluate(q).verdict, Verdict::No) << runtime;
    ++q.workload.sequences;
    EXPECT_EQ(evaluate(q).verdict, Verdict::No) << runtime;
    q.workload.sequences = 8;
    q.model.max_context = 1 << 26;
    q.workload.context = evaluate(q).max_context;
    EXPECT_NE(evaluate(q).verdict, Verdict::No) << runtime;
    q.workload.context += q.runtime.kv_block_tokens;
    EXPECT_EQ(evaluate(q).verdict, Verdict::No) << runtime;
  }
}

TEST(Reserve, AMemoryFractionReplacesTheDefault) {
  FitQuestion q = question("mixtral-8x7b", "vllm", {.tp = 2, .moe_tp = 2}, Bytes(100'000'000'000));
  q.memory_fraction = 0.8;
  EXPECT_EQ(evaluate(q).ranks.front().held, Bytes(20'000'000'000));
}

TEST(DenseSpread, SglangSharesDenseWeightsOverDataParallelRanks) {
  const Layout dp8{.dp = 8, .moe_tp = 1, .ep = 8};
  const FitResult vllm = evaluate(question("deepseek-v3", "vllm", dp8, 140 * kGiB));
  const FitResult sglang = evaluate(question("deepseek-v3", "sglang", dp8, 140 * kGiB));
  for (const Part part : {Part::Dense, Part::Shared, Part::Head}) {
    const double whole = weights_of(vllm.ranks.front(), part).size().base();
    // Cut in 8; block scales and the vocabulary do not always divide.
    EXPECT_NEAR(weights_of(sglang.ranks.front(), part).size().base() / whole, 1.0 / 8, 2e-4);
  }
  EXPECT_EQ(weights_of(vllm.ranks.front(), Part::Attention), weights_of(sglang.ranks.front(), Part::Attention));
}

TEST(DenseSpread, GatheredTokensDoTheSameWork) {
  const ModelPlan plan = plan_model(catalog().model("deepseek-v3"), catalog().formats(), "native");
  const Layout dp8{.dp = 8, .moe_tp = 1, .ep = 8};
  const Step step{{.sequences = 64, .new_tokens = 1, .context = 1000}};
  double flops[2] = {0, 0};
  int i = 0;
  for (const char* id : {"vllm", "sglang"}) {
    const RuntimeSpec runtime = catalog().runtime(id);
    const RankClass c = rank_classes(plan, dp8).front();
    const Program p = lower(plan, runtime, {.layout = dp8}, c, Phase::Decode);
    flops[i++] = total_work(p, bind(p, step)).flops;
  }
  EXPECT_NEAR(flops[1] / flops[0], 1.0, 1e-9);
}

TEST(EngineLayouts, TrtllmRunsAttentionDataParallelOverAllRanksOrNone) {
  const ModelSpec model = catalog().model("deepseek-v3");
  const RuntimeSpec runtime = catalog().runtime("trtllm");
  EXPECT_TRUE(violations(Layout{.dp = 8, .moe_tp = 2, .ep = 4}, model, runtime).empty());
  const std::vector<std::string> said = violations(Layout{.tp = 4, .dp = 2, .moe_tp = 1, .ep = 8}, model, runtime);
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0],
            "trtllm runs attention either tensor parallel or data parallel over all 8 ranks of a stage, not tp 4 with "
            "dp 2");
}

TEST(EngineLayouts, MegatronWantsEqualStages) {
  const std::vector<std::string> said =
      violations(Layout{.pp = 2}, catalog().model("deepseek-v3"), catalog().runtime("megatron"));
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0], "61 layers are not divisible by pp 2, and megatron needs equal stages");
}

TEST(EngineLayouts, SglangCutsDenseLayersOverAllRanks) {
  ModelSpec model = catalog().model("deepseek-v3");
  const RuntimeSpec runtime = catalog().runtime("sglang");
  for (Block& block : model.blocks)
    if (auto* dense = std::get_if<DenseFfn>(&block.kind)) dense->width = 18436;  // 4 x 4609
  const std::vector<std::string> said = violations(Layout{.dp = 8, .moe_tp = 1, .ep = 8}, model, runtime);
  ASSERT_EQ(said.size(), 1U);
  EXPECT_NE(said[0].find("18436 columns of the dense FFN are not divisible by tp x dp 8"), std::string::npos)
      << said[0];
}

TEST(EngineLayouts, TheNearestLayoutChangesLeast) {
  const ModelSpec model = catalog().model("deepseek-v3");
  // vLLM has no experts cut both ways: EP 8 is one doubling from EP 4, EP 1 two.
  const std::optional<Layout> vllm = nearest_layout({.tp = 8, .moe_tp = 2, .ep = 4}, model, catalog().runtime("vllm"));
  ASSERT_TRUE(vllm.has_value());
  EXPECT_EQ(describe(*vllm), "TP8+EP8");
  const std::optional<Layout> trtllm =
      nearest_layout({.tp = 2, .dp = 4, .moe_tp = 1, .ep = 8}, model, catalog().runtime("trtllm"));
  ASSERT_TRUE(trtllm.has_value());
  EXPECT_EQ(describe(*trtllm), "DP8+EP8");
}

TEST(MegatronVocabulary, RoundsUpOnEveryRank) {
  const ModelPlan plan = plan_model(catalog().model("deepseek-v3"), catalog().formats(), "native");
  const Layout tp8{.tp = 8, .moe_tp = 8};
  const Program p =
      lower(plan, catalog().runtime("megatron"), {.layout = tp8}, rank_classes(plan, tp8).front(), Phase::Prefill);
  Bytes rows;
  for (const Tensor& t : p.tensors())
    if (t.role == MatrixRole::Embedding) rows += Bytes(t.fixed);
  // 129,280 = 1,010 x 128 rounds up to 127 x 1,024 = 130,048: 16,256 rows of 7,168 bf16 a rank
  EXPECT_EQ(rows, Bytes(Count{16'256} * 7'168 * 2));
}

TEST(Ollama, ItsContextDependsOnTheDevice) {
  const RuntimeSpec ollama = catalog().runtime("ollama");
  EXPECT_EQ(tier_of(ollama, "", 16 * kGiB).context, 4096);
  EXPECT_EQ(tier_of(ollama, "", 24 * kGiB).context, 32768);
  EXPECT_EQ(tier_of(ollama, "", 80 * kGiB).context, 262144);
}

}  // namespace
}  // namespace moeplan
