// SPDX-License-Identifier: Apache-2.0
#include "sim/spec/adapter.h"

#include <algorithm>
#include <array>
#include <initializer_list>

#include "sim/base/json.h"
#include "sim/base/text.h"

namespace moeplan {
namespace {

using enum MatrixRole;

RoleSet set_of(std::initializer_list<MatrixRole> roles) {
  RoleSet set;
  for (const MatrixRole r : roles) set.set(static_cast<std::size_t>(r));
  return set;
}

bool has(const RoleSet& set, MatrixRole role) { return set.test(static_cast<std::size_t>(role)); }

struct ModuleName {
  std::string_view name;
  RoleSet roles;
};

// Names of the families in transformers; groups after them. The first name of a role is
// the one written.
const std::vector<ModuleName>& names() {
  static const std::vector<ModuleName> kNames = [] {
    const RoleSet attention =
        set_of({Q, QA, QB, K, V, KvA, KvB, O, Gate, LinearQkvz, LinearBa, LinearX, LinearDt, LinearOut});
    const RoleSet experts = set_of({ExpertGate, ExpertUp, ExpertDown});
    const RoleSet shared = set_of({SharedGate, SharedUp, SharedDown});
    const RoleSet mlp = experts | shared | set_of({FfnGate, FfnUp, FfnDown, LatentDown, LatentUp});
    const RoleSet gates = set_of({FfnGate, SharedGate, ExpertGate});
    const RoleSet ups = set_of({FfnUp, SharedUp, ExpertUp});
    const RoleSet downs = set_of({FfnDown, SharedDown, ExpertDown});
    return std::vector<ModuleName>{{"q_proj", set_of({Q})},
                                   {"k_proj", set_of({K})},
                                   {"v_proj", set_of({V})},
                                   {"o_proj", set_of({O})},
                                   {"q_a_proj", set_of({QA})},
                                   {"q_b_proj", set_of({QB})},
                                   {"kv_a_proj_with_mqa", set_of({KvA})},
                                   {"kv_b_proj", set_of({KvB})},
                                   {"g_proj", set_of({Gate})},
                                   {"in_proj_qkvz", set_of({LinearQkvz})},
                                   {"in_proj_ba", set_of({LinearBa})},
                                   {"in_proj", set_of({LinearQkvz})},
                                   {"x_proj", set_of({LinearX})},
                                   {"dt_proj", set_of({LinearDt})},
                                   {"out_proj", set_of({LinearOut, O})},
                                   {"gate_proj", gates},
                                   {"up_proj", ups},
                                   {"down_proj", downs},
                                   {"w1", gates},
                                   {"w2", downs},
                                   {"w3", ups},
                                   {"qkv_proj", set_of({Q, K, V})},
                                   {"gate_up_proj", gates | ups},
                                   {"query_key_value", set_of({Q, K, V})},
                                   {"c_attn", set_of({Q, K, V})},
                                   {"gate", set_of({Router})},
                                   {"router", set_of({Router})},
                                   {"lm_head", set_of({Head})},
                                   {"embed_tokens", set_of({Embedding})},
                                   {"q", set_of({Q})},
                                   {"k", set_of({K})},
                                   {"v", set_of({V})},
                                   {"o", set_of({O})},
                                   {"attention", attention},
                                   {"experts", experts},
                                   {"shared", shared},
                                   {"mlp", mlp},
                                   {"all", attention | mlp},
                                   {"all-linear", attention | mlp | set_of({Router})}};
  }();
  return kNames;
}

template <class Fn>
void for_each_matrix(const ModelSpec& model, Fn fn) {
  for (const Stack stack : {Stack::Encoder, Stack::Decoder})
    for (const LayerShape& layer : expand_layers(model, stack))
      for (const BlockIndex b : layer)
        for (const Matrix& m : matrices_of(model.blocks[b], model)) fn(m);
  fn(embedding_of(model));
  if (!model.tied_embeddings) fn(head_of(model));
}

bool is_matrix(const Matrix& m) { return m.rows > 0 && m.cols > 1; }

}  // namespace

RoleSet usual_targets() { return roles_of_module("all"); }

RoleSet roles_of_module(std::string_view name) {
  for (const ModuleName& known : names())
    if (known.name == name) return known.roles;
  return {};
}

std::vector<std::string> module_names() {
  std::vector<std::string> result;
  for (const ModuleName& known : names()) result.emplace_back(known.name);
  return result;
}

RoleSet targets_in(const ModelSpec& model, const RoleSet& targets) {
  RoleSet found;
  for_each_matrix(model, [&](const Matrix& m) {
    if (is_matrix(m) && has(targets, m.role)) found.set(static_cast<std::size_t>(m.role));
  });
  return found;
}

std::vector<std::string> modules_of(const RoleSet& targets, const ModelSpec& model) {
  const RoleSet present = targets_in(model, RoleSet().set());
  RoleSet open = targets & present;
  std::vector<std::string> result;
  for (const ModuleName& known : names()) {
    const RoleSet here = known.roles & present;
    if ((here & open).none() || (here & ~targets).any()) continue;
    result.emplace_back(known.name);
    open &= ~here;
  }
  return result;
}

Count count_adapter(const ModelSpec& model, const AdapterSpec& adapter) {
  Count elements = 0;
  for_each_matrix(model, [&](const Matrix& m) {
    if (!is_matrix(m)) return;
    if (has(adapter.targets, m.role)) elements += adapter.rank * (m.rows + m.cols) * m.copies;
    if (has(adapter.saved, m.role)) elements += m.elements();
  });
  return elements;
}

namespace {

// "all-linear", a list, or a pattern; names may carry a path before the last dot.
void read_modules(ObjectReader& reader, std::string_view key, RoleSet& roles, std::vector<std::string>* kept) {
  const JsonNode* node = reader.node(key);
  if (node == nullptr || node->kind == JsonKind::Null) return;
  std::vector<std::string> asked;
  if (node->kind == JsonKind::String) {
    asked = {node->text};
  } else {
    asked = reader.texts_or_empty(key);
  }
  for (const std::string& path : asked) {
    const std::string name = path.substr(path.rfind('.') == std::string::npos ? 0 : path.rfind('.') + 1);
    const RoleSet found = roles_of_module(name);
    if (found.none()) {
      const std::string nearest = nearest_name(name, module_names());
      reader.complain(key, "names of linear modules such as q_proj, or all-linear",
                      nearest.empty() ? in_quotes(name) + " is no module this follows"
                                      : in_quotes(name) + ": did you mean " + nearest + "?");
      continue;
    }
    roles |= found;
    if (kept != nullptr) kept->push_back(name);
  }
}

Count largest_rank(ObjectReader& reader, Count rank, CountRange range) {
  const JsonNode* pattern = reader.node("rank_pattern");
  if (pattern == nullptr || pattern->kind != JsonKind::Object) return rank;
  for (const JsonMember& member : pattern->members)
    if (member.node.kind == JsonKind::Integer) rank = std::max(rank, std::min(member.node.integer, range.max));
  return rank;
}

}  // namespace

AdapterSpec read_peft_config(std::string text, const std::string& file) {
  constexpr CountRange kRanks{1, 65536};
  const JsonDocument document = parse_json(std::move(text), file, JsonDialect::PythonConstants);
  Complaints complaints(document);
  ObjectReader reader(document.root, "", complaints, true);
  AdapterSpec adapter;
  const std::string kind = reader.text_or("peft_type", "LORA");
  if (kind != "LORA") reader.complain("peft_type", "LORA", "only LoRA adapters are followed");
  adapter.rank = largest_rank(reader, reader.count("r", kRanks), kRanks);
  if (reader.flag_or("use_dora", false))
    reader.complain("use_dora", "false", "the magnitudes of DoRA are not followed; merge the adapter");
  read_modules(reader, "target_modules", adapter.targets, &adapter.modules);
  read_modules(reader, "modules_to_save", adapter.saved, nullptr);
  if (adapter.targets.none() && complaints.empty())
    reader.complain("target_modules", "a list of module names, or all-linear");
  complaints.throw_if_any();
  return adapter;
}

}  // namespace moeplan
