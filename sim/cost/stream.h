// SPDX-License-Identifier: Apache-2.0
// Time of kernels that only move data: norms, activations, residuals, copies.
//
//   t = kernels * (launch * least + start_s) + bytes / (bandwidth * share * resident)
//   resident = 1 + (cache_gain - 1) / (1 + (4 set / cache)^2),  set = bytes / kernels
//
// launch is the device's own floor of a kernel, recorded in a graph or queued in a stream:
// what the previous kernel left in the last level cache is read faster, less and less as
// the set of one kernel approaches the cache. Nothing here was fitted: share is what copies
// reach on H200 (4.3 of 4.8 TB/s, curves of te42kyfo/gpu-benches, commit 1c36d50), cache_gain
// its L2 over its memory, start_s assumed: the first loads after a launch.
//
// Exact: more bytes or kernels, less bandwidth or cache is never faster. Smooth in bytes.
#pragma once

#include <array>
#include <span>

#include "sim/cost/form.h"
#include "sim/cost/machine.h"
#include "sim/cost/points.h"

namespace moeplan {

enum StreamConstant : std::size_t { StreamLeast, StreamStart, StreamShare, StreamCacheGain, StreamConstants };

inline constexpr std::array<FormConstant, StreamConstants> kStreamForm = {{
    {"least", 0.3, 1, 4, true, "floor of a kernel over the launch of the device's profile"},
    {"start_s", 1e-8, 5e-7, 1e-5, true, "first loads of a kernel"},
    {"share", 0.3, 0.9, 1.05, true, "share of the peak bandwidth that large copies reach"},
    {"cache_gain", 1, 2, 6, true, "bandwidth of the last level cache over the memory's"},
}};

FormTime stream_time(const StreamPoint& point, const Machine& machine, std::span<const double> constants);

// Bytes over the peak of the level that holds the set of one kernel. Seconds.
double stream_floor(const StreamPoint& point, const Machine& machine);

// 0, 1, 2: up to 1 MiB, up to the size of common caches (64 MiB), above.
int stream_regime(const StreamPoint& point);

}  // namespace moeplan
