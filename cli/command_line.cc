// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line.h"

#include "cli/completion.h"

namespace moeplan {
namespace {

constexpr std::string_view kHarmless = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";

// "--output FILE", "--output=FILE", "-o FILE", "-oFILE": how many words of it stand here.
std::size_t words_of_output(const std::vector<std::string>& words, std::size_t at) {
  const std::string& word = words[at];
  if (word == "--output" || word == "-o") return at + 1 < words.size() ? 2 : 1;
  return word.starts_with("--output=") || (word.starts_with("-o") && !word.starts_with("-ot")) ? 1 : 0;
}

// Quoted where a shell would do something with it.
std::string shell_word(const std::string& word) {
  const bool harmless = !word.empty() && word.find_first_not_of(kHarmless) == std::string::npos;
  return harmless ? word : shell_quoted(word);
}

}  // namespace

std::string command_line_of(std::string_view verb, const std::vector<std::string>& words,
                            const std::string& data_directory) {
  std::string line;
  if (!data_directory.empty()) line = "MOEPLAN_DATA_DIR=" + shell_word(data_directory) + ' ';
  line += "moeplan " + std::string(verb);
  for (std::size_t i = 0; i < words.size();) {
    const std::size_t left_out = words_of_output(words, i);
    if (left_out == 0) line += ' ' + shell_word(words[i]);
    i += left_out == 0 ? 1 : left_out;
  }
  return line;
}

}  // namespace moeplan
