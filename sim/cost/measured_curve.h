// SPDX-License-Identifier: Apache-2.0
// Prices read off measured curves (sim/spec/curves.h), where a kernel was measured at the
// very shape that is asked for.
//
//   family      shape                                                         size
//   gemm        n k                                                           m
//   moe         gated hidden inter top-k experts local-experts ranks          tokens
//   collective  ranks                                                         bytes
//   ep          mode op ranks ranks-per-node hidden top-k experts SMs         tokens
//
// Between knots a and b, f the form at the point, T measured:
//
//   t = T_a + (T_b - T_a) (f - f_a) / (f_b - f_a)
//
// so that the form says where between the two its steps lie, t meets both, and t rises
// wherever f does. Expert layers instead take t = f T / f at the knots, straight between:
// how many experts a step touches depends on the routing, and one routing was measured.
// Beyond the ends t = f T / f of the end.
//
// Not on curves: attention, whose rows of a shape are scattered over batch and length (a
// factor per shape was tried: 4.6 % against the form's 4.8), and MLA, dense grids that lie
// 4 % from their forms.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "sim/cost/family.h"
#include "sim/spec/curves.h"

namespace moeplan {

inline constexpr std::size_t kMostShapeSizes = 8;

// Where a point lies: on the curve of its shape, at its size.
struct CurvePlace {
  std::array<double, kMostShapeSizes> shape{};
  std::size_t sizes = 0;
  double size = 0;
};

// Nothing: no kernel was ever measured so (cached prefixes, drafts, given destinations).
std::optional<CurvePlace> place_of(const OperatorPoint& point);
std::optional<CurvePlace> place_of(const GemmPoint& point);
std::optional<CurvePlace> place_of(const MoePoint& point);
std::optional<CurvePlace> place_of(const CollectivePoint& point);
std::optional<CurvePlace> place_of(const EpPoint& point);
template <class Point>
std::optional<CurvePlace> place_of(const Point&) {
  return std::nullopt;
}
// How much of ln(measured / form) holds for this point: 1 = all of it, but for expert layers
// routed less evenly than what was measured. With few rows per expert a shape's error is that
// of its weights, whatever the routing; with many it is that of tiles, half of which crowded
// experts share (assumed: taking all of it there made skewed rows worse).
double trust_of(const OperatorPoint& point);
double trust_of(const MoePoint& point);
template <class Point>
double trust_of(const Point&) {
  return 1;
}

// How curves of a family go on between knots.
enum class CurveKind : std::uint8_t { FollowsForm, ScalesForm };
CurveKind curve_kind_of(Family family);

struct TimeKnot {
  double size;
  double measured;  // seconds
  double form;      // seconds
};
// Of a point of `size` between two knots whose form takes `form`. Seconds.
double between(const TimeKnot& a, const TimeKnot& b, double size, double form, CurveKind kind);

class CurveTable {
 public:
  explicit CurveTable(const KernelCurves& curves);

  struct Reading {
    double seconds = 0;
    bool reaches = false;  // false: the form went on from an end of the curve
  };
  // Of a place whose form takes so long; nothing = no curve of its shape.
  std::optional<Reading> at(const CurvePlace& place, double form) const;
  bool knows(const CurvePlace& place) const { return find(place) != nullptr; }
  const FitBand& band() const { return band_; }

 private:
  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t first = 0;  // of knots_
    std::uint32_t count = 0;  // 0 = free
    std::array<double, kMostShapeSizes> shape{};
  };
  const Slot* find(const CurvePlace& place) const;

  CurveKind kind_;
  FitBand band_;
  std::vector<TimeKnot> knots_;
  std::vector<Slot> slots_;  // a power of two of them, at most half in use
};

}  // namespace moeplan
