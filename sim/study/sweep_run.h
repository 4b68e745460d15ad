// SPDX-License-Identifier: Apache-2.0
// A sweep carried out: points in pieces over threads, taken in order, so that what comes out
// is the same at any number of threads; kept in memory, streamed to a directory, shared with
// other processes by leases, or reduced to the best points and the Pareto front alone.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/study/pareto.h"
#include "sim/study/sweep_files.h"
#include "sim/study/sweep_leases.h"
#include "sim/study/sweep_points.h"
#include "sim/study/sweep_text.h"

namespace moeplan {

// What is kept of each point.
enum class SweepMode {
  Rows,  // its row
  Best   // nothing, unless it is among the best or on the front
};

struct SweepAsk {
  SweepMode mode = SweepMode::Rows;
  std::string directory;  // "" = nothing is written
  bool resume = false;
  bool with_jsonl = true;
  int threads = 1;
  std::size_t best = 10;                  // of each front metric
  std::vector<const SweepMetric*> front;  // among the metrics of the points
  std::string fingerprint;
  std::optional<SweepShard> shard;  // works with others on chunks
  double lease_s = 60;
  std::function<bool()> stopped = [] { return false; };
  std::function<void(Count points)> progress = [](Count) {};
  std::function<void(Count chunks)> waiting = [](Count) {};  // for chunks that others hold
};

// What the points came to. Of a sweep that was stopped, those before `points`.
struct SweepResult {
  Count points = 0;  // of the grid, those that constraints forbid included
  Count rows = 0;
  std::array<Count, kPointStatuses> counts{};
  bool complete = false;
  // All rows, or every `sampled_every`-th one of a long sweep; none in Best mode.
  SweepRows kept;
  Count sampled_every = 1;
  std::vector<Count> front;              // points, by number
  std::vector<std::vector<Count>> best;  // of each front metric, best first
  Count front_left_out = 0;              // points of the front beyond what is kept (pareto.h)
};

// Rows that are kept for tables and charts.
inline constexpr Count kMostKeptRows = 100'000;

// Throws InputError as SweepFiles and SweepLeases do. Of a shared sweep the result is empty:
// merge_sweep has it.
SweepResult run_sweep(const SweepGrid& grid, const SweepPoints& points, const SweepAsk& ask);

// The chunks of a shared sweep put together in its directory, as if one process had done it.
// Throws InputError(Usage) naming the chunks that are missing.
SweepResult merge_sweep(const SweepGrid& grid, const SweepPoints& points, const SweepAsk& ask);

// Points of a chunk of a shared sweep, and how many chunks there are.
Count chunk_points(const SweepGrid& grid);
Count chunk_count(const SweepGrid& grid);

}  // namespace moeplan
