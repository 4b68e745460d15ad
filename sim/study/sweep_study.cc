// SPDX-License-Identifier: Apache-2.0
#include "sim/study/sweep_study.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <unordered_set>

#include "sim/base/error.h"
#include "sim/base/text.h"
#include "sim/study/sweep_values.h"

namespace moeplan {
namespace {

struct OtherName {
  std::string_view name;
  std::string_view option;
};
constexpr std::array<OtherName, 15> kOtherNames = {{{"layout.tp", "tp"},
                                                    {"layout.dp", "attention-dp"},
                                                    {"layout.attention_dp", "attention-dp"},
                                                    {"layout.cp", "cp"},
                                                    {"layout.moe_tp", "moe-tp"},
                                                    {"layout.ep", "ep"},
                                                    {"layout.pp", "pp"},
                                                    {"layout.replicas", "replicas"},
                                                    {"load.batch", "batch"},
                                                    {"load.context", "context"},
                                                    {"load.prompt", "prompt"},
                                                    {"load.isl", "isl"},
                                                    {"load.osl", "osl"},
                                                    {"load.concurrency", "concurrency"},
                                                    {"sequences", "batch"}}};
constexpr std::array<std::string_view, 8> kLayoutOptions = {"layout", "tp", "attention-dp", "cp",
                                                            "moe-tp", "ep", "pp",           "replicas"};
constexpr std::array<std::string_view, 6> kLoadOptions = {"batch", "context", "prompt", "isl", "osl", "concurrency"};
constexpr std::array<std::string_view, 3> kKept = {"active", "total", "both"};
constexpr std::size_t kMostAxes = 16;

template <std::size_t N>
bool is_in(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// "model.moe.experts@active" in its two parts.
SweepVariable variable_of(std::string_view path, std::optional<SweepTextProblem>& problem) {
  SweepVariable variable;
  const std::size_t at = path.find('@');
  variable.name = option_of(path.substr(0, at));
  if (variable.name.empty())
    problem = {.found = "no name", .expected = "an option of simulate or a path into a spec", .hint = ""};
  if (at == std::string_view::npos) return variable;
  variable.keep = path.substr(at + 1);
  if (!is_in(kKept, variable.keep))
    problem = {.found = in_quotes(variable.keep) + " behind @",
               .expected = "active, total or both: the parameters that stay as they are",
               .hint = ""};
  else if (!variable.name.starts_with("model."))
    problem = {.found = "@" + variable.keep + " behind " + in_quotes(variable.name),
               .expected = "it behind a size of the model, e.g. model.moe.experts@" + variable.keep,
               .hint = ""};
  return variable;
}

// Values of an axis, taken together, are there once.
std::optional<SweepTextProblem> repeated(const SweepAxis& axis) {
  std::unordered_set<std::string> seen;
  for (std::size_t i = 0; i < axis.size(); ++i) {
    std::string values;
    for (const SweepVariable& v : axis.variables) values += (values.empty() ? "" : ", ") + v.values[i];
    if (!seen.insert(values).second)
      return SweepTextProblem{
          .found = in_quotes(values) + " twice", .expected = "each value of an axis once", .hint = ""};
  }
  return std::nullopt;
}

std::optional<SweepTextProblem> uneven(const SweepAxis& axis) {
  for (const SweepVariable& v : axis.variables)
    if (v.values.size() != axis.size())
      return SweepTextProblem{.found = fmt::format("{} values of {} and {} of {}", axis.size(),
                                                   axis.variables.front().name, v.values.size(), v.name),
                              .expected = "as many of each: they move together",
                              .hint = ""};
  return repeated(axis);
}

std::string word_in_json(const JsonNode& node) {
  return node.kind == JsonKind::String ? node.text : node.kind == JsonKind::Bool ? "" : node.text;
}

bool is_word(const JsonNode& node) {
  return node.kind == JsonKind::String || node.kind == JsonKind::Integer || node.kind == JsonKind::Real;
}

std::vector<std::string> read_values(ObjectReader& reader) {
  const JsonNode* node = reader.node("values");
  const auto complain = [&] {
    reader.complain("values", "\"1:256:*2\", \"1,2,4\" or a list of numbers and words", "");
    return std::vector<std::string>{};
  };
  if (node == nullptr) return complain();
  if (is_word(*node)) {
    std::optional<SweepTextProblem> problem;
    std::vector<std::string> values = expand_values(node->text, problem);
    if (problem) reader.complain("values", problem->expected, "found " + problem->found);
    return values;
  }
  if (node->kind != JsonKind::Array || node->items.empty()) return complain();
  std::vector<std::string> values;
  for (const JsonNode& item : node->items) {
    if (!is_word(item) || item.text.empty() || item.text != printable(item.text)) return complain();
    values.push_back(item.text);
  }
  return values;
}

SweepVariable read_variable(ObjectReader& reader) {
  const std::string path = reader.text("path");
  std::optional<SweepTextProblem> problem;
  SweepVariable variable = variable_of(path, problem);
  if (problem && !path.empty()) reader.complain("path", problem->expected, "found " + problem->found);
  variable.values = read_values(reader);
  reader.finish();
  return variable;
}

SweepAxis read_axis(const JsonNode& node, const std::string& path, Complaints& complaints) {
  ObjectReader reader(node, path, complaints);
  SweepAxis axis;
  if (!reader.has("zip")) {
    axis.variables.push_back(read_variable(reader));
    if (const std::optional<SweepTextProblem> problem = repeated(axis))
      reader.complain("values", problem->expected, "found " + problem->found);
    return axis;
  }
  const JsonNode* zip = reader.node("zip");
  if (zip->kind != JsonKind::Array || zip->items.empty()) {
    reader.complain("zip", "a list of {\"path\": ..., \"values\": ...} that move together");
    return axis;
  }
  std::size_t i = 0;
  for (const JsonNode& item : zip->items) {
    ObjectReader member(item, fmt::format("{}[{}]", reader.path_of("zip"), i++), complaints);
    axis.variables.push_back(read_variable(member));
  }
  if (const std::optional<SweepTextProblem> problem = uneven(axis))
    reader.complain("zip", problem->expected, "found " + problem->found);
  reader.finish();
  return axis;
}

void read_axes(SweepStudy& study, ObjectReader& reader) {
  const JsonNode* list = reader.node("axes");
  if (list == nullptr || list->kind != JsonKind::Array || list->items.size() > kMostAxes) {
    reader.complain("axes", fmt::format("a list of at most {} axes", kMostAxes));
    return;
  }
  std::set<std::string> names;
  std::size_t i = 0;
  for (const JsonNode& item : list->items) {
    SweepAxis axis = read_axis(item, fmt::format("axes[{}]", i++), reader.complaints());
    if (axis.variables.empty() || axis.variables.front().values.empty()) continue;  // complained
    for (const SweepVariable& v : axis.variables)
      if (!names.insert(v.name).second)
        reader.complain("axes", "each name once", "found " + in_quotes(v.name) + " twice");
    study.axes.push_back(std::move(axis));
  }
}

void read_base(SweepStudy& study, ObjectReader& reader) {
  const JsonNode* base = reader.node("base");
  if (base == nullptr || base->kind != JsonKind::Object) {
    reader.complain("base",
                    "an object with options of simulate: {\"model\": \"mixtral-8x7b\", \"hardware\": \"h200\"}");
    return;
  }
  for (const JsonMember& member : base->members) {
    const JsonNode& value = member.node;
    const bool on = value.kind == JsonKind::Bool && value.boolean;
    if (!on && !(is_word(value) && !value.text.empty()))
      reader.complaints().add(value, "base." + member.name, what_is(value), "a word, a number, or true for a switch");
    study.base.push_back({option_of(member.name), word_in_json(value)});
  }
}

}  // namespace

std::string option_of(std::string_view name) {
  for (const OtherName& other : kOtherNames)
    if (other.name == name) return std::string(other.option);
  return std::string(name);
}

SweepTier SweepVariable::tier() const {
  if (is_in(kLoadOptions, name)) return SweepTier::Load;
  return is_in(kLayoutOptions, name) ? SweepTier::Layout : SweepTier::Deployment;
}

SweepTier SweepAxis::tier() const {
  SweepTier outermost = SweepTier::Load;
  for (const SweepVariable& v : variables) outermost = std::min(outermost, v.tier());
  return outermost;
}

bool is_sweep_study(const JsonDocument& document) { return document.root.find("sides") == nullptr; }

bool is_expert_count_study(const JsonDocument& document) {
  const JsonNode* kind = document.root.find("kind");
  return kind != nullptr && kind->text == "expert-count";
}

std::string finding_of(const JsonDocument& document) {
  const JsonNode* finding = document.root.find("finding");
  return finding == nullptr ? "" : finding->text;
}

SweepStudy read_sweep_study(const JsonDocument& document) {
  Complaints complaints(document);
  ObjectReader reader(document.root, "", complaints);
  SweepStudy study;
  study.id = reader.text("id");
  study.question = reader.text_or("question", "");
  study.finding = reader.text_or("finding", "");
  study.source = reader.text_or("source", "");
  study.as_of = reader.text_or("as_of", "");
  read_base(study, reader);
  read_axes(study, reader);
  study.where = reader.texts_or_empty("where");
  study.metrics = reader.texts_or_empty("metrics");
  study.front = reader.texts_or_empty("front");
  if (std::optional<ObjectReader> view = reader.object_if_present("view")) {
    study.view.x = view->text_or("x", "");
    study.view.y = view->texts_or_empty("y");
    study.view.by = view->texts_or_empty("by");
    view->finish();
  }
  reader.finish();
  complaints.throw_if_any();
  return study;
}

namespace {

[[noreturn]] void throw_axis(std::string_view text, const SweepTextProblem& problem) {
  Problem usage;
  usage.file = "--axis " + printable(text);
  usage.found = problem.found;
  usage.expected = problem.expected;
  usage.hint = problem.hint;
  throw InputError(ErrorKind::Usage, usage);
}

// "+" between variables, not in a value such as 1e+6 or h200+b200: one that a name and "=" follow.
std::size_t next_variable(std::string_view text, std::size_t from) {
  for (std::size_t plus = text.find('+', from); plus != std::string_view::npos; plus = text.find('+', plus + 1)) {
    const std::size_t end = text.find_first_of("=,+:", plus + 1);
    if (end != std::string_view::npos && text[end] == '=' && end > plus + 1) return plus;
  }
  return std::string_view::npos;
}

}  // namespace

SweepAxis parse_axis(std::string_view text) {
  SweepAxis axis;
  const std::string_view all = text;
  for (bool more = true; more;) {
    const std::size_t plus = next_variable(text, 0);
    more = plus != std::string_view::npos;
    const std::string_view one = text.substr(0, plus);
    const std::size_t equals = one.find('=');
    if (equals == std::string_view::npos)
      throw_axis(all, {.found = in_quotes(one), .expected = "NAME=VALUES, e.g. batch=1:256:*2", .hint = ""});
    std::optional<SweepTextProblem> problem;
    SweepVariable variable = variable_of(one.substr(0, equals), problem);
    if (!problem) variable.values = expand_values(one.substr(equals + 1), problem);
    if (problem) throw_axis(all, *problem);
    axis.variables.push_back(std::move(variable));
    if (more) text.remove_prefix(plus + 1);
  }
  if (const std::optional<SweepTextProblem> problem = uneven(axis)) throw_axis(all, *problem);
  return axis;
}

void set_axis(SweepStudy& study, SweepAxis axis) {
  const auto has = [&axis](const SweepAxis& other) {
    return std::any_of(other.variables.begin(), other.variables.end(), [&axis](const SweepVariable& v) {
      return std::any_of(axis.variables.begin(), axis.variables.end(),
                         [&v](const SweepVariable& own) { return own.name == v.name; });
    });
  };
  const auto first = std::find_if(study.axes.begin(), study.axes.end(), has);
  if (first == study.axes.end()) {
    study.axes.push_back(std::move(axis));
    return;
  }
  const auto rest = std::remove_if(first + 1, study.axes.end(), has);
  study.axes.erase(rest, study.axes.end());
  *first = std::move(axis);
}

std::string write_sweep_study(const SweepStudy& study) {
  JsonWriter out;
  const auto texts = [&out](const char* key, const std::vector<std::string>& list) {
    out.key(key).compact(true).begin_array();
    for (const std::string& text : list) out.value(text);
    out.end_array().compact(false);
  };
  out.begin_object()
      .member("id", study.id)
      .member("question", study.question)
      .member("finding", study.finding)
      .member("source", study.source);
  out.member("as_of", study.as_of).key("base").begin_object();
  for (const OptionWord& word : study.base)
    word.value.empty() ? out.member(word.name, true) : out.member(word.name, word.value);
  out.end_object().key("axes").begin_array();
  for (const SweepAxis& axis : study.axes) {
    out.begin_object().key("zip").begin_array();
    for (const SweepVariable& v : axis.variables) {
      out.begin_object().member("path", v.keep.empty() ? v.name : v.name + "@" + v.keep);
      texts("values", v.values);
      out.end_object();
    }
    out.end_array().end_object();
  }
  out.end_array();
  texts("where", study.where);
  texts("metrics", study.metrics);
  texts("front", study.front);
  out.key("view").begin_object().member("x", study.view.x);
  texts("y", study.view.y);
  texts("by", study.view.by);
  return out.end_object().end_object().take();
}

}  // namespace moeplan
