// SPDX-License-Identifier: Apache-2.0
#include "cli/sweep_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/layout_argument.h"
#include "cli/load_argument.h"
#include "cli/model_argument.h"
#include "cli/simulate_parts.h"
#include "sim/base/error.h"
#include "sim/base/text.h"
#include "sim/spec/matrices.h"
#include "sim/study/layout_words.h"
#include "sim/study/sweep_grid.h"

namespace moeplan {
namespace {

constexpr std::string_view kModel = "model";
// Of a sweep alone: their words mean nothing to a deployment.
constexpr std::array<std::string_view, 2> kOfSweeps = {"layout", "prompt"};

bool is_of_sweeps(const std::string& name) {
  return std::find(kOfSweeps.begin(), kOfSweeps.end(), name) != kOfSweeps.end();
}

Arguments arguments_of(const std::vector<OptionWord>& words) {
  std::string model;
  std::vector<std::pair<std::string, std::string>> values;
  for (const OptionWord& word : words) {
    if (word.name == kModel)
      model = word.value;
    else if (!is_of_sweeps(word.name))
      values.emplace_back(word.name, word.value);
  }
  if (model.empty()) throw_usage(kModel, "none", "the model of the sweep, as option, axis or in the study's base");
  return {deployment_options(), model, values};
}

struct OpenUnit {
  Unit unit;
  std::vector<OptionWord> words;
  SweepDeployment deployment;
};

std::shared_ptr<const SweepDeployment> open(const Session& session, WarningsOnce& warnings,
                                            const std::vector<OptionWord>& words) {
  const Arguments arguments = arguments_of(words);
  auto made = std::make_shared<OpenUnit>();
  made->words = words;
  SweepDeployment& d = made->deployment;
  d.steady = read_steady_load(arguments);
  Session quiet = session.with_warnings([&warnings](std::string_view text) { warnings.add(std::string(text)); });
  read_unit(made->unit, quiet, arguments, d.steady);
  d.question = std::move(made->unit.question.question);
  const FitQuestion& q = d.question.deployment;
  d.plan = plan_model(q.model, q.formats, q.weights);
  d.kernels = made->unit.question.kernels;
  d.rates = made->unit.question.rates;
  const ParameterCounts counts = count_parameters(q.model);
  d.total_parameters = counts.total;
  d.active_parameters = counts.active;
  return {made, &made->deployment};
}

Layout named_layout(const SweepDeployment& deployment, const std::string& word) {
  const std::optional<Layout> layout = parse_layout(word);
  if (!layout) throw_usage("layout", in_quotes(word), "a layout such as TP8, DP8+EP8, TP4 DP2 EP8 PP2, or all");
  const FitQuestion& q = deployment.question.deployment;
  std::vector<Problem> problems;
  for (const std::string& rule : violations(*layout, q.model, q.runtime)) {
    Problem problem;
    problem.file = "layout " + word;
    problem.path = rule;
    problems.push_back(problem);
  }
  if (!problems.empty()) throw InputError(ErrorKind::Usage, problems);
  return *layout;
}

Layout layout_of(const SweepDeployment& deployment, const std::vector<OptionWord>& base,
                 const std::vector<OptionWord>& words) {
  for (const OptionWord& word : words)
    if (word.name == "layout") return named_layout(deployment, word.value);
  std::vector<OptionWord> all = base;
  for (const OptionWord& word : words) {
    const auto same = std::find_if(all.begin(), all.end(), [&](const OptionWord& w) { return w.name == word.name; });
    if (same != all.end())
      same->value = word.value;
    else
      all.push_back(word);
  }
  return choose_layout_from(arguments_of(all), deployment.question.deployment,
                            deployment.question.deployment.device.fast_domain, {})
      .layout;
}

std::vector<std::string> known_names() {
  std::vector<std::string> names = {std::string(kModel)};
  for (const std::string_view name : kOfSweeps) names.emplace_back(name);
  for (const Option& option : deployment_options()) names.push_back(option_of(option.name));
  return names;
}

}  // namespace

void WarningsOnce::add(const std::string& text) {
  const std::scoped_lock lock(mutex_);
  all_.insert(text);
}

SweepReader sweep_reader(const Session& session, WarningsOnce& warnings) {
  return {
      .open = [&session, &warnings](const std::vector<OptionWord>& words) { return open(session, warnings, words); },
      .layout = [](const SweepDeployment& deployment, const std::vector<OptionWord>& base,
                   const std::vector<OptionWord>& words) { return layout_of(deployment, base, words); }};
}

void check_option_names(const SweepStudy& study) {
  const std::vector<std::string> known = known_names();
  std::vector<Problem> problems;
  const auto check = [&](const std::string& name, const char* what) {
    if (std::find(known.begin(), known.end(), name) != known.end()) return;
    Problem problem;
    problem.file = what;
    problem.found = in_quotes(name);
    problem.expected = "an option of `moeplan simulate` that a deployment has, or a path such as model.moe.experts";
    const std::string nearest = nearest_name(name, known);
    if (!nearest.empty()) problem.hint = "did you mean " + nearest + "?";
    problems.push_back(problem);
  };
  for (const OptionWord& word : study.base) check(word.name, "base of the study");
  for (const SweepAxis& axis : study.axes)
    for (const SweepVariable& variable : axis.variables)
      if (variable.is_option()) check(variable.name, "--axis");
  if (!problems.empty()) throw InputError(ErrorKind::Usage, problems);
}

namespace {

void check_weights(const Catalog& catalog, const std::string& name) {
  const std::vector<std::string> labels = mixture_labels();
  const std::string lower = lower_case(name);
  if (lower == "native" || catalog.formats().find(name) != nullptr) return;
  if (std::find(labels.begin(), labels.end(), lower) != labels.end()) return;
  std::vector<std::string> known = labels;
  for (const QuantFormat& format : catalog.formats().formats) known.push_back(format.id);
  throw_unknown_name("weight format", name, known, "moeplan help formats");
}

}  // namespace

void check_names(const SweepStudy& study, const Catalog& catalog) {
  const auto check = [&catalog](const std::string& name, const std::string& value) {
    if (name == kModel) static_cast<void>(load_model(catalog, value));
    if (name == "runtime") static_cast<void>(catalog.runtime(value));
    if (name == "hardware")
      static_cast<void>(choose_hardware(catalog, Arguments(deployment_options(), "", {{"hardware", value}})));
    if (name == "weights") check_weights(catalog, value);
  };
  for (const OptionWord& word : study.base) check(word.name, word.value);
  for (const SweepAxis& axis : study.axes)
    for (const SweepVariable& variable : axis.variables)
      for (const std::string& value : variable.values) check(variable.name, value);
}

void expand_layouts(SweepStudy& study, const SweepReader& reader) {
  constexpr Count kMostOpened = 256;
  for (SweepAxis& axis : study.axes) {
    SweepVariable& variable = axis.variables.front();
    if (axis.variables.size() != 1 || variable.name != "layout" || variable.values != std::vector<std::string>{"all"})
      continue;
    SweepStudy outer = study;
    std::erase_if(outer.axes, [](const SweepAxis& a) { return a.tier() != SweepTier::Deployment; });
    outer.where.clear();
    const SweepGrid grid(outer);
    if (grid.size() > kMostOpened)
      throw_usage("axis layout=all", fmt::format("it over {:.0f} deployments", grid.size()),
                  fmt::format("at most {}", kMostOpened), "name the layouts: layout=TP8,DP8+EP8");
    std::vector<std::string> labels;
    for (Count point = 0; point < grid.points(); ++point) {
      const std::shared_ptr<const SweepDeployment> d = reader.open(deployment_words(study, grid, point));
      const FitQuestion& q = d->question.deployment;
      for (const Layout& layout : legal_layouts(q.model, q.runtime, q.layout.gpus() / q.layout.replicas)) {
        Layout all = layout;
        all.replicas = q.layout.replicas;
        const std::string label = describe(all);
        if (std::find(labels.begin(), labels.end(), label) == labels.end()) labels.push_back(label);
      }
    }
    variable.values = std::move(labels);
  }
}

}  // namespace moeplan
