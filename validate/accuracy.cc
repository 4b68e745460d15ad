// SPDX-License-Identifier: Apache-2.0
#include "validate/accuracy.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <memory>
#include <set>

#include "sim/cost/cost_model.h"
#include "sim/study/pricing.h"

namespace moeplan {
namespace {

std::string six_digits(double value) {
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 6);
  return error == std::errc{} ? std::string(text.data(), end) : std::string();
}

ScoredRows scored_rows(const OperatorTable& table, const std::vector<RowPrediction>& predictions, std::int32_t group) {
  ScoredRows scored;
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const OperatorRow& row = table.rows[i];
    const RowPrediction& p = predictions[i];
    if (row.group != group || !p.scored) continue;
    const double ratio = std::log(p.seconds / row.measured);
    scored.rows.push_back(i);
    scored.log_ratios.push_back(ratio);
    scored.by_regime[static_cast<std::size_t>(row.regime)].push_back(ratio);
    scored.shapes.insert(row.shape);
    if (row.measured < p.low || p.high < row.measured) continue;
    ++scored.in_band;
    ++scored.regime_in_band[static_cast<std::size_t>(row.regime)];
  }
  return scored;
}

// One for each value of the column that a table leaves out by.
std::vector<AccuracyValue> values_of(const OperatorTable& table, const AccuracySet& set, const ScoredRows& scored) {
  std::map<std::int32_t, std::vector<double>> ratios;
  for (std::size_t i = 0; i < scored.rows.size(); ++i)
    ratios[table.rows[scored.rows[i]].shape].push_back(scored.log_ratios[i]);
  std::vector<AccuracyValue> values;
  for (const auto& [value, of] : ratios) {
    const auto near = std::count_if(of.begin(), of.end(), [](double x) { return std::fabs(std::expm1(x)) <= kNear; });
    values.push_back({.file = set.file,
                      .gpu = set.gpu,
                      .key = set.key,
                      .value = table.shapes[static_cast<std::size_t>(value)],
                      .error = error_of(of),
                      .near = static_cast<double>(near) / static_cast<double>(of.size())});
  }
  // Numbers in their order: 2 before 16.
  std::sort(values.begin(), values.end(), [](const AccuracyValue& a, const AccuracyValue& b) {
    return std::pair(a.value.size(), a.value) < std::pair(b.value.size(), b.value);
  });
  return values;
}

WorstRow worst_of(const OperatorTable& table, const std::vector<RowPrediction>& predictions, const ScoredRows& scored) {
  std::size_t worst = 0;
  for (std::size_t i = 1; i < scored.rows.size(); ++i) {
    if (std::fabs(scored.log_ratios[i]) > std::fabs(scored.log_ratios[worst])) worst = i;
  }
  const OperatorRow& row = table.rows[scored.rows[worst]];
  return {.file = table.csv.file(),
          .line = table.csv.line(row.row),
          .shape = table.shapes[static_cast<std::size_t>(row.shape)],
          .predicted = predictions[scored.rows[worst]].seconds,
          .measured = row.measured};
}

}  // namespace

std::vector<RowPrediction> left_out_predictions(const OperatorTable& table, const std::vector<GroupFit>& fits) {
  std::vector<RowPrediction> predictions(table.rows.size());
  for (const GroupFit& fit : fits) {
    for (std::size_t i = 0; i < fit.left_out.size(); ++i) {
      const OperatorRow& row = table.rows[fit.rows[i]];
      RowPrediction& p = predictions[fit.rows[i]];
      p.seconds = row.measured * std::exp(fit.left_out[i]);
      p.low = p.seconds * std::exp(fit.row_bands[i].low);
      p.high = p.seconds * std::exp(fit.row_bands[i].high);
      p.basis = word_of(Tier::Structured);
      p.scored = true;
    }
  }
  return predictions;
}

