// SPDX-License-Identifier: Apache-2.0
// The words after a verb, split into options and positionals. Values stay text here;
// the typed readers check them, so that "-1" is never a large number.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/base/units.h"

namespace moeplan {

struct Option {
  std::string_view name;   // "memory"
  std::string_view value;  // "SIZE"; "" = a flag
  std::string_view help;
  std::string_view same_as = "";  // another name of this option
  char letter = 0;                // "-o"
  bool adds_up = false;           // given twice, values are joined
  char joint = ',';               // by this
};

class Arguments {
 public:
  // Throws InputError(Usage): unknown options (with the nearest), missing values, an
  // option given twice, under one name or two.
  Arguments(std::span<const Option> options, const std::vector<std::string>& words, std::string_view verb = "");

  // Names of `options` and their values ("" of a flag), one positional.
  Arguments(std::span<const Option> options, std::string positional,
            const std::vector<std::pair<std::string, std::string>>& values);

  // The same command line with what `words` say in place of its own options.
  Arguments overridden(std::span<const Option> options, const std::vector<std::string>& words) const;

  const std::vector<std::string>& positionals() const { return positionals_; }
  const std::string& verb() const { return verb_; }                 // "" of words within an option
  const std::vector<std::string>& words() const { return words_; }  // as given, after the verb
  bool has(std::string_view option) const;
  std::optional<std::string> text(std::string_view option) const;
  // What was given of an option that adds up, each by itself.
  std::vector<std::string> texts(const Option& option) const;

  // Each throws InputError(Usage) that names the option, what was found and what is accepted.
  std::optional<Count> count(std::string_view option, Count min, Count max) const;
  std::optional<Count> tokens(std::string_view option) const;
  std::optional<Bytes> bytes(std::string_view option, Bytes min) const;
  std::optional<std::string> choice(std::string_view option, const std::vector<std::string>& words) const;

 private:
  void set(std::span<const Option> options, const std::string& name, const std::string& value);
  std::map<std::string, std::string, std::less<>> values_;
  std::vector<std::string> positionals_;
  std::string verb_;
  std::vector<std::string> words_;
};

// A whole decimal number, nothing else; none when it is not or does not fit.
std::optional<Count> parse_count(std::string_view text);

// What an option and --engine-flags say of one thing, when they do not contradict.
std::optional<Count> agreed(std::string_view option, std::optional<Count> own, std::optional<Count> said);
std::optional<double> agreed(std::string_view option, std::optional<double> own, std::optional<double> said);
std::optional<std::string> agreed(std::string_view option, const std::optional<std::string>& own,
                                  const std::optional<std::string>& said);

// Throws InputError(Usage).
[[noreturn]] void throw_usage(std::string_view option, std::string found, std::string expected, std::string hint = "");

}  // namespace moeplan
