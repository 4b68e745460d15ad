// SPDX-License-Identifier: Apache-2.0
// The books of a front: nothing on it is beaten, and what lies between two points lies
// between their figures.
#include "sim/study/frontier.h"

#include <gtest/gtest.h>

#include "sim/study/fit_search.h"
#include "sim/study/pricing.h"

namespace moeplan {
namespace {

Frontier mixtral_on_two() {
  const Catalog catalog = Catalog::embedded();
  SimulateQuestion question;
  FitQuestion& d = question.deployment;
  d.model = catalog.model("mixtral-8x7b");
  d.formats = catalog.formats();
  d.runtime = catalog.runtime("vllm");
  const ClusterSpec cluster = usual_cluster(catalog, "h200");
  const DeviceSpec& device = cluster.devices.front();
  d.device = {.device = device.id, .capacity = device.memory.value - device.unallocatable.value};
  const Pricing pricing = pricing_of(catalog, cluster, d.runtime, d.formats);
  return frontier_of(question, {.isl = 1024, .osl = 1024}, legal_layouts(d.model, d.runtime, 2), pricing.kernels,
                     pricing.rates);
}

TEST(Frontier, RisesForUsersAndFallsForDevices) {
  const Frontier front = mixtral_on_two();
  ASSERT_GE(front.size(), 5u);
  for (std::size_t i = 0; i + 1 < front.size(); ++i) {
    EXPECT_LT(front[i].per_user, front[i + 1].per_user);
    EXPECT_GT(front[i].per_gpu, front[i + 1].per_gpu);
  }
}

TEST(Frontier, MoreDevicesPerReplicaServeTheFastestUser) {
  const Frontier front = mixtral_on_two();
  EXPECT_EQ(front.back().layout.tp, 2);
  EXPECT_EQ(front.back().concurrency, 1);
}

TEST(Frontier, BetweenTwoPointsLiesBetweenTheirFigures) {
  const Frontier front = mixtral_on_two();
  const FrontierPoint& a = front[1];
  const FrontierPoint& b = front[2];
  const std::optional<FrontierPoint> middle = at_speed(front, std::sqrt(a.per_user * b.per_user));
  ASSERT_TRUE(middle);
  // Half way in logarithms.
  EXPECT_NEAR(middle->per_gpu, std::sqrt(a.per_gpu * b.per_gpu), 1e-9 * a.per_gpu);
  EXPECT_DOUBLE_EQ(at_speed(front, a.per_user)->per_gpu, a.per_gpu);
}

TEST(Frontier, HasNothingBeyondItsFastestPoint) {
  const Frontier front = mixtral_on_two();
  EXPECT_FALSE(at_speed(front, front.back().per_user * 1.01));
  EXPECT_EQ(at_speed(front, front.front().per_user / 2)->per_gpu, front.front().per_gpu);
}

}  // namespace
}  // namespace moeplan
