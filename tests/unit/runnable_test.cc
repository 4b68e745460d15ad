// SPDX-License-Identifier: Apache-2.0
#include "sim/study/runnable.h"

#include <gtest/gtest.h>

#include <algorithm>

#include <set>

namespace moeplan {
namespace {

const Catalog& catalog() {
  static const Catalog kCatalog = Catalog::embedded();
  return kCatalog;
}

std::vector<ModelSpec> models(std::initializer_list<const char*> ids) {
  std::vector<ModelSpec> found;
  for (const char* id : ids) found.push_back(catalog().model(id));
  return found;
}

RunnableQuestion machine(const char* runtime, Bytes capacity, std::optional<Bytes> host = std::nullopt) {
  RunnableQuestion q;
  q.machine.formats = catalog().formats();
  q.machine.runtime = catalog().runtime(runtime);
  q.machine.device.capacity = capacity;
  q.machine.device.host = host;
  q.machine.workload = {.context = 8192, .sequences = 1};
  q.machine.rates.device.peak = BytesPerSecond::from_base(1e12);
  q.machine.rates.host.peak = BytesPerSecond::from_base(1e11);
  return q;
}

TEST(Runnable, EachModelComesInItsFinestFormatThatFits) {
  const RunnableQuestion q = machine("llama.cpp", 24 * kGiB);
  const std::vector<Runnable> found = find_runnable(models({"qwen3-30b-a3b"}), q);
  ASSERT_EQ(found.size(), 1U);
  FitQuestion asked = q.machine;
  asked.model = catalog().model("qwen3-30b-a3b");
  for (const std::string& label : usual_formats(q.machine.runtime)) {
    asked.weights = label;
    const FitResult result = evaluate(asked);
    if (label != found[0].weights) {
      EXPECT_EQ(result.verdict, Verdict::No) << label;  // every finer one
      continue;
    }
    EXPECT_EQ(result.verdict, found[0].verdict);
    EXPECT_EQ(result.ranks.front().ledger.total, found[0].device_bytes);
    break;
  }
}

TEST(Runnable, ExpertsMoveToTheHostOnlyAsFarAsNeeded) {
  const RunnableQuestion q = machine("llama.cpp", 24 * kGiB, 64 * kGiB);
  const std::vector<Runnable> found = find_runnable(models({"gpt-oss-120b"}), q);
  ASSERT_EQ(found.size(), 1U);
  FitQuestion asked = q.machine;
  asked.model = catalog().model("gpt-oss-120b");
  asked.weights = found[0].weights;
  asked.host_expert_layers = found[0].host_expert_layers;
  EXPECT_NE(evaluate(asked).verdict, Verdict::No);
  asked.host_expert_layers -= 1;
  EXPECT_EQ(evaluate(asked).verdict, Verdict::No);
}

TEST(Runnable, WithoutHostMemoryNothingMoves) {
  for (const Runnable& r : find_runnable(models({"gpt-oss-120b", "mixtral-8x7b"}), machine("llama.cpp", 24 * kGiB)))
    EXPECT_EQ(r.host_expert_layers, 0) << r.model;
}

TEST(Runnable, TheLargestModelComesFirstAndCoarseFormatsLast) {
  std::vector<ModelSpec> all;
  for (const std::string& id : catalog().model_ids()) all.push_back(catalog().model(id));
  const std::vector<Runnable> found = find_runnable(all, machine("llama.cpp", 24 * kGiB, 64 * kGiB));
  ASSERT_GT(found.size(), 20U);
  for (std::size_t i = 1; i < found.size(); ++i) {
    EXPECT_LE(found[i - 1].coarse(), found[i].coarse());
    const bool same_kind = found[i - 1].coarse() == found[i].coarse();
    EXPECT_TRUE(!same_kind || found[i - 1].total_parameters >= found[i].total_parameters) << found[i].model;
  }
}

TEST(Runnable, SpeedIsBandwidthOverDistinctBytesAtMost) {
  // One token of Qwen3-30B-A3B reads 8 of 128 experts: 1 TB/s over at least those bytes.
  const std::vector<Runnable> found = find_runnable(models({"qwen3-30b-a3b"}), machine("llama.cpp", 24 * kGiB));
  ASSERT_EQ(found.size(), 1U);
  const double expert_bytes = 48.0 * 8 * 3 * 768 * 2048 * found[0].bits_per_weight / 8;
  EXPECT_LT(found[0].decode.value, 1e12 / (0.8 * expert_bytes));
  EXPECT_GT(found[0].decode.value, 1e12 / (4 * expert_bytes));
}

// Tight is 0.5 <= P < 0.9, yes is P >= 0.9 (sim/study/fit.h).
TEST(Runnable, TheProbabilityTellsTightFromYes) {
  const std::vector<Runnable> found =
      find_runnable(models({"mixtral-8x7b", "dbrx", "hunyuan-a13b", "qwen3-coder-next"}),
                    machine("llama.cpp", scaled(kGiB, 23.64), 64 * kGiB));
  ASSERT_TRUE(std::any_of(found.begin(), found.end(), [](const Runnable& r) { return r.verdict == Verdict::Tight; }));
  for (const Runnable& r : found) {
    EXPECT_EQ(r.probability < 0.9, r.verdict == Verdict::Tight) << r.model << " " << r.probability;
    EXPECT_GE(r.probability, 0.5) << r.model;
  }
}

TEST(Runnable, EncodersAndGuessedShapesAreNotOffered) {
  EXPECT_TRUE(find_runnable(models({"switch-base-8"}), machine("generic", 80 * kGiB)).empty());
  for (const std::string& id : catalog().model_ids())
    if (const ModelSpec model = catalog().model(id); model.basis != ShapeBasis::Published || is_encoder_only(model)) {
      EXPECT_TRUE(find_runnable({model}, machine("generic", 4096 * kGiB)).empty()) << id;
    }
}

}  // namespace
}  // namespace moeplan
