// SPDX-License-Identifier: Apache-2.0
// Rows of figures: for spreadsheets, and for two models side by side with the fields
// of their files.
#include "reports/models_figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <variant>

#include "sim/base/json.h"
#include "sim/spec/catalog.h"
#include "sim/study/explain.h"

namespace moeplan {
namespace {

// A value as people read it and as scripts do: monostate is null.
struct FieldValue {
  std::string text;
  std::variant<std::monostate, bool, Count, double, std::string> raw;
  friend bool operator==(const FieldValue&, const FieldValue&) = default;
};

using Fields = std::vector<std::pair<std::string, FieldValue>>;

// Prose of a file: not a difference between models.
bool is_prose(const std::string& path) {
  for (const char* name : {"aliases", "source", "note", "published", "id", "name"})
    if (path == name || path.starts_with(std::string(name) + "/")) return true;
  return false;
}

FieldValue plain_value(const JsonNode& node) {
  switch (node.kind) {
    case JsonKind::Null: return {"null", {}};
    case JsonKind::Bool: return {node.boolean ? "true" : "false", node.boolean};
    case JsonKind::Integer: return {node.text, node.integer};
    case JsonKind::Real: return {node.text, node.real};
    default: return {node.text, node.text};
  }
}

// ["attention", "moe"] and the like on one line.
bool is_flat_array(const JsonNode& node) {
  return node.kind == JsonKind::Array && std::all_of(node.items.begin(), node.items.end(), [](const JsonNode& item) {
           return item.kind != JsonKind::Object && item.kind != JsonKind::Array;
         });
}

void flatten(const JsonNode& node, const std::string& path, Fields& out) {
  if (is_prose(path)) return;
  const std::string prefix = path.empty() ? "" : path + "/";
  if (node.kind == JsonKind::Object) {
    for (const auto& [key, value] : node.members) flatten(value, prefix + key, out);
  } else if (is_flat_array(node)) {
    std::string text;
    for (const JsonNode& item : node.items) text += (text.empty() ? "" : ", ") + plain_value(item).text;
    out.emplace_back(path, FieldValue{text, text});
  } else if (node.kind == JsonKind::Array) {
    for (std::size_t i = 0; i < node.items.size(); ++i) flatten(node.items[i], prefix + std::to_string(i), out);
  } else {
    out.emplace_back(path, plain_value(node));
  }
}

FieldValue figure_value(const Atom& atom) {
  if (const Count* count = std::get_if<Count>(&atom)) return {grouped(*count), *count};
  if (const Bytes* bytes = std::get_if<Bytes>(&atom)) return {grouped(bytes->count()), bytes->count()};
  if (const FlopCount* flops = std::get_if<FlopCount>(&atom))
    return {fmt::format("{:.6g}", flops->value), flops->value};
  return {};
}

// Figures, then the fields of the file.
Fields fields_of(const ModelReport& report) {
  Fields fields;
  for (const auto& [key, value] : figures_of(report)) fields.emplace_back(key, figure_value(value));
  const JsonDocument document = parse_json(write_model(report.model), report.model.id);
  flatten(document.root, "", fields);
  return fields;
}

struct FieldPair {
  std::string path;
  FieldValue a;
  FieldValue b;
  bool differs() const { return a != b; }
};

const FieldValue kAbsent = {"-", {}};

// Both lists merged: the order of a, with what only b has after its neighbours.
std::vector<FieldPair> pair_fields(const Fields& a, const Fields& b) {
  std::map<std::string, FieldValue> in_b(b.begin(), b.end());
  std::vector<FieldPair> pairs;
  for (const auto& [path, value] : a) {
    const auto found = in_b.find(path);
    pairs.push_back({path, value, found == in_b.end() ? kAbsent : found->second});
  }
  std::string previous;
  for (const auto& [path, value] : b) {
    const auto same = [](const std::string& wanted) {
      return [&wanted](const FieldPair& p) { return p.path == wanted; };
    };
    if (std::none_of(pairs.begin(), pairs.end(), same(path))) {
      auto at = std::find_if(pairs.begin(), pairs.end(), same(previous));
      pairs.insert(at == pairs.end() ? at : at + 1, {path, kAbsent, value});
    }
    previous = path;
  }
  return pairs;
}

void write_value(JsonWriter& out, std::string_view key, const FieldValue& value) {
  out.key(key);
  std::visit(
      [&out](const auto& raw) {
        if constexpr (std::is_same_v<std::decay_t<decltype(raw)>, std::monostate>)
          out.null();
        else
          out.value(raw);
      },
      value.raw);
}

}  // namespace

std::string_view parameter_key(Part part) {
  switch (part) {
    case Part::Experts: return "routed_experts";
    case Part::Shared: return "shared_experts";
    case Part::Dense: return "dense_ffn";
    case Part::Norm: return "norms";
    default: return word_of(part);
  }
}

std::vector<std::pair<std::string, Atom>> figures_of(const ModelReport& r) {
  const ParameterCounts& p = r.parameters;
  std::vector<std::pair<std::string, Atom>> figures = {
      {"parameters.total", p.total},
      {"parameters.active", p.active},
      {"parameters.active_no_embedding", p.active_no_embedding},
      {"parameters.active_no_embedding_head", p.active_no_embedding_head},
      {"parameters.total_with_mtp", p.total_with_mtp}};
  for (std::size_t i = 0; i < p.by_part.size(); ++i)
    figures.emplace_back(fmt::format("parameters.by_part.{}", parameter_key(static_cast<Part>(i))), p.by_part[i]);
  figures.insert(figures.end(), {{"checkpoint.elements", p.checkpoint_elements},
                                 {"checkpoint.bytes", r.checkpoint.bytes},
                                 {"kv_cache.bytes_per_token", r.kv_per_token},
                                 {"kv_cache.marginal_bytes_per_token", r.kv_marginal_per_token},
                                 {"kv_cache.bytes_at_context", r.kv_at_context},
                                 {"kv_cache.state_bytes", r.state_bytes},
                                 {"flops_per_token.weights", FlopCount{r.flops.weights}},
                                 {"flops_per_token.decode_attention", FlopCount{r.flops.decode_attention}},
                                 {"flops_per_token.decode_total", FlopCount{r.flops.decode_total}},
                                 {"flops_per_token.prefill_mean_total", FlopCount{r.flops.prefill_mean_total}}});
  return figures;
}

Document tabulate_model(const ModelReport& report) {
  Table table;
  table.columns = {{"quantity", "quantity", true, 0}, {"value", "value", false, 0}};
  for (const auto& [key, value] : figures_of(report)) table.rows.push_back({{{key}, {value}}, Tone::Plain});
  Document document;
  document.add(table);
  return document;
}

Document compare_models(const ModelReport& a, const ModelReport& b) {
  Table table;
  table.columns = {
      {"differs", "", true, 0}, {"field", "field", true, 0}, {"a", a.model.id, true, 0}, {"b", b.model.id, true, 0}};
  Count different = 0;
  for (const FieldPair& pair : pair_fields(fields_of(a), fields_of(b))) {
    const bool differs = pair.differs();
    different += differs ? 1 : 0;
    table.rows.push_back(
        {{{differs ? "*" : ""}, {pair.path}, {pair.a.text}, {pair.b.text}}, differs ? Tone::Strong : Tone::Plain});
  }
  Document document;
  document.add(table);
  document.add(
      Note{different == 0 ? "the two have the same figures and shape" : fmt::format("{} lines differ (*)", different)});
  return document;
}

std::string json_of_comparison(const ModelReport& a, const ModelReport& b) {
  JsonWriter out;
  out.begin_object().member("schema", "moeplan.models.diff/1");
  out.member("a", a.model.id).member("b", b.model.id).key("fields").begin_array();
  for (const FieldPair& pair : pair_fields(fields_of(a), fields_of(b))) {
    out.compact(true).begin_object();
    out.member("field", pair.path);
    write_value(out, "a", pair.a);
    write_value(out, "b", pair.b);
    out.member("differs", pair.differs());
    out.end_object().compact(false);
  }
  out.end_array().end_object();
  return out.take();
}

}  // namespace moeplan
