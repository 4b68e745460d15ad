// SPDX-License-Identifier: Apache-2.0
#include "validate/leave_out.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <set>

#include "sim/study/pricing.h"
#include "validate/parallel.h"

namespace moeplan {
namespace {

// In-sample errors of lone shapes are widened by this: on groups with many shapes the
// left-out band is about twice the in-sample one.
constexpr double kLoneBand = 2.0;

// What a fit needs of rows, side by side.
struct Sample {
  std::vector<const OperatorPoint*> points;
  std::vector<double> log_measured;
  std::vector<std::int32_t> regimes;
};

Sample sample_of(const OperatorTable& table, const std::vector<std::size_t>& rows) {
  Sample sample;
  for (const std::size_t row : rows) {
    sample.points.push_back(&table.rows[row].point);
    sample.log_measured.push_back(std::log(table.rows[row].measured));
    sample.regimes.push_back(table.rows[row].regime);
  }
  return sample;
}

double log_time(const FamilyFacts& family, const OperatorPoint& point, const Machine& machine,
                std::span<const double> constants) {
  return std::log(std::max(family.time(point, machine, constants).seconds, 1e-12));
}

FittedConstants fitted(const FamilyFacts& family, const Machine& machine, const Sample& sample, int evaluations,
                       std::span<const double> start) {
  FitRows rows;
  rows.log_measured = sample.log_measured;
  rows.regimes = sample.regimes;
  const bool watts = family.measure == Measure::Power;
  rows.predict = [&](std::span<const double> constants, std::span<double> log_predicted) {
    for (std::size_t i = 0; i < sample.points.size(); ++i) {
      const double log_value = log_time(family, *sample.points[i], machine, constants);
      // Watts add up to energy: their errors count as shares of the reading.
      log_predicted[i] = watts ? sample.log_measured[i] + std::expm1(log_value - sample.log_measured[i]) : log_value;
    }
  };
  FitOptions options;
  options.evaluations = evaluations;
  options.start = start;
  return fit_constants(family.constants, rows, options);
}

// Folds of whole shapes: shape number -> fold.
std::map<std::int32_t, std::size_t> folds_of(const OperatorTable& table, const std::vector<std::size_t>& rows) {
  std::map<std::int32_t, std::size_t> folds;
  for (const std::size_t row : rows) folds.try_emplace(table.rows[row].shape, 0);
  const std::size_t count = std::min(folds.size(), kFolds);
  std::size_t next = 0;
  for (auto& [shape, fold] : folds) fold = next++ % count;
  return folds;
}

std::array<FitBand, kRegimes> bands_of(const OperatorTable& table, const GroupFit& fit,
                                       const std::function<bool(std::size_t)>& counts) {
  const std::vector<double>& of = fit.left_out.empty() ? fit.in_sample : fit.left_out;
  std::array<std::vector<double>, kRegimes> errors;
  std::array<std::set<std::int32_t>, kRegimes> shapes;
  std::vector<double> all;
  std::set<std::int32_t> all_shapes;
  for (std::size_t i = 0; i < fit.rows.size(); ++i) {
    if (!counts(i)) continue;
    // What the truth is over the prediction.
    const OperatorRow& row = table.rows[fit.rows[i]];
    errors[static_cast<std::size_t>(row.regime)].push_back(-of[i]);
    shapes[static_cast<std::size_t>(row.regime)].insert(row.shape);
    all.push_back(-of[i]);
    all_shapes.insert(row.shape);
  }
  constexpr std::size_t kFewest = 20;
  std::array<FitBand, kRegimes> bands;
  for (std::size_t r = 0; r < bands.size(); ++r) {
    const bool alone = errors[r].size() >= kFewest;
    const std::vector<double>& used = alone ? errors[r] : all;
    const double level = band_level(alone ? shapes[r].size() : all_shapes.size());
    bands[r] = {.low = quantile_of(used, 1 - level), .high = quantile_of(used, level)};
  }
  return bands;
}

// How far the regimes of a group lie off, the mean over its rows.
double lean_of(const OperatorTable& table, const GroupFit& fit, std::span<const double> errors) {
  std::array<std::vector<double>, kRegimes> by_regime;
  for (std::size_t i = 0; i < fit.rows.size(); ++i)
    by_regime[static_cast<std::size_t>(table.rows[fit.rows[i]].regime)].push_back(errors[i]);
  double lean = 0;
  for (const std::vector<double>& of : by_regime)
    lean += std::fabs(quantile_of(of, 0.5)) * static_cast<double>(of.size());
  return lean / static_cast<double>(fit.rows.size());
}

// Centred constants are taken where shapes that were left out show that it pays: a lean
// counts like as much error, for operators of a step add up and leans do not cancel.
bool centring_pays(const OperatorTable& table, const GroupFit& fit, std::span<const double> centred) {
  constexpr double kMoreTail = 1.05;
  if (fit.left_out.empty()) return false;
  const FitError before = error_of(fit.left_out);
  const FitError after = error_of(centred);
  return after.mean + lean_of(table, fit, centred) < before.mean + lean_of(table, fit, fit.left_out) &&
         after.p90 <= kMoreTail * before.p90;
}

// Every shape by the band that the other shapes' errors give.
void band_rows(const OperatorTable& table, GroupFit& fit, const std::map<std::int32_t, std::size_t>& folds) {
  fit.row_bands.resize(fit.rows.size());
  std::size_t count = 0;
  for (const auto& [shape, fold] : folds) count = std::max(count, fold + 1);
  for (std::size_t fold = 0; fold < count; ++fold) {
    const auto is_in = [&](std::size_t i) { return folds.at(table.rows[fit.rows[i]].shape) == fold; };
    const std::array<FitBand, kRegimes> bands = bands_of(table, fit, [&](std::size_t i) { return !is_in(i); });
    for (std::size_t i = 0; i < fit.rows.size(); ++i) {
      if (!is_in(i)) continue;
      fit.row_bands[i] = bands[static_cast<std::size_t>(table.rows[fit.rows[i]].regime)];
    }
  }
}

// The groups of a table with their sound rows, none empty.
std::vector<GroupFit> grouped(const OperatorTable& table) {
  std::vector<GroupFit> fits;
  for (const OperatorGroup& group : table.groups) fits.push_back({.group = group});
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const OperatorRow& row = table.rows[i];
    if (row.bad != nullptr || facts_of(row.family) == nullptr) continue;
    fits[static_cast<std::size_t>(row.group)].rows.push_back(i);
    fits[static_cast<std::size_t>(row.group)].family = row.family;
  }
  std::erase_if(fits, [](const GroupFit& fit) { return fit.rows.empty(); });
  return fits;
}

// Which constants a group gets, with their errors.
void choose(const OperatorTable& table, const Machine& machine, const FittedConstants& fitted,
            std::vector<double> centred, GroupFit& fit) {
  const bool centres = centring_pays(table, fit, centred);
  fit.constants = centres ? fitted.centred : fitted.constants;
  if (centres) fit.left_out = std::move(centred);
  fit.in_sample = log_ratios(table, fit.rows, machine, *facts_of(fit.family), fit.constants);
}

void band(const OperatorTable& table, const std::map<std::int32_t, std::size_t>& folds, GroupFit& fit) {
  fit.bands = bands_of(table, fit, [](std::size_t) { return true; });
  if (!fit.left_out.empty()) {
    band_rows(table, fit, folds);
    return;
  }
  // One shape says how well the form bends, not how far another shape lies.
  for (FitBand& of : fit.bands) of = {.low = kLoneBand * of.low, .high = kLoneBand * of.high};
}

}  // namespace

