// SPDX-License-Identifier: Apache-2.0
#include "cli/arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "cli/parse_words.h"
#include "sim/base/error.h"
#include "sim/base/text.h"
#include "sim/base/unit_text.h"

namespace moeplan {
namespace {

std::string canonical_name(std::span<const Option> options, const std::string& name) {
  for (const Option& option : options)
    if (option.name == name && !option.same_as.empty()) return std::string(option.same_as);
  return name;
}

const Option* find_option(std::span<const Option> options, const std::string& name) {
  const auto found = std::find_if(options.begin(), options.end(), [&name](const Option& o) { return o.name == name; });
  return found == options.end() ? nullptr : &*found;
}

}  // namespace

void throw_usage(std::string_view option, std::string found, std::string expected, std::string hint) {
  Problem problem;
  if (!option.empty()) problem.file = "--" + std::string(option);
  problem.found = std::move(found);
  problem.expected = std::move(expected);
  problem.hint = std::move(hint);
  throw InputError(ErrorKind::Usage, problem);
}

std::optional<Count> parse_count(std::string_view text) {
  Count value = 0;
  const std::from_chars_result result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

Arguments::Arguments(std::span<const Option> options, const std::vector<std::string>& words, std::string_view verb)
    : verb_(verb), words_(words) {
  ParsedWords parsed = parse_words(options, words);
  positionals_ = std::move(parsed.positionals);
  for (const ParsedOption& option : parsed.options) set(options, option.name, option.value);
}

Arguments::Arguments(std::span<const Option> options, std::string positional,
                     const std::vector<std::pair<std::string, std::string>>& values) {
  positionals_.push_back(std::move(positional));
  for (const auto& [name, value] : values) set(options, name, value);
}

void Arguments::set(std::span<const Option> options, const std::string& given, const std::string& value) {
  const std::string name = canonical_name(options, given);
  const Option* option = find_option(options, name);
  if (values_.contains(name) && option != nullptr && option->adds_up) {
    values_[name] += option->joint + value;
    return;
  }
  if (values_.contains(name)) {
    const std::string other = name == given ? "" : " (--" + given + " is another name for it)";
    throw_usage(name, "the option twice" + other, "it once");
  }
  values_[name] = value;
}

std::vector<std::string> Arguments::texts(const Option& option) const {
  std::vector<std::string> texts;
  std::string rest = text(option.name).value_or("");
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(option.joint), rest.size());
    texts.push_back(rest.substr(0, end));
    rest.erase(0, end + 1);
  }
  return texts;
}

Arguments Arguments::overridden(std::span<const Option> options, const std::vector<std::string>& words) const {
  Arguments other(options, words);
  if (other.positionals_.empty()) other.positionals_ = positionals_;
  for (const auto& [name, value] : values_) other.values_.try_emplace(name, value);
  return other;
}

bool Arguments::has(std::string_view option) const { return values_.contains(option); }

std::optional<std::string> Arguments::text(std::string_view option) const {
  const auto found = values_.find(option);
  if (found == values_.end()) return std::nullopt;
  if (found->second.empty()) throw_usage(option, "an empty value", "one with text");
  return found->second;
}

std::optional<Count> Arguments::count(std::string_view option, Count min, Count max) const {
  const std::optional<std::string> value = text(option);
  if (!value) return std::nullopt;
  const std::optional<Count> number = parse_count(*value);
  if (!number || *number < min || *number > max)
    throw_usage(option, in_quotes(*value), "a whole number from " + std::to_string(min) + " to " + std::to_string(max));
  return number;
}

std::optional<Count> Arguments::tokens(std::string_view option) const {
  const std::optional<std::string> value = text(option);
  if (!value) return std::nullopt;
  constexpr Count kLongest = Count{1} << 32;  // beyond any model; keeps byte counts inside 64 bits
  try {
    const Count number = parse_tokens(*value);
    if (number > kLongest) throw_usage(option, in_quotes(*value), "at most " + std::to_string(kLongest) + " tokens");
    return number;
  } catch (const UnitTextError& error) {
    throw_usage(option, in_quotes(*value), error.expected(), error.reason());
  }
}

std::optional<Bytes> Arguments::bytes(std::string_view option, Bytes min) const {
  const std::optional<std::string> value = text(option);
  if (!value) return std::nullopt;
  constexpr Bytes kLargest{Count{1} << 50};
  try {
    const Bytes size = parse_bytes(*value);
    if (size < min) throw_usage(option, in_quotes(*value), "at least " + to_text(min));
    if (size > kLargest) throw_usage(option, in_quotes(*value), "at most " + to_text(kLargest));
    return size;
  } catch (const UnitTextError& error) {
    throw_usage(option, in_quotes(*value), error.expected(), error.reason());
  }
}

std::optional<std::string> Arguments::choice(std::string_view option, const std::vector<std::string>& words) const {
  const std::optional<std::string> value = text(option);
  if (!value || std::find(words.begin(), words.end(), *value) != words.end()) return value;
  std::string list;
  for (const std::string& word : words) list += (list.empty() ? "" : ", ") + word;
  const std::string nearest = nearest_name(*value, words);
  throw_usage(option, in_quotes(*value), "one of " + list, nearest.empty() ? "" : "did you mean " + nearest + "?");
}

namespace {

template <class T>
std::optional<T> agree(std::string_view option, const std::optional<T>& own, const std::optional<T>& said) {
  if (own && said && *own != *said)
    throw_usage(option, fmt::format("{} where --engine-flags says {}", *own, *said), "the same, or only one of them");
  return own ? own : said;
}

}  // namespace

std::optional<Count> agreed(std::string_view option, std::optional<Count> own, std::optional<Count> said) {
  return agree(option, own, said);
}
std::optional<double> agreed(std::string_view option, std::optional<double> own, std::optional<double> said) {
  return agree(option, own, said);
}
std::optional<std::string> agreed(std::string_view option, const std::optional<std::string>& own,
                                  const std::optional<std::string>& said) {
  return agree(option, own, said);
}

}  // namespace moeplan
