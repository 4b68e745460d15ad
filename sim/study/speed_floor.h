// SPDX-License-Identifier: Apache-2.0
// The least time a decode step can take: the bytes it touches, over the bandwidth of
// the memory they lie in. A bound ("at most so many tokens per second"), not a forecast:
// launches, messages and arithmetic come on top.
#pragma once

#include <vector>

#include "sim/base/units.h"

namespace moeplan {

struct FitResult;
struct ModelPlan;

// Bandwidth of one kind of memory; 0 = not known.
struct TierRate {
  BytesPerSecond peak;       // datasheet
  BytesPerSecond effective;  // published or calibrated
  // What to expect of it: the effective rate where there is one.
  BytesPerSecond rate() const { return effective.base() > 0 ? effective : peak; }
  BytesPerSecond highest() const { return peak > effective ? peak : effective; }
  bool known() const { return highest().base() > 0; }
};

struct TierRates {
  TierRate device;              // memory of each device
  std::vector<TierRate> mixed;  // of the devices of a mixed machine, in their order; else empty
  TierRate host;                // of one host, over all its sockets
  TierRate ssd;
  const TierRate& of_stage(Count stage) const {
    return mixed.empty() ? device : mixed[static_cast<std::size_t>(stage) % mixed.size()];
  }
};

// What a decode step of one replica touches.
struct TouchedBytes {
  double device = 0;  // of every stage's slowest rank, added up
  double host = 0;    // over all ranks
  double ssd = 0;
};

// Tokens per second of the whole deployment at the asked load, without speculative
// decoding. value: at the effective bandwidths; high: at the peaks; low: at a fifth of
// value, because published single-stream runs on one machine reached 0.24 to 0.78 of this
// bound; where experts are paged from SSD, a fifth of the bound with those of the host read
// from there too, as by a page cache that evicts what is needed next. Deployments that
// exchange messages every layer may stay below low at small batches.
struct DecodeFloor {
  double value = 0;
  double low = 0;
  double high = 0;
  TouchedBytes touched;
  bool known() const { return value > 0; }
};

inline constexpr double kReachedShare = 0.2;

// All zero where the bandwidth of a memory that is used is not known.
DecodeFloor decode_floor(const FitResult& result, const TierRates& rates);
// The same with the model of result.question planned already.
DecodeFloor decode_floor(const ModelPlan& plan, const FitResult& result, const TierRates& rates);

}  // namespace moeplan
