// SPDX-License-Identifier: Apache-2.0
#include "sim/study/sweep_values.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>

#include "sim/base/text.h"

namespace moeplan {
namespace {

constexpr double kLargestWhole = 9007199254740992;  // 2^53: whole numbers are exact up to here
constexpr double kTokensOfK = 1024;                 // CLI.md section 3

struct Range {
  double from = 0;
  double to = 0;
  double step = 1;
  bool factor = false;
};

// "a:b:step", "a:b:*factor"; none when a part is no number: "gini:0.15" is a word.
std::optional<Range> range_of(std::string_view text) {
  std::array<std::string_view, 3> parts;
  std::size_t count = 0;
  while (count < parts.size()) {
    const std::size_t colon = text.find(':');
    parts[count++] = text.substr(0, colon);
    if (colon == std::string_view::npos) break;
    text.remove_prefix(colon + 1);
    if (count == parts.size()) return std::nullopt;
  }
  if (count < 2) return std::nullopt;
  Range range;
  if (count == 3) {
    range.factor = parts[2].starts_with('*');
    if (range.factor) parts[2].remove_prefix(1);
  }
  const std::optional<double> from = number_of(parts[0]);
  const std::optional<double> to = number_of(parts[1]);
  const std::optional<double> step = count == 3 ? number_of(parts[2]) : 1;
  if (!from || !to || !step) return std::nullopt;
  range.from = *from;
  range.to = *to;
  range.step = *step;
  return range;
}

double count_in(const Range& range) {
  constexpr double kSlack = 1e-9;  // 0.1:0.5:0.1 has five values
  const double steps =
      range.factor ? std::log(range.to / range.from) / std::log(range.step) : (range.to - range.from) / range.step;
  return std::floor(steps + kSlack) + 1;
}

// room: for further values.
std::optional<SweepTextProblem> problem_of(const Range& range, std::string_view text, std::size_t room) {
  const bool ends = range.factor ? range.step > 1 && range.from > 0 && range.to >= range.from
                                 : range.step != 0 && (range.to - range.from) / range.step >= 0;
  const double count = ends ? count_in(range) : 0;
  if (count > static_cast<double>(room))
    return SweepTextProblem{.found = fmt::format("{:.0f} values in {}", count, in_quotes(text)),
                            .expected = fmt::format("at most {} on an axis", kMostAxisValues),
                            .hint = "a larger step, or two axes"};
  if (ends) return std::nullopt;
  return SweepTextProblem{
      .found = "the range " + in_quotes(text),
      .expected = "one that reaches its end: 8:64:8, 64:8:-8, or 8:1024:*2 from above 0 by a factor above 1",
      .hint = ""};
}

void append(std::vector<std::string>& values, const Range& range, double count) {
  double power = range.from;
  for (double i = 0; i < count; ++i) {
    values.push_back(text_of(range.factor ? power : range.from + i * range.step));
    power *= range.step;
  }
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::optional<double> number_of(std::string_view word) {
  const bool thousands = word.ends_with('k');
  if (thousands) word.remove_suffix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size() || !std::isfinite(value)) return std::nullopt;
  return thousands ? value * kTokensOfK : value;
}

std::string text_of(double value) {
  // A range in steps of a tenth says 0.3, not 0.30000000000000004.
  if (value == std::floor(value) && std::fabs(value) < kLargestWhole) return fmt::format("{:.0f}", value);
  return fmt::format("{:.12g}", value);
}

std::vector<std::string> expand_values(std::string_view text, std::optional<SweepTextProblem>& problem) {
  std::vector<std::string> values;
  const std::string_view all = text;
  for (bool more = true; more && !problem;) {
    const std::size_t comma = text.find(',');
    more = comma != std::string_view::npos;
    const std::string_view item = trimmed(text.substr(0, comma));
    if (more) text.remove_prefix(comma + 1);
    const std::optional<Range> range = range_of(item);
    if (item.empty()) {
      problem = {.found = in_quotes(all), .expected = "values between its commas", .hint = ""};
    } else if (!range) {
      values.emplace_back(item);
    } else {
      problem = problem_of(*range, item, kMostAxisValues - values.size());
      if (!problem) append(values, *range, count_in(*range));
    }
  }
  if (problem) values.clear();
  return values;
}

}  // namespace moeplan
