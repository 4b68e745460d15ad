// SPDX-License-Identifier: Apache-2.0
#include "sim/spec/import/name_patterns.h"

#include <optional>

namespace moeplan {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The number at the front of the text, taken off; nullopt: none, or one that is text.
std::optional<Count> take_number(std::string_view& text) {
  std::size_t end = 0;
  Count number = 0;
  while (end < text.size() && is_digit(text[end]) && number < kMostNumber) number = 10 * number + (text[end++] - '0');
  if (end == 0 || number >= kMostNumber) return std::nullopt;
  text.remove_prefix(end);
  return number;
}

}  // namespace

std::uint32_t NamePatterns::number_of(std::string_view name) {
  const std::uint32_t likely = known_.empty() ? 0 : known_[last_].next;
  const std::uint32_t number = !known_.empty() && takes(known_[likely], name) ? likely : look_up(name);
  known_[last_].next = number;
  last_ = number;
  return number;
}

// Equal texts around the same numbers: take_numbers looks at nothing else. The text after
// a number begins with '.' or is the empty end, so that a number never runs into it.
bool NamePatterns::takes(const Known& known, std::string_view name) {
  const std::size_t numbers = known.between.size() - 1;
  for (std::size_t i = 0; i < numbers; ++i) {
    if (!name.starts_with(known.between[i])) return false;
    name.remove_prefix(known.between[i].size());
    const std::optional<Count> number = take_number(name);
    if (!number) return false;
    name_.numbers[i] = *number;
  }
  name_.count = numbers;
  return name == known.between.back();
}

std::uint32_t NamePatterns::look_up(std::string_view name) {
  take_numbers(name, name_);
  const auto [found, fresh] = number_of_.try_emplace(name_.pattern, static_cast<std::uint32_t>(known_.size()));
  if (!fresh) return found->second;
  Known known;
  known.pattern = name_.pattern;
  std::size_t from = 0;
  for (std::size_t i = 0; i < name_.count; ++i) {
    known.between.emplace_back(name_.pattern, from, name_.places[i] - from);
    from = name_.places[i] + 1;
  }
  known.between.emplace_back(name_.pattern, from);
  known.next = found->second;
  known_.push_back(std::move(known));
  return found->second;
}

}  // namespace moeplan
