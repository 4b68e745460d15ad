// SPDX-License-Identifier: Apache-2.0
// How a matrix kernel multiplies: what its weights take in memory, what its operands
// are when the matrix units see them. Weight formats of checkpoints are many
// (models/formats.json); kernels know these.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace moeplan {

// Operands of the matrix units; each has a peak of its own.
enum class MathKind : std::uint8_t { Fp32, Tf32, Bf16, Fp8, Fp4, Int8 };
inline constexpr int kMathKinds = 6;
std::string_view word_of(MathKind kind);  // as in DeviceSpec::peaks: "bf16"

enum class KernelFormat : std::uint8_t {
  Bf16,
  Fp8,          // one scale per tensor
  Fp8Block,     // weights in 128 x 128 blocks, activations in 1 x 128
  Nvfp4,        // weights and activations in blocks of 16
  W4A16Mxfp4,   // weights in blocks of 32, activations bf16
  W4A8Mxfp4,    // the same, activations mxfp8
  Int4Wo,       // weights int4 in groups of 32, activations bf16
  Int8Wo,       // weights int8, one scale per row, activations bf16
  SmoothQuant,  // weights and activations int8
  Fp32,
  WeightOnly  // any other: dequantised to 16 bits before the multiplication
};
inline constexpr int kKernelFormats = 11;

struct KernelFormatFacts {
  KernelFormat format;
  std::string_view label;  // in measurement files: "bfloat16", "fp8_block"
  double weight_bytes;     // per element, scales included; WeightOnly: 0, the point says it
  double input_bytes;      // per activation element the multiplication reads
  MathKind math;
};

inline constexpr std::array<KernelFormatFacts, kKernelFormats> kKernelFormatFacts = {{
    {KernelFormat::Bf16, "bfloat16", 2.0, 2.0, MathKind::Bf16},
    {KernelFormat::Fp8, "fp8", 1.0, 1.0, MathKind::Fp8},
    {KernelFormat::Fp8Block, "fp8_block", 1.0 + 4.0 / (128 * 128), 1.0 + 4.0 / 128, MathKind::Fp8},
    {KernelFormat::Nvfp4, "nvfp4", 0.5 + 1.0 / 16, 0.5 + 1.0 / 16, MathKind::Fp4},
    {KernelFormat::W4A16Mxfp4, "w4a16_mxfp4", 0.5 + 1.0 / 32, 2.0, MathKind::Bf16},
    {KernelFormat::W4A8Mxfp4, "w4a8_mxfp4_mxfp8", 0.5 + 1.0 / 32, 1.0 + 1.0 / 32, MathKind::Fp8},
    {KernelFormat::Int4Wo, "int4_wo", 0.5 + 2.0 / 32, 2.0, MathKind::Bf16},
    {KernelFormat::Int8Wo, "int8_wo", 1.0, 2.0, MathKind::Bf16},
    {KernelFormat::SmoothQuant, "sq", 1.0, 1.0, MathKind::Int8},
    {KernelFormat::Fp32, "float32", 4.0, 4.0, MathKind::Fp32},
    {KernelFormat::WeightOnly, "weight_only", 0.0, 2.0, MathKind::Bf16},
}};

constexpr const KernelFormatFacts& facts_of(KernelFormat format) {
  return kKernelFormatFacts[static_cast<std::size_t>(format)];
}
// By label; nothing = not one of the table.
std::optional<KernelFormat> kernel_format_named(std::string_view label);

}  // namespace moeplan
