// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/flow_network.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sim/engine/flow_reference.h"
#include "sim/engine/flow_times.h"
#include "tests/support/flow_sets.h"

namespace moeplan {
namespace {

FlowSet links(std::initializer_list<double> bandwidths) {
  FlowSet set;
  for (const double bandwidth : bandwidths) set.links.push_back({.bandwidth = bandwidth});
  return set;
}

// ---- systems solved by hand ----

TEST(FlowsByHand, TwoShareALinkUntilOneEnds) {
  FlowSet set = links({10});
  add_flow(set, {0}, 100);
  add_flow(set, {0}, 50);
  // 5 B/s each: the second ends at 50 / 5 = 10; the first has 50 left at 10 B/s: 10 + 5 = 15.
  const FlowTimes times = run_flows(set);
  EXPECT_DOUBLE_EQ(times.finish[1], 10);
  EXPECT_DOUBLE_EQ(times.finish[0], 15);
  EXPECT_DOUBLE_EQ(times.mean, 12.5);
}

TEST(FlowsByHand, AParkingLotGivesTheLongFlowTheSmallestShare) {
  FlowSet set = links({10, 4});
  add_flow(set, {0, 1}, 60);
  add_flow(set, {0}, 60);
  add_flow(set, {1}, 30);
  // Link 1 fills at 4 / 2 = 2, link 0 then gives the second 10 - 2 = 8: ends at 60 / 8 = 7.5.
  // The third ends at 30 / 2 = 15; the first has 60 - 30 = 30 left at 4: 15 + 7.5 = 22.5.
  const FlowTimes times = run_flows(set);
  EXPECT_DOUBLE_EQ(times.finish[1], 7.5);
  EXPECT_DOUBLE_EQ(times.finish[2], 15);
  EXPECT_DOUBLE_EQ(times.finish[0], 22.5);
}

TEST(FlowsByHand, AFlowContendsAfterItsStartAndItsLatencies) {
  FlowSet set = links({10});
  set.links[0].latency = 1;
  add_flow(set, {0}, 100);
  add_flow(set, {0}, 40, 4);
  // From 1 to 5 the first runs alone: 60 left. From 5 on 5 B/s each: the second ends at 5 + 40 / 5 = 13,
  // the first has 60 - 40 = 20 left at 10 B/s: 15.
  const FlowTimes times = run_flows(set);
  EXPECT_DOUBLE_EQ(times.finish[1], 13);
  EXPECT_DOUBLE_EQ(times.finish[0], 15);
}

TEST(FlowsByHand, ThreeLinksFillAtThreeLevels) {
  FlowSet set = links({6, 12, 30});
  add_flow(set, {0, 2}, 30);
  add_flow(set, {0, 1}, 30);
  add_flow(set, {1, 2}, 90);
  add_flow(set, {2}, 90);
  // Levels 6 / 2 = 3, 12 - 3 = 9, 30 - 3 - 9 = 18: ends at 10, 10, 10 and 90 / 18 = 5.
  const FlowTimes times = run_flows(set);
  EXPECT_DOUBLE_EQ(times.first, 5);
  EXPECT_DOUBLE_EQ(times.makespan, 10);
  EXPECT_EQ(times.distinct_completions, 2);
}

TEST(FlowsByHand, AnIncastServesTheSmallestFirst) {
  FlowSet set = links({10, 10, 10, 10});  // three ways out, one way in
  for (std::uint32_t i = 0; i < 3; ++i) add_flow(set, {i, 3}, 10.0 * (i + 1));
  // A third each until 10 / (10/3) = 3, half each until 3 + 10 / 5 = 5, all until 5 + 10 / 10 = 6.
  const FlowTimes times = run_flows(set);
  EXPECT_DOUBLE_EQ(times.finish[0], 3);
  EXPECT_DOUBLE_EQ(times.finish[1], 5);
  EXPECT_DOUBLE_EQ(times.finish[2], 6);
}

TEST(FlowsByHand, ANewFlowTakesFromOneThatAnotherLinkHeld) {
  FlowSet set = links({8, 12});
  add_flow(set, {0, 1}, 80);
  add_flow(set, {1}, 36, 5);
  // Until 5 link 0 holds the first at 8: 40 left. Then link 1 gives 6 to each: the second ends at
  // 5 + 36 / 6 = 11, the first has 40 - 36 = 4 left at 8: 11.5.
  const FlowTimes times = run_flows(set);
  EXPECT_DOUBLE_EQ(times.finish[1], 11);
  EXPECT_DOUBLE_EQ(times.finish[0], 11.5);
}

TEST(FlowsByHand, AFlowThatEndsSpeedsUpOnlyWhatItHeldBack) {
  FlowSet set = links({2, 10, 100});
  add_flow(set, {0, 1}, 10);
  add_flow(set, {0}, 100);
  add_flow(set, {1}, 95);
  add_flow(set, {2}, 1000);
  // Level of link 0: 1, of link 1: 9. The first ends at 10; then the second has 90 left at 2: 55;
  // the third 95 - 90 = 5 left at 10: 10.5. The fourth is alone: 10.
  const FlowTimes times = run_flows(set);
  EXPECT_DOUBLE_EQ(times.finish[0], 10);
  EXPECT_DOUBLE_EQ(times.finish[1], 55);
  EXPECT_DOUBLE_EQ(times.finish[2], 10.5);
  EXPECT_DOUBLE_EQ(times.finish[3], 10);
}

TEST(FlowsByHand, LikeFlowsAreOneEntry) {
  FlowSet set = links({12, 30});
  const FlowHop three_over_one[] = {{.link = 0, .flows = 3}, {.link = 1, .flows = 3}};
  set.add({.bytes = 20, .like = 3}, three_over_one);
  add_flow(set, {1}, 180);
  // 12 / 3 = 4 B/s for each of the three, which end at 5; link 1 leaves 30 - 12 = 18, then 30:
  // 5 + (180 - 90) / 30 = 8. Mean of four: (3 x 5 + 8) / 4 = 5.75.
  const FlowTimes times = run_flows(set);
  EXPECT_DOUBLE_EQ(times.first, 5);
  EXPECT_DOUBLE_EQ(times.makespan, 8);
  EXPECT_DOUBLE_EQ(times.mean, 5.75);
}

TEST(FlowsByHand, NothingToSendTakesTheLatency) {
  FlowSet set = links({10});
  set.links[0].latency = 2;
  add_flow(set, {0}, 0, 1);
  add_flow(set, {}, 100, 4);
  const FlowTimes times = run_flows(set);
  EXPECT_DOUBLE_EQ(times.finish[0], 3);
  EXPECT_DOUBLE_EQ(times.finish[1], 4);
}

TEST(FlowsByHand, NoFlowsTakeNoTime) { EXPECT_EQ(run_flows(links({10})).makespan, 0); }

// ---- against filling from nothing at every event ----

TEST(FlowNetwork, EqualsThePlainSolverOnRandomFlows) {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    const FlowSet set = random_flows(seed);
    const FlowTimes fast = run_flows(set);
    const FlowTimes plain = run_flows_plainly(set);
    for (std::size_t f = 0; f < set.flows.size(); ++f)
      ASSERT_NEAR(fast.finish[f], plain.finish[f], 1e-11 * plain.finish[f]) << "seed " << seed << ", flow " << f;
  }
}

TEST(FlowNetwork, EqualsThePlainSolverOnADenseExchange) {
  CounterRng random(1, 0);
  const FlowSet set = star_flows(12, 450e9, 1e-6, [&](auto, auto) { return 1e6 * random.uniform(); });
  const FlowTimes fast = run_flows(set);
  const FlowTimes plain = run_flows_plainly(set);
  for (std::size_t f = 0; f < set.flows.size(); ++f)
    EXPECT_NEAR(fast.finish[f], plain.finish[f], 1e-11 * plain.finish[f]);
}

// ---- laws ----

TEST(FlowNetwork, DoesNotDependOnTheOrderOfFlows) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const FlowSet set = random_flows(seed);
    FlowSet reversed = set;
    reversed.flows.clear();
    reversed.hops.clear();
    reversed.route_first = {0};
    for (std::size_t f = set.flows.size(); f-- > 0;) reversed.add(set.flows[f], set.route(f));
    const std::vector<double> a = run_flows(set).finish;
    const std::vector<double> b = run_flows(reversed).finish;
    for (std::size_t f = 0; f < a.size(); ++f) ASSERT_NEAR(a[f], b[a.size() - 1 - f], 1e-11 * a[f]) << "seed " << seed;
  }
}

