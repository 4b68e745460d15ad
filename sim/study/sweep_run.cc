// SPDX-License-Identifier: Apache-2.0
#include "sim/study/sweep_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <thread>

#include "sim/base/error.h"
#include "sim/study/parallel.h"
#include "sim/study/sweep_collector.h"

namespace moeplan {
namespace {

constexpr Count kPiece = 4096;       // points; a fast one takes a millisecond or two
constexpr Count kSlowPiece = 256;    // where a point takes a millisecond
constexpr Count kMostChunks = 1024;  // of a shared sweep
constexpr Count kFewestInChunk = 1024;
constexpr std::chrono::milliseconds kPoll{200};
constexpr std::chrono::seconds kCheckpointEvery{1};

// A range of points answered, its lines written out.
struct Piece {
  Count last = 0;
  SweepRows rows;
  std::string csv;
  std::string jsonl;
};

// Pieces of points [first, last).
class Pieces {
 public:
  Pieces(const SweepGrid& grid, const SweepPoints& points, const SweepAsk& ask)
      : points_(points), ask_(ask), text_(grid, points.metrics()), size_(points.is_slow() ? kSlowPiece : kPiece) {}

  const SweepText& text() const { return text_; }

  // take(Piece&) for each piece in order; returns the first point that was not answered.
  template <class Take>
  Count run(Count first, Count last, bool with_text, const Take& take) const {
    Count done = first;
    // Few points: pieces as small as it takes to give every thread some.
    const Count size = std::clamp<Count>((last - first) / (4 * ask_.threads), 1, size_);
    OrderedWork work;
    work.count = ceil_div(last - first, size);
    work.stopped = ask_.stopped;
    work.work = [&](Count number) -> OrderedWork::Result {
      auto piece = std::make_shared<Piece>();
      const Count begin = first + number * size;
      piece->last = std::min(last, begin + size);
      piece->rows = points_.rows(begin, piece->last);
      if (with_text) text_.append_csv(piece->rows, piece->csv);
      if (with_text && ask_.with_jsonl) text_.append_jsonl(piece->rows, piece->jsonl);
      return piece;
    };
    work.take = [&](Count, const OrderedWork::Result& result) {
      Piece& piece = *static_cast<Piece*>(result.get());
      take(piece);
      done = piece.last;
      ask_.progress(done);
    };
    run_in_order(ask_.threads, work);
    return done;
  }

