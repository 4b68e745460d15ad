// SPDX-License-Identifier: Apache-2.0
// What engines reported of their memory in public logs, beside the table vLLM's constants
// were fitted on. Each bound is the error there is, rounded up: a regression test, and an
// honest one.
#include <gtest/gtest.h>

#include "sim/study/fit.h"

namespace moeplan {
namespace {

const Catalog& catalog() {
  static const Catalog kCatalog = Catalog::embedded();
  return kCatalog;
}

FitResult run(const char* model, const char* weights, const char* runtime, Count tp, Bytes capacity,
              double fraction = 0) {
  FitQuestion q;
  q.model = catalog().model(model);
  q.formats = catalog().formats();
  q.runtime = catalog().runtime(runtime);
  q.weights = weights;
  q.layout = {.tp = tp, .moe_tp = tp};
  q.device.capacity = capacity;
  q.device.reserve = scaled(capacity, q.runtime.reserve_fraction);
  if (fraction > 0) q.memory_fraction = fraction;
  q.workload = {.context = 8192, .sequences = 1};
  return evaluate(q);
}

double weights_gib(const FitResult& f) {
  Bytes total;
  for (const LedgerLine& line : f.ranks.front().ledger.lines())
    if (line.cls == TensorClass::Weight) total += line.bytes;
  return in_gib(total);
}

constexpr double kH100 = 79.18;  // GiB that programs can allocate

TEST(PublishedEngines, DeepseekR1OnEightGaudiIsResident) {
  // 79.41 GiB a device (vLLM on Gaudi); the weights are all of it but buffers.
  EXPECT_NEAR(weights_gib(run("deepseek-r1", "native", "vllm-0.19", 8, 96 * kGiB)) / 79.41, 1.0, 0.005);
}

TEST(PublishedEngines, DeepseekR1Int4OnEightH20) {
  // 43.09 weights, 28.98 cache of 85.70 GiB. Its 7.33 non-torch is 6.8 more than the
  // constant of the profile, and its repack keeps 1.6 more weights than the format has:
  // the cache comes out 31 % too large.
  const FitResult f = run("deepseek-r1", "int4", "vllm-0.19", 8, scaled(kGiB, 85.70 / 0.9));
  EXPECT_NEAR(weights_gib(f) / 43.09, 1.0, 0.04);
  EXPECT_NEAR(in_gib(f.cache_room) / 28.98, 1.0, 0.32);
}

TEST(PublishedEngines, Qwen3235bOnFourH100UnderVllm) {
  // 8.11 GiB of cache; 9.97 are predicted.
  EXPECT_NEAR(in_gib(run("qwen3-235b-a22b", "fp8_block", "vllm-0.19", 4, scaled(kGiB, kH100)).cache_room), 8.11, 1.9);
}

TEST(PublishedEngines, Qwen3235bOnFourH100UnderSglang) {
  // 16.46 GB of cache on the same box. SGLang's automatic fraction of today leaves 9.0;
  // the report names no fraction, and 0.91 explains it: another policy, not other bytes.
  const Bytes h100 = scaled(kGiB, kH100);
  EXPECT_LT(in_gib(run("qwen3-235b-a22b", "fp8_block", "sglang", 4, h100).cache_room), 9.3);
  EXPECT_NEAR(in_gib(run("qwen3-235b-a22b", "fp8_block", "sglang", 4, h100, 0.91).cache_room), 16.46, 0.3);
}

}  // namespace
}  // namespace moeplan
