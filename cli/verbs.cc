// SPDX-License-Identifier: Apache-2.0
#include "cli/verb.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "cli/exit_status.h"
#include "cli/man_page.h"
#include "cli/session.h"
#include "reports/formats.h"
#include "sim/base/error.h"
#include "sim/base/text.h"

namespace moeplan {
namespace {

const Verb* find_verb(const std::vector<Verb>& verbs, std::string_view name) {
  for (const Verb& verb : verbs)
    if (verb.name == name) return &verb;
  return nullptr;
}

[[noreturn]] void throw_unknown_verb(const std::vector<Verb>& verbs, const std::string& name) {
  std::vector<std::string> names = {"help"};
  for (const Verb& verb : verbs) names.emplace_back(verb.name);
  const std::string nearest = nearest_name(name, names);
  const std::string hint = nearest.empty() ? "" : fmt::format("did you mean \"moeplan {}\"? ", nearest);
  throw_usage("", "the command " + in_quotes(name), "a command of moeplan", hint + "\"moeplan help\" lists them all");
}

std::string option_names(const Option& option) {
  std::string names =
      option.letter != 0 ? fmt::format("-{}, --{}", option.letter, option.name) : fmt::format("--{}", option.name);
  return option.value.empty() ? names : fmt::format("{} {}", names, option.value);
}

std::string option_lines(std::span<const Option> options) {
  std::string text;
  for (const Option& option : options)
    text += option.same_as.empty()
                ? fmt::format("  {:<26} {}\n", option_names(option), option.help)
                : fmt::format("  {:<26} another name for --{}\n", option_names(option), option.same_as);
  return text;
}

int print_help(const std::vector<Verb>& verbs, const std::vector<std::string>& names) {
  OutputTarget output;
  if (names.empty()) {
    output.write(help_of_all(verbs));
    return kExitYes;
  }
  if (names.front() == "formats") {
    const TextStyle style{.width = terminal_width(), .color = false, .unit = {}};
    output.write(render_text(list_formats(Catalog::embedded().formats(), mixture_labels()), style));
    return kExitYes;
  }
  if (names.front() == "man") {
    output.write(man_page(verbs));
    return kExitYes;
  }
  const Verb* verb = find_verb(verbs, names.front());
  if (verb == nullptr) throw_unknown_verb(verbs, names.front());
  output.write(help_of(*verb));
  return kExitYes;
}

bool is_any_of(const std::string& word, std::initializer_list<std::string_view> choices) {
  return std::find(choices.begin(), choices.end(), word) != choices.end();
}

}  // namespace

std::vector<Verb> all_verbs() {
  return {fit_verb(),    simulate_verb(),   sweep_verb(),    merge_verb(),     network_verb(),
          models_verb(), hardware_verb(),   runtimes_verb(), calibrate_verb(), validate_verb(),
          schema_verb(), completion_verb(), version_verb()};
}

std::string help_of(const Verb& verb) {
  std::string text;
  for (std::size_t at = 0; at < verb.usage.size();) {
    const std::size_t end = std::min(verb.usage.find('\n', at), verb.usage.size());
    text += fmt::format("{}moeplan {}\n", at == 0 ? "usage: " : "       ", verb.usage.substr(at, end - at));
    at = end + 1;
  }
  text += fmt::format("\n{}\n", verb.about);
  if (!verb.options.empty()) text += "\noptions:\n" + option_lines(verb.options);
  if (verb.lists != nullptr) text += "\n" + verb.lists();
  text += "\nevery command:\n" + option_lines(common_options());
  text += "\nexamples:\n";
  for (const std::string_view example : verb.examples) text += fmt::format("  {}\n", example);
  return text + '\n' + std::string(kExitStatusHelp);
}

std::string help_of_all(const std::vector<Verb>& verbs) {
  std::string text =
      "moeplan: what a Mixture-of-Experts model costs on given hardware\n\n"
      "usage: moeplan COMMAND [ARGUMENTS] [OPTIONS]\n\n"
      "commands:\n";
  for (const Verb& verb : verbs) text += fmt::format("  {:<10} {}\n", verb.name, verb.question);
  text +=
      "  help       what a command does: moeplan help fit; weight formats: help formats; help man: a manual page\n\n"
      "start with:\n"
      "  moeplan fit mixtral-8x7b --hardware laptop-16gb\n"
      "  moeplan fit deepseek-r1 --hardware h200 --gpus 8\n"
      "  moeplan models list\n\n";
  return text + std::string(kExitStatusHelp);
}

void expect_positionals(const Arguments& arguments, std::string_view usage, std::size_t least, std::size_t most) {
  const std::vector<std::string>& words = arguments.positionals();
  if (words.size() >= least && words.size() <= most) return;
  const std::string found = words.size() < least ? "too few words" : "one word too many, " + in_quotes(words[most]);
  throw_usage("", found, fmt::format("moeplan {}", usage));
}

std::string action_of(const Arguments& arguments, std::string_view verb, const std::vector<std::string>& actions) {
  const std::string list = fmt::format("{}", fmt::join(actions, ", "));
  if (arguments.positionals().empty())
    throw_usage("", "nothing after " + in_quotes(verb), fmt::format("one of {}", list));
  const std::string& action = arguments.positionals().front();
  if (std::find(actions.begin(), actions.end(), action) != actions.end()) return action;
  const std::string nearest = nearest_name(action, actions);
  throw_usage("", in_quotes(action) + " after " + in_quotes(verb), fmt::format("one of {}", list),
              nearest.empty() ? "" : fmt::format("did you mean \"moeplan {} {}\"?", verb, nearest));
}

int run_command(const std::vector<std::string>& words) {
  const std::vector<Verb> verbs = all_verbs();
  if (words.empty()) {
    fmt::print(stderr, "{}", help_of_all(verbs));
    return kExitUsage;
  }
  const std::string& name = words.front();
  const std::vector<std::string> rest(words.begin() + 1, words.end());
  if (is_any_of(name, {"help", "--help", "-h"})) return print_help(verbs, rest);
  if (name == "--version") return find_verb(verbs, "version")->run(Arguments(common_options(), rest));
  if (name.starts_with("-"))
    throw_usage("", "the option " + in_quotes(name) + " first", "a command first", "options follow the command");
  const Verb* verb = find_verb(verbs, name);
  if (verb == nullptr) throw_unknown_verb(verbs, name);
  if (std::any_of(rest.begin(), rest.end(), [](const std::string& w) { return is_any_of(w, {"--help", "-h"}); }))
    return print_help(verbs, {name});
  return verb->run(Arguments(with_common_options(verb->options), rest, verb->name));
}

}  // namespace moeplan
