// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "validate/e2e_predict.h"
#include "validate/score.h"

namespace moeplan {
namespace {

constexpr std::size_t kMostWorst = 10;

using SetKey = std::tuple<std::string, std::string, std::string>;  // phase, class, regime

E2eSet set_of(const SetKey& key, const std::vector<double>& log_ratios) {
  E2eSet set;
  set.phase = std::get<0>(key);
  set.device_class = std::get<1>(key);
  set.regime = std::get<2>(key);
  set.error = error_of(log_ratios);
  double sum = 0;
  for (const double ratio : log_ratios) sum += std::fabs(ratio);
  set.factor = std::exp(sum / static_cast<double>(std::max<std::size_t>(1, log_ratios.size())));
  return set;
}

void score_sets(E2eFile& file, const E2eTable& table, const std::vector<E2ePrediction>& predictions) {
  std::map<SetKey, std::vector<double>> by_set;
  std::map<std::string, Count> refusals;
  std::vector<std::pair<double, E2eWorst>> worst;
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const E2eRow& row = table.rows[i];
    const E2ePrediction& p = predictions[i];
    if (!p.refused.empty()) {
      ++refusals[p.refused];
      continue;
    }
    const double ratio = std::log(p.value / row.value);
    file.log_ratios.push_back(ratio);
    const std::string phase(word_of(row.phase));
    by_set[{phase, p.device_class, row.regime}].push_back(ratio);
    by_set[{phase, "", ""}].push_back(ratio);
    worst.push_back(
        {std::fabs(ratio), {.line = row.line, .predicted = p.value, .measured = row.value, .command = p.command}});
    file.points.push_back({.group = phase + ", " + p.device_class,
                           .what = p.command,
                           .line = row.line,
                           .size = static_cast<double>(p.batch),
                           .measured = row.value,
                           .predicted = p.value,
                           .low = p.low,
                           .high = p.high});
  }
  for (const auto& [key, ratios] : by_set) file.sets.push_back(set_of(key, ratios));
  for (const auto& [reason, rows] : refusals) file.refusals.push_back({reason, rows});
  std::stable_sort(file.refusals.begin(), file.refusals.end(),
                   [](const E2eRefusal& a, const E2eRefusal& b) { return a.rows > b.rows; });
  std::stable_sort(worst.begin(), worst.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  for (std::size_t i = 0; i < std::min(kMostWorst, worst.size()); ++i) file.worst.push_back(worst[i].second);
}

// One layout of a group, with the costs that goals minimise.
struct Candidate {
  double measured_tpot, predicted_tpot;
  double measured_per_token_and_gpu, predicted_per_token_and_gpu;  // seconds
};

LayoutGoal goal_of(std::string name, const std::vector<std::vector<Candidate>>& groups, double Candidate::*measured,
                   double Candidate::*predicted) {
  LayoutGoal goal{.goal = std::move(name)};
  std::vector<double> losses;
  for (const std::vector<Candidate>& group : groups) {
    const auto less = [](double Candidate::*field) {
      return [field](const Candidate& a, const Candidate& b) { return a.*field < b.*field; };
    };
    const Candidate& best = *std::min_element(group.begin(), group.end(), less(measured));
    const Candidate& chosen = *std::min_element(group.begin(), group.end(), less(predicted));
    // Of a rate, what is missing; seconds per token are its inverse.
    losses.push_back(1 - best.*measured / (chosen.*measured));
    if (&best == &chosen) ++goal.best_found;
  }
  goal.groups = static_cast<Count>(groups.size());
  goal.median_loss = quantile_of(losses, 0.5);
  goal.p90_loss = quantile_of(losses, 0.9);
  return goal;
}

void score_layouts(E2eFile& file, const E2eTable& table, const std::vector<E2ePrediction>& predictions) {
  std::map<std::string, std::vector<Candidate>> by_group;
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const E2eRow& row = table.rows[i];
    const E2ePrediction& p = predictions[i];
    if (row.group.empty() || !p.refused.empty()) continue;
    by_group[row.group].push_back({row.tpot, p.tpot, 1 / row.value, 1 / p.value});
  }
  std::vector<std::vector<Candidate>> groups;
  std::vector<double> ratio_errors;
  for (auto& [name, group] : by_group) {
    if (group.size() < 2) continue;
    for (std::size_t a = 0; a < group.size(); ++a)
      for (std::size_t b = a + 1; b < group.size(); ++b)
        ratio_errors.push_back(std::fabs(std::log(group[a].predicted_tpot / group[b].predicted_tpot) -
                                         std::log(group[a].measured_tpot / group[b].measured_tpot)));
    groups.push_back(std::move(group));
  }
  LayoutAccuracy layouts;
  layouts.goals.push_back(goal_of("tokens_per_s_per_gpu", groups, &Candidate::measured_per_token_and_gpu,
                                  &Candidate::predicted_per_token_and_gpu));
  layouts.goals.push_back(goal_of("tpot", groups, &Candidate::measured_tpot, &Candidate::predicted_tpot));
  layouts.ratios = static_cast<Count>(ratio_errors.size());
  layouts.ratio_median = quantile_of(ratio_errors, 0.5);
  layouts.ratio_p90 = quantile_of(ratio_errors, 0.9);
  file.layouts.push_back(std::move(layouts));
}

}  // namespace

E2eFile score_e2e(const E2eTable& table, const std::vector<E2ePrediction>& predictions) {
  E2eFile file;
  file.file = table.csv.file();
  file.rows = static_cast<Count>(table.rows.size());
  score_sets(file, table, predictions);
  if (table.grouped) score_layouts(file, table, predictions);
  return file;
}

E2eAccuracy accuracy_of(std::vector<E2eFile> files, std::string how) {
  std::vector<double> all;
  for (const E2eFile& file : files) all.insert(all.end(), file.log_ratios.begin(), file.log_ratios.end());
  return {.how = std::move(how), .files = std::move(files), .overall = set_of({}, all)};
}

}  // namespace moeplan