TEST(FlowNetwork, HalvesTimesWhenBandwidthsDoubleAndLatenciesHalve) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const FlowSet set = random_flows(seed);
    FlowSet faster = set;
    for (FlowLink& link : faster.links) link = {.bandwidth = 2 * link.bandwidth, .latency = link.latency / 2};
    for (Flow& flow : faster.flows) flow.start /= 2;
    ASSERT_NEAR(run_flows(faster).makespan, run_flows(set).makespan / 2, 1e-11 * run_flows(set).makespan) << seed;
  }
}

TEST(FlowNetwork, NeverBeatsItsLowerBound) {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    const FlowSet set = random_flows(seed);
    ASSERT_LE(flow_bound(set), run_flows(set).makespan * (1 + 1e-12)) << "seed " << seed;
  }
}

TEST(FlowNetwork, NeverExceedsItsUpperBound) {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    const FlowSet set = random_flows(seed);
    ASSERT_GE(flow_upper_bound(set), run_flows(set).makespan * (1 - 1e-12)) << "seed " << seed;
  }
}

TEST(FlowBound, NeverFallsWhenAFlowIsAdded) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    FlowSet set = random_flows(seed);
    const std::vector<double> before = link_bytes(set);
    add_flow(set, {0}, 7);
    const std::vector<double> after = link_bytes(set);
    for (std::size_t l = 0; l < before.size(); ++l) ASSERT_GE(after[l], before[l]);
  }
}

