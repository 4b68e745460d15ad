// SPDX-License-Identifier: Apache-2.0
// What every hardware profile is checked for: an id that can be a file name, a source at
// each quantity, values in a plausible range. Each adds a sentence per broken rule.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "sim/spec/hardware.h"

namespace moeplan {

using Sentences = std::vector<std::string>;

inline void check_id(Sentences& out, const std::string& id) {
  const bool sound = !id.empty() && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
  if (!sound) out.push_back(fmt::format("id \"{}\" must be lower-case letters, digits, '-' and '.'", id));
}

inline void check_text(Sentences& out, std::string_view what, const std::string& text) {
  if (text.empty()) out.push_back(fmt::format("{} is empty", what));
}

template <class T>
void check_source(Sentences& out, std::string_view what, const Sourced<T>& quantity) {
  if (quantity.source.empty()) out.push_back(fmt::format("{} has no source", what));
}

// A sourced quantity in base units that must lie in [low, high].
inline void check_range(Sentences& out, std::string_view what, double value, double low, double high,
                        std::string_view unit) {
  if (!(value >= low && value <= high)) {
    out.push_back(fmt::format("{} is {:g} {}, outside the plausible {:g} to {:g}", what, value, unit, low, high));
  }
}

template <class T>
void check_quantity(Sentences& out, std::string_view what, const Sourced<T>& quantity, double low, double high,
                    std::string_view unit) {
  check_source(out, what, quantity);
  check_range(out, what, quantity.value.base(), low, high, unit);
}

inline void check_bytes(Sentences& out, std::string_view what, const Sourced<Bytes>& quantity, double low,
                        double high) {
  check_source(out, what, quantity);
  check_range(out, what, quantity.value.size().base(), low, high, "B");
}

}  // namespace moeplan
