// SPDX-License-Identifier: Apache-2.0
#include "sim/study/layout_words.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

#include "sim/base/text.h"

namespace moeplan {
namespace {

constexpr Count kMostOfADegree = 1 << 20;

struct Degree {
  std::string_view word;
  Count Layout::*value;
};
constexpr std::array<Degree, 7> kDegrees = {{{"tp", &Layout::tp},
                                             {"dp", &Layout::dp},
                                             {"cp", &Layout::cp},
                                             {"ep", &Layout::ep},
                                             {"moe-tp", &Layout::moe_tp},
                                             {"pp", &Layout::pp},
                                             {"x", &Layout::replicas}}};

bool read_term(std::string_view term, Layout& layout, bool& named_moe_tp) {
  if (term == "sp") {
    layout.sp = true;
    return true;
  }
  for (const Degree& degree : kDegrees) {
    if (!term.starts_with(degree.word)) continue;
    const std::string_view digits = term.substr(degree.word.size());
    Count value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size() || value < 1 || value > kMostOfADegree) continue;
    layout.*degree.value = value;
    named_moe_tp = named_moe_tp || degree.value == &Layout::moe_tp;
    return true;
  }
  return false;
}

}  // namespace

std::optional<Layout> parse_layout(std::string_view text) {
  const std::string lower = lower_case(text);
  std::string_view rest = lower;
  Layout layout;
  bool named_moe_tp = false;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find_first_of("+ "), rest.size());
    if (end > 0 && !read_term(rest.substr(0, end), layout, named_moe_tp)) return std::nullopt;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (lower.empty()) return std::nullopt;
  if (!named_moe_tp) layout.moe_tp = std::max<Count>(1, layout.ranks_per_stage() / layout.ep);
  return layout;
}

}  // namespace moeplan
