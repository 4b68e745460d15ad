// SPDX-License-Identifier: Apache-2.0
#include "sim/study/placement_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <regex>

#include "sim/base/text.h"
#include "sim/study/placement_plan.h"
#include "sim/study/tensor_names.h"

namespace moeplan {
namespace {

constexpr std::size_t kLongestPattern = 2000;
constexpr double kLargestShare = 1e6;

Problem problem_at(const Problem& where, std::string found, std::string expected, std::string hint = "") {
  Problem p = where;
  p.found = std::move(found);
  p.expected = std::move(expected);
  p.hint = std::move(hint);
  return p;
}

std::vector<std::string> split_at(std::string_view text, std::string_view separators) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (separators.find(c) != std::string_view::npos)
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

// Polynomial: no pattern makes the matcher back-track for ever.
std::optional<std::regex> compile(const std::string& pattern) {
  try {
    return std::regex(pattern, std::regex::ECMAScript | std::regex_constants::__polynomial);
  } catch (const std::regex_error&) {
    return std::nullopt;
  }
}

// ---- where a buffer is ----

// Backends of llama.cpp that number their devices.
constexpr std::array<std::string_view, 5> kFamilies = {"CUDA", "ROCm", "Vulkan", "SYCL", "MUSA"};

std::optional<Home> home_named(std::string_view buffer, Count devices) {
  if (buffer == "CPU") return kOnHost;
  for (const std::string_view family : kFamilies) {
    if (!buffer.starts_with(family)) continue;
    const std::string_view digits = buffer.substr(family.size());
    Count number = -1;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error == std::errc() && end == digits.data() + digits.size() && number >= 0 && number < devices)
      return static_cast<Home>(number);
  }
  return std::nullopt;
}

std::string known_buffers(Count devices) {
  return devices == 1 ? "CPU or CUDA0" : fmt::format("CPU or CUDA0 to CUDA{}", devices - 1);
}

// The device a tensor goes to by itself.
Home own_home(const TensorName& tensor, const std::vector<Count>& stages, bool table_on_host) {
  if (tensor.input_table) return table_on_host ? kOnHost : Home{0};
  if (tensor.layer < 0) return static_cast<Home>(stages.size() - 1);  // the head
  Count until = 0;
  for (std::size_t s = 0; s < stages.size(); ++s) {
    until += stages[s];
    if (tensor.layer < until) return static_cast<Home>(s);
  }
  return static_cast<Home>(stages.size() - 1);
}

std::vector<bool> layers_with_experts(const ModelSpec& model) {
  std::vector<bool> found;
  for (const Stack stack : {Stack::Encoder, Stack::Decoder})
    for (const LayerShape& layer : expand_layers(model, stack))
      found.push_back(std::any_of(layer.begin(), layer.end(), [&model](BlockIndex b) {
        return std::holds_alternative<MoeFfn>(model.blocks[b].kind);
      }));
  return found;
}

// ---- --override-tensor ----

struct Rule {
  const TensorOverride* asked;
  std::regex pattern;
  Home home;
  bool matches = false;  // anything at all
};

class Overrides {
 public:
  Overrides(const AskedPlacement& asked, const Problem& where, FitQuestion& q, std::vector<Problem>& problems)
      : where_(where), q_(q), problems_(problems), names_(gguf_tensor_names(q.model)), stages_(layers_by_stage(q)) {
    for (const TensorOverride& o : asked.overrides) {
      const std::optional<Home> home = home_named(o.buffer, q.layout.pp);
      if (!home)
        problems_.push_back(problem_at(where_, in_quotes(o.buffer), known_buffers(q.layout.pp),
                                       "what stands after the = is where the tensors go"));
      else if (std::optional<std::regex> pattern = compile(o.pattern))
        rules_.push_back({&o, std::move(*pattern), *home});
    }
  }

  void apply() {
    const Count layers = static_cast<Count>(layers_with_experts(q_.model).size());
    std::vector<LayerHomes> homes = homes_of_first(q_.host_expert_layers, layers);
    for (const TensorName& tensor : names_) {
      const Rule* rule = first_match(tensor);
      if (rule == nullptr) continue;
      if (tensor.expert)
        homes[static_cast<std::size_t>(tensor.layer)][*tensor.expert] = rule->home;
      else if (rule->home != own_home(tensor, stages_, q_.runtime.input_table_on_host))
        refuse(*rule, tensor);
    }
    for (const Rule& rule : rules_)
      if (!rule.matches) problems_.push_back(no_match(*rule.asked));
    if (!refused_.empty()) problems_.push_back(refusal());
    if (!has_gates())
      for (LayerHomes& h : homes) h[ExpertMatrix::Gate] = h[ExpertMatrix::Up];
    q_.placement.experts = std::move(homes);
    q_.host_expert_layers = 0;  // counted in the homes
  }

