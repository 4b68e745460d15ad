// SPDX-License-Identifier: Apache-2.0
// Chunks of a prompt cost the same whether each is priced anew or what they share is kept.
#include <gtest/gtest.h>

#include "sim/engine/prepared.h"
#include "sim/lower/weight_shards.h"
#include "sim/spec/catalog.h"

namespace moeplan {
namespace {

class PromptChunks : public testing::Test {
 protected:
  PromptChunks() {
    options_.layout = {.tp = 1, .dp = 8, .moe_tp = 1, .ep = 8};
    options_.kv_format = default_kv_format(plan_, runtime_);
  }
  static Step chunk_at(Count done, Count length) {
    return Step{{.sequences = 1, .new_tokens = std::min(kChunk, length - done), .context = done}};
  }
  static constexpr Count kChunk = 1024;
  static constexpr Count kLength = 3 * kChunk + 100;
  const Catalog catalog_ = Catalog::embedded();
  const RuntimeSpec runtime_ = catalog_.runtime("sglang");
  const ModelPlan plan_ = plan_model(catalog_.model("deepseek-v3"), catalog_.formats(), "native");
  const DeviceSpec device_ = catalog_.device("h200");
  const Kernels kernels_ = kernels_of(CostModel(device_, machine_of(catalog_.cluster("h200"), device_), {}), runtime_,
                                      catalog_.formats(), device_.architecture);
  LowerOptions options_;
};

TEST_F(PromptChunks, KeptPricesAreThoseOfAFreshStep) {
  const StepModel model(plan_, runtime_, options_, kernels_, Phase::Prefill);
  StepModel::Priced last;
  for (Count done = 0; done < kLength; done += kChunk) {
    const Step step = chunk_at(done, kLength);
    const StepCost kept = model.cost(step, last);
    EXPECT_EQ(kept.seconds, model.cost(step).seconds) << done;
    EXPECT_EQ(kept.joules, model.cost(step).joules) << done;
  }
}

TEST_F(PromptChunks, APreparedPromptIsTheSumOfItsSteps) {
  const StepModel model(plan_, runtime_, options_, kernels_, Phase::Prefill);
  const PreparedModel prepared(model, 2 * kChunk, kChunk);  // two whole chunks are kept, the others asked for
  double sum = 0;
  for (Count done = 0; done < kLength; done += kChunk) sum += prepared.step(chunk_at(done, kLength)).seconds;
  EXPECT_EQ(prepared.prompt(kLength).seconds, sum);
  EXPECT_EQ(prepared.prompt(kChunk).seconds, prepared.step(chunk_at(0, kChunk)).seconds);
}

TEST_F(PromptChunks, HandedOnShardsChangeNoProgram) {
  WeightShards shards;
  options_.layout = {.tp = 1, .dp = 6, .moe_tp = 1, .ep = 6};  // 256 experts: some ranks hold 43, others 42
  for (const Phase phase : {Phase::Prefill, Phase::Decode}) {
    for (const RankClass& c : rank_classes(plan_, options_.layout)) {
      options_.shards = nullptr;
      const Program alone = lower(plan_, runtime_, options_, c, phase);
      options_.shards = &shards;
      const Program shared = lower(plan_, runtime_, options_, c, phase);
      ASSERT_EQ(shared.tensor_count, alone.tensor_count);
      for (std::size_t i = 0; i < alone.tensors().size(); ++i) {
        EXPECT_EQ(shared.tensors()[i].fixed, alone.tensors()[i].fixed) << i;
        EXPECT_EQ(shared.tensors()[i].elements, alone.tensors()[i].elements) << i;
        EXPECT_EQ(shared.tensors()[i].replicas, alone.tensors()[i].replicas) << i;
      }
    }
  }
}

}  // namespace
}  // namespace moeplan
