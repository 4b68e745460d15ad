// SPDX-License-Identifier: Apache-2.0
// Tasks on lanes, played event by event.
//
// An actor is a rank, or a class of ranks that do the same. It has four lanes (compute,
// communication, copy, host); a lane does one task at a time, in the order in which tasks
// become ready, and what has begun goes on to its end. A task begins when
//
//   the tasks it comes after have ended, its lane is free, and
//   of a meeting (a collective): this holds for every member.
//
// Of meetings that wait for a lane the first complete one goes first; a meeting takes no lane
// before all of its are free.
//
// Members of a meeting begin together and end each after its own time. While they last they
// may hold a share of their actor's units (SMs): its compute lane goes on at 1 - share.
//
// Exact: times are integers; a task that nothing slows takes what it was given. The time
// between first begin and last end lies between max(busiest lane, critical path) and the sum
// of all tasks of an actor that meets nobody (tests/books/event_test.cc).
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "sim/base/picoseconds.h"
#include "sim/program/op.h"

namespace moeplan {

inline constexpr std::size_t kLanes = 4;
inline constexpr std::uint32_t kNoTask = 0xFFFFFFFF;
inline constexpr std::uint32_t kNoMeeting = 0xFFFFFFFF;
inline constexpr std::uint16_t kNoLayer = 0xFFFF;  // embedding, head, what drafts and what the engine adds

struct Task {
  Picoseconds time{};      // by itself
  Picoseconds on_links{};  // of it, the busiest port of the actor moves bytes at its peak
  std::uint32_t actor = 0;
  Lane lane = Lane::Compute;
  std::uint8_t batch = 0;          // of several that are under way at once
  std::uint16_t layer = kNoLayer;  // of the model's decoder
  std::uint32_t pieces = 0;        // operators it consists of: [pieces, pieces + piece_count)
  std::uint32_t piece_count = 0;   // of the schedule's
  std::uint32_t meeting = kNoMeeting;
  std::uint32_t after = 0;  // tasks it comes after: [after, after + after_count) of the schedule's edges
  std::uint32_t after_count = 0;
  float units = 0;   // share of the actor's units it holds, 0 to 1
  float slowed = 1;  // share of its time that units held beside it slow down
};

// An operator as part of a task.
struct Piece {
  Picoseconds time;
  std::uint16_t op = 0;            // of the actor's plan; kNone: what the engine adds
  std::uint16_t layer = kNoLayer;  // of its stage
};

struct Schedule {
  std::uint32_t actors = 0;
  std::uint32_t meetings = 0;
  std::vector<Task> tasks;  // each behind those it comes after
  std::vector<Piece> pieces;
  std::vector<std::uint32_t> edges;

  // `after` may name kNoTask: nothing.
  std::uint32_t add(Task task, std::span<const std::uint32_t> after) {
    task.after = static_cast<std::uint32_t>(edges.size());
    for (const std::uint32_t before : after)
      if (before != kNoTask) edges.push_back(before);
    task.after_count = static_cast<std::uint32_t>(edges.size()) - task.after;
    tasks.push_back(task);
    return static_cast<std::uint32_t>(tasks.size() - 1);
  }
  std::span<const std::uint32_t> befores_of(const Task& task) const {
    return std::span(edges).subspan(task.after, task.after_count);
  }
  std::span<const Piece> pieces_of(const Task& task) const {
    return std::span(pieces).subspan(task.pieces, task.piece_count);
  }
};

// What happened to a task.
struct Span {
  Picoseconds ready;  // the tasks it comes after had ended
  Picoseconds begin;
  Picoseconds end;
  std::uint32_t cause = kNoTask;  // the task whose end let it begin; none: it began the schedule
};

struct Timeline {
  std::vector<Span> spans;  // of each task
  Picoseconds end;
  std::uint64_t events = 0;

  // Tasks from the last end back to the first begin, each let in by the next one: their times
  // add up to `end`.
  std::vector<std::uint32_t> critical_path() const;
};

// Bugs (an order that can never be played) trip CHECK.
Timeline play(const Schedule& schedule);

// Splits the time a task took over its operators: f(piece, begin within the task, time). To the
// picosecond; what slowed the task slowed all of them.
template <class F>
void for_each_piece(const Schedule& schedule, const Task& task, Picoseconds taken, const F& f) {
  std::int64_t given = 0;
  std::int64_t passed = 0;
  for (const Piece& piece : schedule.pieces_of(task)) {
    passed += piece.time.count();
    std::int64_t until = passed;
    if (taken != task.time && task.time.count() > 0)
      until = std::llround(static_cast<double>(passed) / static_cast<double>(task.time.count()) *
                           static_cast<double>(taken.count()));
    f(piece, Picoseconds(given), Picoseconds(until - given));
    given = until;
  }
}

// Of what a task took, the time its actor's busiest port moves bytes at its peak.
inline Picoseconds on_links(const Task& task, const Span& span) {
  return std::min(task.on_links, span.end - span.begin);
}

// Busy time of each actor's lanes.
std::vector<std::array<Picoseconds, kLanes>> busy_times(const Schedule& schedule, const Timeline& timeline);

}  // namespace moeplan