std::vector<RowPrediction> model_predictions(const Catalog& catalog, const OperatorTable& table,
                                             const PredictOptions& options) {
  std::vector<std::unique_ptr<Overlay>> overlays;
  std::vector<MeasuredDevice> measured = measured_devices(catalog, overlays);
  if (!options.only_device.empty())
    std::erase_if(measured, [&](const MeasuredDevice& m) { return m.device != options.only_device; });
  std::map<std::string, CostModel> models;
  for (const OperatorGroup& group : table.groups) {
    if (models.contains(group.gpu)) continue;
    const ClusterSpec cluster = usual_cluster(catalog, group.gpu);
    const DeviceSpec& device = cluster.devices.front();
    models.emplace(group.gpu, CostModel(device, machine_of(cluster, device), measured));
  }
  // Of each group and family: what its rows are priced with, and the shapes that was fitted to.
  struct Priced {
    ResolvedKernel kernel;
    std::set<std::string> fitted;
  };
  std::map<std::pair<std::int32_t, Family>, Priced> priced;
  std::vector<RowPrediction> predictions(table.rows.size());
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const OperatorRow& row = table.rows[i];
    if (facts_of(row.family) == nullptr) continue;
    const OperatorGroup& group = table.groups[static_cast<std::size_t>(row.group)];
    const CostModel& model = models.at(group.gpu);
    const auto [place, is_new] = priced.try_emplace({row.group, row.family});
    if (is_new) {
      place->second.kernel = model.resolve(row.family, group.key);
      for (const MeasuredDevice& m : measured) {
        const KernelFit* fit = m.device == model.device() ? fit_of(*m.overlay, group.key) : nullptr;
        if (fit != nullptr) place->second.fitted.insert(fit->shapes.begin(), fit->shapes.end());
      }
    }
    const ResolvedKernel& kernel = place->second.kernel;
    const Price price = price_of(kernel, row.point, model.machine());
    if (price.time <= Picoseconds(0)) continue;  // beyond what can be counted (sim/base/picoseconds.h)
    RowPrediction& p = predictions[i];
    p.seconds = price.time.seconds().base();
    p.low = price.low.seconds().base();
    p.high = price.high.seconds().base();
    p.basis = word_of(price.tier);
    const bool seen = place->second.fitted.contains(table.seen[static_cast<std::size_t>(row.seen_as)]);
    p.scored = row.bad == nullptr && (options.in_sample || !seen);
  }
  return predictions;
}

Scorer::Scorer(std::string how, bool keep_points) : keeps_points_(keep_points) { accuracy_.how = std::move(how); }

void Scorer::add(const OperatorTable& table, const std::vector<RowPrediction>& predictions) {
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const bool bad = table.rows[i].bad != nullptr;
    accuracy_.bad += bad ? 1 : 0;
    accuracy_.refused += !bad && !predictions[i].scored && predictions[i].seconds > 0 ? 1 : 0;
  }
  for (std::size_t g = 0; g < table.groups.size(); ++g) {
    const ScoredRows scored = scored_rows(table, predictions, static_cast<std::int32_t>(g));
    if (scored.rows.empty()) continue;
    AccuracySet set;
    set.file = table.csv.file();
    set.gpu = table.groups[g].gpu;
    set.key = table.groups[g].key;
    set.shapes = static_cast<Count>(scored.shapes.size());
    set.error = error_of(scored.log_ratios);
    for (std::size_t r = 0; r < kRegimes; ++r) set.by_regime[r] = error_of(scored.by_regime[r]);
    set.regimes = facts_of(table.rows[scored.rows.front()].family)->regimes;
    set.in_band = static_cast<double>(scored.in_band) / static_cast<double>(scored.rows.size());
    set.worst = worst_of(table, predictions, scored);
    if (!table.by.empty())
      for (AccuracyValue& value : values_of(table, set, scored)) accuracy_.values.push_back(std::move(value));
    const bool single = scored.shapes.size() < kFewestShapes;
    auto pool = std::find_if(pools_.begin(), pools_.end(), [&](const PoolRows& p) {
      return p.family == set.key.family && p.gpu == set.gpu && p.single == single;
    });
    if (pool == pools_.end())
      pool = pools_.insert(pools_.end(), PoolRows{.family = set.key.family, .gpu = set.gpu, .single = single});
    ++pool->sets;
    pool->shapes += set.shapes;
    pool->in_band += scored.in_band;
    pool->log_ratios.insert(pool->log_ratios.end(), scored.log_ratios.begin(), scored.log_ratios.end());
    if (!single) add_regimes(set, scored);
    if (keeps_points_) keep_points(set, table, predictions, scored);
    accuracy_.sets.push_back(std::move(set));
  }
}

