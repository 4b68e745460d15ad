// SPDX-License-Identifier: Apache-2.0
// What a finished sweep says: elasticities, the best of each group, and which axis matters most. Only
// rows that fit (status ok) and have the metric are read; every answer says how many those were.
// Metrics are compared by their logarithms, so values must be above 0: others are left out and counted.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/study/knee.h"
#include "sim/study/pareto.h"
#include "sim/study/sweep_table.h"

namespace moeplan {

// Rows of the table an answer stands on.
struct Coverage {
  std::size_t rows = 0;
  std::size_t used = 0;
};

// From one value of an axis to the next: d log metric / d log axis with every other axis held.
struct ElasticityStep {
  double from = 0;
  double to = 0;
  double median = 0;  // over the settings of the other axes: of the metric a geometric median
  double low = 0;
  double high = 0;
  std::size_t settings = 0;
};

struct AxisElasticity {
  std::string axis;
  std::vector<ElasticityStep> steps;  // rising
  // Of the median of the metric over settings that have every value of the axis.
  std::optional<Knee> knee;
  double knee_at = 0;
  Coverage coverage;
};

// The axis must hold numbers above 0; else nothing.
std::optional<AxisElasticity> elasticity_along(const SweepTable& table, std::string_view axis, std::string_view metric);

struct GroupBest {
  std::size_t row = 0;   // the best of the group; of equal ones the first
  std::size_t used = 0;  // rows of the group that count
  std::size_t rows = 0;
};
// One entry for each combination of values of these axes, in the order they were met; groups
// without a row that counts are left out.
std::vector<GroupBest> best_per_group(const SweepTable& table, const std::vector<std::string>& axes,
                                      std::string_view metric, Sense sense);

// How much of the spread of log(metric) an axis explains by itself: variance of the means over its values
// over the whole variance (the first-order index of Sobol 1993, of a full grid; the correlation
// ratio where points are missing).
struct AxisEffect {
  std::string axis;
  double share = 0;
  double factor = 1;  // largest over smallest geometric mean of the metric over its values
  std::size_t values = 0;
};

struct AxisEffects {
  std::vector<AxisEffect> effects;  // largest share first
  double interactions = 0;          // what no axis explains alone; 0 where shares of a grid with holes overlap
  double spread = 1;                // largest over smallest value of the metric
  bool full_grid = false;           // every combination of values is there once: shares are exact
  Coverage coverage;
};
AxisEffects axis_effects(const SweepTable& table, std::string_view metric);

// The front of the rows that count.
ParetoFront pareto_of(const SweepTable& table, const std::vector<std::string>& metrics,
                      const std::vector<Sense>& senses);

}  // namespace moeplan
