// SPDX-License-Identifier: Apache-2.0
#include "sim/study/pareto.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "sim/base/rng.h"

namespace moeplan {
namespace {

using Points = std::vector<std::vector<double>>;

// Compared pair by pair.
std::vector<std::uint64_t> front_by_pairs(const Points& points) {
  std::vector<std::uint64_t> front;
  for (std::size_t i = 0; i < points.size(); ++i) {
    bool stays = true;
    for (std::size_t j = 0; j < points.size() && stays; ++j) {
      if (i == j) continue;
      bool covered = true;
      for (std::size_t m = 0; m < points[i].size(); ++m) covered = covered && points[j][m] <= points[i][m];
      if (covered && (points[j] != points[i] || j < i)) stays = false;
    }
    if (stays) front.push_back(i);
  }
  return front;
}

// On a coarse grid, so that many are equal.
Points random_points(std::size_t count, std::size_t metrics, double steps, std::uint64_t seed) {
  CounterRng random(seed, 0);
  Points points(count, std::vector<double>(metrics));
  for (std::vector<double>& point : points)
    for (double& value : point) value = std::floor(steps * random.uniform());
  return points;
}

std::vector<std::uint64_t> indices_of(const ParetoFront& front) {
  std::vector<std::uint64_t> indices;
  for (const RankedPoint& entry : front.entries()) indices.push_back(entry.index);
  std::sort(indices.begin(), indices.end());
  return indices;
}

TEST(ParetoFront, HoldsWhatNoOtherPointBeats) {
  for (const std::size_t metrics : {1, 2, 3, 5}) {
    const Points points = random_points(400, metrics, 30, metrics);
    ParetoFront front(std::vector<Sense>(metrics, Sense::Less));
    for (std::size_t i = 0; i < points.size(); ++i) front.insert(points[i], i);
    EXPECT_EQ(indices_of(front), front_by_pairs(points)) << metrics << " metrics";
  }
}

TEST(ParetoFront, DoesNotDependOnTheOrder) {
  const Points points = random_points(500, 3, 12, 7);
  ParetoFront forward(std::vector<Sense>(3, Sense::Less));
  ParetoFront backward = forward;
  for (std::size_t i = 0; i < points.size(); ++i) forward.insert(points[i], i);
  for (std::size_t i = points.size(); i-- > 0;) backward.insert(points[i], i);
  EXPECT_EQ(forward.entries(), backward.entries());
}

TEST(ParetoFront, OfPartsMergedIsThatOfTheWhole) {
  const Points points = random_points(900, 3, 40, 11);
  ParetoFront whole(std::vector<Sense>(3, Sense::Less));
  std::vector<ParetoFront> parts(3, whole);
  for (std::size_t i = 0; i < points.size(); ++i) {
    whole.insert(points[i], i);
    parts[i % 3].insert(points[i], i);
  }
  parts[2].merge(parts[0]);
  parts[2].merge(parts[1]);
  EXPECT_EQ(parts[2].entries(), whole.entries());
}

TEST(ParetoFront, MoreIsBetterWhereItSaysSo) {
  ParetoFront front({Sense::More, Sense::Less});
  front.insert(std::vector<double>{100, 5}, 0);
  front.insert(std::vector<double>{50, 5}, 1);  // less of the first at the same of the second
  front.insert(std::vector<double>{50, 2}, 2);
  EXPECT_EQ(front.entries(), (std::vector<RankedPoint>{{{100, 5}, 0}, {{50, 2}, 2}}));
}

TEST(ParetoFront, OfEqualPointsTheFirstByIndexStays) {
  ParetoFront front({Sense::Less, Sense::Less});
  EXPECT_TRUE(front.insert(std::vector<double>{1, 2}, 9));
  EXPECT_TRUE(front.insert(std::vector<double>{1, 2}, 4));
  EXPECT_FALSE(front.insert(std::vector<double>{1, 2}, 6));
  EXPECT_EQ(front.entries(), (std::vector<RankedPoint>{{{1, 2}, 4}}));
}

TEST(ParetoFront, WhatIsNoNumberIsLeftOut) {
  ParetoFront front({Sense::Less, Sense::Less});
  EXPECT_FALSE(front.insert(std::vector<double>{std::numeric_limits<double>::quiet_NaN(), 0}, 0));
  EXPECT_EQ(front.size(), 0u);
}

TEST(ParetoFront, SaysSoWhenItIsFull) {
  ParetoFront front({Sense::Less, Sense::Less}, 3);
  for (int i = 0; i < 3; ++i) front.insert(std::vector<double>{static_cast<double>(i), static_cast<double>(-i)}, 0);
  EXPECT_EQ(front.left_out(), 0u);
  front.insert(std::vector<double>{5.0, -5.0}, 9);  // the fourth that none beats
  EXPECT_EQ(front.left_out(), 1u);
  front.insert(std::vector<double>{-1.0, -9.0}, 10);  // beats them all: there is room
  EXPECT_EQ(front.size(), 1u);
  EXPECT_EQ(front.left_out(), 1u);  // and what was lost stays told
}

TEST(ParetoFront, GoesOnFromWhatItWrote) {
  const Points points = random_points(300, 3, 50, 3);
  ParetoFront whole({Sense::Less, Sense::More, Sense::Less});
  ParetoFront first = whole;
  for (std::size_t i = 0; i < points.size(); ++i) {
    whole.insert(points[i], i);
    if (i < 150) first.insert(points[i], i);
  }
  ParetoFront second({Sense::Less, Sense::More, Sense::Less});
  second.restore(first.entries(), first.left_out());
  for (std::size_t i = 150; i < points.size(); ++i) second.insert(points[i], i);
  EXPECT_EQ(second.entries(), whole.entries());
}

TEST(BestN, KeepsTheBestInAnyOrderAndOverParts) {
  CounterRng random(5, 0);
  std::vector<BestN::Entry> all;
  for (std::uint64_t i = 0; i < 500; ++i) all.push_back({std::floor(60 * random.uniform()), i});
  BestN forward(Sense::More, 20);
  BestN even(Sense::More, 20);
  BestN odd(Sense::More, 20);
  for (const BestN::Entry& e : all) {
    forward.insert(e.value, e.index);
    (e.index % 2 == 0 ? even : odd).insert(e.value, e.index);
  }
  odd.merge(even);
  std::sort(all.begin(), all.end(), [](const BestN::Entry& a, const BestN::Entry& b) {
    return a.value != b.value ? a.value > b.value : a.index < b.index;
  });
  all.resize(20);
  EXPECT_EQ(forward.entries(), all);
  EXPECT_EQ(odd.entries(), all);
}

TEST(BestN, LessCanBeBetter) {
  BestN best(Sense::Less, 2);
  for (const double value : {3.0, 1.0, std::numeric_limits<double>::quiet_NaN(), 2.0}) best.insert(value, 0);
  EXPECT_EQ(best.entries(), (std::vector<BestN::Entry>{{1, 0}, {2, 0}}));
}

}  // namespace
}  // namespace moeplan
