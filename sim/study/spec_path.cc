// SPDX-License-Identifier: Apache-2.0
#include "sim/study/spec_path.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "sim/base/json.h"
#include "sim/base/text.h"
#include "sim/study/spec_tree.h"

namespace moeplan {
namespace {

constexpr std::array<std::string_view, kSpecRoots> kRootWords = {"model",    "hardware", "node", "scaleup",
                                                                 "scaleout", "runtime",  "site", "prices"};
constexpr std::string_view kExpected = "PATH=VALUE, such as model.moe.experts=64 or hardware.bandwidth=8TB/s";

[[noreturn]] void refuse(const std::string& option, std::string found, std::string expected, std::string hint = "") {
  Problem problem;
  problem.file = option.empty() ? "--set" : "--set " + option;
  problem.found = std::move(found);
  problem.expected = std::move(expected);
  problem.hint = std::move(hint);
  throw InputError(ErrorKind::Usage, problem);
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    parts.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::optional<SpecRoot> root_named(std::string_view word) {
  const auto found = std::find(kRootWords.begin(), kRootWords.end(), word);
  if (found == kRootWords.end()) return std::nullopt;
  return static_cast<SpecRoot>(found - kRootWords.begin());
}

// A mistyped root is a path as well: its own complaint says more than one about the value before it.
bool begins_override(std::string_view text) {
  const std::size_t equals = text.find('=');
  return equals != std::string_view::npos && text.substr(0, equals).find('.') != std::string_view::npos;
}

SpecOverride parsed(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos) refuse("", in_quotes(text), std::string(kExpected));
  const SpecOverride one{text.substr(0, equals), text.substr(equals + 1)};
  const std::vector<std::string> segments = split(one.path, '.');
  const std::string roots = fmt::format("a path that begins with {}", fmt::join(kRootWords, ", "));
  if (!root_named(segments.front())) {
    const std::string nearest = nearest_name(segments.front(), {kRootWords.begin(), kRootWords.end()});
    refuse(one.path, in_quotes(segments.front()), roots, nearest.empty() ? "" : "did you mean " + nearest + "?");
  }
  if (segments.size() < 2 || std::find(segments.begin(), segments.end(), "") != segments.end())
    refuse(one.path, in_quotes(one.path), "a field below it, such as model.moe.experts or hardware.bandwidth");
  if (one.value.empty()) refuse(one.path, "an empty value", "one with text");
  return one;
}

// ---- the names of a model's blocks ----

bool is_kind(const JsonNode& block, std::string_view word) {
  const JsonNode* kind = block.find("kind");
  if (kind == nullptr) return false;
  return word == "attention" ? kind->text == "softmax" || kind->text == "latent" : kind->text == word;
}

// All the places a path of a model stands for: one, or a block each. "moe" means every expert
// block even where one bears that name.
std::vector<std::vector<std::string>> places_in_model(const JsonNode& root, const std::vector<std::string>& segments) {
  const std::string& first = segments.front();
  const JsonNode* blocks = root.find("blocks");
  if (root.find(first) != nullptr || blocks == nullptr || segments.size() < 2) return {segments};
  std::vector<std::vector<std::string>> places;
  const auto add = [&](const std::string& block) {
    places.push_back(segments);
    places.back().front() = block;
    places.back().insert(places.back().begin(), "blocks");
  };
  if (first != "moe" && blocks->find(first) != nullptr) {
    add(first);
    return places;
  }
  for (const JsonMember& block : blocks->members)
    if (is_kind(block.node, first)) add(block.name);
  if (!places.empty()) return places;
  std::vector<std::string> names;
  for (const JsonMember& member : root.members) names.push_back(member.name);
  for (const JsonMember& member : blocks->members) names.push_back(member.name);
  const std::string nearest = nearest_name(first, names);
  refuse(fmt::format("model.{}", fmt::join(segments, ".")), in_quotes(first),
         fmt::format("a field or a block of the model: {}", fmt::join(names, ", ")),
         nearest.empty() ? "" : "did you mean " + in_quotes(nearest) + "?");
}

// ---- what a change leaves no longer true ----

struct Dependent {
  SpecRoot root;
  std::string_view changed;
  std::string_view dropped;  // stated of the part as it was; no price depends on it
};
constexpr std::array<Dependent, 12> kDependents = {{{SpecRoot::Hardware, "bandwidth", "bus_bits"},
                                                    {SpecRoot::Hardware, "bandwidth", "memory_data_rate"},
                                                    {SpecRoot::Hardware, "bandwidth", "effective_bandwidth"},
                                                    {SpecRoot::Hardware, "peaks", "matrix_fma_per_unit"},
                                                    {SpecRoot::Hardware, "peaks", "effective_rates"},
                                                    {SpecRoot::Hardware, "units", "matrix_fma_per_unit"},
                                                    {SpecRoot::Hardware, "clock", "matrix_fma_per_unit"},
                                                    {SpecRoot::Hardware, "memory", "marketed"},
                                                    {SpecRoot::Scaleup, "bandwidth", "generation"},
                                                    {SpecRoot::Scaleup, "bandwidth", "all_to_all"},
                                                    {SpecRoot::Scaleup, "bandwidth", "all_reduce"},
                                                    {SpecRoot::Scaleout, "nic_rate", "all_to_all"}}};

void drop_dependents(JsonNode& document, SpecRoot root, std::span<const SpecOverride> own) {
  const auto is_set = [&](std::string_view member) {
    return std::any_of(own.begin(), own.end(), [&](const SpecOverride& o) { return split(o.path, '.')[1] == member; });
  };
  for (const Dependent& d : kDependents)
    if (d.root == root && is_set(d.changed) && !is_set(d.dropped))
      std::erase_if(document.members, [&d](const JsonMember& m) { return m.name == d.dropped; });
}

// ---- reading the changed document ----

struct Change {
  SpecOverride override;
  ValueGuess guess = ValueGuess::Plain;
  std::vector<std::string> places{};  // as the reader names them
};

void apply(JsonNode& document, SpecRoot root, Change& change) {
  std::vector<std::string> segments = split(change.override.path, '.');
  segments.erase(segments.begin());
  change.places.clear();
  const auto places =
      root == SpecRoot::Model ? places_in_model(document, segments) : std::vector<std::vector<std::string>>{segments};
  for (const std::vector<std::string>& place : places)
    change.places.push_back(set_in_tree(document, place, change.override.value, change.guess, change.override.path));
}

bool is_about(const Problem& problem, const Change& change) {
  return std::any_of(change.places.begin(), change.places.end(), [&](const std::string& place) {
    return problem.path == place || problem.path.starts_with(place + "/");
  });
}

// A field that the document did not give shows by the complaint how it is written.
bool guess_better(const InputError& error, std::vector<Change>& changes) {
  for (Change& change : changes)
    for (const Problem& problem : error.problems()) {
      if (change.guess != ValueGuess::Plain || !is_about(problem, change)) continue;
      const bool object = problem.expected.starts_with("an object such as");
      const bool text = problem.expected.starts_with("text");
      if (!object && !text) continue;
      change.guess = object ? ValueGuess::Quantity : ValueGuess::Text;
      return true;
    }
  return false;
}

// The reader speaks of places in a file; here there are only options.
[[noreturn]] void refuse_as_options(const InputError& error, const std::vector<Change>& changes) {
  std::vector<Problem> problems;
  for (Problem problem : error.problems()) {
    problem.line = problem.column = 0;
    problem.file = "--set";
    const auto about = std::find_if(changes.begin(), changes.end(),
                                    [&problem](const Change& change) { return is_about(problem, change); });
    if (about != changes.end()) {
      problem.file = "--set " + about->override.path;
      problem.path = "";
      if (problem.found.empty()) problem.found = in_quotes(about->override.value);
    }
    problems.push_back(std::move(problem));
  }
  throw InputError(ErrorKind::Usage, std::move(problems));
}

std::vector<SpecOverride> of_root(std::span<const SpecOverride> overrides, SpecRoot root) {
  std::vector<SpecOverride> own;
  for (const SpecOverride& o : overrides)
    if (root_of(o.path) == root) own.push_back(o);
  return own;
}

template <class Spec>
Spec changed(const Spec& spec, SpecRoot root, std::span<const SpecOverride> overrides,
             std::string (*write)(const Spec&), Spec (*read)(const JsonDocument&)) {
  const std::vector<SpecOverride> own = of_root(overrides, root);
  if (own.empty()) return spec;
  JsonDocument base = parse_json(write(spec), "--set");
  drop_dependents(base.root, root, own);
  std::vector<Change> changes;
  for (const SpecOverride& o : own) changes.push_back({o});
  while (true) {
    JsonDocument document = base;
    for (Change& change : changes) apply(document.root, root, change);
    try {
      return read(document);
    } catch (const InputError& error) {
      if (!guess_better(error, changes)) refuse_as_options(error, changes);
    }
  }
}

std::string written(std::span<const SpecOverride> overrides, SpecRoot root) {
  std::string text;
  for (const SpecOverride& o : of_root(overrides, root))
    text += fmt::format("{}{}={}", text.empty() ? "" : ", ", o.path.substr(o.path.find('.') + 1), o.value);
  return text;
}

template <class Spec>
void change_part(std::optional<Spec>& part, SpecRoot root, std::string_view what,
                 std::span<const SpecOverride> overrides) {
  if (part) {
    part = with_overrides(*part, overrides);
  } else if (const std::vector<SpecOverride> own = of_root(overrides, root); !own.empty()) {
    refuse(own.front().path, "hardware without " + std::string(what), "hardware that has one");
  }
}

void list_paths(const std::string& path, const JsonNode& node, std::vector<std::string>& paths) {
  if ((node.members.empty() && node.items.empty()) || is_quantity(node)) {
    paths.push_back(path);
    return;
  }
  for (const JsonMember& member : node.members) list_paths(path + "." + member.name, member.node, paths);
  const bool list = !node.items.empty() && node.items.front().kind != JsonKind::Object;
  if (list) paths.push_back(path);
  for (std::size_t i = 0; !list && i < node.items.size(); ++i) {
    const std::string name = name_of_item(node.items[i]);
    list_paths(path + "." + (name.empty() ? std::to_string(i) : name), node.items[i], paths);
  }
}

}  // namespace

std::string_view word_of(SpecRoot root) { return kRootWords[static_cast<std::size_t>(root)]; }

bool is_spec_path(std::string_view path) {
  const std::size_t dot = path.find('.');
  return dot != std::string_view::npos && root_named(path.substr(0, dot)).has_value();
}

SpecRoot root_of(std::string_view path) {
  const std::optional<SpecRoot> root = root_named(path.substr(0, path.find('.')));
  CHECK(root.has_value());
  return *root;
}

bool touches(std::span<const SpecOverride> overrides, SpecRoot root) {
  return std::any_of(overrides.begin(), overrides.end(),
                     [root](const SpecOverride& o) { return root_of(o.path) == root; });
}

std::vector<SpecOverride> parse_overrides(std::string_view text) {
  std::vector<std::string> words;
  for (const std::string& part : split(text, ','))
    if (words.empty() || begins_override(part))
      words.push_back(part);
    else
      words.back() += "," + part;
  std::vector<SpecOverride> overrides;
  for (const std::string& word : words) {
    SpecOverride one = parsed(word);
    for (const SpecOverride& before : overrides)
      if (before.path == one.path) refuse(one.path, fmt::format("{} and {}", before.value, one.value), "one value");
    overrides.push_back(std::move(one));
  }
  return overrides;
}

ModelSpec with_overrides(const ModelSpec& model, std::span<const SpecOverride> overrides) {
  ModelSpec bare = model;
  bare.stored = nullptr;
  ModelSpec result = changed<ModelSpec>(bare, SpecRoot::Model, overrides, &write_model, &read_model);
  if (result == bare) return model;
  result.published.clear();
  result.note += fmt::format("{}with {}", result.note.empty() ? "" : "; ", written(overrides, SpecRoot::Model));
  return result;
}

DeviceSpec with_overrides(const DeviceSpec& device, std::span<const SpecOverride> overrides) {
  return changed<DeviceSpec>(device, SpecRoot::Hardware, overrides, &write_device, &read_device);
}

NodeSpec with_overrides(const NodeSpec& node, std::span<const SpecOverride> overrides) {
  return changed<NodeSpec>(node, SpecRoot::Node, overrides, &write_node, &read_node);
}

ScaleupSpec with_overrides(const ScaleupSpec& scaleup, std::span<const SpecOverride> overrides) {
  return changed<ScaleupSpec>(scaleup, SpecRoot::Scaleup, overrides, &write_scaleup, &read_scaleup);
}

ScaleoutSpec with_overrides(const ScaleoutSpec& scaleout, std::span<const SpecOverride> overrides) {
  return changed<ScaleoutSpec>(scaleout, SpecRoot::Scaleout, overrides, &write_scaleout, &read_scaleout);
}

RuntimeSpec with_overrides(const RuntimeSpec& runtime, std::span<const SpecOverride> overrides) {
  return changed<RuntimeSpec>(runtime, SpecRoot::Runtime, overrides, &write_runtime, &read_runtime);
}

SiteSpec with_overrides(const SiteSpec& site, std::span<const SpecOverride> overrides) {
  return changed<SiteSpec>(site, SpecRoot::Site, overrides, &write_site, &read_site);
}

PriceSpec with_overrides(const PriceSpec& prices, std::span<const SpecOverride> overrides) {
  return changed<PriceSpec>(prices, SpecRoot::Prices, overrides, &write_price, &read_price);
}

ClusterSpec with_overrides(const Catalog& catalog, const ClusterSpec& cluster,
                           std::span<const SpecOverride> overrides) {
  ClusterSpec result = cluster;
  if (overrides.empty()) return result;
  if (touches(overrides, SpecRoot::Node))
    result = catalog.cluster_of(with_overrides(cluster.node, overrides), cluster.devices);
  change_part(result.scaleup, SpecRoot::Scaleup, "a fast fabric", overrides);
  change_part(result.scaleout, SpecRoot::Scaleout, "a network", overrides);
  change_part(result.site, SpecRoot::Site, "a site", overrides);
  if (result.prices.empty() && touches(overrides, SpecRoot::Prices)) result.prices.resize(1);
  for (std::optional<PriceSpec>& price : result.prices) change_part(price, SpecRoot::Prices, "known prices", overrides);
  if (const std::vector<std::string> broken = violations(result); !broken.empty())
    refuse("", broken.front(), "parts that go together");
  return result;
}

std::vector<std::string> spec_paths(SpecRoot root, const std::string& document) {
  std::vector<std::string> paths;
  const JsonDocument parsed = parse_json(document, "spec");
  for (const JsonMember& member : parsed.root.members)
    list_paths(fmt::format("{}.{}", word_of(root), member.name), member.node, paths);
  return paths;
}

}  // namespace moeplan
