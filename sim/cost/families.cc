// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/family.h"

namespace moeplan {

// Forms join here: {Family::Gemm, "gemm", ...}.
std::span<const FamilyFacts> families() { return {}; }

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
