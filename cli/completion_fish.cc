// SPDX-License-Identifier: Apache-2.0
// fish: one `complete` line per word that can be offered.
#include <fmt/format.h>

#include "cli/completion.h"

namespace moeplan {
namespace {

// fish knows \' and \\ inside single quotes.
std::string fish_quoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "'";
}

std::string offers(const WordPlace& place, const Catalog& catalog) {
  std::string text;
  const std::vector<std::string> words = words_of(place.words, catalog);
  if (!words.empty()) text += fmt::format(" -a '{}'", fmt::join(words, " "));
  if (place.words == WordList::Directories) return text + " -a '(__fish_complete_directories)'";
  return text + (place.files ? " -F" : "");
}

std::string option_line(const CommandWords& command, const Option& option, const Catalog& catalog) {
  std::string line = fmt::format("complete -c moeplan -n '__moeplan_in {}' -l {}", command.name, option.name);
  if (option.letter != 0) line += fmt::format(" -s {}", option.letter);
  const WordPlace value = value_of(option);
  if (!option.value.empty()) line += (value.files ? " -r" : " -x") + offers(value, catalog);
  const std::string help =
      option.same_as.empty() ? std::string(option.help) : fmt::format("another name for --{}", option.same_as);
  return line + fmt::format(" -d {}\n", fish_quoted(help));
}

std::string action_lines(const CommandWords& command, const Action& action, const Catalog& catalog) {
  std::string text;
  if (!action.name.empty())
    text += fmt::format("complete -c moeplan -n '__moeplan_at 0 {}' -a {}\n", command.name, action.name);
  for (std::size_t n = 0; n < action.places.size(); ++n) {
    const std::string what = offers(action.places[n], catalog);
    if (what.empty()) continue;
    const std::string where = action.name.empty() ? fmt::format("{} {}", n, command.name)
                                                  : fmt::format("{} {} {}", n + 1, command.name, action.name);
    text += fmt::format("complete -c moeplan -n '__moeplan_at {}'{}\n", where, what);
  }
  return text;
}

constexpr std::string_view kHead = R"(# Completion of moeplan for fish, made by: moeplan completion fish
# SPDX-License-Identifier: Apache-2.0

# The command is $argv[1].
function __moeplan_in
    set -l words (commandline -opc)
    test (count $words) -ge 2; and test "$words[2]" = "$argv[1]"
end

# Words after the command that are neither options nor their values.
function __moeplan_places
    set -l words (commandline -opc)
    set -l is_value no
    for word in $words[3..-1]
        if test $is_value = yes
            set is_value no
            continue
        end
        switch $word
)";

constexpr std::string_view kPlaces = R"(                set is_value yes
            case '-*'
            case '*'
                echo $word
        end
    end
end

# $argv[1] such words follow the command $argv[2], the first of them $argv[3] when given.
function __moeplan_at
    set -l words (commandline -opc)
    test (count $words) -ge 2; and test "$words[2]" = "$argv[2]"; or return 1
    set -l places (__moeplan_places)
    test (count $places) -eq $argv[1]; or return 1
    test (count $argv) -lt 3; or test "$places[1]" = "$argv[3]"
end

function __moeplan_first
    test (count (commandline -opc)) -eq 1
end

complete -c moeplan -f
)";

}  // namespace

std::string fish_completion(const std::vector<CommandWords>& commands, const Catalog& catalog) {
  std::string text(kHead);
  text += "            case";
  for (const Option& option : options_of_all(commands)) {
    if (!option.value.empty()) text += fmt::format(" --{}", option.name);
    if (!option.value.empty() && option.letter != 0) text += fmt::format(" -{}", option.letter);
  }
  text += '\n' + std::string(kPlaces);
  for (const CommandWords& command : commands)
    text += fmt::format("complete -c moeplan -n __moeplan_first -a {} -d {}\n", command.name,
                        fish_quoted(command.question));
  for (const CommandWords& command : commands) {
    for (const Action& action : command.actions) text += action_lines(command, action, catalog);
    for (const Option& option : command.options) text += option_line(command, option, catalog);
  }
  return text;
}

}  // namespace moeplan
