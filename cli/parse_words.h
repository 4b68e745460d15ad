// SPDX-License-Identifier: Apache-2.0
// The command-line grammar: --name VALUE, --name=VALUE, -o VALUE, "--" ends options;
// other names of two letters may stand after one dash, as engines write them: -ts, -ot.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "cli/arguments.h"

namespace moeplan {

struct ParsedOption {
  std::string name;
  std::string value;  // "" of a flag
};

struct ParsedWords {
  std::vector<ParsedOption> options;  // in the order given
  std::vector<std::string> positionals;
};

// Throws InputError(Usage) for what the grammar or the table of options refuses.
ParsedWords parse_words(std::span<const Option> options, const std::vector<std::string>& words);

}  // namespace moeplan
