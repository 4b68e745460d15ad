// SPDX-License-Identifier: Apache-2.0
// Several processes, perhaps on several machines, working through the chunks of one sweep in a
// directory they share:
//
//   chunks/000042.csv, .jsonl   a finished chunk: it appears whole or not at all
//   leases/000042               held by who is at work on it, touched while it lives
//
// A chunk is a function of its number, so two processes that finish the same one (a slow one
// was taken for dead) write the same bytes. A lease nobody has touched for `lease` seconds is
// taken over: it is renamed away first, which succeeds for one process only. Ages are measured
// by the clock of the file system, so machines need not agree about the time.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "sim/base/units.h"

namespace moeplan {

// Which of several equal processes this one is.
struct SweepShard {
  Count index = 0;
  Count count = 1;
};

class SweepLeases {
 public:
  // Throws InputError(Usage) when the directory cannot be written or holds another sweep.
  SweepLeases(const std::string& directory, const std::string& fingerprint, Count chunks, double lease_s,
              bool with_jsonl);
  ~SweepLeases();
  SweepLeases(const SweepLeases&) = delete;
  SweepLeases& operator=(const SweepLeases&) = delete;

  // The next chunk to work on, leased; -1 = none is free now. Those of the shard come first.
  Count claim(const SweepShard& shard);
  // Writes the chunk and gives the lease back.
  void finish(Count chunk, std::string_view csv, std::string_view jsonl);
  // Gives it back undone.
  void give_back();
  Count finished() const;  // chunks, by anyone
  bool is_finished(Count chunk) const;

  static std::string chunk_path(const std::string& directory, Count chunk, std::string_view ending);

 private:
  bool take(Count chunk);
  bool is_dead(const std::string& path);
  double now();
  std::string lease_path(Count chunk) const;
  void keep_alive();

  std::string directory_;
  std::string owner_;
  Count chunks_ = 0;
  double lease_s_ = 0;
  bool with_jsonl_ = true;
  Count held_ = -1;
  mutable std::vector<bool> seen_finished_;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool ending_ = false;
  std::thread pulse_;
};

}  // namespace moeplan
