// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/timeline.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "sim/engine/event_queue.h"

namespace moeplan {
namespace {

TEST(EventQueue, GoesByTimeThenPriorityThenOrderOfScheduling) {
  EventQueue queue;
  queue.push(Picoseconds(5), 0);
  queue.push(Picoseconds(5), 1, 0, 7);
  queue.push(Picoseconds(0), 2);
  queue.push(Picoseconds(5), 3);
  queue.push(Picoseconds(5), 4, 0, 1);
  std::vector<std::uint32_t> order;
  while (!queue.empty()) order.push_back(queue.pop().what);
  EXPECT_EQ(order, (std::vector<std::uint32_t>{2, 0, 3, 4, 1}));
}

TEST(EventQueue, ReturnsRandomEventsSorted) {
  std::mt19937_64 random(11);
  EventQueue queue;
  std::vector<std::pair<Count, std::uint32_t>> expected;
  for (std::uint32_t i = 0; i < 5000; ++i) {
    const Count time = static_cast<Count>(random() % 700);
    queue.push(Picoseconds(time), i);
    expected.emplace_back(time, i);
  }
  std::sort(expected.begin(), expected.end());
  for (const auto& [time, what] : expected) {
    const Event event = queue.pop();
    ASSERT_EQ(event.time.count(), time);
    ASSERT_EQ(event.what, what);
  }
}

class Plan {
 public:
  std::uint32_t add(std::uint32_t actor, Lane lane, Count time, std::vector<std::uint32_t> after = {},
                    std::uint32_t meeting = kNoMeeting, float units = 0) {
    schedule.actors = std::max(schedule.actors, actor + 1);
    if (meeting != kNoMeeting) schedule.meetings = std::max(schedule.meetings, meeting + 1);
    return schedule.add({.time = Picoseconds(time), .actor = actor, .lane = lane, .meeting = meeting, .units = units},
                        after);
  }
  Schedule schedule;
};

TEST(Timeline, TasksOfALaneGoOneByOneAndLanesSideBySide) {
  Plan p;
  p.add(0, Lane::Compute, 10);
  p.add(0, Lane::Compute, 20);
  p.add(0, Lane::Copy, 25);
  EXPECT_EQ(play(p.schedule).end.count(), 30);  // max(10 + 20, 25)
}

TEST(Timeline, AMeetingBeginsWithItsLastMemberAndEndsForEachByItself) {
  Plan p;
  const std::uint32_t a = p.add(0, Lane::Compute, 10);
  const std::uint32_t b = p.add(1, Lane::Compute, 30);
  const std::uint32_t x = p.add(0, Lane::Comm, 5, {a}, 0);
  const std::uint32_t y = p.add(1, Lane::Comm, 7, {b}, 0);
  const std::uint32_t last = p.add(0, Lane::Compute, 100, {x});
  const Timeline t = play(p.schedule);
  EXPECT_EQ(t.spans[x].ready.count(), 10);
  EXPECT_EQ(t.spans[x].begin.count(), 30);
  EXPECT_EQ(t.spans[x].end.count(), 35);
  EXPECT_EQ(t.spans[y].end.count(), 37);
  EXPECT_EQ(t.end.count(), 135);
  EXPECT_EQ(t.critical_path(), (std::vector<std::uint32_t>{b, x, last}));
}

TEST(Timeline, HeldUnitsSlowWhatIsComputedBeside) {
  // 100 of compute from 0; from 40 on messages hold a quarter for 20: the lane has done
  // 40 + 20 x 0.75 = 55 at 60 and goes on at full pace: 60 + 45.
  Plan p;
  p.add(0, Lane::Compute, 100);
  const std::uint32_t before = p.add(0, Lane::Host, 40);
  p.add(0, Lane::Comm, 20, {before}, 0, 0.25F);
  EXPECT_EQ(play(p.schedule).end.count(), 105);
}

TEST(Timeline, AComputationThatBeginsBesideMessagesGetsItsPaceBack) {
  // Messages 0 to 40 hold half: 40 of work take 60 (20 done by 40, 20 after).
  Plan p;
  p.add(0, Lane::Comm, 40, {}, 0, 0.5F);
  p.add(0, Lane::Compute, 40);
  EXPECT_EQ(play(p.schedule).end.count(), 60);
}

TEST(Timeline, TwoMeetingsOnOneLaneGoOneAfterTheOther) {
  Plan p;
  p.add(0, Lane::Comm, 10, {}, 0);
  p.add(1, Lane::Comm, 10, {}, 0);
  p.add(1, Lane::Comm, 4, {}, 1);
  p.add(2, Lane::Comm, 4, {}, 1);
  EXPECT_EQ(play(p.schedule).end.count(), 14);
}

TEST(Timeline, WhatWaitsForALaneGoesBeforeTheFollowerOfWhatEnds) {
  Plan p;
  const std::uint32_t a = p.add(0, Lane::Compute, 10);
  const std::uint32_t next = p.add(0, Lane::Compute, 10, {a});
  const std::uint32_t b = p.add(0, Lane::Compute, 10);
  const Timeline t = play(p.schedule);
  EXPECT_EQ(t.spans[b].begin.count(), 10);
  EXPECT_EQ(t.spans[next].begin.count(), 20);
}

TEST(Timeline, TasksWithoutTimeStillKeepTheirOrder) {
  Plan p;
  const std::uint32_t a = p.add(0, Lane::Compute, 0);
  const std::uint32_t b = p.add(0, Lane::Comm, 0, {a}, 0);
  const std::uint32_t c = p.add(0, Lane::Compute, 3, {b});
  const Timeline t = play(p.schedule);
  EXPECT_EQ(t.end.count(), 3);
  EXPECT_EQ(t.critical_path(), (std::vector<std::uint32_t>{a, b, c}));
}

// Random graphs: no task before what it waits for, no lane twice at once, times kept.
TEST(Timeline, RandomSchedulesKeepEveryRule) {
  for (unsigned seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    Plan p;
    for (std::uint32_t i = 0; i < 200; ++i) {
      const auto draw = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
      std::vector<std::uint32_t> after;
      for (std::uint32_t n = draw(3); n > 0 && i > 0; --n) after.push_back(draw(i));
      p.add(draw(4), static_cast<Lane>(draw(kLanes)), draw(50), after);
    }
    const Timeline t = play(p.schedule);
    std::vector<std::vector<std::pair<Count, Count>>> used(4 * kLanes);
    for (std::uint32_t i = 0; i < p.schedule.tasks.size(); ++i) {
      const Task& task = p.schedule.tasks[i];
      EXPECT_EQ((t.spans[i].end - t.spans[i].begin).count(), task.time.count());
      for (const std::uint32_t before : p.schedule.befores_of(task)) EXPECT_GE(t.spans[i].begin, t.spans[before].end);
      if (task.time.count() > 0)
        used[task.actor * kLanes + static_cast<std::size_t>(task.lane)].emplace_back(t.spans[i].begin.count(),
                                                                                     t.spans[i].end.count());
    }
    for (auto& lane : used) {
      std::sort(lane.begin(), lane.end());
      for (std::size_t i = 1; i < lane.size(); ++i) EXPECT_GE(lane[i].first, lane[i - 1].second);
    }
  }
}

}  // namespace
}  // namespace moeplan
