// SPDX-License-Identifier: Apache-2.0
#include "validate/e2e_fit.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <compare>
#include <map>
#include <set>

#include "validate/fit_form.h"
#include "validate/parallel.h"
#include "validate/score.h"

namespace moeplan {
namespace {

// In the order of EngineConstants. The ratio of times starts at 1, nothing added.
constexpr std::array<FormConstant, kEngineConstants> kForm = {{
    {"step_s", 0, 1e-3, 5e-2, false, "host time of a step"},
    {"sequence_s", 0, 5e-6, 1e-3, false, "host time of a sequence"},
    {"operator_s", 0, 1e-6, 2e-4, false, "between operators"},
    {"sync_s", 0, 1e-6, 5e-4, false, "waiting at collectives"},
    {"kernels", 1, 1.2, 4, false, "over the operators, decode"},
    {"prompts", 1, 1.2, 4, false, "over the operators, prompts"},
    {"experts", 1, 1.2, 4, false, "over expert layers"},
}};

// Four digits say more than the runs do.
double rounded(double value) {
  std::array<char, 32> text{};
  const auto [end, error] =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific, 3);
  if (error == std::errc{}) std::from_chars(text.data(), end, value);
  return value;
}

EngineConstants constants_of(std::span<const double> exact) {
  std::array<double, kEngineConstants> c{};
  for (std::size_t i = 0; i < c.size(); ++i) c[i] = rounded(exact[i]);
  return {.step_s = c[0],
          .sequence_s = c[1],
          .operator_s = c[2],
          .sync_s = c[3],
          .kernels = c[4],
          .prompts = c[5],
          .experts = c[6]};
}

constexpr double kDelta = 0.2;  // runs of one configuration differ by 4 to 29 %
constexpr int kEvaluations = 1000;
constexpr double kLeastGain = 5e-5;  // of an error of 1 %

using Constants = std::array<double, kEngineConstants>;
constexpr Constants kNothing = {0, 0, 0, 0, 1, 1, 1};
// Steps as long as they may be in earnest: 10 ms of host time, 10 us between operators.
constexpr Constants kProbe = {1e-2, 1e-5, 1e-5, 1e-5, 1, 1, 1};

// Seconds per token of a run: bare + sum over constants of slope (constant - nothing).
struct LinearRun {
  std::string model;
  double measured = 0;  // seconds per token
  bool sure = true;     // else it is predicted and not fitted
  double bare = 0;
  std::array<double, kEngineConstants> slope{};

  double seconds(std::span<const double> c) const {
    double sum = bare;
    for (std::size_t i = 0; i < kEngineConstants; ++i) sum += slope[i] * (c[i] - kNothing[i]);
    return sum;
  }
};

LinearRun linear_run(const E2eRow& row, const E2eQuestion& asked, const Pricing& pricing) {
  LinearRun run{
      .model = asked.question.deployment.model.id, .measured = 1 / row.value, .sure = row.confidence != "low"};
  Kernels kernels = pricing.kernels;
  kernels.engine = {};
  const E2ePrediction bare = predict_run(row, asked, kernels, pricing.rates);
  if (!bare.refused.empty()) return run;
  run.bare = 1 / bare.value;
  for (std::size_t i = 0; i < kEngineConstants; ++i) {
    Constants c = kNothing;
    c[i] += kProbe[i];
    kernels.engine = constants_of(c);
    run.slope[i] = (1 / predict_run(row, asked, kernels, pricing.rates).value - run.bare) / kProbe[i];
  }
  return run;
}

struct Fit {
  Constants constants = kNothing;
  double loss = 0;
};

// The mean pseudo-Huber loss, to compare fits by different constants.
double loss_of(const std::vector<const LinearRun*>& runs, const FitRows& rows, const Constants& constants) {
  double sum = 0;
  double weight = 0;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const double x = (std::log(runs[i]->seconds(constants)) - rows.log_measured[i]) / kDelta;
    sum += rows.weights[i] * kDelta * kDelta * (std::sqrt(1 + x * x) - 1);
    weight += rows.weights[i];
  }
  return weight > 0 ? sum / weight : 0;
}

// By these constants alone, the others left at nothing.
Fit fit_some(const std::vector<const LinearRun*>& runs, const FitRows& rows, const std::vector<std::size_t>& some) {
  std::vector<FormConstant> form;
  for (const std::size_t i : some) form.push_back(kForm[i]);
  const auto all_of = [&some](std::span<const double> c) {
    Constants constants = kNothing;
    for (std::size_t i = 0; i < some.size(); ++i) constants[some[i]] = c[i];
    return constants;
  };
  FitRows mine = rows;
  mine.predict = [&](std::span<const double> c, std::span<double> out) {
    const Constants constants = all_of(c);
    for (std::size_t i = 0; i < runs.size(); ++i) out[i] = std::log(runs[i]->seconds(constants));
  };
  const FittedConstants fit = fit_constants(form, mine, {.delta = kDelta, .evaluations = kEvaluations, .start = {}});
  const Constants constants = all_of(fit.constants);
  return {.constants = constants, .loss = loss_of(runs, rows, constants)};
}

