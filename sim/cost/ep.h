// SPDX-License-Identifier: Apache-2.0
// Time of an expert-parallel dispatch or combine: tokens to the ranks of their experts, and
// back. A token is copied
//   low latency   once per expert (top_k), sent by as many units as there are experts,
//   normal        once per destination rank; across nodes once per destination node over
//                 the network and from there over the links (two hops); by comm_units units,
//   NVLink modes  once per destination rank, by every unit; two-sided kernels by workers of
//                 their own: r max(1, floor(units / 2 / (2 ceil(r / 8)))), half of the units
//                 sending, a block for eight ranks.
// A copy of a dispatch carries hidden elements with their scales (4 bytes per 128 in DeepEP,
// 16 more of header in low latency: h + 4 h / 128 + 16 = 7,408 B for h 7168), of a combine
// 16-bit elements. Of D copies (r-1)/r leave the rank; those that stay move at `self` of the
// cost. The slowest resource, with a soft maximum of sharpness q, sets the pace:
//
//   link   copies bytes / (bandwidth * share)
//   units  copies / units * (copy_s + bytes / (bandwidth / all units * unit_load)), plus
//          token_s per token (low latency: times all units over those that send)
//   t = fixed + pace + fill sqrt(fixed pace)
//   fixed = floor_s + rank_s log2 r + expert_s experts + width_s hidden
//
// The last term of t: tokens of a small message do not overlap perfectly. Destination ranks
// and nodes come with the point (skewed or group-limited routing), else uniform routing:
// groups (1 - C(E - E/groups, k) / C(E, k)). The busiest rank's share over the mean, `busiest`,
// multiplies what it receives. Network: kEpNetworkShare and kEpNetworkLatency are fitted to the
// published low-latency rows of EP32 and EP128 and predict those of EP16, EP64 and EP256
// (tests); rows of several nodes in the measurements used elsewhere are unsound and no fit
// touches them.
//
// Exact: more tokens, hidden, top_k or less bandwidth is never faster; one rank costs nothing.
// Smooth in tokens.
#pragma once

#include <array>
#include <span>

#include "sim/cost/form.h"
#include "sim/cost/machine.h"
#include "sim/cost/points.h"

namespace moeplan {

enum EpConstant : std::size_t {
  EpFloor,
  EpRank,
  EpExpert,
  EpWidth,
  EpToken,
  EpCopy,
  EpUnitLoad,
  EpShare,
  EpSelf,
  EpSharpness,
  EpFill,
  EpConstants
};

inline constexpr std::array<FormConstant, EpConstants> kEpForm = {{
    {"floor_s", 1e-6, 1e-5, 1e-4, true, "launch and the first exchange of flags"},
    {"rank_s", 1e-9, 1e-6, 1e-5, true, "per doubling of ranks"},
    {"expert_s", 1e-11, 1e-8, 1e-6, true, "per expert: counters and flags"},
    {"width_s", 1e-12, 1e-10, 1e-8, true, "per element of a token: the length of the pipe"},
    {"token_s", 1e-11, 1e-9, 1e-5, true, "per token"},
    {"copy_s", 1e-10, 1e-7, 1e-5, true, "of a unit, per copy"},
    {"unit_load", 1e-2, 1, 100, true, "bytes a unit moves, over its share of the link"},
    {"share", 0.1, 0.7, 2.0, true, "share of the link's bandwidth"},
    {"self", 0, 0.5, 1, false, "cost of a copy that stays, over one that leaves"},
    {"sharpness", 1, 3, 20, true, "exponent of the soft maximum of link and units"},
    {"fill", 0, 0, 3, false, "imperfect overlap of middle sizes"},
}};

// Low-latency kernels of DeepEP on H800 with 50 GB/s adapters (deepseek-ai/DeepEP docs/legacy.md):
// 118 to 194 us for dispatch, 195 to 360 for combine at EP16 to EP256.
inline constexpr double kEpNetworkShare = 0.85;
inline constexpr double kEpNetworkLatency = 12e-6;

// Copies of one token and what each carries.
struct EpTraffic {
  double copies = 0;          // between devices of the fast links, the own included
  double leaving = 0;         // of them, share that leaves the rank
  double network_copies = 0;  // to other nodes
  double spine_copies = 0;    // of them, beyond the leaf switches
  double bytes = 0;
};
EpTraffic traffic_of(const EpPoint& point);

// What one rank sends when a copy takes `bytes`: mean over ranks, so it is what one receives.
TierBytes exchange_bytes(const EpPoint& point, double bytes);

FormTime ep_time(const EpPoint& point, const Machine& machine, std::span<const double> constants);

// What leaves a rank over its link and its adapter at their peaks. Seconds.
double ep_floor(const EpPoint& point, const Machine& machine);

// 0, 1, 2: up to 64 tokens per rank, up to 2,048, above.
int ep_regime(const EpPoint& point);

// Distinct groups of `experts / groups` experts that top_k of uniform routing reach.
double expected_destinations(double experts, double top_k, double groups);

}  // namespace moeplan