double band_level(std::size_t shapes) {
  constexpr double kMost = 0.925;
  if (shapes == 0) return kMost;
  return std::min(kMost, 0.9 * (1 + 0.5 / static_cast<double>(shapes)));
}

Machine machine_named(const Catalog& catalog, const std::string& gpu) {
  const ClusterSpec cluster = usual_cluster(catalog, gpu);
  return machine_of(cluster, cluster.devices.front());
}

std::map<std::string, Machine> machines_of(const Catalog& catalog, const OperatorTable& table) {
  std::map<std::string, Machine> machines;
  for (const OperatorGroup& group : table.groups) {
    if (!machines.contains(group.gpu)) machines.emplace(group.gpu, machine_named(catalog, group.gpu));
  }
  return machines;
}

std::vector<double> log_ratios(const OperatorTable& table, const std::vector<std::size_t>& rows, const Machine& machine,
                               const FamilyFacts& family, std::span<const double> constants) {
  std::vector<double> ratios;
  ratios.reserve(rows.size());
  for (const std::size_t row : rows) {
    const OperatorRow& r = table.rows[row];
    ratios.push_back(log_time(family, r.point, machine, constants) - std::log(r.measured));
  }
  return ratios;
}

std::vector<GroupFit> leave_out(const OperatorTable& table, const std::map<std::string, Machine>& machines,
                                const LeaveOutOptions& options) {
  std::vector<GroupFit> fits = grouped(table);
  std::mutex mutex;
  std::size_t done = 0;
  std::size_t all = fits.size();
  const auto report = [&] {
    const std::lock_guard lock(mutex);
    ++done;
    if (options.progress) options.progress(done, all);
  };
  std::vector<FittedConstants> fits_of_all(fits.size());
  for_each_parallel(
      fits.size(),
      [&](std::size_t g) {
        GroupFit& fit = fits[g];
        const FamilyFacts& family = *facts_of(fit.family);
        const Machine& machine = machines.at(fit.group.gpu);
        fits_of_all[g] = fitted(family, machine, sample_of(table, fit.rows), options.evaluations, {});
        report();
      },
      options.threads);

  struct Fold {
    std::size_t group;
    std::size_t fold;
  };
  std::vector<std::map<std::int32_t, std::size_t>> folds;
  std::vector<std::vector<double>> centred(fits.size());  // errors as left_out, of centred constants
  std::vector<Fold> tasks;
  for (std::size_t g = 0; g < fits.size(); ++g) {
    folds.push_back(folds_of(table, fits[g].rows));
    fits[g].shapes = folds[g].size();
    if (!options.left_out || fits[g].shapes < 2) continue;
    fits[g].left_out.resize(fits[g].rows.size());
    centred[g].resize(fits[g].rows.size());
    for (std::size_t f = 0; f < std::min(fits[g].shapes, kFolds); ++f) tasks.push_back({.group = g, .fold = f});
  }
  all += tasks.size();
  for_each_parallel(
      tasks.size(),
      [&](std::size_t t) {
        GroupFit& fit = fits[tasks[t].group];
        const FamilyFacts& family = *facts_of(fit.family);
        const Machine& machine = machines.at(fit.group.gpu);
        std::vector<std::size_t> seen;
        for (const std::size_t row : fit.rows) {
          if (folds[tasks[t].group].at(table.rows[row].shape) != tasks[t].fold) seen.push_back(row);
        }
        const FittedConstants without = fitted(family, machine, sample_of(table, seen), options.evaluations, {});
        const std::vector<double> ratios = log_ratios(table, fit.rows, machine, family, without.constants);
        const std::vector<double> other = log_ratios(table, fit.rows, machine, family, without.centred);
        for (std::size_t i = 0; i < fit.rows.size(); ++i) {
          if (folds[tasks[t].group].at(table.rows[fit.rows[i]].shape) != tasks[t].fold) continue;
          fit.left_out[i] = ratios[i];
          centred[tasks[t].group][i] = other[i];
        }
        report();
      },
      options.threads);

  for (std::size_t g = 0; g < fits.size(); ++g) {
    choose(table, machines.at(fits[g].group.gpu), fits_of_all[g], std::move(centred[g]), fits[g]);
    band(table, folds[g], fits[g]);
  }
  return fits;
}

}  // namespace moeplan