 private:
  const Rule* first_match(const TensorName& tensor) {
    const Rule* first = nullptr;
    for (Rule& rule : rules_) {
      if (first != nullptr && rule.matches) continue;  // known to match something
      if (!std::regex_search(tensor.name, rule.pattern)) continue;
      rule.matches = true;
      if (first == nullptr) first = &rule;
    }
    return first;
  }

  bool has_gates() const {
    return std::any_of(names_.begin(), names_.end(),
                       [](const TensorName& n) { return n.expert == ExpertMatrix::Gate; });
  }

  Problem no_match(const TensorOverride& o) const {
    std::string plain;
    for (const char c : o.pattern)
      if (std::string_view("\\^$()[]*+?|").find(c) == std::string_view::npos) plain += c;
    std::vector<std::string> candidates;
    for (const TensorName& n : names_) {
      candidates.push_back(n.name);
      if (n.layer >= 0) candidates.push_back(n.name.substr(n.name.find('.', 4) + 1));
    }
    for (std::size_t i = candidates.size(); i-- > 0;)
      candidates.push_back(candidates[i].substr(0, candidates[i].rfind('.')));
    std::string nearest = nearest_name(plain, candidates);
    if (nearest.empty()) nearest = expert_example();
    return problem_at(where_, in_quotes(o.pattern) + ", which matches no tensor",
                      "a pattern that matches tensors of " + q_.model.id, "the nearest name is " + nearest);
  }

  std::string expert_example() const {
    for (const TensorName& n : names_)
      if (n.expert) return n.name;
    return names_.back().name;
  }

  void refuse(const Rule& rule, const TensorName& tensor) {
    if (std::find(refused_.begin(), refused_.end(), rule.asked) == refused_.end()) {
      refused_.push_back(rule.asked);
      examples_.push_back(tensor.name);
    }
  }

  Problem refusal() const {
    std::string found;
    for (std::size_t i = 0; i < refused_.size(); ++i)
      found += fmt::format("{}{}, which moves {}", i == 0 ? "" : "; ", in_quotes(refused_[i]->pattern), examples_[i]);
    return problem_at(where_, found, "patterns that move experts only",
                      "end it with _exps: attention, routers, norms and shared experts serve every token and stay "
                      "on the device of their layer here");
  }

  const Problem& where_;
  FitQuestion& q_;
  std::vector<Problem>& problems_;
  std::vector<TensorName> names_;
  std::vector<Count> stages_;
  std::vector<Rule> rules_;
  std::vector<const TensorOverride*> refused_;
  std::vector<std::string> examples_;
};

// ---- --tensor-split ----

void deal_layers(const AskedPlacement& asked, const Problem& where, FitQuestion& q, std::vector<Problem>& problems) {
  const Count devices = q.layout.pp;
  if (static_cast<Count>(asked.shares.size()) != devices) {
    problems.push_back(problem_at(where, fmt::format("{} shares", asked.shares.size()),
                                  fmt::format("{}, one for each device", devices)));
    return;
  }
  std::vector<Count> layers = split_by_shares(asked.shares, layer_count(q.model));
  const auto none = std::find(layers.begin(), layers.end(), 0);
  if (none != layers.end()) {
    problems.push_back(problem_at(where, fmt::format("no layer for device {}", none - layers.begin()),
                                  "at least one layer for each device", "leave the device out of the machine"));
    return;
  }
  q.placement.stage_layers = std::move(layers);
}

}  // namespace

std::vector<double> read_shares(std::string_view text, const Problem& where, std::vector<Problem>& problems) {
  std::vector<double> shares;
  for (const std::string& part : split_at(text, ",/")) {
    double share = -1;
    const char* const end = part.data() + part.size();
    const auto [at, error] = std::from_chars(part.data(), end, share);
    if (error != std::errc() || at != end || !(share >= 0 && share <= kLargestShare)) {
      problems.push_back(problem_at(where, in_quotes(text), "a share of the layers for each device, e.g. 3,1"));
      return {};
    }
    shares.push_back(share);
  }
  if (std::any_of(shares.begin(), shares.end(), [](double s) { return s > 0; })) return shares;
  problems.push_back(problem_at(where, in_quotes(text), "a share above 0"));
  return {};
}

