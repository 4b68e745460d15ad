// SPDX-License-Identifier: Apache-2.0
// What may stand at each place of a command line, read off the tables of the commands:
// shell completion and the manual page are made from this and cannot fall behind.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/verb.h"
#include "sim/spec/catalog.h"

namespace moeplan {

// Lists of words that complete a value or a positional.
enum class WordList {
  None,  // a number, a size: nobody can list it
  Models,
  Hardware,
  Runtimes,
  WeightFormats,
  KvFormats,
  OutputFormats,
  Units,
  ColorChoices,
  Schemas,
  HelpTopics,
  Shells,
  Phases,
  Routings,
  Comparisons,
  Concurrencies,
  Switches,
  Files,
  Directories
};
inline constexpr std::size_t kWordLists = 19;

// The name a script can give the list: "models".
std::string_view name_of(WordList list);
// Empty for None, Files and Directories.
std::vector<std::string> words_of(WordList list, const Catalog& catalog);

// Words of a list, files, or both.
struct WordPlace {
  WordList words = WordList::None;
  bool files = false;
};

// "show NAME|FILE" of `models`; a command without actions has one without a name.
struct Action {
  std::string name;
  std::vector<WordPlace> places;
};

struct CommandWords {
  std::string name;
  std::string question;
  std::vector<Action> actions;
  std::vector<Option> options;  // the common ones included
};

// Every command and `help`.
std::vector<CommandWords> command_words();

// What completes the value of an option.
WordPlace value_of(const Option& option);
// Whether value_of() knows the option by name; numbers and sizes need not be known.
bool has_listed_value(const Option& option);

}  // namespace moeplan
