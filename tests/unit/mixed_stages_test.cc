// SPDX-License-Identifier: Apache-2.0
// Pipeline stages on devices that differ are priced with their own kernels.
#include <gtest/gtest.h>

#include <memory>

#include "sim/engine/step_model.h"
#include "sim/spec/catalog.h"

namespace moeplan {
namespace {

class MixedStages : public testing::Test {
 protected:
  MixedStages() {
    options_.layout = {.pp = 2};
    options_.kv_format = default_kv_format(plan_, runtime_);
  }
  Kernels kernels(const char* id) const {
    const DeviceSpec device = catalog_.device(id);
    return kernels_of(CostModel(device, machine_of(catalog_.cluster(id), device), {}), runtime_, catalog_.formats(),
                      device.architecture);
  }
  Picoseconds step(const Kernels& k) const {
    return StepModel(plan_, runtime_, options_, k, Phase::Decode)
        .step({{.sequences = 4, .new_tokens = 1, .context = 1000}})
        .time;
  }
  Picoseconds step(const char* first, const char* second) const {
    Kernels k = kernels(first);
    k.by_stage = std::make_shared<const std::vector<Kernels>>(std::vector<Kernels>{kernels(first), kernels(second)});
    return step(k);
  }
  const Catalog catalog_ = Catalog::embedded();
  const RuntimeSpec runtime_ = catalog_.runtime("llama.cpp");
  const ModelPlan plan_ = plan_model(catalog_.model("mixtral-8x7b"), catalog_.formats(), "q4_k_m");
  LowerOptions options_;
};

TEST_F(MixedStages, OfOneKindAreAPipeline) { EXPECT_EQ(step("rtx-4090", "rtx-4090"), step(kernels("rtx-4090"))); }

TEST_F(MixedStages, TakeTheTimeOfBoth) {
  const Picoseconds fast = step("rtx-4090", "rtx-4090");
  const Picoseconds slow = step("rtx-4060-ti-16gb", "rtx-4060-ti-16gb");
  const Picoseconds mixed = step("rtx-4090", "rtx-4060-ti-16gb");
  EXPECT_GT(mixed, fast);
  EXPECT_LT(mixed, slow);
  // Each half once: one after the other in either order is both pipelines together.
  EXPECT_NEAR(static_cast<double>((mixed + step("rtx-4060-ti-16gb", "rtx-4090")).count()),
              static_cast<double>((fast + slow).count()), 1e6);
}

}  // namespace
}  // namespace moeplan
