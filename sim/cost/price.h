// SPDX-License-Identifier: Apache-2.0
// What an operator costs in time, how far that may be off, and why to believe it.
#pragma once

#include "sim/base/picoseconds.h"
#include "sim/cost/form.h"

namespace moeplan {

// Where a price comes from, best first.
enum class Tier : std::uint8_t {
  Measured,     // a curve measured on this device at this shape
  Structured,   // the form with constants fitted on this device
  Transferred,  // the form with a sibling's constants and this device's own figures
  Default       // the form with its starting constants
};
inline constexpr int kTiers = 4;
std::string_view word_of(Tier tier);  // as `validate --rows` writes it: "measured"

// low and high hold the truth four times out of five.
struct Price {
  Picoseconds time;
  Picoseconds low;
  Picoseconds high;
  Bound bound = Bound::Memory;
  Tier tier = Tier::Default;
  double joules = 0;  // of the board meanwhile; 0 = its power is not known
};

}  // namespace moeplan
