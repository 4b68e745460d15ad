// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/timeline.h"

#include <algorithm>
#include <cmath>

#include "sim/base/error.h"
#include "sim/engine/event_queue.h"

namespace moeplan {
namespace {

// Lists of tasks, one for each of n owners, in one array.
class Lists {
 public:
  // for_each(f) calls f(owner, task) for all pairs, the same ones each time.
  template <class ForEach>
  Lists(std::size_t owners, const ForEach& for_each) : first_(owners + 1) {
    for_each([this](std::uint32_t owner, std::uint32_t) { ++first_[owner + 1]; });
    for (std::size_t o = 0; o < owners; ++o) first_[o + 1] += first_[o];
    items_.resize(first_[owners]);
    std::vector<std::uint32_t> next(first_.begin(), first_.end() - 1);
    for_each([&](std::uint32_t owner, std::uint32_t task) { items_[next[owner]++] = task; });
  }
  std::span<const std::uint32_t> of(std::size_t owner) const {
    return std::span(items_).subspan(first_[owner], first_[owner + 1] - first_[owner]);
  }

 private:
  std::vector<std::uint32_t> first_;
  std::vector<std::uint32_t> items_;
};

class Player {
 public:
  explicit Player(const Schedule& schedule)
      : schedule_(schedule),
        followers_(schedule.tasks.size(),
                   [&](const auto& each) {
                     for (std::uint32_t t = 0; t < schedule.tasks.size(); ++t)
                       for (const std::uint32_t before : schedule.befores_of(schedule.tasks[t])) each(before, t);
                   }),
        members_(schedule.meetings,
                 [&](const auto& each) {
                   for (std::uint32_t t = 0; t < schedule.tasks.size(); ++t)
                     if (schedule.tasks[t].meeting != kNoMeeting) each(schedule.tasks[t].meeting, t);
                 }),
        waits_for_(schedule.tasks.size()),
        version_(schedule.tasks.size()),
        lanes_(schedule.actors * kLanes),
        held_(schedule.actors),
        arrived_(schedule.meetings) {
    timeline_.spans.resize(schedule.tasks.size());
    for (std::size_t t = 0; t < schedule.tasks.size(); ++t) {
      for (const std::uint32_t before : schedule.befores_of(schedule.tasks[t])) CHECK(before < t);
      waits_for_[t] = schedule.tasks[t].after_count;
    }
    queue_.reserve(schedule.actors * kLanes + 16);
  }

  Timeline play() {
    for (std::uint32_t t = 0; t < schedule_.tasks.size(); ++t)
      if (waits_for_[t] == 0) become_ready(t, kNoTask);
    std::size_t ended = 0;
    while (!queue_.empty()) {
      const Event event = queue_.pop();
      ++timeline_.events;
      if (event.version != version_[event.what]) continue;
      now_ = event.time;
      end(event.what);
      ++ended;
    }
    CHECK(ended == schedule_.tasks.size());
    timeline_.end = now_;
    return std::move(timeline_);
  }

 private:
  struct LaneState {
    std::uint32_t running = kNoTask;
    std::vector<std::uint32_t> waiting;  // ready tasks without meetings, first come first
    Picoseconds updated;                 // of the running task
    double left = 0;                     // then: picoseconds at full pace
  };

  const Task& task(std::uint32_t t) const { return schedule_.tasks[t]; }
  LaneState& lane_of(const Task& task) { return lanes_[task.actor * kLanes + static_cast<std::size_t>(task.lane)]; }

  void become_ready(std::uint32_t t, std::uint32_t cause) {
    timeline_.spans[t].ready = now_;
    const Task& own = task(t);
    if (own.meeting != kNoMeeting) {
      if (++arrived_[own.meeting] == members_.of(own.meeting).size() && !try_meeting(own.meeting, cause))
        pending_.push_back(own.meeting);
      return;
    }
    LaneState& lane = lane_of(own);
    if (lane.running == kNoTask && lane.waiting.empty()) return begin(t, cause);
    lane.waiting.push_back(t);
  }

  // False: a member's lane is busy.
  bool try_meeting(std::uint32_t m, std::uint32_t cause) {
    for (const std::uint32_t t : members_.of(m))
      if (lane_of(task(t)).running != kNoTask) return false;
    for (const std::uint32_t t : members_.of(m)) begin(t, cause);
    return true;
  }

