// SPDX-License-Identifier: Apache-2.0
#include "sim/study/spec_tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "sim/base/text.h"
#include "sim/base/unit_text.h"

namespace moeplan {
namespace {

// What tells the items of an array apart, the most telling first.
constexpr std::array<std::string_view, 9> kNamingKeys = {"format", "access",   "name", "device", "term",
                                                         "matrix", "quantity", "op",   "weights"};

[[noreturn]] void refuse(const std::string& option, std::string found, std::string expected, std::string hint = "") {
  Problem problem;
  problem.file = "--set " + option;
  problem.found = std::move(found);
  problem.expected = std::move(expected);
  problem.hint = std::move(hint);
  throw InputError(ErrorKind::Usage, problem);
}

std::vector<std::string> names_in(const JsonNode& node) {
  std::vector<std::string> names;
  for (const JsonMember& member : node.members) names.push_back(member.name);
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    const std::string name = name_of_item(node.items[i]);
    names.push_back(name.empty() ? std::to_string(i) : name);
  }
  return names;
}

JsonNode text_node(std::string text) {
  JsonNode node;
  node.kind = JsonKind::String;
  node.text = std::move(text);
  return node;
}

JsonNode count_node(Count number, const std::string& text) {
  JsonNode node;
  node.kind = JsonKind::Integer;
  node.integer = number;
  node.real = static_cast<double>(number);
  node.text = text;
  return node;
}

// A number as JSON has it, or a count of tokens with its k; text where it is neither.
JsonNode number_node(const std::string& text) {
  const char* const end = text.data() + text.size();
  Count whole = 0;
  if (const auto [at, error] = std::from_chars(text.data(), end, whole); error == std::errc() && at == end)
    return count_node(whole, text);
  double real = 0;
  const auto [at, error] = std::from_chars(text.data(), end, real);
  if (error == std::errc() && at == end && real - real == 0) {
    JsonNode node;
    node.kind = JsonKind::Real;
    node.real = real;
    node.text = text;
    return node;
  }
  if (!text.empty() && (text.back() == 'k' || text.back() == 'K')) try {
      return count_node(parse_tokens(text), text);
    } catch (const UnitTextError&) {
      return text_node(text);  // the reader says what it expects
    }
  return text_node(text);
}

JsonNode plain_node(const std::string& text) {
  if (text != "true" && text != "false") return number_node(text);
  JsonNode node;
  node.kind = JsonKind::Bool;
  node.boolean = text == "true";
  return node;
}

void add_member(JsonNode& object, std::string name, JsonNode node) {
  object.members.push_back({std::move(name), std::move(node)});
}

JsonNode quantity_node(const std::string& text) {
  JsonNode node;
  node.kind = JsonKind::Object;
  add_member(node, "value", number_node(text));
  add_member(node, "basis", text_node("assumed"));
  add_member(node, "source", text_node("--set"));
  return node;
}

std::string without_spaces(std::string text) {
  std::erase(text, ' ');
  return text;
}

JsonNode list_node(const std::string& value, const JsonNode& like) {
  JsonNode list = like;
  list.items.clear();
  for (std::size_t begin = 0; begin <= value.size();) {
    const std::size_t end = std::min(value.find(',', begin), value.size());
    const std::string item = value.substr(begin, end - begin);
    const bool texts = !like.items.empty() && like.items.front().kind == JsonKind::String;
    list.items.push_back(texts ? text_node(item) : plain_node(item));
    begin = end + 1;
  }
  return list;
}

bool holds_objects(const JsonNode& list) {
  return std::any_of(list.items.begin(), list.items.end(),
                     [](const JsonNode& n) { return n.kind == JsonKind::Object || n.kind == JsonKind::Array; });
}

void replace(JsonNode& node, const std::string& value, const std::string& option) {
  if (is_quantity(node)) {
    JsonNode& figure = *find_member(node, "value");
    if (without_spaces(figure.text) == without_spaces(value)) return;  // as it was, whoever says so
    figure = figure.kind == JsonKind::String ? text_node(value) : number_node(value);
    *find_member(node, "basis") = text_node("assumed");
    *find_member(node, "source") = text_node("--set");
    return;
  }
  if (node.kind == JsonKind::Object || (node.kind == JsonKind::Array && holds_objects(node)))
    refuse(option, "a group of fields", "one of them", fmt::format("it has {}", fmt::join(names_in(node), ", ")));
  if (node.kind == JsonKind::Array)
    node = list_node(value, node);
  else
    node = node.kind == JsonKind::String ? text_node(value) : plain_node(value);
}

// An item of an array by its place or its name; nullptr = none has it.
JsonNode* find_item(JsonNode& array, const std::string& segment, std::size_t& index, const std::string& option) {
  const char* const end = segment.data() + segment.size();
  if (const auto [at, error] = std::from_chars(segment.data(), end, index); error == std::errc() && at == end)
    return index < array.items.size() ? &array.items[index] : nullptr;
  const auto is_it = [&segment](const JsonNode& item) { return name_of_item(item) == segment; };
  const auto found = std::find_if(array.items.begin(), array.items.end(), is_it);
  if (found == array.items.end()) return nullptr;
  index = static_cast<std::size_t>(found - array.items.begin());
  if (std::find_if(found + 1, array.items.end(), is_it) == array.items.end()) return &*found;
  std::string places;
  for (std::size_t i = index; i < array.items.size(); ++i)
    if (is_it(array.items[i])) places += fmt::format("{}{}", places.empty() ? "" : ", ", i);
  refuse(option, fmt::format("several items named {}", segment), "the place of one of them: " + places);
}

// A peak of a format that has none: the items around it show how to write one.
JsonNode* add_quantity(JsonNode& array, const std::string& name) {
  if (array.items.empty() || !is_quantity(array.items.front()) || array.items.front().members.size() != 4)
    return nullptr;
  JsonNode item = quantity_node("");
  item.members.insert(item.members.begin(), JsonMember{array.items.front().members.front().name, text_node(name)});
  find_member(item, "value")->kind = JsonKind::String;
  array.items.push_back(std::move(item));
  return &array.items.back();
}

[[noreturn]] void refuse_segment(const JsonNode& node, const std::string& segment, const std::string& option) {
  const std::vector<std::string> known = names_in(node);
  const std::string nearest = nearest_name(segment, known);
  refuse(option, in_quotes(segment),
         known.empty() ? "nothing below it" : fmt::format("one of {}", fmt::join(known, ", ")),
         nearest.empty() ? "" : "did you mean " + in_quotes(nearest) + "?");
}

}  // namespace

