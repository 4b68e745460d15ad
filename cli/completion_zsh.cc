// SPDX-License-Identifier: Apache-2.0
// zsh: _arguments with the options of the command, its places and what completes them.
#include <fmt/format.h>

#include "cli/completion.h"

namespace moeplan {
namespace {

// Text inside [...] or before a colon of an _arguments spec.
std::string spec_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string completer(const WordPlace& place) {
  if (place.words == WordList::Directories) return "_files -/";
  if (place.words == WordList::None || place.words == WordList::Files) return place.files ? "_files" : " ";
  return fmt::format("_moeplan_{}{}", name_of(place.words), place.files ? "_or_files" : "");
}

std::string option_spec(const Option& option) {
  const std::string help = spec_text(option.same_as.empty() ? std::string(option.help)
                                                            : fmt::format("another name for --{}", option.same_as));
  const bool takes = !option.value.empty();
  const std::string value = takes ? fmt::format(":{}:{}", spec_text(option.value), completer(value_of(option))) : "";
  const std::string name = fmt::format("--{}{}", option.name, takes ? "=" : "");
  std::string spec = fmt::format("      {}\n", shell_quoted(fmt::format("{}[{}]{}", name, help, value)));
  if (option.letter != 0)
    spec += fmt::format("      {}\n",
                        shell_quoted(fmt::format("-{}{}[{}]{}", option.letter, takes ? "+" : "", help, value)));
  return spec;
}

std::string place_specs(const Action& action, std::size_t first) {
  std::string text;
  for (std::size_t n = 0; n < action.places.size(); ++n)
    text += fmt::format(" {}", shell_quoted(fmt::format("{}:word:{}", first + n, completer(action.places[n]))));
  return text;
}

std::string command_case(const CommandWords& command) {
  std::string text = fmt::format("    {})\n      specs=(\n", command.name);
  for (const Option& option : command.options) text += option_spec(option);
  text += "      )\n";
  std::string names;
  std::string cases;
  for (const Action& action : command.actions) {
    if (action.name.empty()) {
      if (!action.places.empty()) text += fmt::format("      specs+=({})\n", place_specs(action, 1).substr(1));
      continue;
    }
    names += (names.empty() ? "" : " ") + action.name;
    if (!action.places.empty())
      cases += fmt::format("        {}) specs+=({}) ;;\n", action.name, place_specs(action, 2).substr(1));
  }
  if (!names.empty()) {
    text += fmt::format("      specs+=('1:action:({})')\n", names);
    if (!cases.empty()) text += "      case ${words[2]-} in\n" + cases + "      esac\n";
  }
  return text + "      ;;\n";
}

// _moeplan_models and _moeplan_models_or_files.
std::string list_functions(const Catalog& catalog) {
  std::string text;
  for (std::size_t i = 0; i < kWordLists; ++i) {
    const auto list = static_cast<WordList>(i);
    const std::vector<std::string> words = words_of(list, catalog);
    if (words.empty()) continue;
    text += fmt::format("_moeplan_{0}() {{ compadd -- {1} }}\n_moeplan_{0}_or_files() {{ _moeplan_{0}; _files }}\n",
                        name_of(list), fmt::join(words, " "));
  }
  return text;
}

}  // namespace

std::string zsh_completion(const std::vector<CommandWords>& commands, const Catalog& catalog) {
  std::string text =
      "#compdef moeplan\n# Completion of moeplan for zsh, made by: moeplan completion zsh\n"
      "# SPDX-License-Identifier: Apache-2.0\n\n";
  text += list_functions(catalog);
  text += "\n_moeplan() {\n  local -a commands specs\n  if ((CURRENT == 2)); then\n    commands=(\n";
  for (const CommandWords& command : commands)
    text += fmt::format("      {}\n", shell_quoted(fmt::format("{}:{}", command.name, spec_text(command.question))));
  text += "    )\n    _describe command commands\n    return\n  fi\n";
  text += "  shift words\n  ((CURRENT -= 1))\n  case ${words[1]} in\n";
  for (const CommandWords& command : commands) text += command_case(command);
  text += "    *) return 1 ;;\n  esac\n  _arguments -s -S : $specs\n}\n\n";
  return text + "if [[ $funcstack[1] == _moeplan ]]; then _moeplan \"$@\"; else compdef _moeplan moeplan; fi\n";
}

}  // namespace moeplan