  void begin(std::uint32_t t, std::uint32_t cause) {
    const Task& own = task(t);
    Span& span = timeline_.spans[t];
    span.begin = now_;
    span.cause = cause;
    LaneState& lane = lane_of(own);
    lane.running = t;
    lane.updated = now_;
    lane.left = static_cast<double>(own.time.count());
    if (own.units > 0) hold(own.actor, own.units);
    if (pace_of(t) < 1) {
      plan_slowed(t);
    } else {
      queue_.push(now_ + own.time, t, version_[t]);
    }
  }

  double pace_of(std::uint32_t t) const {
    const Task& own = task(t);
    return own.lane == Lane::Compute ? 1.0 - held_[own.actor] * own.slowed : 1.0;
  }

  void plan_slowed(std::uint32_t t) {
    const double pace = pace_of(t);
    CHECK(pace > 0);
    queue_.push(now_ + Picoseconds(std::llround(lane_of(task(t)).left / pace)), t, ++version_[t]);
  }

  // More or fewer (< 0) units of an actor are held: what it computes ends at another time.
  void hold(std::uint32_t actor, double units) {
    LaneState& lane = lanes_[actor * kLanes + static_cast<std::size_t>(Lane::Compute)];
    const std::uint32_t t = lane.running;
    if (t != kNoTask) {
      lane.left = std::max(0.0, lane.left - static_cast<double>((now_ - lane.updated).count()) * pace_of(t));
      lane.updated = now_;
    }
    constexpr double kRounding = 1e-6;
    held_[actor] += units;
    if (held_[actor] < kRounding) held_[actor] = 0;
    if (t != kNoTask) plan_slowed(t);
  }

  void end(std::uint32_t t) {
    const Task& own = task(t);
    timeline_.spans[t].end = now_;
    LaneState& lane = lane_of(own);
    lane.running = kNoTask;
    if (own.units > 0) hold(own.actor, -own.units);
    for (const std::uint32_t follower : followers_.of(t))
      if (--waits_for_[follower] == 0) become_ready(follower, t);
    for (std::size_t i = 0; i < pending_.size();) {
      if (try_meeting(pending_[i], t)) {
        pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(i));
      } else {
        ++i;
      }
    }
    if (lane.running == kNoTask && !lane.waiting.empty()) {
      const std::uint32_t next = lane.waiting.front();
      lane.waiting.erase(lane.waiting.begin());
      begin(next, t);
    }
  }

  const Schedule& schedule_;
  Lists followers_;  // of each task
  Lists members_;    // of each meeting
  std::vector<std::uint32_t> waits_for_;
  std::vector<std::uint32_t> version_;
  std::vector<LaneState> lanes_;
  std::vector<double> held_;            // share of each actor's units
  std::vector<std::uint32_t> arrived_;  // members of each meeting
  std::vector<std::uint32_t> pending_;  // meetings that wait for a lane
  EventQueue queue_;
  Picoseconds now_;
  Timeline timeline_;
};

}  // namespace

Timeline play(const Schedule& schedule) { return Player(schedule).play(); }

std::vector<std::uint32_t> Timeline::critical_path() const {
  std::vector<std::uint32_t> path;
  std::uint32_t t = kNoTask;
  for (std::uint32_t i = 0; i < spans.size(); ++i)
    if (spans[i].end == end && (t == kNoTask || spans[i].begin > spans[t].begin)) t = i;
  for (; t != kNoTask; t = spans[t].cause) path.push_back(t);
  std::reverse(path.begin(), path.end());
  return path;
}

std::vector<std::array<Picoseconds, kLanes>> busy_times(const Schedule& schedule, const Timeline& timeline) {
  std::vector<std::array<Picoseconds, kLanes>> busy(schedule.actors);
  for (std::size_t t = 0; t < schedule.tasks.size(); ++t) {
    const Task& task = schedule.tasks[t];
    busy[task.actor][static_cast<std::size_t>(task.lane)] += timeline.spans[t].end - timeline.spans[t].begin;
  }
  return busy;
}

}  // namespace moeplan