Constants fitted(const std::vector<const LinearRun*>& runs) {
  std::map<std::string, double> rows_of_model;
  for (const LinearRun* run : runs) rows_of_model[run->model] += 1;
  std::vector<double> log_measured, weights;
  for (const LinearRun* run : runs) {
    log_measured.push_back(std::log(run->measured));
    weights.push_back(1 / rows_of_model[run->model]);
  }
  FitRows rows;
  rows.log_measured = log_measured;
  rows.weights = weights;
  std::vector<std::size_t> taken;
  Fit best{.constants = kNothing, .loss = loss_of(runs, rows, kNothing)};
  while (taken.size() < kMostEngineConstants) {
    Fit next;
    std::size_t which = kEngineConstants;
    for (std::size_t i = 0; i < kEngineConstants; ++i) {
      if (std::find(taken.begin(), taken.end(), i) != taken.end()) continue;
      std::vector<std::size_t> with = taken;
      with.push_back(i);
      const Fit fit = fit_some(runs, rows, with);
      if (which != kEngineConstants && fit.loss >= next.loss) continue;
      next = fit;
      which = i;
    }
    if (next.loss > best.loss - std::max(kLeastGain, kWorthAConstant * best.loss)) break;
    best = next;
    taken.push_back(which);
  }
  return best.constants;
}

// Devices whose runs are fitted together: of one class; but integrated devices of NVIDIA run
// CUDA kernels, tuned on cards for years, where others run Vulkan, HIP or Metal.
struct Group {
  std::string runtime;
  std::string hardware;  // a device class, or an architecture without its kind
  bool of_class = true;
  friend auto operator<=>(const Group&, const Group&) = default;
};

Group group_of(const E2eQuestion& asked) {
  const DeviceSpec& device = asked.cluster.devices.front();
  Group group{.runtime = asked.question.deployment.runtime.id, .hardware = std::string(word_of(device.device_class))};
  if (device.device_class != DeviceClass::IntegratedGpu || device.vendor != "NVIDIA") return group;
  group.hardware = device.architecture.substr(0, device.architecture.find('-'));
  group.of_class = false;
  return group;
}

// The earliest and the latest of the runs, as the file says them.
void set_dates(EngineProfile& profile, const std::vector<E2eRow>& all, const std::vector<std::size_t>& rows) {
  for (const std::size_t i : rows) {
    const std::string& date = all[i].date;
    if (date.empty()) continue;
    if (profile.from.empty() || date < profile.from) profile.from = date;
    if (date > profile.until) profile.until = date;
  }
}

// Runs of these models or of all others.
std::vector<const LinearRun*> sure_runs(const std::vector<LinearRun>& all, const std::vector<std::size_t>& members,
                                        const std::string& without) {
  std::vector<const LinearRun*> runs;
  for (const std::size_t i : members)
    if (all[i].sure && all[i].model != without) runs.push_back(&all[i]);
  return runs;
}

double mean_size(const std::vector<double>& log_ratios) {
  double sum = 0;
  for (const double ratio : log_ratios) sum += std::fabs(ratio);
  return sum / static_cast<double>(std::max<std::size_t>(1, log_ratios.size()));
}

FittedEngine fit_group(const std::vector<E2eRow>& rows, const std::vector<LinearRun>& all,
                       const std::vector<std::size_t>& members, const Group& key, const EngineFitOptions& options) {
  FittedEngine engine;
  engine.runtime = key.runtime;
  engine.hardware = key.hardware;
  engine.of_class = key.of_class;
  engine.rows = members;
  engine.left_out.assign(members.size(), 0);
  EngineProfile& profile = engine.profile;
  profile.hardware = key.hardware;
  profile.versions = options.versions;
  profile.source = options.source;
  set_dates(profile, rows, members);
  profile.as_of = options.as_of;
  std::set<std::string> models, fitted_models;
  const std::vector<const LinearRun*> sure = sure_runs(all, members, "");
  for (const LinearRun* run : sure) fitted_models.insert(run->model);
  for (const std::size_t i : members) models.insert(all[i].model);
  profile.models.assign(fitted_models.begin(), fitted_models.end());
  profile.rows = static_cast<Count>(sure.size());
  if (!sure.empty()) profile.constants = constants_of(fitted(sure));
  std::vector<double> ratios, bare;
  for (const std::string& model : models) {
    const std::vector<const LinearRun*> others = sure_runs(all, members, model);
    if (others.empty()) continue;
    const Constants c = fitted(others);
    if (fitted_models.contains(model)) profile.without.push_back({model, constants_of(c)});
    for (std::size_t i = 0; i < members.size(); ++i) {
      const LinearRun& run = all[members[i]];
      if (run.model != model) continue;
      engine.left_out[i] = 1 / run.seconds(c);
      ratios.push_back(std::log(engine.left_out[i] * run.measured));
      bare.push_back(std::log(run.measured / run.bare));
    }
  }
  engine.helps = !ratios.empty() && mean_size(ratios) < mean_size(bare);
  if (!engine.helps)
    for (std::size_t i = 0; i < members.size(); ++i) engine.left_out[i] = 1 / all[members[i]].bare;
  profile.left_out = error_of(ratios);
  return engine;
}

}  // namespace

