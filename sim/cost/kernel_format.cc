// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/kernel_format.h"

namespace moeplan {
namespace {

constexpr bool in_order() {
  for (std::size_t i = 0; i < kKernelFormatFacts.size(); ++i) {
    if (static_cast<std::size_t>(kKernelFormatFacts[i].format) != i) return false;
  }
  return true;
}
static_assert(in_order());

constexpr std::array<std::string_view, kMathKinds> kMathWords = {"fp32", "tf32", "bf16", "fp8", "fp4", "int8"};

}  // namespace

std::string_view word_of(MathKind kind) { return kMathWords[static_cast<std::size_t>(kind)]; }

std::optional<KernelFormat> kernel_format_named(std::string_view label) {
  for (const KernelFormatFacts& facts : kKernelFormatFacts) {
    if (facts.label == label) return facts.format;
  }
  return std::nullopt;
}

}  // namespace moeplan
