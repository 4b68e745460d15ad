// SPDX-License-Identifier: Apache-2.0
#include "cli/man_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/exit_status.h"
#include "cli/session.h"

namespace moeplan {
namespace {

// Text that roff prints as written: no escapes, no requests at the start of a line,
// hyphens that can be copied as options.
std::string roff(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool first = i == 0 || text[i - 1] == '\n';
    if (first && (text[i] == '.' || text[i] == '\'')) out += "\\&";
    if (text[i] == '\\')
      out += "\\e";
    else if (text[i] == '-')
      out += "\\-";
    else
      out += text[i];
  }
  return out;
}

// Filled text, in source lines of a decent length.
std::string paragraph(std::string_view text) {
  constexpr std::size_t kLine = 70;  // escapes make it longer
  std::string out;
  std::size_t column = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find_first_of(" \n", at), text.size());
    if (end > at) {
      const bool breaks = column > 0 && column + end - at > kLine;
      out += column == 0 ? "" : breaks ? "\n" : " ";
      column = breaks ? end - at : column + end - at + 1;
      out += roff(text.substr(at, end - at));
    }
    at = end + 1;
  }
  return out + '\n';
}

std::string option_entry(const Option& option) {
  std::string names = fmt::format("\\fB{}\\fR", roff(fmt::format("--{}", option.name)));
  if (option.letter != 0) names = fmt::format("\\fB{}\\fR, {}", roff(fmt::format("-{}", option.letter)), names);
  if (!option.value.empty()) names += fmt::format(" \\fI{}\\fR", roff(option.value));
  const std::string help =
      option.same_as.empty() ? std::string(option.help) : fmt::format("Another name for --{}.", option.same_as);
  return fmt::format(".TP\n{}\n{}", names, paragraph(help));
}

// Lines as they are, one under the other.
std::string literal(const std::vector<std::string>& lines) {
  std::string text = ".nf\n";
  for (const std::string& line : lines) text += roff(line) + '\n';
  return text + ".fi\n";
}

std::vector<std::string> usage_lines(const Verb& verb) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < verb.usage.size();) {
    const std::size_t end = std::min(verb.usage.find('\n', at), verb.usage.size());
    lines.push_back(fmt::format("moeplan {}", verb.usage.substr(at, end - at)));
    at = end + 1;
  }
  return lines;
}

std::string verb_section(const Verb& verb) {
  std::string text = fmt::format(".SS {}\n", roff(verb.name)) + literal(usage_lines(verb));
  text += ".PP\n" + paragraph(verb.about);
  for (const Option& option : verb.options) text += option_entry(option);
  return text;
}

constexpr std::string_view kDescription =
    "Forecasts from the shape of a model, the facts of the hardware and the rules of a serving engine. "
    "The answer goes to standard output and nothing else does; warnings and hints go to standard error. "
    "Sizes are exact about their units: GB is 10^9 bytes, GiB is 2^30, a bare G is refused.";

struct Variable {
  std::string_view name;
  std::string_view help;
};

constexpr std::array<Variable, 4> kVariables = {
    {{"MOEPLAN_DATA_DIR", "A folder with data files that replace or add to the built-in ones, as --data-dir."},
     {"COLUMNS", "The width tables are laid out for; else the width of the terminal, or 120."},
     {"NO_COLOR", "Set to anything: no colour unless --color always."},
     {"TERM", "dumb: no colour unless --color always."}}};

}  // namespace

std::string man_page(const std::vector<Verb>& verbs) {
  std::string text = fmt::format(".TH MOEPLAN 1 {} \"moeplan {}\" \"User Commands\"\n", MOEPLAN_DATE, MOEPLAN_VERSION);
  text += ".SH NAME\nmoeplan \\- what a Mixture\\-of\\-Experts model costs on given hardware\n";
  text += ".SH SYNOPSIS\n.B moeplan\n.I COMMAND\n[\\fIARGUMENTS\\fR] [\\fIOPTIONS\\fR]\n";
  text += ".SH DESCRIPTION\n" + paragraph(kDescription);
  text += ".SH COMMANDS\n";
  for (const Verb& verb : verbs) text += verb_section(verb);
  text += fmt::format(".SS help\n{}.PP\n{}", literal({"moeplan help [TOPIC]"}),
                      paragraph("What a command does, the weight formats (formats), or this page as roff (man)."));
  text += ".SH OPTIONS OF EVERY COMMAND\n";
  for (const Option& option : common_options()) text += option_entry(option);
  text += ".SH ENVIRONMENT\n";
  for (const Variable& variable : kVariables)
    text += fmt::format(".TP\n.B {}\n{}", variable.name, paragraph(variable.help));
  text += ".SH EXIT STATUS\n";
  for (const ExitMeaning& exit : kExitMeanings)
    text += fmt::format(".TP\n.B {}\n{}", exit.status, paragraph(exit.meaning));
  text += ".SH EXAMPLES\n.nf\n";
  for (const Verb& verb : verbs)
    for (const std::string_view example : verb.examples) text += roff(example) + '\n';
  return text + ".fi\n";
}

}  // namespace moeplan