std::vector<FittedEngine> fit_engines(const Catalog& catalog, const std::vector<E2eRow>& rows,
                                      const EngineFitOptions& options) {
  const FormatTable formats = catalog.formats();
  PricingCache pricing(catalog, formats);
  std::vector<LinearRun> all(rows.size());
  std::vector<Group> group(rows.size());
  for_each_parallel(rows.size(), [&](std::size_t i) {
    const E2eRow& row = rows[i];
    const E2eQuestion asked = question_of(catalog, formats, row);
    if (!asked.refused.empty() || asked.host) return;  // what the host takes is no matter of the engine
    all[i] = linear_run(row, asked, pricing.of(asked));
    group[i] = group_of(asked);
  });
  std::map<Group, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all[i].bare > 0) groups[group[i]].push_back(i);

  std::vector<FittedEngine> engines;
  for (const auto& [key, members] : groups) {
    engines.push_back(fit_group(rows, all, members, key, options));
  }
  return engines;
}

std::vector<E2eRow> rows_of(const std::vector<E2eTable>& tables) {
  std::vector<E2eRow> rows;
  for (const E2eTable& table : tables) rows.insert(rows.end(), table.rows.begin(), table.rows.end());
  return rows;
}

std::vector<std::vector<E2ePrediction>> left_out_predictions(const Catalog& catalog,
                                                             const std::vector<E2eTable>& tables,
                                                             const std::vector<FittedEngine>& engines) {
  const std::vector<E2eRow> rows = rows_of(tables);
  std::vector<E2ePrediction> predictions = predict_e2e(catalog, rows, EngineUse::None);
  std::vector<bool> seen(predictions.size(), false);
  for (const FittedEngine& engine : engines) {
    for (std::size_t i = 0; i < engine.rows.size(); ++i) {
      E2ePrediction& p = predictions[engine.rows[i]];
      if (!p.refused.empty() || engine.left_out[i] <= 0) continue;
      const double slower = p.value / engine.left_out[i];
      p.value /= slower;
      p.low /= slower;
      p.high /= slower;
      p.tpot *= slower;
      seen[engine.rows[i]] = true;
    }
  }
  for (std::size_t i = 0; i < predictions.size(); ++i)
    if (!seen[i] && predictions[i].refused.empty() && rows[i].offload.empty())
      predictions[i].refused = "no other model of its engine to fit to";
  std::vector<std::vector<E2ePrediction>> by_table;
  std::size_t at = 0;
  for (const E2eTable& table : tables) {
    const auto begin = predictions.begin() + static_cast<std::ptrdiff_t>(at);
    by_table.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(table.rows.size()));
    at += table.rows.size();
  }
  return by_table;
}

std::vector<E2eFile> score_left_out(const Catalog& catalog, const std::vector<E2eTable>& tables,
                                    const std::vector<FittedEngine>& engines) {
  const std::vector<std::vector<E2ePrediction>> predictions = left_out_predictions(catalog, tables, engines);
  std::vector<E2eFile> files;
  for (std::size_t i = 0; i < tables.size(); ++i) files.push_back(score_e2e(tables[i], predictions[i]));
  return files;
}

std::vector<EngineProfiles> profiles_of(const Catalog& catalog, const std::vector<FittedEngine>& engines) {
  std::map<std::string, EngineProfiles> by_runtime;
  for (const FittedEngine& engine : engines) {
    if (!engine.helps && engine.of_class) continue;
    auto [at, added] = by_runtime.try_emplace(engine.runtime);
    if (added) {
      at->second = catalog.engine_profiles(catalog.runtime(engine.runtime)).value_or(EngineProfiles{});
      at->second.id = engine.runtime;
    }
    std::vector<EngineProfile>& profiles = at->second.profiles;
    std::erase_if(profiles, [&](const EngineProfile& p) { return p.hardware == engine.hardware; });
    if (engine.of_class) {
      profiles.push_back(engine.profile);
      continue;
    }
    // Its class must not speak for it, even where nothing is known to help.
    profiles.insert(profiles.begin(), engine.profile);
    if (engine.helps) continue;
    profiles.front().constants = {};
    profiles.front().without.clear();
  }
  std::vector<EngineProfiles> files;
  for (auto& [runtime, profiles] : by_runtime) files.push_back(std::move(profiles));
  return files;
}

}  // namespace moeplan
