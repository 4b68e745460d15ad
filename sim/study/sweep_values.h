// SPDX-License-Identifier: Apache-2.0
// The values of an axis as text: "1,2,8", "8:64:8" (step), "8:16384:*2" (factor), mixed; any
// other word stands for itself ("fp8", "gini:0.15"). Both ends of a range belong to it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/units.h"

namespace moeplan {

inline constexpr std::size_t kMostAxisValues = 10'000'000;

// What is wrong with a piece of text that should be values, or an expression.
struct SweepTextProblem {
  std::string found;
  std::string expected;
  std::string hint;
};

// The values in order. `problem` is set and nothing returned when the text is empty, a range never ends, or is longer
// than kMostAxisValues.
std::vector<std::string> expand_values(std::string_view text, std::optional<SweepTextProblem>& problem);

// A number as an axis value may write it: "8", "0.5", "1e6", "4k" (4096); none for other words.
std::optional<double> number_of(std::string_view word);

// Shortest text of a value: whole numbers without a point.
std::string text_of(double value);

}  // namespace moeplan
