// SPDX-License-Identifier: Apache-2.0
// `moeplan completion SHELL`: the script a shell completes command lines with.
#include "cli/completion.h"

#include <algorithm>
#include <array>

#include "cli/exit_status.h"
#include "cli/session.h"

namespace moeplan {
namespace {

constexpr std::array<std::string_view, 3> kExamples = {
    "moeplan completion bash > ~/.local/share/bash-completion/completions/moeplan",
    "moeplan completion zsh > \"${fpath[1]}/_moeplan\"",
    "moeplan completion fish > ~/.config/fish/completions/moeplan.fish"};

int run(const Arguments& arguments) {
  const std::string shell = action_of(arguments, "completion", {"bash", "zsh", "fish"});
  expect_positionals(arguments, "completion bash|zsh|fish", 1, 1);
  Session session(arguments);
  const std::vector<CommandWords> commands = command_words();
  session.write_text(shell == "bash"  ? bash_completion(commands, session.catalog())
                     : shell == "zsh" ? zsh_completion(commands, session.catalog())
                                      : fish_completion(commands, session.catalog()));
  return kExitYes;
}

}  // namespace

std::vector<Option> options_of_all(const std::vector<CommandWords>& commands) {
  std::vector<Option> all;
  for (const CommandWords& command : commands)
    for (const Option& option : command.options)
      if (std::none_of(all.begin(), all.end(), [&option](const Option& o) { return o.name == option.name; }))
        all.push_back(option);
  return all;
}

std::string shell_quoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

Verb completion_verb() {
  return {.name = "completion",
          .question = "how does my shell complete moeplan's words?",
          .usage = "completion bash|zsh|fish",
          .about =
              "Prints a script that completes commands, options, models, hardware, runtimes and formats.\n"
              "An installed moeplan brings it along; for a copied one, write it where the shell looks.",
          .options = {},
          .examples = kExamples,
          .run = run};
}

}  // namespace moeplan