JsonNode* find_member(JsonNode& object, std::string_view name) {
  return const_cast<JsonNode*>(std::as_const(object).find(name));
}

bool is_quantity(const JsonNode& node) {
  return node.kind == JsonKind::Object && node.find("value") != nullptr && node.find("basis") != nullptr &&
         node.find("source") != nullptr;
}

std::string name_of_item(const JsonNode& item) {
  for (const std::string_view key : kNamingKeys) {
    const JsonNode* name = item.find(key);
    if (name != nullptr && name->kind == JsonKind::String) return name->text;
  }
  return "";
}

std::string set_in_tree(JsonNode& root, const std::vector<std::string>& segments, const std::string& value,
                        ValueGuess guess, const std::string& option) {
  JsonNode* node = &root;
  std::string place;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const std::string& segment = segments[i];
    JsonNode* next = nullptr;
    std::size_t index = 0;
    if (node->kind == JsonKind::Array) {
      next = find_item(*node, segment, index, option);
      if (next == nullptr && i + 1 == segments.size()) {
        index = node->items.size();
        if (index > 0) next = add_quantity(*node, segment);
      }
      place += (place.empty() ? "" : "/") + std::to_string(index);
    } else {
      next = node->kind == JsonKind::Object ? find_member(*node, segment) : nullptr;
      place += (place.empty() ? "" : "/") + segment;
    }
    if (next == nullptr) {
      if (node->kind != JsonKind::Object || i + 1 != segments.size()) refuse_segment(*node, segment, option);
      add_member(*node, segment,
                 guess == ValueGuess::Quantity ? quantity_node(value)
                 : guess == ValueGuess::Text   ? text_node(value)
                                               : plain_node(value));
      return place;
    }
    node = next;
  }
  replace(*node, value, option);
  return place;
}

}  // namespace moeplan
