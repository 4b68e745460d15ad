// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/family.h"

#include "sim/cost/gemm.h"

namespace moeplan {
namespace {

// A form of one kind of point as a function of any; std::get fails on a wrong kind.
template <class Point, FormTime (*kTime)(const Point&, const Machine&, std::span<const double>)>
FormTime time_of(const OperatorPoint& point, const Machine& machine, std::span<const double> constants) {
  return kTime(std::get<Point>(point), machine, constants);
}

template <class Point, double (*kFloor)(const Point&, const Machine&)>
double floor_of(const OperatorPoint& point, const Machine& machine) {
  return kFloor(std::get<Point>(point), machine);
}

template <class Point, int (*kRegime)(const Point&)>
int regime_of(const OperatorPoint& point) {
  return kRegime(std::get<Point>(point));
}

// Forms join here, in the order of the enumeration.
constexpr std::array kFamilyFacts = {
    FamilyFacts{.family = Family::Gemm,
                .id = "gemm",
                .help = "matrix products, quantising their input included",
                .constants = kGemmForm,
                .time = time_of<GemmPoint, gemm_time>,
                .floor = floor_of<GemmPoint, gemm_floor>,
                .regime = regime_of<GemmPoint, gemm_regime>,
                .regimes = {"m <= 16", "m 17-256", "m > 256"}},
};

}  // namespace

std::span<const FamilyFacts> families() { return kFamilyFacts; }

const FamilyFacts* family_named(std::string_view id) {
  for (const FamilyFacts& facts : families()) {
    if (facts.id == id) return &facts;
  }
  return nullptr;
}

const FamilyFacts* facts_of(Family family) {
  for (const FamilyFacts& facts : families()) {
    if (facts.family == family) return &facts;
  }
  return nullptr;
}

}  // namespace moeplan
