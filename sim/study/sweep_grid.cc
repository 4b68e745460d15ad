// SPDX-License-Identifier: Apache-2.0
#include "sim/study/sweep_grid.h"

#include <algorithm>

#include "sim/base/error.h"

namespace moeplan {

SweepGrid::SweepGrid(const SweepStudy& study) {
  std::vector<std::size_t> order(study.axes.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return study.axes[a].tier() < study.axes[b].tier(); });
  for (const std::size_t i : order) axes_.push_back(study.axes[i]);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < study.axes.size(); ++i) {
    const auto place = static_cast<std::size_t>(std::find(order.begin(), order.end(), i) - order.begin());
    for (std::size_t v = 0; v < study.axes[i].variables.size(); ++v) {
      columns_.push_back({.axis = place, .variable = v});
      names.push_back(study.axes[i].variables[v].name);
    }
  }

  for (const SweepAxis& axis : axes_) size_ *= static_cast<double>(axis.size());
  if (size_ > kMostPoints) return;  // refused by whoever asked
  strides_.resize(axes_.size());
  for (std::size_t i = axes_.size(); i-- > 0;) {
    strides_[i] = points_;
    points_ *= static_cast<Count>(axes_[i].size());
    counts_[static_cast<std::size_t>(axes_[i].tier())] *= static_cast<Count>(axes_[i].size());
  }

  std::vector<Problem> problems;
  for (const std::string& text : study.where) {
    std::optional<SweepTextProblem> found;
    constraints_.emplace_back(text, names, found);
    if (!found) continue;
    Problem problem;
    problem.file = "--where";
    problem.found = found->found;
    problem.expected = found->expected;
    problem.hint = found->hint;
    problems.push_back(problem);
  }
  if (!problems.empty()) throw InputError(ErrorKind::Usage, problems);
  if (constraints_.empty()) return;
  for (const Column column : columns_) {
    std::vector<SweepOperand> operands;
    for (const std::string& word : variable(column).values) operands.push_back({number_of(word), word});
    operands_.push_back(std::move(operands));
  }
}

namespace {

void set_word(std::vector<OptionWord>& words, const std::string& name, const std::string& value) {
  const auto same = std::find_if(words.begin(), words.end(), [&](const OptionWord& w) { return w.name == name; });
  if (same != words.end())
    same->value = value;
  else
    words.push_back({name, value});
}

}  // namespace

std::vector<OptionWord> deployment_words(const SweepStudy& study, const SweepGrid& grid, Count point) {
  std::vector<OptionWord> words = study.base;
  for (const SweepGrid::Column column : grid.columns()) {
    const SweepVariable& variable = grid.variable(column);
    const bool outer = grid.axes()[column.axis].tier() == SweepTier::Deployment;
    if (!outer && variable.tier() != SweepTier::Load) continue;
    const std::string& value = outer ? grid.word(point, column) : variable.values.front();
    if (variable.is_option())
      set_word(words, variable.name, value);
    else if (variable.keep.empty())
      words.push_back({"set", variable.name + "=" + value});
    else
      words.push_back({"resize", variable.name + "=" + value + "@" + variable.keep});
  }
  return words;
}

bool SweepGrid::allows(Count point) const {
  if (constraints_.empty()) return true;
  std::vector<SweepOperand> operands(columns_.size());
  for (std::size_t c = 0; c < columns_.size(); ++c) operands[c] = operands_[c][digit(point, columns_[c].axis)];
  return std::all_of(constraints_.begin(), constraints_.end(),
                     [&operands](const SweepExpression& e) { return e.holds(operands); });
}

}  // namespace moeplan
