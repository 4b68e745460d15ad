// SPDX-License-Identifier: Apache-2.0
// Context parallelism: ranks that share sequences. Expected values follow from the closed
// forms of facts the test names; every preset and layout is in tests/books.
#include <gtest/gtest.h>

#include <algorithm>

#include "sim/lower/lower.h"
#include "sim/program/work.h"
#include "sim/spec/catalog.h"
#include "sim/study/fit.h"

namespace moeplan {
namespace {

const Catalog& catalog() {
  static const Catalog kCatalog = Catalog::embedded();
  return kCatalog;
}

struct Lowered {
  Program program;
  Binding binding;
};

Lowered lowered(const char* model, const Layout& layout, Phase phase, const Step& step) {
  const ModelPlan plan = plan_model(catalog().model(model), catalog().formats(), "native");
  const RuntimeSpec runtime = catalog().runtime("generic");
  LowerOptions options;
  options.layout = layout;
  options.kv_format = default_kv_format(plan, runtime);
  const RankClass c = rank_classes(plan, layout, runtime.sharding.stages).front();
  Lowered result{lower(plan, runtime, options, c, phase), {}};
  result.binding = bind(result.program, step);
  return result;
}

// Over all layers of a rank.
Work work_of_name(const Lowered& l, OpName name, OpKind kind) {
  Work sum;
  for (const Op& op : l.program.ops()) {
    if (op.name != name || op.kind != kind) continue;
    Work one = work_of(op, l.program, l.binding);
    one.flops *= op.repeat;
    one.cache_bytes *= op.repeat;
    one.sent_bytes *= op.repeat;
    sum += one;
  }
  return sum;
}

TEST(ContextParallel, ALayoutCountsItsRanks) {
  const Layout layout{.tp = 2, .dp = 3, .cp = 4, .ep = 24, .pp = 5, .replicas = 2};
  EXPECT_EQ(layout.token_groups(), 12);
  EXPECT_EQ(layout.ranks_per_stage(), 24);
  EXPECT_EQ(layout.gpus(), 240);
  EXPECT_EQ(describe(layout), "TP2 CP4 DP3 EP24 PP5 x2");
}

TEST(ContextParallel, EnginesWithoutItRefuse) {
  const std::vector<std::string> said =
      violations({.cp = 8, .ep = 8}, catalog().model("deepseek-v3"), catalog().runtime("vllm"));
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0], "vllm has no context parallelism, cp is 8");
}

TEST(ContextParallel, StatesAndEncodersAreNotCut) {
  const RuntimeSpec generic = catalog().runtime("generic");
  for (const char* model : {"nemotron-3-nano-30b-a3b", "qwen3-next-80b-a3b", "switch-base-8"}) {
    const ModelSpec spec = catalog().model(model);
    const std::vector<std::string> said = violations({.cp = 2, .moe_tp = 2}, spec, generic);
    EXPECT_FALSE(said.empty()) << model;
  }
}

TEST(ContextParallel, EachRankCachesAnEqualPart) {
  FitQuestion q;
  q.model = catalog().model("deepseek-v3");
  q.formats = catalog().formats();
  q.runtime = catalog().runtime("generic");
  q.device.capacity = 140 * kGiB;
  q.layout = {.cp = 8, .ep = 8};
  q.kv = "bf16";
  q.workload = {.context = 131072, .sequences = 16};
  const FitResult f = evaluate(q);
  Bytes kv;
  for (const LedgerLine& line : f.ranks.front().ledger.lines())
    if (line.cls == TensorClass::Kv) kv += line.bytes;
  // 61 layers of 512 + 64 values in bf16, an eighth of the tokens of every sequence.
  EXPECT_EQ(kv, Bytes(Count{61} * (512 + 64) * 2 * (131072 / 8) * 16));
}

TEST(ContextParallel, AGeneratedTokenAttendsAPartOfTheKeysOnEachRank) {
  const Step step{{.sequences = 16, .new_tokens = 1, .context = 4095}};
  const Lowered whole = lowered("mixtral-8x7b", {}, Phase::Decode, step);
  const Lowered shared = lowered("mixtral-8x7b", {.cp = 4, .ep = 4}, Phase::Decode, step);
  const Work all = work_of_name(whole, OpName::Attention, OpKind::Attention);
  const Work part = work_of_name(shared, OpName::Attention, OpKind::Attention);
  EXPECT_DOUBLE_EQ(part.flops * 4, all.flops);
  EXPECT_DOUBLE_EQ(part.cache_bytes * 4, all.cache_bytes);
  EXPECT_EQ(shared.binding.tokens, 4);  // of 16, each rank projects a quarter
  EXPECT_EQ(shared.binding.group_tokens, 16);
}

