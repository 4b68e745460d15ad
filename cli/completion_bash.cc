// SPDX-License-Identifier: Apache-2.0
// bash: one function over COMP_WORDS; needs bash 4 and no helper library.
#include <fmt/format.h>

#include "cli/completion.h"

namespace moeplan {
namespace {

// --name, -n and their alternatives for a case pattern; only options with a value.
std::string value_patterns(const std::vector<Option>& options) {
  std::string patterns;
  for (const Option& option : options) {
    if (option.value.empty()) continue;
    patterns += fmt::format("{}--{}", patterns.empty() ? "" : "|", option.name);
    if (option.letter != 0) patterns += fmt::format("|-{}", option.letter);
  }
  return patterns;
}

std::string option_words(const std::vector<Option>& options) {
  std::string words;
  for (const Option& option : options) {
    words += fmt::format("{}--{}", words.empty() ? "" : " ", option.name);
    if (option.letter != 0) words += fmt::format(" -{}", option.letter);
  }
  return words;
}

// The lists a place offers, for _moeplan_offer: "models files".
std::string offers(const WordPlace& place) {
  std::string names;
  if (place.words != WordList::None && place.words != WordList::Files) names = name_of(place.words);
  if (place.files) names += names.empty() ? "files" : " files";
  return names;
}

// case lines: what completes the value of each option.
std::string value_cases(const std::vector<Option>& options) {
  std::string text;
  std::string unlisted;
  for (const Option& option : options) {
    if (option.value.empty()) continue;
    const std::string names =
        option.letter != 0 ? fmt::format("--{}|-{}", option.name, option.letter) : fmt::format("--{}", option.name);
    const std::string lists = offers(value_of(option));
    if (lists.empty())
      unlisted += (unlisted.empty() ? "" : "|") + names;
    else
      text += fmt::format("    {}) _moeplan_offer {}; return ;;\n", names, lists);
  }
  return text + fmt::format("    {}) return ;;\n", unlisted);
}

// case lines: what may stand at the n-th place after a command.
std::string place_cases(const std::vector<CommandWords>& commands) {
  std::string text;
  for (const CommandWords& command : commands) {
    std::string actions;
    for (const Action& action : command.actions) {
      const bool named = !action.name.empty();
      if (named) actions += (actions.empty() ? "" : " ") + action.name;
      for (std::size_t n = 0; n < action.places.size(); ++n) {
        const std::string lists = offers(action.places[n]);
        const std::string pattern = named ? fmt::format("\"{} {} {}\"", command.name, n + 1, action.name)
                                          : fmt::format("\"{} {} \"*", command.name, n);
        if (!lists.empty()) text += fmt::format("    {}) _moeplan_offer {} ;;\n", pattern, lists);
      }
    }
    if (!actions.empty())
      text += fmt::format("    \"{} 0 \"*) mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$cur\") ;;\n", command.name,
                          actions);
  }
  return text;
}

std::string list_cases(const Catalog& catalog) {
  std::string text;
  for (std::size_t i = 0; i < kWordLists; ++i) {
    const auto list = static_cast<WordList>(i);
    const std::vector<std::string> words = words_of(list, catalog);
    if (!words.empty()) text += fmt::format("      {}) words='{}' ;;\n", name_of(list), fmt::join(words, " "));
  }
  return text;
}

constexpr std::string_view kHead = R"(# Completion of moeplan for bash, made by: moeplan completion bash
# SPDX-License-Identifier: Apache-2.0

# Adds the words of the named lists that begin with $cur.
_moeplan_offer() {
  local list words line
  for list in "$@"; do
    words=
    case $list in
      files | directories)
        compopt -o filenames 2>/dev/null
        while IFS= read -r line; do COMPREPLY+=("$line"); done \
          < <(if [[ $list == files ]]; then compgen -f -- "$cur"; else compgen -d -- "$cur"; fi)
        continue ;;
)";

constexpr std::string_view kOffer = R"(    esac
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -W "$words" -- "$cur")
  done
}

_moeplan() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]-} i
  local -a places=()
  COMPREPLY=()
  # bash splits --option=value into three words.
  if [[ $cur == '=' ]]; then cur=; elif [[ $prev == '=' ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi
  if ((COMP_CWORD == 1)); then
)";

}  // namespace

std::string bash_completion(const std::vector<CommandWords>& commands, const Catalog& catalog) {
  const std::vector<Option> all = options_of_all(commands);
  std::string names;
  for (const CommandWords& command : commands) names += (names.empty() ? "" : " ") + command.name;
  std::string text = std::string(kHead) + list_cases(catalog) + std::string(kOffer);
  text += fmt::format("    mapfile -t COMPREPLY < <(compgen -W '{} --help --version' -- \"$cur\")\n", names);
  text += "    return\n  fi\n  case $prev in\n" + value_cases(all) + "  esac\n";
  text += "  if [[ $cur == -* ]]; then\n    case $verb in\n";
  for (const CommandWords& command : commands)
    text += fmt::format("      {}) mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$cur\") ;;\n", command.name,
                        option_words(command.options));
  text += "    esac\n    return\n  fi\n";
  text += "  # Words after the command that are neither options nor their values.\n";
  text += "  for ((i = 2; i < COMP_CWORD; ++i)); do\n    case ${COMP_WORDS[i]} in\n";
  text += fmt::format("      {}) if [[ ${{COMP_WORDS[i+1]-}} == '=' ]]; then ((i += 2)); else ((i += 1)); fi ;;\n",
                      value_patterns(all));
  text += "      -*) ;;\n      *) places+=(\"${COMP_WORDS[i]}\") ;;\n    esac\n  done\n";
  text += "  case \"$verb ${#places[@]} ${places[0]-}\" in\n" + place_cases(commands);
  return text + "  esac\n}\n\ncomplete -F _moeplan moeplan\n";
}

}  // namespace moeplan
