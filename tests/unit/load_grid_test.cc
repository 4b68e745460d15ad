// SPDX-License-Identifier: Apache-2.0
#include "sim/study/load_grid.h"

#include <gtest/gtest.h>

#include "sim/study/pricing.h"

namespace moeplan {
namespace {

struct Case {
  const char* model;
  const char* device;
  const char* runtime;
  Layout layout;
};

class LoadGridTest : public testing::TestWithParam<Case> {
 protected:
  LoadGridTest() : catalog_(Catalog::embedded()) {
    FitQuestion& d = question_.deployment;
    d.model = catalog_.model(GetParam().model);
    d.formats = catalog_.formats();
    d.runtime = catalog_.runtime(GetParam().runtime);
    const ClusterSpec cluster = usual_cluster(catalog_, GetParam().device);
    const DeviceSpec& device = cluster.devices.front();
    d.device.device = device.id;
    d.device.capacity = device.memory.value - device.unallocatable.value;
    d.layout = GetParam().layout;
    d.workload = {.context = 1024, .sequences = 1};
    plan_ = plan_model(d.model, d.formats, "native");
    pricing_ = pricing_of(catalog_, cluster, d.runtime, d.formats);
  }
  Simulation simulated(Count batch, Count context) const {
    SimulateQuestion q = question_;
    q.load.batch = batch;
    q.load.context = context;
    q.deployment.workload = {.context = context, .sequences = batch};
    return simulate(q, pricing_.kernels, pricing_.rates);
  }
  Catalog catalog_;
  SimulateQuestion question_;
  ModelPlan plan_;
  Pricing pricing_;
};

// Times are sums of the same prices, added in another order.
TEST_P(LoadGridTest, APointIsWhatSimulateAnswers) {
  const std::vector<Count> batches = {1, 7, 8, 64, 300};
  const std::vector<Count> contexts = {100, 1024, 5000};
  const LoadGrid grid(plan_, question_, pricing_.kernels, pricing_.rates, batches, contexts);
  for (std::size_t b = 0; b < batches.size(); ++b) {
    for (std::size_t c = 0; c < contexts.size(); ++c) {
      const PointResult point = grid.at(b, contexts[c], c);
      const Simulation s = simulated(batches[b], contexts[c]);
      ASSERT_EQ(point.fits, s.fits) << batches[b] << " x " << contexts[c];
      if (!s.fits) continue;
      EXPECT_NEAR(point.decode_s / s.time.base(), 1, 1e-9);
      EXPECT_NEAR(point.prefill_s / s.first_token.base(), 1, 1e-9);
      EXPECT_NEAR(point.tokens_per_s / s.tokens_per_s, 1, 1e-9);
      EXPECT_NEAR(point.joules_per_token, s.bill.facility_joules_per_token().value_or(0),
                  1e-9 * point.joules_per_token);
      EXPECT_NEAR(point.usd_per_million_tokens, s.bill.usd_per_million_tokens().value_or(0),
                  1e-9 * point.usd_per_million_tokens);
      EXPECT_EQ((point.memory.budget - point.memory.total).count(), s.memory.margin.count());
    }
  }
}

// More batches than knots: a table, within 0.1 % (B13).
TEST_P(LoadGridTest, LongAxesAreTabulated) {
  std::vector<Count> batches;
  for (Count batch = 1; batch <= static_cast<Count>(LoadGrid::kMostKnots) + 1; ++batch) batches.push_back(batch);
  const LoadGrid tabulated(plan_, question_, pricing_.kernels, pricing_.rates, batches, {512});
  for (const Count batch : {1, 33, 65, 200}) {
    const LoadGrid exact(plan_, question_, pricing_.kernels, pricing_.rates, {batch}, {512});
    const PointResult point = tabulated.at(static_cast<std::size_t>(batch) - 1, 512, 0);
    if (!point.fits) continue;
    EXPECT_NEAR(point.decode_s / exact.at(0, 512, 0).decode_s, 1, 1e-3) << batch;
  }
}

INSTANTIATE_TEST_SUITE_P(Deployments, LoadGridTest,
                         testing::Values(Case{"mixtral-8x7b", "h200", "vllm", {}},
                                         Case{"deepseek-v3", "h200", "sglang", {.dp = 8, .ep = 8}},
                                         Case{"deepseek-v3", "h200", "vllm", {.tp = 8, .moe_tp = 8, .pp = 2}},
                                         Case{"gpt-oss-120b", "b200", "trtllm", {.tp = 2, .moe_tp = 2}},
                                         Case{"llama-3.1-8b", "a100", "vllm", {.tp = 2, .moe_tp = 2, .replicas = 2}}));

}  // namespace
}  // namespace moeplan
