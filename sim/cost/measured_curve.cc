// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/measured_curve.h"

#include <algorithm>
#include <bit>

#include "sim/base/error.h"

namespace moeplan {
namespace {

template <class... Sizes>
CurvePlace place(double size, Sizes... sizes) {
  static_assert(sizeof...(sizes) <= kMostShapeSizes);
  return {.shape = {static_cast<double>(sizes)...}, .sizes = sizeof...(sizes), .size = size};
}

std::uint64_t hash_of(std::span<const double> shape) {
  std::uint64_t hash = 0;
  for (const double size : shape)
    hash = (hash ^ static_cast<std::uint64_t>(static_cast<std::int64_t>(size))) * 0x9E3779B97F4A7C15u;
  return hash >> 32;
}

constexpr double kNanosecond = 1e-9;

}  // namespace

std::optional<CurvePlace> place_of(const GemmPoint& p) {
  if (!p.recorded) return std::nullopt;
  return place(p.m, p.n, p.k);
}

std::optional<CurvePlace> place_of(const MoePoint& p) {
  return place(p.tokens, p.gated ? 1 : 0, p.hidden, p.inter, p.top_k, p.experts, p.local_experts, p.ranks);
}

std::optional<CurvePlace> place_of(const CollectivePoint& p) {
  if (p.near > 0 && p.near < p.ranks) return std::nullopt;  // measured inside one domain
  return place(p.bytes, p.ranks);
}

std::optional<CurvePlace> place_of(const EpPoint& p) {
  if (p.destinations != 0 || p.nodes != 0 || p.busiest != 1) return std::nullopt;
  // DeepEP's dispatch was measured in fp8.
  const bool deepep = p.mode == EpMode::Normal || p.mode == EpMode::LowLatency;
  if (deepep && p.op == EpOp::Dispatch && p.element_bytes != 1) return std::nullopt;
  return place(p.tokens, static_cast<int>(p.mode), static_cast<int>(p.op), p.ranks, p.ranks_per_node, p.hidden, p.top_k,
               p.experts, p.comm_units);
}

std::optional<CurvePlace> place_of(const OperatorPoint& point) {
  return std::visit([](const auto& kind) { return place_of(kind); }, point);
}

CurveKind curve_kind_of(Family family) {
  return family == Family::Moe ? CurveKind::ScalesForm : CurveKind::FollowsForm;
}

double trust_of(const MoePoint& moe) {
  const double of_expert = moe.tokens * moe.top_k / moe.experts;
  const double of_rank = of_expert * moe.local_experts;
  // A few tokens cannot be spread evenly: a row or two more is still even.
  const double uneven = std::max(moe.load.rows / (of_rank + 1), moe.load.peak / (of_expert + 1));
  constexpr double kEven = 1.5;
  if (uneven <= kEven) return 1;
  constexpr double kManyRows = 32;  // per expert, where half of what is lost is lost
  const double many = of_expert * of_expert / (kManyRows * kManyRows + of_expert * of_expert);
  return 1 - 0.5 * many * std::min(1.0, uneven / kEven - 1);
}

double trust_of(const OperatorPoint& point) {
  return std::visit([](const auto& kind) { return trust_of(kind); }, point);
}

double between(const TimeKnot& a, const TimeKnot& b, double size, double form, CurveKind kind) {
  const double along = (size - a.size) / (b.size - a.size);
  if (kind == CurveKind::ScalesForm) {
    const double first = a.measured / a.form;
    return form * (first + along * (b.measured / b.form - first));
  }
  // A form that is flat here says nothing: then the size does.
  const double rise = b.form - a.form;
  const double part = rise > 1e-3 * a.form ? std::clamp((form - a.form) / rise, 0.0, 1.0) : along;
  return a.measured + part * (b.measured - a.measured);
}

CurveTable::CurveTable(const KernelCurves& curves) : band_(curves.band) {
  const FamilyFacts* const family = family_named(curves.key.family);
  CHECK(family != nullptr);
  kind_ = curve_kind_of(family->family);
  slots_.resize(std::bit_ceil(2 * curves.shapes.size() + 1));
  for (const ShapeCurve& curve : curves.shapes) {
    Slot slot;
    CHECK(curve.shape.size() <= kMostShapeSizes);
    std::ranges::copy(curve.shape, slot.shape.begin());
    slot.hash = hash_of(curve.shape);
    slot.first = static_cast<std::uint32_t>(knots_.size());
    slot.count = static_cast<std::uint32_t>(curve.knots.size());
    for (const CurveKnot& knot : curve.knots)
      knots_.push_back({knot.size, knot.measured * kNanosecond, knot.form * kNanosecond});
    std::size_t at = slot.hash & (slots_.size() - 1);
    while (slots_[at].count != 0) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = slot;
  }
}

const CurveTable::Slot* CurveTable::find(const CurvePlace& place) const {
  const std::uint64_t hash = hash_of(std::span(place.shape).first(place.sizes));
  for (std::size_t at = hash & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
    const Slot& slot = slots_[at];
    if (slot.count == 0) return nullptr;
    if (slot.hash == hash && slot.shape == place.shape) return &slot;
  }
}

std::optional<CurveTable::Reading> CurveTable::at(const CurvePlace& place, double form) const {
  const Slot* const slot = find(place);
  if (slot == nullptr) return std::nullopt;
  const TimeKnot* const first = &knots_[slot->first];
  const TimeKnot* const last = first + slot->count - 1;
  if (place.size < first->size) return Reading{form * first->measured / first->form, false};
  if (place.size > last->size) return Reading{form * last->measured / last->form, false};
  const TimeKnot* above = first;
  while (above->size < place.size) ++above;
  // At the very knot too an expert layer may be routed in another way than was measured.
  if (above == first || above->size == place.size)
    return Reading{kind_ == CurveKind::ScalesForm ? form * above->measured / above->form : above->measured, true};
  return Reading{between(above[-1], *above, place.size, form, kind_), true};
}

}  // namespace moeplan
