// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <string_view>
#include <utility>

#include "sim/base/json.h"
#include "sim/program/expert_placement.h"

namespace moeplan {
namespace {

constexpr std::string_view kKey = "physical_to_logical_map";
constexpr std::string_view kHint =
    "name the expert of every slot, slots of rank 0 first, one list for each layer or one for all";

struct ListedLayer {
  std::vector<Count> expert_of_slot;
  int line = 0;
  int column = 0;
  std::string path;
};

// Lists that are whole numbers but no placement.
void check_layers(const std::vector<ListedLayer>& layers, const std::string& file, Count experts, Count ranks,
                  std::vector<Problem>& problems) {
  for (const ListedLayer& layer : layers)
    for (std::string& what : placement_violations(layer.expert_of_slot, experts, ranks))
      problems.push_back({.file = file,
                          .line = layer.line,
                          .column = layer.column,
                          .path = layer.path,
                          .found = std::move(what),
                          .expected = "every expert in one slot or more",
                          .hint = std::string(kHint)});
}

std::vector<ListedLayer> layers_of_json(const JsonDocument& document) {
  Complaints complaints(document);
  ObjectReader reader(document.root, "", complaints);
  const JsonNode* map = reader.node(kKey);
  std::vector<ListedLayer> layers;
  const auto read_layer = [&](const JsonNode& list, const std::string& path) {
    const TextPlace place = place_of(document.source, list.offset);
    ListedLayer layer{.expert_of_slot = {}, .line = place.line, .column = place.column, .path = path};
    for (std::size_t s = 0; s < list.items.size(); ++s) {
      const JsonNode& item = list.items[s];
      if (item.kind != JsonKind::Integer)
        complaints.add(item, path + "/" + std::to_string(s), what_is(item), "the number of an expert",
                       std::string(kHint));
      layer.expert_of_slot.push_back(item.integer);
    }
    layers.push_back(std::move(layer));
  };
  if (map == nullptr || map->kind != JsonKind::Array || map->items.empty()) {
    reader.complain(kKey, "a list of experts by slot, or a list of such lists by layer", std::string(kHint));
  } else if (map->items.front().kind == JsonKind::Array) {
    for (std::size_t i = 0; i < map->items.size(); ++i) {
      const JsonNode& list = map->items[i];
      const std::string path = std::string(kKey) + "/" + std::to_string(i);
      if (list.kind == JsonKind::Array) {
        read_layer(list, path);
      } else {
        complaints.add(list, path, what_is(list), "a list of experts by slot", std::string(kHint));
      }
    }
  } else {
    read_layer(*map, std::string(kKey));
  }
  complaints.throw_if_any();
  return layers;
}

std::vector<ListedLayer> layers_of_text(std::string_view text, const std::string& file,
                                        std::vector<Problem>& problems) {
  std::vector<ListedLayer> layers;
  int number = 0;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    ++number;
    if (line.starts_with('#')) continue;
    ListedLayer layer{.expert_of_slot = {}, .line = number, .column = 1, .path = ""};
    for (std::size_t at = 0; at < line.size();) {
      const std::size_t begin = line.find_first_not_of(", \t\r", at);
      if (begin == std::string_view::npos) break;
      const std::size_t end = std::min(line.find_first_of(", \t\r", begin), line.size());
      const std::string_view word = line.substr(begin, end - begin);
      Count expert = 0;
      const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), expert);
      if (error != std::errc() || stop != word.data() + word.size())
        problems.push_back({.file = file,
                            .line = number,
                            .column = static_cast<int>(begin) + 1,
                            .path = "slot " + std::to_string(layer.expert_of_slot.size()),
                            .found = "\"" + std::string(word.substr(0, 40)) + "\"",
                            .expected = "the number of an expert",
                            .hint = std::string(kHint)});
      layer.expert_of_slot.push_back(expert);
      at = end;
    }
    if (!layer.expert_of_slot.empty()) layers.push_back(std::move(layer));
  }
  if (layers.empty())
    problems.push_back({.file = file,
                        .line = 0,
                        .column = 0,
                        .path = "",
                        .found = "no line with experts",
                        .expected = "whole numbers apart by commas or blanks, a line for each layer",
                        .hint = std::string(kHint)});
  return layers;
}

}  // namespace

PlacementRule parse_placement(std::string text, const std::string& file, Count experts, Count ranks) {
  std::vector<Problem> problems;
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  const bool json = first != std::string::npos && (text[first] == '{' || text[first] == '[');
  std::vector<ListedLayer> layers =
      json ? layers_of_json(parse_json(std::move(text), file)) : layers_of_text(text, file, problems);
  if (problems.empty()) check_layers(layers, file, experts, ranks, problems);
  if (!problems.empty()) throw InputError(ErrorKind::InvalidInput, std::move(problems));
  PlacementRule rule{.way = PlacementWay::Custom, .layers = {}};
  for (ListedLayer& layer : layers) rule.layers.push_back(std::move(layer.expert_of_slot));
  return rule;
}

}  // namespace moeplan
