// SPDX-License-Identifier: Apache-2.0
// Completion scripts, one per shell. Each is complete in itself: it holds the names
// of the catalogue it was made with and runs nothing.
#pragma once

#include <string>
#include <vector>

#include "cli/command_words.h"

namespace moeplan {

std::string bash_completion(const std::vector<CommandWords>& commands, const Catalog& catalog);
std::string zsh_completion(const std::vector<CommandWords>& commands, const Catalog& catalog);
std::string fish_completion(const std::vector<CommandWords>& commands, const Catalog& catalog);

// Options of any command by name, each once, those with another name's meaning too.
std::vector<Option> options_of_all(const std::vector<CommandWords>& commands);

// 'it'\''s': one word for a shell.
std::string shell_quoted(std::string_view text);

}  // namespace moeplan
