// SPDX-License-Identifier: Apache-2.0
// Times, rates and counts as screens say them.
#pragma once

#include <string>
#include <string_view>

#include "sim/base/units.h"

namespace moeplan {

// Three digits with a unit people read: "34.6 ms", "812 us", "1.2 s".
std::string duration(double seconds);
// "34.6 ms (31..39.2)": the band in the same unit.
std::string banded(Seconds time, Seconds low, Seconds high);
// "1,331", "20.8"
std::string rate(double per_second);
// "1 sequence", "4,096 sequences"
std::string counted(Count count, std::string_view one);

}  // namespace moeplan
