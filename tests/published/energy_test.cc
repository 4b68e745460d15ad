// SPDX-License-Identifier: Apache-2.0
// Published power of whole machines.
#include <gtest/gtest.h>

#include "sim/study/pricing.h"
#include "sim/study/simulate.h"

namespace moeplan {
namespace {

// NVIDIA's MLPerf Inference v4.1 submission of Mixtral-8x7B, offline: 8 H200 held to
// 500 W each, one FP8 copy on each: 48,988 tokens/s at a mean of 6,154.8 W AC
// (power_begin to power_end of its log), idle at about 2,375 W.
constexpr double kTokensPerSecond = 48988;
constexpr double kNodeWatts = 6154.8;
constexpr double kIdleWatts = 2375;

class MlperfMixtral : public ::testing::Test {
 protected:
  MlperfMixtral() : catalog_(Catalog::embedded()), cluster_(usual_cluster(catalog_, "h200")) {
    FitQuestion& d = question_.deployment;
    d.model = catalog_.model("mixtral-8x7b");
    d.formats = catalog_.formats();
    d.runtime = catalog_.runtime("trtllm");
    d.weights = "fp8";
    const DeviceSpec& device = cluster_.devices.front();
    d.device.device = device.id;
    d.device.capacity = device.memory.value - device.unallocatable.value;
    d.layout = {.tp = 1, .dp = 1, .moe_tp = 1, .ep = 1, .pp = 1, .replicas = 8};
    pricing_ = pricing_of(catalog_, cluster_, d.runtime, d.formats);
    pricing_.kernels.power = limited_to(pricing_.kernels.power, 500);
  }

  // Decoding keeps the boards as busy as the run did; its tokens per second are measured.
  double node_watts() {
    question_.load.batch = 512;
    question_.load.context = 512;
    question_.deployment.workload = {.context = 512, .sequences = 512};
    return simulate(question_, pricing_.kernels, pricing_.rates).bill.energy->node_watts;
  }

  Catalog catalog_;
  ClusterSpec cluster_;
  SimulateQuestion question_;
  Pricing pricing_;
};

TEST_F(MlperfMixtral, ATokenTakesAnEighthOfAJouleAtTheNode) {
  // Joules per token = watts over the measured rate: 0.126
  EXPECT_NEAR(node_watts() / kTokensPerSecond, kNodeWatts / kTokensPerSecond, 0.25 * 0.126);
}

// The profile's static power is from this figure; its load is predicted above.
TEST_F(MlperfMixtral, TheNodeIdlesAtTwoPointFourKilowatts) {
  const double idle = pricing_.rates.use_per_second(8 * pricing_.kernels.power.idle, 8).node_joules;
  EXPECT_NEAR(idle / kIdleWatts, 1, 0.01);
}

}  // namespace
}  // namespace moeplan