std::vector<TensorOverride> read_overrides(std::string_view text, const Problem& where,
                                           std::vector<Problem>& problems) {
  std::vector<TensorOverride> overrides;
  for (const std::string& part : split_at(text, ",")) {
    const std::size_t equals = part.find('=');
    if (equals == std::string::npos || equals == 0 || equals > kLongestPattern) {
      problems.push_back(problem_at(where, in_quotes(part), "PATTERN=DEVICE, e.g. \"blk\\.[0-9]\\.ffn_.*_exps=CPU\"",
                                    "a comma ends a pattern, as in llama.cpp"));
      continue;
    }
    TensorOverride o{part.substr(0, equals), part.substr(equals + 1)};
    if (!compile(o.pattern))
      problems.push_back(problem_at(where, in_quotes(o.pattern), "a regular expression without back-references",
                                    "as std::regex reads it, which llama.cpp uses"));
    else
      overrides.push_back(std::move(o));
  }
  return overrides;
}

std::vector<Problem> place(const AskedPlacement& asked, const PlacementOrigins& origins, FitQuestion& q) {
  std::vector<Problem> problems;
  if (!asked.any()) return problems;
  const Problem& any = asked.overrides.empty() ? origins.shares : origins.overrides;
  if (!q.runtime.host_offload)
    problems.push_back(problem_at(any, "it with " + q.runtime.id, "a runtime that places layers and tensors",
                                  "e.g. --runtime llama.cpp"));
  else if (q.layout.ranks_per_stage() != 1)
    problems.push_back(problem_at(any, "it with the layout " + describe(q.layout), "whole layers on each device"));
  else if (!expand_layers(q.model, Stack::Encoder).empty())
    problems.push_back(problem_at(any, "it with " + q.model.id, "a model without an encoder"));
  else if (!asked.overrides.empty() && q.device.host_is_device)
    problems.push_back(problem_at(any, "it on " + q.device.device, "hardware whose host has its own memory",
                                  "CPU and GPU share one memory there: moving experts frees nothing"));
  if (!problems.empty()) return problems;
  if (!asked.shares.empty()) deal_layers(asked, origins.shares, q, problems);
  if (!problems.empty()) return problems;
  if (!asked.overrides.empty()) Overrides(asked, origins.overrides, q, problems).apply();
  simplify_placement(q);
  return problems;
}

std::vector<Count> layers_by_stage(const FitQuestion& q) {
  if (!q.placement.stage_layers.empty()) return q.placement.stage_layers;
  const Count layers = static_cast<Count>(expand_layers(q.model, Stack::Decoder).size());
  return stage_layers(layers, q.layout.pp, q.runtime.sharding.stages);
}

void simplify_placement(FitQuestion& q) {
  Placement& p = q.placement;
  const std::vector<Count> stages = layers_by_stage(q);
  p.stage_layers.clear();
  if (stages != layers_by_stage(q)) p.stage_layers = stages;
  p.table_on_ssd = false;
  if (p.experts.empty()) return;
  const std::vector<bool> sparse = layers_with_experts(q.model);
  const Count encoder = static_cast<Count>(expand_layers(q.model, Stack::Encoder).size());
  bool first_layers = true;  // whole, on the host, and no others
  bool ended = false;
  Count n = 0;
  for (std::size_t l = 0; l < p.experts.size(); ++l) {
    const Home own = own_home({"", std::max<Count>(static_cast<Count>(l) - encoder, 0), std::nullopt}, stages, false);
    for (Home& home : p.experts[l].of) {
      if (home == own || !sparse[l]) home = kAtHome;
      if (home == kOnSsd) home = kOnHost;
    }
    if (!sparse[l]) continue;
    const bool whole = p.experts[l].all(kOnHost);
    if ((whole && ended) || (!whole && !p.experts[l].all(kAtHome))) first_layers = false;
    if (whole)
      n = static_cast<Count>(l) + 1;
    else
      ended = true;
  }
  if (!first_layers) return;
  p.experts.clear();
  q.host_expert_layers = n;
}

}  // namespace moeplan
