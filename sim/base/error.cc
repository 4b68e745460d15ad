// SPDX-License-Identifier: Apache-2.0
#include "sim/base/error.h"

#include <algorithm>
#include <compare>
#include <optional>
#include <utility>

#include "sim/base/text.h"

namespace moeplan {
namespace {

constexpr std::size_t kShortestPart = 3;   // a shorter part of a name says nothing about it
constexpr std::size_t kLongestName = 256;  // longer ones are no misspelt names

std::string describe_all(const std::vector<Problem>& problems) {
  std::string out;
  for (const Problem& problem : problems) {
    if (!out.empty()) out += '\n';
    out += describe(problem);
  }
  return out;
}

std::string place_of(const Problem& problem) {
  std::string out = printable(problem.file);
  if (problem.line <= 0) return out;
  if (out.empty())
    out = "line ";
  else
    out += ':';
  out += std::to_string(problem.line);
  if (problem.column > 0) out += ':' + std::to_string(problem.column);
  return out;
}

// Insertions, deletions, substitutions and swaps of neighbours that turn a into b
// (Damerau-Levenshtein, each place edited at most once).
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_previous(b.size() + 1);
  std::vector<std::size_t> previous(b.size() + 1);
  std::vector<std::size_t> current(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) previous[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      current[j] = std::min({previous[j] + 1, current[j - 1] + 1, previous[j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        current[j] = std::min(current[j], before_previous[j - 2] + 1);
      }
    }
    std::swap(before_previous, previous);
    std::swap(previous, current);
  }
  return previous[b.size()];
}

bool is_separator(char c) { return c == '-' || c == '_' || c == '.' || c == '/'; }

// Lower case, without what people forget or confuse: "Mixtral_8x7B" -> "mixtral8x7b".
std::string squeezed(std::string_view text) {
  std::string out = lower_case(text);
  std::erase_if(out, is_separator);
  return out;
}

std::size_t common_start(std::string_view a, std::string_view b) {
  return static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
}

// A name is often typed in part ("mixtral") or with an extra word ("deepseek-r1-0528").
bool is_part_of(std::string_view part, std::string_view whole, bool at_start) {
  if (part.size() < kShortestPart) return false;
  return at_start ? whole.starts_with(part) : whole.find(part) != std::string_view::npos;
}

// An extra word behind a name that is whole otherwise.
bool has_extra_word(std::string_view name, std::string_view candidate) {
  return is_part_of(candidate, name, true) && name.size() > candidate.size() && is_separator(name[candidate.size()]);
}

// How near a candidate is: the smaller in each field, in this order.
struct Strangeness {
  std::size_t edits = 0;       // of the squeezed names; an extra word counts as 2
  std::size_t unlike = 0;      // of a part: letters of the name outside it
  std::size_t full_edits = 0;  // of the names as typed
  std::size_t different_from = 0;
  friend auto operator<=>(const Strangeness&, const Strangeness&) = default;
};

constexpr std::size_t kExtraWord = 2;
constexpr std::size_t kPrefix = kLongestName + 1;  // behind every edit distance
constexpr std::size_t kInside = kPrefix + 1;

// Nothing when the two are not alike. Lower-case texts.
std::optional<Strangeness> strangeness(std::string_view name, std::string_view candidate) {
  const std::string a = squeezed(name), b = squeezed(candidate);
  const auto with_edits = [&](std::size_t edits, std::size_t unlike) {
    return Strangeness{edits, unlike, edit_distance(name, candidate), name.size() - common_start(name, candidate)};
  };
  if (has_extra_word(name, candidate)) return with_edits(kExtraWord, 0);
  const std::size_t longest = std::max(a.size(), b.size());
  const std::size_t shortest = std::min(a.size(), b.size());
  const std::size_t threshold = std::max<std::size_t>(2, a.size() / 3);
  if (longest - shortest <= threshold) {
    const std::size_t distance = edit_distance(a, b);
    // Of two letters, two changed are another word.
    if (distance <= threshold && distance * 2 <= longest) return with_edits(distance, 0);
  }
  const std::size_t unlike = a.size() - shortest;
  if (is_part_of(a, b, true) || is_part_of(b, a, true)) return with_edits(kPrefix, unlike);
  if (is_part_of(a, b, false) || (is_part_of(b, a, false) && b.size() * 2 >= a.size()))
    return with_edits(kInside, unlike);
  return std::nullopt;
}

}  // namespace

std::string describe(const Problem& problem) {
  std::string sentence;
  const auto append = [&sentence](std::string_view separator, std::string_view text) {
    if (!sentence.empty()) sentence += separator;
    sentence += printable(text);
  };
  if (!problem.found.empty()) append("", "found " + problem.found);
  if (!problem.expected.empty()) append(", ", "expected " + problem.expected);
  if (!problem.hint.empty()) append("; ", problem.hint);
  std::string out = place_of(problem);
  for (const std::string& part : {printable(problem.path), sentence}) {
    if (part.empty()) continue;
    if (!out.empty()) out += ": ";
    out += part;
  }
  return out;
}

InputError::InputError(ErrorKind kind, std::vector<Problem> problems)
    : std::runtime_error(describe_all(problems)), kind_(kind), problems_(std::move(problems)) {}

InputError::InputError(ErrorKind kind, Problem problem) : InputError(kind, std::vector<Problem>{std::move(problem)}) {}

std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates) {
  if (name.empty() || name.size() > kLongestName) return "";
  const std::string wanted = lower_case(name);
  const std::string* best = nullptr;
  Strangeness best_strangeness;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > kLongestName) continue;
    const std::optional<Strangeness> strange = strangeness(wanted, lower_case(candidate));
    if (!strange || (best != nullptr && *strange >= best_strangeness)) continue;
    best = &candidate;
    best_strangeness = *strange;
  }
  return best == nullptr ? "" : *best;
}

void throw_unknown_name(std::string_view what, std::string_view name, const std::vector<std::string>& known,
                        std::string_view list_command) {
  Problem problem;
  problem.found = "the " + std::string(what) + ' ' + in_quotes(name);
  problem.expected = "a known " + std::string(what);
  const std::string nearest = nearest_name(name, known);
  if (!nearest.empty()) problem.hint = "did you mean " + in_quotes(nearest) + "? ";
  problem.hint += '"' + std::string(list_command) + "\" lists them all";
  throw InputError(ErrorKind::UnknownName, std::move(problem));
}

void check_failed(const char* condition, const char* file, int line) {
  throw std::logic_error(std::string(file) + ':' + std::to_string(line) + ": internal error: " + condition +
                         " does not hold");
}

}  // namespace moeplan