void Scorer::keep_points(const AccuracySet& set, const OperatorTable& table,
                         const std::vector<RowPrediction>& predictions, const ScoredRows& scored) {
  for (const std::size_t i : scored.rows) {
    const OperatorRow& row = table.rows[i];
    const RowPrediction& p = predictions[i];
    accuracy_.points.push_back({.group = set.key.family + ", " + set.gpu,
                                .what = set.key.stack + " " + set.key.kernel + " " + set.key.format + " " +
                                        table.shapes[static_cast<std::size_t>(row.shape)],
                                .line = table.csv.line(row.row),
                                .size = row.size,
                                .measured = row.measured,
                                .predicted = p.seconds,
                                .low = p.low,
                                .high = p.high,
                                .watts = set.key.family == "power"});
  }
}

void Scorer::add_regimes(const AccuracySet& set, const ScoredRows& scored) {
  for (std::size_t r = 0; r < kRegimes; ++r) {
    const std::vector<double>& ratios = scored.by_regime[r];
    if (ratios.empty()) continue;
    auto rows = std::find_if(regimes_.begin(), regimes_.end(), [&](const RegimeRows& known) {
      return known.regime.family == set.key.family && known.regime.gpu == set.gpu &&
             known.regime.format == set.key.format && known.regime.index == static_cast<int>(r);
    });
    if (rows == regimes_.end()) {
      rows = regimes_.insert(regimes_.end(), RegimeRows{.regime = {.family = set.key.family,
                                                                   .gpu = set.gpu,
                                                                   .format = set.key.format,
                                                                   .index = static_cast<int>(r),
                                                                   .regime = set.regimes[r]}});
    }
    ++rows->regime.sets;
    rows->in_band += scored.regime_in_band[r];
    rows->log_ratios.insert(rows->log_ratios.end(), ratios.begin(), ratios.end());
  }
}

Accuracy Scorer::take() {
  std::sort(pools_.begin(), pools_.end(),
            [](const PoolRows& a, const PoolRows& b) { return std::tie(a.family, a.gpu) < std::tie(b.family, b.gpu); });
  std::vector<double> all;
  for (const PoolRows& rows : pools_) {
    AccuracyPool pool{.family = rows.family, .gpu = rows.gpu, .sets = rows.sets, .shapes = rows.shapes};
    pool.error = error_of(rows.log_ratios);
    pool.in_band = static_cast<double>(rows.in_band) / static_cast<double>(rows.log_ratios.size());
    (rows.single ? accuracy_.singletons : accuracy_.pools).push_back(std::move(pool));
    if (!rows.single) all.insert(all.end(), rows.log_ratios.begin(), rows.log_ratios.end());
  }
  accuracy_.overall = error_of(all);
  for (RegimeRows& rows : regimes_) {
    rows.regime.error = error_of(rows.log_ratios);
    rows.regime.in_band = static_cast<double>(rows.in_band) / static_cast<double>(rows.log_ratios.size());
    accuracy_.regimes.push_back(std::move(rows.regime));
  }
  std::sort(accuracy_.regimes.begin(), accuracy_.regimes.end(), [](const AccuracyRegime& a, const AccuracyRegime& b) {
    return std::tie(a.family, a.gpu, a.format, a.index) < std::tie(b.family, b.gpu, b.format, b.index);
  });
  return std::move(accuracy_);
}

std::string rows_with_predictions(const OperatorTable& table, const std::vector<RowPrediction>& predictions) {
  std::string out(table.csv.raw_header());
  const bool watts = table.kind == "power";
  out += watts ? ",predicted_watt,low_watt,high_watt,basis\n" : ",predicted_us,low_us,high_us,basis\n";
  const double scale = watts ? 1 : 1e6;
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    out += table.csv.raw(table.rows[i].row);
    const RowPrediction& p = predictions[i];
    if (p.seconds <= 0) {
      out += ",,,,\n";
      continue;
    }
    for (const double value : {p.seconds, p.low, p.high}) out += "," + six_digits(value * scale);
    out += ",";
    out += p.basis;
    out += '\n';
  }
  return out;
}

}  // namespace moeplan