TEST(ContextParallel, APromptsQueriesAreSharedEvenly) {
  const Step step{{.sequences = 1, .new_tokens = 8192, .context = 24576}};
  const Lowered whole = lowered("mixtral-8x7b", {}, Phase::Prefill, step);
  const Lowered shared = lowered("mixtral-8x7b", {.cp = 8, .ep = 8}, Phase::Prefill, step);
  EXPECT_DOUBLE_EQ(work_of_name(shared, OpName::Attention, OpKind::Attention).flops * 8,
                   work_of_name(whole, OpName::Attention, OpKind::Attention).flops);
  EXPECT_EQ(shared.binding.tokens, 1024);
}

TEST(ContextParallel, ASliceAttendsAsManyKeysOnAverage) {
  const Segment prompt{.sequences = 1, .new_tokens = 8192, .context = 24576};
  for (const Count cp : {2, 4, 8, 16}) {
    const Segment slice = shard_of(prompt, cp);
    EXPECT_EQ(slice.new_tokens, 8192 / cp);
    EXPECT_DOUBLE_EQ(attended_pairs(slice, 0, 0, true) * static_cast<double>(cp), attended_pairs(prompt, 0, 0, true))
        << cp;
  }
}

TEST(ContextParallel, ASliceOfAShortPromptIsStillOne) {
  EXPECT_FALSE(shard_of({.sequences = 1, .new_tokens = 12}, 8).generates());
}

TEST(ContextParallel, QueriesGoToAllRanksAndPartialResultsComeBack) {
  const Step step{{.sequences = 16, .new_tokens = 1, .context = 4095}};
  const Lowered shared = lowered("mixtral-8x7b", {.cp = 4, .ep = 4}, Phase::Decode, step);
  const double layers = 32;
  const double tokens = 4;  // of a rank
  const double others = 3;
  // Queries of 32 heads x 128 in bf16.
  EXPECT_DOUBLE_EQ(work_of_name(shared, OpName::AllGather, OpKind::Collective).sent_bytes,
                   layers * tokens * others * 32 * 128 * 2);
  // Results as many, and two F32 per head.
  double partial = 0;
  for (const Op& op : shared.program.ops())
    if (op.collective == CollectiveKind::ReduceScatter && op.group == RankGroup::Context)
      partial += work_of(op, shared.program, shared.binding).sent_bytes * op.repeat;
  EXPECT_DOUBLE_EQ(partial, layers * tokens * others * (32 * 128 * 2 + 32 * 8));
}

TEST(ContextParallel, AChunkGathersItselfAndWhatIsCachedElsewhere) {
  const Step step{{.sequences = 1, .new_tokens = 8192, .context = 24576}};
  const Lowered shared = lowered("mixtral-8x7b", {.cp = 8, .ep = 8}, Phase::Prefill, step);
  double gathered = 0;
  for (const Op& op : shared.program.ops())
    if (op.rows == Rows::CachedShard) gathered += work_of(op, shared.program, shared.binding).sent_bytes * op.repeat;
  // 32 layers of 8 KV heads x (128 + 128) in bf16: each rank sends its eighth to seven.
  EXPECT_DOUBLE_EQ(gathered, 32.0 * (8192 + 24576) / 8 * 7 * 8 * 256 * 2);
}

TEST(ContextParallel, WindowsKeepAPartOnEachRank) {
  const Step step{{.sequences = 8, .new_tokens = 1, .context = 100000}};
  const Lowered whole = lowered("gpt-oss-120b", {}, Phase::Decode, step);
  const Lowered shared = lowered("gpt-oss-120b", {.cp = 8, .ep = 8}, Phase::Decode, step);
  for (std::size_t i = 0; i < whole.program.ops().size(); ++i) {
    const Op& op = whole.program.ops()[i];
    if (op.kind != OpKind::Attention || op.window == 0) continue;
    // Queries of 8 tokens against 128 keys, on a rank against 16.
    const double pairs = 8.0 * 128;
    EXPECT_DOUBLE_EQ(work_of(op, whole.program, whole.binding).flops, pairs * 2 * 64 * (64 + 64));
    EXPECT_DOUBLE_EQ(work_of(op, shared.program, shared.binding).flops, pairs / 8 * 2 * 64 * (64 + 64));
  }
}

}  // namespace
}  // namespace moeplan