// ---- faster modes ----

TEST(FlowModes, QuantisedIsOffByLessThanItSays) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    CounterRng random(seed, 0);
    const std::uint32_t n = 2 + random.below(12);
    const double skew = 3 * random.uniform();
    const FlowSet set = star_flows(n, 450e9, 1e-6, [&](auto, auto) { return 1e6 * std::exp(skew * random.uniform()); });
    const double exact = run_flows(set).makespan;
    const FlowTimes quantised = run_flows(set, FlowMode::Quantised);
    ASSERT_LE(std::abs(quantised.makespan - exact), quantised.error * exact) << "seed " << seed;
    ASSERT_LE(quantised.error, 0.03) << "seed " << seed;
  }
}

TEST(FlowModes, QuantisedIsExactForOneFlow) {
  FlowSet set = links({10});
  add_flow(set, {0}, 100);
  EXPECT_DOUBLE_EQ(run_flows(set, FlowMode::Quantised).makespan, 10);
}

TEST(FlowModes, QuantisedJoinsEventsOfADenseExchange) {
  CounterRng random(1, 0);
  const FlowSet set = star_flows(32, 450e9, 0, [&](auto, auto) { return 1e6 * random.uniform(); });
  FlowNetwork exact(set.links);
  FlowNetwork quantised(set.links, flow_bound(set) / 256);
  for (std::size_t f = 0; f < set.flows.size(); ++f) {
    exact.start(set.route(f), set.flows[f].bytes, 0);
    quantised.start(set.route(f), set.flows[f].bytes, 0);
  }
  EXPECT_EQ(exact.advance(1e300).size(), quantised.advance(1e300).size());
  EXPECT_GT(exact.events(), 900u);
  EXPECT_LT(quantised.events(), 300u);
}

