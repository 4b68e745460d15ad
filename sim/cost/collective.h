// SPDX-License-Identifier: Apache-2.0
// Time of a collective operation among r ranks.
//
// A library has three protocols, from quick to wide (NCCL: LL, LL128, Simple; the all-reduce
// kernels of serving stacks: one-shot, two-shot, NCCL). Each takes
//
//   latency_p (1 + step (hops(r) - 1)) + wire_p / (bandwidth * share_p * gain(r)),
//
// and the quickest is used. `wire` is what a rank sends: of `bytes` B as nccl-tests counts
// them, B (r-1)/r for all-gather, reduce-scatter and all-to-all, 2 B (r-1)/r for all-reduce,
// B for send and receive; a one-shot all-reduce sends B (r-1). hops(r) = r - 1 up to 8, from
// there 7 + 4 log2(r / 8): rings become trees (assumed; nothing beyond 8 is measured here).
// gain(r) = (1 - ranks / r) / (1 - ranks / 2): two ranks do not fill the links of a switch;
// links without one (PCIe) share a host: gain(r) = (2 / r)^crowding (a mesh is treated so
// too, unmeasured). `least_s` is what the host takes where kernels are queued one by one;
// 4th powers add.
//
// Across m domains with d ranks in each, the quickest of the ways that libraries have
// (CollectiveWay; B as above, per rank; adapters work side by side, rails):
//
//   all-reduce      ring          2 (r-1)/r B/d over the adapter, 2 (m-1) steps
//                   tree          2 B/d, 2 log2 m steps
//                   hierarchical  sums inside, over the adapters, spreads inside: where
//                                 switches add, 2 (m-1)/m B/d, 2 log2 m steps
//   all-gather, reduce-scatter    ring, (m-1)/m B/d, m - 1 steps
//   all-to-all      direct        (r-d)/r B, 1 + log2 m steps
//   send, receive   direct        B, one step
//
// Inside, the links carry theirs meanwhile and latencies add. A step takes kNetworkStep;
// kNetworkStep, kNetworkShare and kNetworkFill are no fits of the devices priced: a wide band.
//
// Exact: more bytes or less bandwidth is never faster. More ranks can be: two fill a switch
// less than eight (measured). Kinks in bytes where protocols change, none of them upward.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "sim/cost/form.h"
#include "sim/cost/machine.h"
#include "sim/cost/points.h"

namespace moeplan {

enum CollectiveConstant : std::size_t {
  CollectiveLatency,
  CollectiveSecond,
  CollectiveThird,
  CollectiveStep,
  CollectiveShare1,
  CollectiveShare2,
  CollectiveShare3,
  CollectiveRanks,
  CollectiveCrowding,
  CollectiveLeast,
  CollectiveConstants
};

inline constexpr std::array<FormConstant, CollectiveConstants> kCollectiveForm = {{
    {"latency_s", 1e-6, 6e-6, 1e-4, true, "of the quickest protocol, two ranks"},
    {"second_s", 1e-8, 2e-6, 1e-4, true, "what the second adds to it"},
    {"third_s", 1e-8, 8e-6, 5e-4, true, "what the third adds to that"},
    {"step", 0, 0.12, 2, false, "latency of another hop, over that of the first"},
    {"share_1", 0.005, 0.15, 2, true, "share of the bandwidth that the first protocol reaches with two ranks"},
    {"share_2", 0.01, 0.4, 2, true, "the second"},
    {"share_3", 0.05, 0.6, 1.5, true, "the third"},
    {"ranks", 0, 0.5, 1.6, false, "bandwidth lost to having few ranks"},
    {"crowding", -1, 0.5, 4, false, "exponent of what ranks behind one host lose"},
    {"least_s", 1e-7, 2e-6, 1e-4, true, "host time of queued kernels"},
}};

// Between domains, t = latency + moving + fill sqrt(latency moving): messages of middle size
// do not fill the pipeline. Step and fill: vidur's NCCL medians of 2 to 16 A100 on two hosts
// (send and receive 24 us across, 8 inside; a two-step all-reduce 33 to 41 us more than
// inside; least error at fill 2). Share: 37 GB/s of 50 in a 4-node all-reduce of 16 GiB
// (stas00/ml-engineering, commit 744d01e), where 16 MiB reach 6.2.
inline constexpr double kNetworkStep = 16e-6;
inline constexpr double kNetworkShare = 0.75;
inline constexpr double kNetworkFill = 2;

enum class CollectiveWay : std::uint8_t { OneShot, Ring, Tree, Hierarchical, InSwitch, Direct };
inline constexpr std::size_t kCollectiveWays = 6;
std::string_view word_of(CollectiveWay way);

struct CollectiveChoice {
  CollectiveWay way = CollectiveWay::Ring;
  TierBytes sent;  // by one rank
  FormTime time;
};

// The quickest way and what it takes.
CollectiveChoice collective_choice(const CollectivePoint& point, const Machine& machine,
                                   std::span<const double> constants);

FormTime collective_time(const CollectivePoint& point, const Machine& machine, std::span<const double> constants);

// What a rank sends over its link at the peak: half of an all-reduce where switches add.
double collective_floor(const CollectivePoint& point, const Machine& machine);

// 0, 1, 2: up to 64 KiB, up to 8 MiB, above.
int collective_regime(const CollectivePoint& point);

// Bytes that one rank sends.
double wire_bytes(CollectiveOp op, double bytes, double ranks);

}  // namespace moeplan
