// SPDX-License-Identifier: Apache-2.0
#include "sim/study/fit.h"

#include "sim/study/budget.h"

#include <gtest/gtest.h>

#include "sim/study/explain.h"
#include "tests/support/stored_like.h"

namespace moeplan {
namespace {

const Catalog& catalog() {
  static const Catalog kCatalog = Catalog::embedded();
  return kCatalog;
}

FitQuestion question(const char* model, const char* runtime, Bytes capacity) {
  FitQuestion q;
  q.model = catalog().model(model);
  q.formats = catalog().formats();
  q.runtime = catalog().runtime(runtime);
  q.device.capacity = capacity;
  q.device.reserve = std::max(q.runtime.reserve_fixed, scaled(capacity, q.runtime.reserve_fraction));
  q.workload = {.context = 8192, .sequences = 1};
  return q;
}

TEST(Fit, TheVerdictTurnsExactlyAtTheBudget) {
  FitQuestion q = question("gpt2", "generic", 8 * kGiB);
  const Bytes need = evaluate(q).ranks.front().ledger.total;
  q.device.reserve = Bytes(0);
  q.device.capacity = need;
  EXPECT_NE(evaluate(q).verdict, Verdict::No);
  EXPECT_EQ(evaluate(q).margin, Bytes(0));
  q.device.capacity = need - Bytes(1);
  EXPECT_EQ(evaluate(q).verdict, Verdict::No);
  EXPECT_EQ(evaluate(q).margin, Bytes(-1));
}

TEST(Fit, AMarginBelowTheUncertaintyIsTight) {
  FitQuestion q = question("gpt2", "generic", 8 * kGiB);
  const FitResult r = evaluate(q);
  ASSERT_GT(r.uncertainty, Bytes(0));
  q.device.reserve = Bytes(0);
  q.device.capacity = r.ranks.front().ledger.total + r.uncertainty - Bytes(1);
  EXPECT_EQ(evaluate(q).verdict, Verdict::Tight);
  q.device.capacity = q.device.capacity + Bytes(1);
  EXPECT_EQ(evaluate(q).verdict, Verdict::Yes);
}

TEST(Fit, EveryOfferedChangeFitsAndTheSmallestComesFirst) {
  for (const char* model : {"mixtral-8x7b", "deepseek-r1", "gpt-oss-120b", "llama-3.1-70b"}) {
    for (const char* runtime : {"llama.cpp", "vllm", "generic"}) {
      FitQuestion q = question(model, runtime, 24 * kGiB);
      q.device.host = 256 * kGiB;
      double before = 0;
      const std::vector<Change> changes = find_changes(q).fitting;
      EXPECT_FALSE(changes.empty()) << model << runtime;
      for (const Change& change : changes) {
        EXPECT_NE(change.result.verdict, Verdict::No) << model << runtime << change.text;
        EXPECT_GE(change.size, before) << model << runtime << change.text;
        before = change.size;
      }
    }
  }
}

TEST(Fit, WeightsOfAFileAreExplainedByItsTensors) {
  FitQuestion q = question("mixtral-8x7b", "llama.cpp", 64 * kGiB);
  StoredWeights stored = stored_like(q.model, q.formats, "q4_k_m");
  stored.file = "models/mixtral.gguf";
  q.model.stored = std::make_shared<const StoredWeights>(std::move(stored));
  const FitResult f = evaluate(q);
  const RankResult& rank = f.ranks.front();
  for (const LedgerLine& line : rank.ledger.lines()) {
    if (line.cls != TensorClass::Weight || line.part != Part::Experts) continue;
    // 32 layers x 8 experts x gate, up, down of 14,336 x 4,096
    EXPECT_EQ(explain_line(f, rank, line).formula, "45,097,156,608 weights in 768 tensors of mixtral.gguf");
    EXPECT_EQ(explain_line(f, rank, line).basis, "file");
    EXPECT_EQ(line.low, line.high);
  }
}

TEST(Fit, LlamaCppIsToldTheFirstShardOfTheFile) {
  FitQuestion q = question("mixtral-8x7b", "llama.cpp", 64 * kGiB);
  StoredWeights stored = stored_like(q.model, q.formats, "q4_k_m");
  stored.file = "my models/m-00002-of-00003.gguf";
  stored.shards = 3;
  q.model.stored = std::make_shared<const StoredWeights>(stored);
  EXPECT_EQ(runtime_flags(evaluate(q)).find("-m 'my models/m-00001-of-00003.gguf' -c 8192"), 0U);
  q.weights = "q5_k_m";  // other weights than the file's
  EXPECT_EQ(runtime_flags(evaluate(q)).find("-m MODEL-Q5_K_M.gguf"), 0U);
}

TEST(Fit, NothingIsOfferedWhenItFits) {
  EXPECT_TRUE(find_changes(question("gpt2", "generic", 24 * kGiB)).fitting.empty());
}

TEST(Fit, WhenNothingFitsTheClosestIsNamed) {
  FitQuestion q = question("kimi-k2", "llama.cpp", 8 * kGiB);
  q.device.host_is_device = true;  // a laptop: no other device, no other memory
  const Changes changes = find_changes(q);
  EXPECT_TRUE(changes.fitting.empty());
  ASSERT_TRUE(changes.closest.has_value());
  EXPECT_EQ(changes.closest->kind, ChangeKind::WeightFormat);
  EXPECT_GT(changes.closest->result.margin, evaluate(q).margin);
}

TEST(Fit, AFormatAndTheHostTogetherPlaceWhatNeitherCan) {
  // 87 GiB in bf16: too much for 24 GiB and for a host of 32 GiB.
  FitQuestion q = question("mixtral-8x7b", "llama.cpp", 12 * kGiB);
  q.device.host = 32 * kGiB;
  bool found = false;
  for (const Change& change : find_changes(q).fitting) {
    if (change.kind != ChangeKind::FormatAndHost) continue;
    found = true;
    EXPECT_LE(change.result.host_bytes, 32 * kGiB);
    EXPECT_GT(change.result.question.host_expert_layers, 0);
    EXPECT_NE(change.result.question.weights, "native");
  }
  EXPECT_TRUE(found);
}

TEST(Fit, HostExpertsAreTheFewestLayersThatFit) {
  FitQuestion q = question("mixtral-8x7b", "llama.cpp", 24 * kGiB);
  q.weights = "q4_k_m";
  q.device.host = 64 * kGiB;
  for (const Change& change : find_changes(q).fitting) {
    if (change.kind != ChangeKind::HostExperts) continue;
    q.host_expert_layers = change.result.question.host_expert_layers;
    EXPECT_NE(evaluate(q).verdict, Verdict::No);
    --q.host_expert_layers;
    EXPECT_EQ(evaluate(q).verdict, Verdict::No);
    return;
  }
  FAIL() << "no experts were moved to the host";
}

TEST(Fit, PairsAreOfferedWhereNeitherHalfIsEnough) {
  // 24 GiB, no host to move to: neither q8_0 caches nor any context make bf16 weights fit;
  // with 64 GiB of host memory the weights need a smaller format as well.
  for (const char* model : {"mixtral-8x7b", "gpt-oss-120b", "qwen3-235b-a22b", "glm-4.5-air"}) {
    FitQuestion q = question(model, "llama.cpp", 12 * kGiB);
    q.workload.context = 32768;
    q.device.host = 48 * kGiB;
    const std::vector<Change> changes = find_changes(q).fitting;
    Count pairs = 0;
    for (const Change& change : changes) {
      EXPECT_NE(change.result.verdict, Verdict::No) << model << " " << change.text;
      if (change.kind != ChangeKind::Pair && change.kind != ChangeKind::FormatAndHost) continue;
      ++pairs;
      // Take back either half: no longer fits.
      const FitQuestion& both = change.result.question;
      Count halves = 0;
      const auto without = [&](auto member) {
        if (both.*member == q.*member) return;
        FitQuestion half = both;
        half.*member = q.*member;
        EXPECT_EQ(evaluate(half).verdict, Verdict::No) << model << " " << change.text;
        ++halves;
      };
      without(&FitQuestion::weights);
      without(&FitQuestion::kv);
      without(&FitQuestion::host_expert_layers);
      without(&FitQuestion::workload);
      EXPECT_EQ(halves, 2) << model << " " << change.text;
    }
    EXPECT_LE(pairs, 3) << model;
  }
}

TEST(Budget, EveryRowIsReachedAndFinerFormatsHoldLess) {
  FitQuestion q = question("deepseek-r1", "vllm", 139 * kGiB);
  q.workload.context = 32768;
  const std::vector<BudgetRow> rows = within_budget(q, 8);
  ASSERT_GE(rows.size(), 3U);
  for (const BudgetRow& row : rows) {
    EXPECT_EQ(row.layout.gpus(), 8);
    FitQuestion asked = q;
    asked.weights = row.weights;
    asked.layout = row.layout;
    asked.workload.sequences = row.result.max_sequences;
    EXPECT_NE(evaluate(asked).verdict, Verdict::No) << row.weights;
    asked.workload.sequences += row.layout.dp;
    EXPECT_EQ(evaluate(asked).verdict, Verdict::No) << row.weights;
  }
}

TEST(Budget, TheFewestDevicesAreOneMoreThanTooFew) {
  FitQuestion q = question("deepseek-r1", "vllm", 139 * kGiB);
  const std::optional<Layout> found = fewest_devices(q, 64);
  ASSERT_TRUE(found.has_value());
  q.layout = *found;
  EXPECT_NE(evaluate(q).verdict, Verdict::No);
  for (const Layout& layout : legal_layouts(q.model, q.runtime, found->gpus() - 1)) {
    q.layout = layout;
    EXPECT_EQ(evaluate(q).verdict, Verdict::No) << describe(layout);
  }
  EXPECT_FALSE(fewest_devices(q, found->gpus() - 1).has_value());
}

TEST(Fit, HostMemoryThatIsTooSmallIsANo) {
  FitQuestion q = question("mixtral-8x7b", "llama.cpp", 24 * kGiB);
  q.weights = "q4_k_m";
  q.host_expert_layers = 32;
  q.device.host = 64 * kGiB;
  const FitResult r = evaluate(q);
  EXPECT_NE(r.verdict, Verdict::No);
  q.device.host = r.host_bytes;
  EXPECT_FALSE(evaluate(q).host_short);
  q.device.host = r.host_bytes - Bytes(1);
  EXPECT_TRUE(evaluate(q).host_short);
  EXPECT_EQ(evaluate(q).verdict, Verdict::No);
}

TEST(Fit, SequencesThatDoNotDivideLeaveSomeRanksWithFewer) {
  FitQuestion q = question("deepseek-v3", "generic", 141 * kGiB);
  q.layout = {.tp = 1, .dp = 8, .moe_tp = 1, .ep = 8};
  q.workload.sequences = 11;  // 3 ranks with 2, 5 ranks with 1
  const FitResult r = evaluate(q);
  ASSERT_EQ(r.ranks.size(), 2U);
  EXPECT_EQ(r.ranks[0].residency.sequences, 2);
  EXPECT_EQ(r.ranks[0].rank_class.ranks, 3);
  EXPECT_EQ(r.ranks[1].residency.sequences, 1);
  EXPECT_EQ(r.ranks[1].rank_class.ranks, 5);
}

TEST(Fit, HeadroomIsReachedAndNotExceeded) {
  FitQuestion q = question("qwen3-30b-a3b", "vllm", 79 * kGiB);
  const FitResult r = evaluate(q);
  ASSERT_GT(r.max_sequences, 1);
  q.workload.sequences = r.max_sequences;
  EXPECT_NE(evaluate(q).verdict, Verdict::No);
  ++q.workload.sequences;
  EXPECT_EQ(evaluate(q).verdict, Verdict::No);
}

TEST(Fit, MtpIsResidentOnlyWhenAskedFor) {
  FitQuestion q = question("deepseek-v3", "generic", 2000 * kGiB);
  const Bytes without = evaluate(q).ranks.front().ledger.total;
  q.load_mtp = true;
  // 11.61 B weights in FP8 and bf16: between 11.6 and 13 GB
  const double more = (evaluate(q).ranks.front().ledger.total - without).size().base();
  EXPECT_GT(more, 11.6e9);
  EXPECT_LT(more, 13e9);
}

TEST(Fit, ChooseLayoutFallsBackToReplicas) {
  // GPT-2 has 12 heads and 12 layers: no engine cuts it into 13, and 26 = 2 x 13 devices
  // hold 26 copies; 24 hold two copies of twelve stages.
  FitQuestion q = question("gpt2", "llama.cpp", 24 * kGiB);
  std::optional<Layout> layout = choose_layout(q, 26);
  ASSERT_TRUE(layout.has_value());
  EXPECT_EQ(layout->gpus(), 26);
  EXPECT_EQ(layout->replicas, 13);
  // Nothing fits: still a layout to say no about.
  q.device.capacity = q.device.reserve;
  layout = choose_layout(q, 26);
  ASSERT_TRUE(layout.has_value());
  EXPECT_EQ(layout->gpus(), 26);
}

TEST(Fit, TensorParallelismPrefersTheFastFabric) {
  FitQuestion q = question("deepseek-v3", "generic", 300 * kGiB);
  q.device.fast_domain = 8;
  EXPECT_LE(choose_layout(q, 16)->tp, 8);
  q.device.fast_domain = 72;
  EXPECT_EQ(choose_layout(q, 16)->tp, 16);
}

TEST(Fit, ASmallerReserveIsOfferedWhenItIsAllThatIsMissing) {
  // gpt-oss-120b on an H100: the 10 % of vLLM 0.19 is in the way, 95 % was used in practice.
  FitQuestion q = question("gpt-oss-120b", "vllm-0.19", scaled(kGiB, 79.18));
  q.workload.context = 16000;
  ASSERT_EQ(evaluate(q).verdict, Verdict::No);
  const std::vector<Change> changes = find_changes(q).fitting;
  ASSERT_FALSE(changes.empty());
  EXPECT_EQ(changes.front().kind, ChangeKind::Reserve);
  EXPECT_NE(runtime_flags(changes.front().result).find("--gpu-memory-utilization 0.9"), std::string::npos);
}

TEST(Fit, ALargerGpuLimitIsOfferedOnlyWhereItIsEnoughAndLeavesRoom) {
  // 64 GiB of RAM of which Metal gives 48: q8_0 takes 47.80 and the reserve of 2 % 0.96.
  FitQuestion q = question("mixtral-8x7b", "llama.cpp", 48 * kGiB);
  q.weights = "q8_0";
  q.device.host_is_device = true;
  q.device.raisable_to = 64 * kGiB;
  const auto offered = [&q] {
    for (const Change& c : find_changes(q).fitting)
      if (c.kind == ChangeKind::GpuLimit) return c.result;
    return FitResult{};
  };
  const FitResult raised = offered();
  EXPECT_NE(raised.verdict, Verdict::No);
  EXPECT_LT(raised.margin, kMiB);  // the least that is enough, in whole MiB
  EXPECT_EQ(raised.question.device.reserve, scaled(raised.question.device.capacity, 0.02));
  // 4 GiB stay with the system: with a byte less of RAM there is no room for them.
  q.device.raisable_to = raised.question.device.capacity + 4 * kGiB;
  EXPECT_NE(offered().verdict, Verdict::No);
  q.device.raisable_to = *q.device.raisable_to - Bytes(1);
  EXPECT_EQ(offered().verdict, Verdict::No);
}

TEST(Fit, BeyondOneNodeDevicesComeByTheNode) {
  FitQuestion q = question("kimi-k2", "vllm-0.19", 140 * kGiB);
  q.layout = {.tp = 8, .dp = 1, .moe_tp = 8, .ep = 1};
  ASSERT_EQ(evaluate(q).verdict, Verdict::No);
  bool found = false;
  for (const Change& change : find_changes(q).fitting) {
    if (change.kind != ChangeKind::MoreGpus) continue;
    found = true;
    EXPECT_EQ(change.result.question.layout.gpus() % 8, 0) << change.text;
  }
  EXPECT_TRUE(found);
}

TEST(Fit, KvFormatsOfferedAreTheEnginesOwn) {
  const auto offered = [](const char* runtime) {
    FitQuestion q = question("llama-3.1-8b", runtime, 24 * kGiB);
    q.workload = {.context = 65536, .sequences = 1};
    while (evaluate(q).verdict != Verdict::No) ++q.workload.sequences;
    for (const Change& change : find_changes(q).fitting)
      if (change.kind == ChangeKind::KvFormat) return change.result.question.kv;
    return std::string();
  };
  EXPECT_EQ(offered("vllm"), "fp8");
  EXPECT_EQ(offered("generic"), "fp8");
  EXPECT_EQ(offered("llama.cpp"), "q8_0");
}

TEST(Fit, FlagsCarryWhatTheAnswerCounted) {
  FitQuestion q = question("deepseek-v3", "vllm", 178 * kGiB);
  q.layout = {.tp = 8, .dp = 1, .moe_tp = 8, .ep = 1};
  q.workload.sequences = 2000;
  q.kv = "FP8";
  const std::string flags = runtime_flags(evaluate(q));
  EXPECT_NE(flags.find("--max-num-seqs 2000"), std::string::npos) << flags;
  EXPECT_NE(flags.find("--kv-cache-dtype fp8"), std::string::npos) << flags;
}

}  // namespace
}  // namespace moeplan
