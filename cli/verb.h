// SPDX-License-Identifier: Apache-2.0
// A command of moeplan: what help says about it, its options, its function. The
// table in verbs.cc is all there is to adding one.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/arguments.h"

namespace moeplan {

struct Verb {
  std::string_view name;
  std::string_view question;                   // one line for `help`
  std::string_view usage;                      // lines after "moeplan "
  std::string_view about;                      // a paragraph
  std::span<const Option> options;             // besides the common ones
  std::span<const std::string_view> examples;  // complete command lines
  int (*run)(const Arguments& arguments) = nullptr;
  std::string (*lists)() = nullptr;  // what its options may name, for help
};

// One per command file.
Verb fit_verb();
Verb models_verb();
Verb hardware_verb();
Verb runtimes_verb();
Verb simulate_verb();
Verb network_verb();
Verb sweep_verb();
Verb merge_verb();
Verb calibrate_verb();
Verb validate_verb();
Verb schema_verb();
Verb completion_verb();
Verb version_verb();

std::vector<Verb> all_verbs();

std::string help_of(const Verb& verb);
std::string help_of_all(const std::vector<Verb>& verbs);

// Exactly the positionals a command takes, by name: {"show", "NAME"}. Throws InputError(Usage).
void expect_positionals(const Arguments& arguments, std::string_view usage, std::size_t least, std::size_t most);

// The action of a command with several: models list. Throws InputError(Usage) with the nearest.
std::string action_of(const Arguments& arguments, std::string_view verb, const std::vector<std::string>& actions);

// words: the command line after the program name. Returns the exit status; throws InputError.
int run_command(const std::vector<std::string>& words);

}  // namespace moeplan
