// SPDX-License-Identifier: Apache-2.0
// The solver against SimGrid: fabrics x matrices x sizes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <tuple>

#include "sim/base/rng.h"
#include "sim/engine/flow_fabric.h"
#include "sim/engine/flow_times.h"
#include "tests/engines/simgrid_times.h"

namespace moeplan {
namespace {

constexpr double kAgreement = 1e-6;

// 32 hosts unless `wide`, then 128.
FlowFabric fabric_named(const std::string& name, bool wide) {
  const Count n = wide ? 128 : 32;
  if (name == "star") return star_fabric(n, 450e9, 1e-6);
  if (name == "two_level") return two_level_fabric(n / 8, 8, 450e9, 1e-6, 50e9, 5e-6, 0);
  if (name == "oversubscribed") return two_level_fabric(n / 8, 8, 450e9, 1e-6, 50e9, 5e-6, 200e9);
  if (name == "ring") return grid_fabric({n / 2}, true, 100e9, 1e-6);
  if (name == "line") return grid_fabric({n / 2}, false, 100e9, 1e-6);
  if (name == "torus") return grid_fabric({8, n / 8}, true, 100e9, 1e-6);
  // Meshes of 4 with ports behind adapters, two meshes below one switch.
  return FlowFabric({.hosts = n,
                     .domain = 4,
                     .port = 450e9,
                     .port_latency = 1e-6,
                     .pair = 150e9,
                     .adapter = 50e9,
                     .adapter_latency = 5e-6,
                     .group = 8,
                     .uplink = 200e9});
}

double bytes_between(const std::string& matrix, Count n, Count i, Count j, CounterRng& random) {
  const double u = random.uniform();
  if (matrix == "uniform") return 1e6;
  if (matrix == "random") return 2e6 * u;
  if (matrix == "zipf") return 1e6 * std::pow(static_cast<double>((j * 7) % n + 1), -0.8) * (0.5 + u);
  if (matrix == "heavy") return 2e5 / std::pow(1 - 0.999 * u, 1 / 1.2);  // Pareto, exponent 1.2
  return j < 2 || (i + j) % 5 == 0 ? 1e6 * (1 + u) : 0;                  // incast: all to two, few besides
}

FlowSet flows_of(const std::string& fabric_name, const std::string& matrix_name, bool wide) {
  const FlowFabric fabric = fabric_named(fabric_name, wide);
  ByteMatrix matrix(fabric.hosts());
  CounterRng random(1, 0);
  for (Count i = 0; i < matrix.ranks; ++i)
    for (Count j = 0; j < matrix.ranks; ++j)
      matrix.at(i, j) = std::floor(bytes_between(matrix_name, matrix.ranks, i, j, random));
  return flows_over(fabric, matrix);
}

void expect_agreement(const FlowSet& set) {
  const FlowTimes ours = run_flows(set);
  const std::vector<double> theirs = simgrid_times(set);
  double mean = 0;
  for (const double end : theirs) mean += end / static_cast<double>(theirs.size());
  const double makespan = *std::max_element(theirs.begin(), theirs.end());
  const double first = *std::min_element(theirs.begin(), theirs.end());
  EXPECT_NEAR(ours.makespan, makespan, kAgreement * makespan);
  EXPECT_NEAR(ours.first, first, kAgreement * first);
  EXPECT_NEAR(ours.mean, mean, kAgreement * mean);
  for (std::size_t f = 0; f < theirs.size(); ++f)
    ASSERT_NEAR(ours.finish[f], theirs[f], kAgreement * theirs[f]) << "flow " << f;
  EXPECT_LE(flow_bound(set), makespan * (1 + kAgreement));
}

class SimGrid : public testing::TestWithParam<std::tuple<const char*, const char*>> {};

TEST_P(SimGrid, AgreesOnEveryCompletion) {
  const auto [fabric, matrix] = GetParam();
  expect_agreement(flows_of(fabric, matrix, false));
}

class SimGridLong : public SimGrid {};

TEST_P(SimGridLong, AgreesOn128Hosts) {
  const auto [fabric, matrix] = GetParam();
  expect_agreement(flows_of(fabric, matrix, true));
}

std::string name_of_case(const testing::TestParamInfo<std::tuple<const char*, const char*>>& row) {
  return std::string(std::get<0>(row.param)) + "_" + std::get<1>(row.param);
}

const auto kFabrics = testing::Values("star", "two_level", "oversubscribed", "ring", "line", "torus", "meshes");
const auto kMatrices = testing::Values("uniform", "random", "zipf", "heavy", "incast");

INSTANTIATE_TEST_SUITE_P(Hosts32, SimGrid, testing::Combine(kFabrics, kMatrices), name_of_case);
// SimGrid takes minutes where thousands of flows end one by one.
INSTANTIATE_TEST_SUITE_P(Hosts128, SimGridLong,
                         testing::Combine(kFabrics, testing::Values("uniform", "heavy", "incast")), name_of_case);

TEST(SimGridStarts, AgreesOnFlowsSentAtDifferentTimes) {
  FlowSet set = flows_of("oversubscribed", "random", false);
  CounterRng random(2, 0);
  for (Flow& flow : set.flows) flow.start = 1e-4 * random.uniform();
  expect_agreement(set);
}

TEST(SimGridStarts, AgreesOnUnequalLinks) {
  FlowSet set = flows_of("torus", "random", false);
  CounterRng random(3, 0);
  for (FlowLink& link : set.links)
    link = {.bandwidth = 1e9 + 100e9 * random.uniform(), .latency = 1e-5 * random.uniform()};
  expect_agreement(set);
}

}  // namespace
}  // namespace moeplan
