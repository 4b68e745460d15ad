// SPDX-License-Identifier: Apache-2.0
#include "sim/spec/import/packed_formats.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "sim/spec/import/safetensors.h"

namespace moeplan {
namespace {

// How scales belong to values.
enum class Scheme { Float8, Int8, ZeroPoints, Symmetric, Mlx, Microscaling, Nvidia, Bits4, Bits4Double };

struct Row {
  Scheme scheme;
  int bits;
  double group;  // values of a scale
  std::string_view format;
};

// A whole tensor or row has one scale: groups beyond any real one.
constexpr double kTensor = 1e12;
constexpr double kRow = 5e3;

constexpr Row kRows[] = {
    {Scheme::Float8, 8, kTensor, "fp8"},
    {Scheme::Float8, 8, kRow, "fp8_channel"},
    {Scheme::Float8, 8, 128 * 128, "fp8_block"},
    {Scheme::Int8, 8, kRow, "int8"},
    {Scheme::ZeroPoints, 4, 128, "int4_g128"},
    {Scheme::ZeroPoints, 4, 64, "int4_g64"},
    {Scheme::ZeroPoints, 4, 32, "int4_g32_zp"},
    {Scheme::Symmetric, 4, 128, "int4_g128_sym"},
    {Scheme::Symmetric, 4, 32, "int4_g32"},
    {Scheme::Mlx, 3, 64, "mlx_3bit"},
    {Scheme::Mlx, 4, 64, "mlx_4bit"},
    {Scheme::Mlx, 4, 32, "mlx_4bit_g32"},
    {Scheme::Mlx, 5, 64, "mlx_5bit"},
    {Scheme::Mlx, 6, 64, "mlx_6bit"},
    {Scheme::Mlx, 8, 64, "mlx_8bit"},
    {Scheme::Microscaling, 4, 32, "mxfp4"},
    {Scheme::Nvidia, 4, 16, "nvfp4"},
    {Scheme::Bits4, 4, 64, "nf4"},
    {Scheme::Bits4Double, 4, 64, "nf4_dq"},
};

bool is_word(std::string_view dtype) { return dtype == "I32" || dtype == "U32" || dtype == "I64"; }
bool is_byte(std::string_view dtype) { return dtype == "U8" || dtype == "I8"; }
bool is_float8(std::string_view dtype) { return dtype.starts_with("F8_"); }

// Bits of a value in packed storage.
double bits_of(const PackedMatrix& m) {
  if (m.zeros_bits > 0 && is_word(m.zeros_dtype) && m.scales > 0)
    return std::round(static_cast<double>(m.zeros_bits) / static_cast<double>(m.scales));
  if (m.expected > 0) {
    const double bits = static_cast<double>(m.storage_bits) / static_cast<double>(m.expected);
    if (bits > 1.5 && bits < 8.5) return std::round(bits);
  }
  return 4;  // every packed format of one width has it
}

Scheme scheme_of(const PackedMatrix& m, bool packed) {
  if (is_float8(m.dtype)) return Scheme::Float8;
  if (!packed) return Scheme::Int8;
  if (m.scale_suffix.ends_with("absmax")) return m.double_scaled ? Scheme::Bits4Double : Scheme::Bits4;
  if (m.dtype == "U32") return Scheme::Mlx;
  if (is_word(m.dtype)) return m.zeros_bits > 0 ? Scheme::ZeroPoints : Scheme::Symmetric;
  return is_float8(m.scale_dtype) && m.scale_dtype != "F8_E8M0" ? Scheme::Nvidia : Scheme::Microscaling;
}

// The row of the scheme with this width and the nearest group, else the nearest width.
std::string_view format_of(const PackedMatrix& m, Scheme scheme, double bits, Count values) {
  const double group = m.scales <= m.tensors ? kTensor : static_cast<double>(values) / static_cast<double>(m.scales);
  const bool block = m.scale_suffix.ends_with("scale_inv") && group > kRow;
  const double wanted = block || group >= kTensor ? group : std::min(group, scheme == Scheme::Float8 ? kRow : group);
  const auto distance = [&](const Row& row) {
    return (row.scheme == scheme ? 0 : 1e6) + 1e3 * std::abs(row.bits - bits) +
           std::abs(std::log(row.group / std::max(wanted, 1.0)));
  };
  return std::min_element(std::begin(kRows), std::end(kRows),
                          [&](const Row& a, const Row& b) { return distance(a) < distance(b); })
      ->format;
}

std::string_view plain_format(std::string_view dtype) {
  if (dtype == "BF16") return "bf16";
  if (dtype == "F16") return "fp16";
  if (is_float8(dtype)) return "fp8";
  if (dtype == "F4") return "nvfp4";
  return bits_of_dtype(dtype) <= 8 ? "int8" : "fp32";
}

}  // namespace

UnpackedMatrix unpack(const PackedMatrix& m) {
  // Bytes may hold two values: only where a scale says that they are numbers at all.
  const bool halves = is_byte(m.dtype) && m.scales > 0 && m.expected > 0 && m.expected > m.storage_values * 3 / 2;
  const bool bytes = m.dtype == "U8" && m.scales > 0 && (m.expected == 0 || halves);
  const bool packed =
      (m.packed && bits_of_dtype(m.dtype) >= 8) || halves || bytes || (is_word(m.dtype) && m.scales > 0);
  if (!packed && m.scales == 0) return {m.storage_values, std::string(plain_format(m.dtype))};
  if (!packed && m.dtype != "I8" && m.dtype != "U8" && !is_float8(m.dtype) && m.dtype != "F4")
    return {m.storage_values, std::string(plain_format(m.dtype))};
  const bool float4 = m.dtype == "F4";
  const double bits = float4 ? 4 : packed ? bits_of(m) : 8;
  Count values = packed ? m.storage_bits / static_cast<Count>(bits) : m.storage_values;
  // Rows may be padded to whole storage units.
  if (packed && m.expected > 0 && std::abs(values - m.expected) <= m.expected / 100) values = m.expected;
  return {values, std::string(format_of(m, scheme_of(m, packed || float4), bits, values))};
}

}  // namespace moeplan