 private:
  const SweepPoints& points_;
  const SweepAsk& ask_;
  SweepText text_;
  Count size_;
};

// Rows that were on disk already, to the collector.
void collect_lines(const SweepGrid& grid, const SweepText& text, Count points, SweepCollector& collector,
                   const std::function<void(const std::function<void(std::string_view)>&)>& read,
                   const std::string& file) {
  Count point = 0;
  SweepRows rows;
  const auto fresh = [] {
    SweepRows empty;
    empty.reasons.emplace_back();
    empty.layouts.emplace_back();
    return empty;
  };
  rows = fresh();
  read([&](std::string_view line) {
    while (point < points && !grid.allows(point)) ++point;
    if (point >= points || !text.read_csv(line, point, rows)) {
      Problem problem;
      problem.file = file;
      problem.found = "a line that is not the row of point " + std::to_string(point);
      problem.expected = "rows as they were written";
      problem.hint = "begin anew in another directory";
      throw InputError(ErrorKind::InvalidInput, problem);
    }
    ++point;
    if (rows.rows() < static_cast<std::size_t>(kPiece)) return;
    collector.take(rows);
    rows = fresh();
  });
  collector.take(rows);
}

SweepResult run_in_memory(const SweepGrid& grid, const SweepPoints& points, const SweepAsk& ask) {
  SweepCollector collector(grid, points, ask);
  const Pieces pieces(grid, points, ask);
  const Count done = pieces.run(0, grid.points(), false, [&](Piece& piece) { collector.take(piece.rows); });
  return collector.result(done);
}

SweepResult run_to_files(const SweepGrid& grid, const SweepPoints& points, const SweepAsk& ask) {
  const Pieces pieces(grid, points, ask);
  SweepFiles files(ask.directory, ask.fingerprint, pieces.text().header(), ask.with_jsonl, ask.resume);
  SweepCollector collector(grid, points, ask);
  const Count before = files.progress().points;
  collect_lines(
      grid, pieces.text(), before, collector, [&](const auto& use) { files.read_rows(use); },
      ask.directory + "/results.csv");
  const Count done = pieces.run(before, grid.points(), true, [&](Piece& piece) {
    files.append(piece.last, piece.csv, piece.jsonl);
    collector.take(piece.rows);
  });
  files.finish();
  return collector.result(done);
}

std::string checkpoint_path(const SweepAsk& ask) { return ask.directory + "/best.state"; }

std::string whole_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {(std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>()};
}

// The best points so far are written down every second: whole, or not at all.
SweepResult run_to_checkpoints(const SweepGrid& grid, const SweepPoints& points, const SweepAsk& ask) {
  make_directory(ask.directory, "--out");
  SweepCollector collector(grid, points, ask);
  const std::string known = whole_file(checkpoint_path(ask));
  if (!known.empty() && !ask.resume) {
    Problem problem;
    problem.file = "--out";
    problem.found = "\"" + ask.directory + "\", which holds a sweep";
    problem.expected = "an empty directory, or --resume to go on with that sweep";
    throw InputError(ErrorKind::Usage, problem);
  }
  const std::optional<Count> before = known.empty() ? 0 : collector.restore(known, points);
  if (!before) {
    Problem problem;
    problem.file = checkpoint_path(ask);
    problem.found = "the state of another sweep: its study, its inputs, its options or the program have changed";
    problem.expected = "the same ones as when it began";
    problem.hint = "begin anew in another directory";
    throw InputError(ErrorKind::Usage, problem);
  }
  auto written = std::chrono::steady_clock::now();
  write_whole_file(checkpoint_path(ask), collector.checkpoint(*before));
  const Pieces pieces(grid, points, ask);
  const Count done = pieces.run(*before, grid.points(), false, [&](Piece& piece) {
    collector.take(piece.rows);
    const auto now = std::chrono::steady_clock::now();
    if (now - written < kCheckpointEvery) return;
    write_whole_file(checkpoint_path(ask), collector.checkpoint(piece.last));
    written = now;
  });
  write_whole_file(checkpoint_path(ask), collector.checkpoint(done));
  return collector.result(done);
}

// Chunk after chunk until all are done, by this process or others.
SweepResult run_shared(const SweepGrid& grid, const SweepPoints& points, const SweepAsk& ask) {
  const Count chunks = chunk_count(grid);
  SweepLeases leases(ask.directory, ask.fingerprint, chunks, ask.lease_s, ask.with_jsonl);
  const Pieces pieces(grid, points, ask);
  Count finished = leases.finished();
  while (finished < chunks && !ask.stopped()) {
    const Count chunk = leases.claim(*ask.shard);
    if (chunk < 0) {
      ask.waiting(chunks - finished);
      std::this_thread::sleep_for(kPoll);
      finished = leases.finished();
      continue;
    }
    Piece whole;
    const Count first = chunk * chunk_points(grid);
    const Count last = std::min(grid.points(), first + chunk_points(grid));
    const Count done = pieces.run(first, last, true, [&](Piece& piece) {
      whole.csv += piece.csv;
      whole.jsonl += piece.jsonl;
    });
    if (done < last) {
      leases.give_back();
      break;
    }
    leases.finish(chunk, whole.csv, whole.jsonl);
    finished = leases.finished();
  }
  SweepResult result;
  result.complete = finished == chunks;
  return result;
}

// A merge that is killed goes on where it was.
void append_chunks(const SweepGrid& grid, const std::string& header, const SweepAsk& ask) {
  SweepFiles files(ask.directory, ask.fingerprint, header, ask.with_jsonl, true);
  const auto text = [&ask](Count chunk, std::string_view ending) {
    return whole_file(SweepLeases::chunk_path(ask.directory, chunk, ending));
  };
  for (Count chunk = ceil_div(files.progress().points, chunk_points(grid)); chunk < chunk_count(grid); ++chunk) {
    const Count points = std::min(grid.points(), (chunk + 1) * chunk_points(grid));
    files.append(points, text(chunk, "csv"), ask.with_jsonl ? text(chunk, "jsonl") : "");
    ask.progress(points);
  }
  files.finish();
}

}  // namespace

Count chunk_points(const SweepGrid& grid) { return std::max(kFewestInChunk, ceil_div(grid.points(), kMostChunks)); }

Count chunk_count(const SweepGrid& grid) { return ceil_div(grid.points(), chunk_points(grid)); }

SweepResult run_sweep(const SweepGrid& grid, const SweepPoints& points, const SweepAsk& ask) {
  if (ask.shard) return run_shared(grid, points, ask);
  if (ask.directory.empty()) return run_in_memory(grid, points, ask);
  return ask.mode == SweepMode::Best ? run_to_checkpoints(grid, points, ask) : run_to_files(grid, points, ask);
}

SweepResult merge_sweep(const SweepGrid& grid, const SweepPoints& points, const SweepAsk& ask) {
  const Count chunks = chunk_count(grid);
  Count missing = 0;
  Count first_missing = -1;
  {
    const SweepLeases leases(ask.directory, ask.fingerprint, chunks, ask.lease_s, ask.with_jsonl);
    for (Count chunk = chunks; chunk-- > 0;) {
      if (leases.is_finished(chunk)) continue;
      ++missing;
      first_missing = chunk;
    }
  }
  if (missing > 0) {
    Problem problem;
    problem.file = ask.directory;
    problem.found = fmt::format("{} of {} chunks missing, the first is {}", missing, chunks, first_missing);
    problem.expected = "all of them";
    problem.hint = "run the sweep again on this directory: it does what is missing";
    throw InputError(ErrorKind::Usage, problem);
  }
  const Pieces pieces(grid, points, ask);
  append_chunks(grid, pieces.text().header(), ask);
  const SweepFiles merged(ask.directory, ask.fingerprint, pieces.text().header(), ask.with_jsonl, true);
  SweepCollector collector(grid, points, ask);
  collect_lines(
      grid, pieces.text(), grid.points(), collector, [&](const auto& use) { merged.read_rows(use); },
      ask.directory + "/results.csv");
  return collector.result(grid.points());
}

}  // namespace moeplan
