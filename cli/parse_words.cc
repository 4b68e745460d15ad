// SPDX-License-Identifier: Apache-2.0
// The only file that includes Boost.Program_options (seconds to compile). Its
// guessing of abbreviated options is off, and every value is read as text: its own
// conversion to unsigned accepts -1.
#include "cli/parse_words.h"

#include <boost/program_options.hpp>

#include <algorithm>

#include "sim/base/error.h"
#include "sim/base/text.h"

namespace moeplan {
namespace {

namespace po = boost::program_options;

constexpr const char* kPositionals = " positionals";  // no option can be called this

po::options_description describe_options(std::span<const Option> options) {
  po::options_description description;
  for (const Option& option : options) {
    std::string names(option.name);
    if (option.letter != 0) names += std::string(",") + option.letter;
    if (option.value.empty())
      description.add_options()(names.c_str(), "");
    else
      description.add_options()(names.c_str(), po::value<std::vector<std::string>>(), "");
  }
  description.add_options()(kPositionals, po::value<std::vector<std::string>>(), "");
  return description;
}

std::string nearest_option(std::string_view name, std::span<const Option> options) {
  std::vector<std::string> names;
  for (const Option& option : options) names.emplace_back(option.name);
  while (name.starts_with("-")) name.remove_prefix(1);
  const std::string nearest = nearest_name(name, names);
  return nearest.empty() ? "" : "did you mean --" + nearest + "?";
}

[[noreturn]] void throw_unknown_option(const std::string& name, std::span<const Option> options) {
  Problem problem;
  problem.found = "the option " + in_quotes(name);
  problem.expected = "an option of this command";
  problem.hint = nearest_option(name.substr(0, name.find('=')), options);
  if (!problem.hint.empty()) problem.hint += ' ';
  problem.hint += "--help lists them all";
  throw InputError(ErrorKind::Usage, problem);
}

[[noreturn]] void throw_syntax(const po::invalid_syntax& error) {
  Problem problem;
  problem.file = error.get_option_name();
  const bool flag = dynamic_cast<const po::invalid_command_line_syntax*>(&error) != nullptr &&
                    static_cast<const po::invalid_command_line_syntax&>(error).kind() ==
                        po::invalid_command_line_syntax::extra_parameter;
  problem.found = flag ? "a value" : "no value";
  problem.expected = flag ? "none, it is a switch" : "one after it";
  throw InputError(ErrorKind::Usage, problem);
}

// "-ot" of an option whose other name is "ot" -> "--ot".
std::vector<std::string> with_two_dashes(std::span<const Option> options, const std::vector<std::string>& words) {
  std::vector<std::string> result;
  bool ended = false;
  for (const std::string& word : words) {
    ended = ended || word == "--";
    const std::string_view name = std::string_view(word).substr(0, word.find('='));
    const bool other_name = !ended && name.size() == 3 && name[0] == '-' && name[1] != '-' &&
                            std::any_of(options.begin(), options.end(), [name](const Option& o) {
                              return !o.same_as.empty() && o.name == name.substr(1);
                            });
    result.push_back(other_name ? "-" + word : word);
  }
  return result;
}

}  // namespace

ParsedWords parse_words(std::span<const Option> options, const std::vector<std::string>& words) {
  po::positional_options_description positional;
  positional.add(kPositionals, -1);
  const po::options_description description = describe_options(options);
  ParsedWords parsed;
  try {
    const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
    const po::parsed_options found = po::command_line_parser(with_two_dashes(options, words))
                                         .options(description)
                                         .positional(positional)
                                         .style(style)
                                         .run();
    for (const po::option& option : found.options) {
      if (option.string_key == kPositionals)
        parsed.positionals.insert(parsed.positionals.end(), option.value.begin(), option.value.end());
      else
        parsed.options.push_back({option.string_key, option.value.empty() ? "" : option.value.front()});
    }
  } catch (const po::unknown_option& error) {
    throw_unknown_option(error.get_option_name(), options);
  } catch (const po::invalid_syntax& error) {
    throw_syntax(error);
  } catch (const po::error& error) {
    Problem problem;
    problem.found = error.what();
    throw InputError(ErrorKind::Usage, problem);
  }
  return parsed;
}

}  // namespace moeplan