TEST(FlowModes, PortsSayTheLowerBoundAndHowMuchMoreItMayBe) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const FlowSet set = random_flows(seed);
    const double exact = run_flows(set).makespan;
    const FlowTimes ports = run_flows(set, FlowMode::Ports);
    ASSERT_DOUBLE_EQ(ports.makespan, flow_bound(set)) << "seed " << seed;
    ASSERT_LE(exact, ports.makespan * (1 + ports.error) * (1 + 1e-12)) << "seed " << seed;
  }
}

// ---- online ----

TEST(FlowNetwork, ServesWhatWasSentAndNoLinkMoreThanItCan) {
  const FlowSet set = random_flows(42);
  FlowNetwork network(set.links);
  std::vector<double> served(set.flows.size(), 0.0);
  for (std::size_t f = 0; f < set.flows.size(); ++f)
    ASSERT_EQ(network.start(set.route(f), set.flows[f].bytes, set.flows[f].start), f);
  while (network.next_event() < 1e300) {
    const double length = network.next_event() - network.now();
    std::vector<double> load(set.links.size(), 0.0);
    for (std::size_t f = 0; f < set.flows.size(); ++f) {
      const double rate = network.rate(static_cast<std::uint32_t>(f));
      served[f] += rate * length;
      for (const FlowHop& hop : set.route(f)) load[hop.link] += hop.flows * rate;
    }
    for (std::size_t l = 0; l < load.size(); ++l) EXPECT_LE(load[l], set.links[l].bandwidth * (1 + 1e-12));
    network.advance(network.next_event());
  }
  for (std::size_t f = 0; f < set.flows.size(); ++f)
    EXPECT_NEAR(served[f], set.route(f).empty() ? 0 : set.flows[f].bytes, 1e-9 * set.flows[f].bytes);
}

TEST(FlowNetwork, TakesFlowsWhileOthersRunAndGivesTheirIdsAgain) {
  const FlowLink link[] = {{.bandwidth = 10}};
  const FlowHop route[] = {{.link = 0}};
  FlowNetwork network(link);
  const std::uint32_t first = network.start(route, 100, 0);
  network.advance(4);
  EXPECT_EQ(network.rate(first), 10);
  const std::uint32_t second = network.start(route, 10, 4);
  ASSERT_EQ(network.advance(5.5).size(), 0u);
  EXPECT_EQ(network.rate(first), 5);
  EXPECT_DOUBLE_EQ(network.next_event(), 6);  // 4 + 10 / 5
  const std::span<const FlowEnd> ends = network.advance(7);
  ASSERT_EQ(ends.size(), 1u);
  EXPECT_EQ(ends[0].flow, second);
  EXPECT_DOUBLE_EQ(ends[0].at, 6);
  EXPECT_DOUBLE_EQ(network.next_event(), 11);  // 6 + (100 - 40 - 10) / 10
  network.advance(8);
  EXPECT_EQ(network.start(route, 1, 8), second);
}

TEST(FlowNetwork, KeepsWhatItServedWhenTimePassesInSteps) {
  const FlowSet set = random_flows(7);
  FlowNetwork network(set.links);
  for (std::size_t f = 0; f < set.flows.size(); ++f)
    network.start(set.route(f), set.flows[f].bytes, set.flows[f].start);
  std::vector<double> finish(set.flows.size());
  for (double t = 0; network.next_event() < 1e300; t += 0.01)
    for (const FlowEnd& end : network.advance(t)) finish[end.flow] = end.at;
  const FlowTimes at_once = run_flows(set);
  EXPECT_EQ(finish, at_once.finish);
}

}  // namespace
}  // namespace moeplan
