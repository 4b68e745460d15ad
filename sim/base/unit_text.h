// SPDX-License-Identifier: Apache-2.0
// Numbers with units, as people write them in datasheets and on command lines.
//
//   quantity := number [space] unit
//   unit     := [prefix] symbol ["/s"]
// Sizes:  B kB MB GB TB PB (powers of 1000), KiB MiB GiB TiB PiB (powers of 1024).
// Rates:  sizes "/s"; FLOP/s with prefixes k M G T P ("989.4 TFLOP/s"); W, kW, MW;
//         Hz kHz MHz GHz; s ms us ns; J kJ; USD/s, USD/h.
// A bare "G" or "M" is refused and both readings are named; so are negative and
// non-finite numbers and unknown suffixes. Decimal and binary are never mixed up.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "sim/base/units.h"

namespace moeplan {

// What the parsers below throw. what() is "expected <expected>: <reason>"; the caller
// knows the file or option and wraps it.
class UnitTextError : public std::invalid_argument {
 public:
  UnitTextError(std::string expected, std::string reason);
  const std::string& expected() const { return expected_; }  // "a size such as \"80 GB\" or \"80 GiB\""
  const std::string& reason() const { return reason_; }      // "the unit is missing"

 private:
  std::string expected_;
  std::string reason_;
};

// Each throws UnitTextError.
Bytes parse_bytes(std::string_view text);  // "24GiB", "80 GB", "1024" (bare integer = bytes); to the nearest byte
template <Dim D>
Quantity<D> parse_quantity(std::string_view text);  // unit required

// Token counts: "8k" = 8,192 (k = 1024), "1M" = 1,048,576; plain integers. > 0.
Count parse_tokens(std::string_view text);

// What a text of this kind looks like: "a rate such as \"4.8 TB/s\"".
std::string expected_bytes();
template <Dim D>
std::string expected_quantity();

// Text that parses back to exactly the same value, with the largest fitting prefix.
// Negative values are written too, for people; the parsers refuse them.
std::string to_text(Bytes value);
template <Dim D>
std::string to_text(Quantity<D> value);

extern template DataSize parse_quantity(std::string_view);
extern template Seconds parse_quantity(std::string_view);
extern template BytesPerSecond parse_quantity(std::string_view);
extern template FlopsPerSecond parse_quantity(std::string_view);
extern template Watts parse_quantity(std::string_view);
extern template Hertz parse_quantity(std::string_view);
extern template Joules parse_quantity(std::string_view);
extern template UsdPerSecond parse_quantity(std::string_view);
extern template std::string to_text(DataSize);
extern template std::string to_text(Seconds);
extern template std::string to_text(BytesPerSecond);
extern template std::string to_text(FlopsPerSecond);
extern template std::string to_text(Watts);
extern template std::string to_text(Hertz);
extern template std::string to_text(Joules);
extern template std::string to_text(UsdPerSecond);

}  // namespace moeplan
