// SPDX-License-Identifier: Apache-2.0
// The forms by the kind of their point, for code that knows it: what the rows of families()
// say of any point (a test compares them).
#pragma once

#include <type_traits>

#include "sim/cost/attention.h"
#include "sim/cost/collective.h"
#include "sim/cost/ep.h"
#include "sim/cost/family.h"
#include "sim/cost/gemm.h"
#include "sim/cost/mla.h"
#include "sim/cost/moe.h"
#include "sim/cost/stream.h"

namespace moeplan {

using FormConstants = std::span<const double>;

// Attention has a form for each phase.
inline FormTime form_time(Family, const GemmPoint& p, const Machine& m, FormConstants c) { return gemm_time(p, m, c); }
inline FormTime form_time(Family, const MoePoint& p, const Machine& m, FormConstants c) { return moe_time(p, m, c); }
inline FormTime form_time(Family family, const AttentionPoint& p, const Machine& m, FormConstants c) {
  return family == Family::AttentionContext ? attention_context_time(p, m, c) : attention_generation_time(p, m, c);
}
inline FormTime form_time(Family family, const MlaPoint& p, const Machine& m, FormConstants c) {
  return family == Family::MlaContext ? mla_context_time(p, m, c) : mla_generation_time(p, m, c);
}
inline FormTime form_time(Family, const CollectivePoint& p, const Machine& m, FormConstants c) {
  return collective_time(p, m, c);
}
inline FormTime form_time(Family, const EpPoint& p, const Machine& m, FormConstants c) { return ep_time(p, m, c); }
inline FormTime form_time(Family, const StreamPoint& p, const Machine& m, FormConstants c) {
  return stream_time(p, m, c);
}
inline FormTime form_time(Family, const PowerReading& p, const Machine& m, FormConstants c) {
  return power_reading(p, m, c);
}

// Forms that never answer less than their floor.
template <class Point>
inline constexpr bool kAboveFloor =
    !std::is_same_v<Point, AttentionPoint> && !std::is_same_v<Point, MlaPoint> && !std::is_same_v<Point, PowerReading>;

inline double form_floor(const GemmPoint& p, const Machine& m) { return gemm_floor(p, m); }
inline double form_floor(const MoePoint& p, const Machine& m) { return moe_floor(p, m); }
inline double form_floor(const AttentionPoint& p, const Machine& m) { return attention_floor(p, m); }
inline double form_floor(const MlaPoint& p, const Machine& m) { return mla_floor(p, m); }
inline double form_floor(const CollectivePoint& p, const Machine& m) { return collective_floor(p, m); }
inline double form_floor(const EpPoint& p, const Machine& m) { return ep_floor(p, m); }
inline double form_floor(const StreamPoint& p, const Machine& m) { return stream_floor(p, m); }
inline double form_floor(const PowerReading& p, const Machine& m) { return power_floor(p, m); }

inline int form_regime(const GemmPoint& p) { return gemm_regime(p); }
inline int form_regime(const MoePoint& p) { return moe_regime(p); }
inline int form_regime(const AttentionPoint& p) { return attention_regime(p); }
inline int form_regime(const MlaPoint& p) { return mla_regime(p); }
inline int form_regime(const CollectivePoint& p) { return collective_regime(p); }
inline int form_regime(const EpPoint& p) { return ep_regime(p); }
inline int form_regime(const StreamPoint& p) { return stream_regime(p); }
inline int form_regime(const PowerReading& p) { return power_regime(p); }

}  // namespace moeplan
