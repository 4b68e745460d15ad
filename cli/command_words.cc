// SPDX-License-Identifier: Apache-2.0
#include "cli/command_words.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "cli/session.h"
#include "reports/schemas.h"

namespace moeplan {
namespace {

constexpr std::array<std::string_view, kWordLists> kListNames = {
    "none",        "models",        "hardware", "runtimes", "weights",    "caches", "formats",
    "units",       "colors",        "schemas",  "topics",   "shells",     "phases", "routings",
    "comparisons", "concurrencies", "switches", "files",    "directories"};

struct OptionWords {
  std::string_view option;
  WordList words;
  bool files = false;
};

// Options whose value is one of a list.
constexpr std::array<OptionWords, 20> kOptionWords = {{{"hardware", WordList::Hardware},
                                                       {"runtime", WordList::Runtimes},
                                                       {"weights", WordList::WeightFormats},
                                                       {"kv", WordList::KvFormats},
                                                       {"format", WordList::OutputFormats},
                                                       {"units", WordList::Units},
                                                       {"color", WordList::ColorChoices},
                                                       {"phase", WordList::Phases},
                                                       {"routing", WordList::Routings},
                                                       {"compare", WordList::Comparisons},
                                                       {"concurrency", WordList::Concurrencies},
                                                       {"flash-attn", WordList::Switches},
                                                       {"gpu", WordList::Hardware},
                                                       {"transfer", WordList::Hardware},
                                                       {"against", WordList::Files},
                                                       {"from", WordList::Files},
                                                       {"rows", WordList::Files},
                                                       {"out", WordList::Directories},
                                                       {"output", WordList::Files},
                                                       {"data-dir", WordList::Directories}}};

const OptionWords* find_words(const Option& option) {
  const std::string_view name = option.same_as.empty() ? option.name : option.same_as;
  const auto* found = std::find_if(kOptionWords.begin(), kOptionWords.end(),
                                   [name](const OptionWords& words) { return words.option == name; });
  return found == kOptionWords.end() ? nullptr : found;
}

bool is_lower(std::string_view word) {
  return std::none_of(word.begin(), word.end(), [](unsigned char c) { return std::isupper(c) != 0; });
}

// What a NAME is depends on the command.
WordList names_of(std::string_view verb) {
  if (verb == "models") return WordList::Models;
  return verb == "hardware" ? WordList::Hardware : WordList::Runtimes;
}

// One word of a usage line: "MODEL", "NAME|FILE", "bash|zsh|fish".
WordPlace place_of(std::string_view verb, std::string_view word) {
  if (word == "MODEL") return {WordList::Models, true};
  if (word == "FILE") return {WordList::None, true};
  if (word == "NAME") return {names_of(verb), false};
  if (word == "NAME|FILE") return {names_of(verb), true};
  if (word == "VERB") return {WordList::Schemas, false};
  if (word == "TOPIC") return {WordList::HelpTopics, false};
  return {word == "bash|zsh|fish" ? WordList::Shells : WordList::None, false};
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(separator, at), text.size());
    if (end > at) parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

// "models show NAME|FILE [OPTIONS]": the action, then a place for each word up to the options.
Action action_of_usage(std::string_view line) {
  const std::vector<std::string_view> words = split(line, ' ');
  Action action;
  for (std::size_t i = 1; i < words.size(); ++i) {
    std::string_view word = words[i];
    if (word.starts_with("[") && word.ends_with("]")) word = word.substr(1, word.size() - 2);
    if (word.starts_with("-") || word.starts_with("[") || word == "OPTIONS") break;
    if (i == 1 && is_lower(word) && word.find('|') == std::string_view::npos)
      action.name = word;
    else
      action.places.push_back(place_of(words.front(), word));
  }
  return action;
}

CommandWords words_of_verb(const Verb& verb) {
  CommandWords command{.name = std::string(verb.name),
                       .question = std::string(verb.question),
                       .actions = {},
                       .options = with_common_options(verb.options)};
  for (const std::string_view line : split(verb.usage, '\n')) {
    Action action = action_of_usage(line);
    const auto same = [&action](const Action& other) { return other.name == action.name; };
    const auto known = std::find_if(command.actions.begin(), command.actions.end(), same);
    if (known == command.actions.end())
      command.actions.push_back(std::move(action));
    else if (known->places.size() < action.places.size())
      *known = std::move(action);
  }
  return command;
}

}  // namespace

std::string_view name_of(WordList list) { return kListNames[static_cast<std::size_t>(list)]; }

std::vector<std::string> words_of(WordList list, const Catalog& catalog) {
  std::vector<std::string> words;
  switch (list) {
    case WordList::None:
    case WordList::Files:
    case WordList::Directories: break;
    case WordList::Models: return catalog.model_ids();
    case WordList::Runtimes: return catalog.runtime_ids();
    case WordList::Hardware: {
      words = catalog.device_ids();
      const std::vector<std::string> nodes = catalog.node_ids();
      words.insert(words.end(), nodes.begin(), nodes.end());
      std::sort(words.begin(), words.end());
      words.erase(std::unique(words.begin(), words.end()), words.end());
      break;
    }
    case WordList::WeightFormats: {
      words = {"native"};
      const std::vector<std::string> labels = mixture_labels();
      words.insert(words.end(), labels.begin(), labels.end());
      for (const QuantFormat& format : catalog.formats().formats)
        if (std::find(words.begin(), words.end(), format.id) == words.end()) words.push_back(format.id);
      break;
    }
    case WordList::KvFormats:
      words = {"auto"};
      for (const QuantFormat& format : catalog.formats().formats)
        if (format.for_kv) words.push_back(format.id);
      break;
    case WordList::OutputFormats: return {"table", "json", "csv", "md", "html"};
    case WordList::Units: return {"GiB", "MiB", "TiB", "GB", "MB", "TB"};
    case WordList::ColorChoices: return {"auto", "always", "never"};
    case WordList::Schemas:
      for (const Schema& schema : all_schemas()) words.emplace_back(schema.name);
      break;
    case WordList::HelpTopics:
      for (const Verb& verb : all_verbs()) words.emplace_back(verb.name);
      words.insert(words.end(), {"formats", "man"});
      break;
    case WordList::Shells: return {"bash", "zsh", "fish"};
    case WordList::Phases: return {"decode", "prefill"};
    case WordList::Routings: return {"balanced", "uniform", "gini:", "zipf:", "power:", "hot:", "histogram:"};
    case WordList::Comparisons: return {"dense"};
    case WordList::Concurrencies: return {"max"};
    case WordList::Switches: return {"on", "off"};
  }
  return words;
}

std::vector<CommandWords> command_words() {
  std::vector<CommandWords> commands;
  for (const Verb& verb : all_verbs()) commands.push_back(words_of_verb(verb));
  commands.push_back({.name = "help",
                      .question = "what does a command do?",
                      .actions = {{"", {{WordList::HelpTopics, false}}}},
                      .options = {}});
  return commands;
}

WordPlace value_of(const Option& option) {
  const OptionWords* words = find_words(option);
  if (words == nullptr) return {};
  return {words->words, words->files || words->words == WordList::Files};
}

bool has_listed_value(const Option& option) { return find_words(option) != nullptr; }

}  // namespace moeplan
