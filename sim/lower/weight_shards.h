// SPDX-License-Identifier: Apache-2.0
// What one rank holds of each weight matrix under one layout. It is the same in both phases
// and, but for experts that ranks do not share equally, in all rank classes: lowerings of one
// layout work it out once.
#pragma once

#include <bitset>

#include "sim/base/error.h"
#include "sim/program/program.h"
#include "sim/spec/matrices.h"

namespace moeplan {

// The part of one matrix that one rank holds.
struct WeightShard {
  Count rows, cols, copies;
  Count padded_rows, padded_cols;
  Count replicas;     // ranks of the stage that hold this very part
  Count bytes = 0;    // of all copies
  Count padding = 0;  // beside them
};

// Shards of one model, runtime and layout.
class WeightShards {
 public:
  // Of a matrix of a block, cut over so many ranks, of a class that holds more experts or not:
  // make() where it is asked for the first time.
  template <class F>
  const WeightShard& at(BlockIndex block, std::size_t matrix, Count cuts, bool hottest, const F& make) {
    CHECK(block < kMaxBlocks && matrix < kMaxMatrices);
    const std::size_t place = block * kMaxMatrices + matrix;
    Entry& entry = entries_[place];
    if (!known_.test(place) || entry.cuts != cuts || entry.hottest != hottest) {
      entry.cuts = cuts;
      entry.hottest = hottest;
      entry.shard = make();
      known_.set(place);
    }
    return entry.shard;
  }

 private:
  struct Entry {
    Count cuts;
    bool hottest;
    WeightShard shard;
  };
  std::bitset<kMaxBlocks * kMaxMatrices> known_;
  Room<Entry, kMaxBlocks * kMaxMatrices> entries_;
};

}  // namespace moeplan
