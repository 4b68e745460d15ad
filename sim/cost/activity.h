// SPDX-License-Identifier: Apache-2.0
// What a kernel does that draws power, whatever its time: products in the matrix units,
// bytes from memory, from the last level cache and over links. Useful work only: what
// padding and masking add is in the fitted energies (power.h).
#pragma once

#include "sim/cost/kernel_format.h"
#include "sim/cost/points.h"

namespace moeplan {

struct Machine;

// Products of one kind cost more than those of another: rows of experts fill tiles badly,
// scores pass through exponentials.
enum class Products : std::uint8_t { Dense, Experts, Attention };
inline constexpr std::size_t kProducts = 3;

struct Activity {
  Products products = Products::Dense;
  MathKind math = MathKind::Bf16;  // operands of the matrix units
  double flops = 0;
  double memory_bytes = 0;
  double cache_bytes = 0;
  double link_bytes = 0;  // sent
};

Activity activity_of(const GemmPoint& point, const Machine& machine);
Activity activity_of(const MoePoint& point, const Machine& machine);
// Both phases. Working sets of few sequences are read from the last level cache.
Activity activity_of(const AttentionPoint& point, const Machine& machine);
Activity activity_of(const MlaPoint& point, const Machine& machine);
Activity activity_of(const CollectivePoint& point, const Machine& machine);
Activity activity_of(const EpPoint& point, const Machine& machine);
Activity activity_of(const StreamPoint& point, const Machine& machine);

}  // namespace moeplan
