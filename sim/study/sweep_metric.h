// SPDX-License-Identifier: Apache-2.0
// What a sweep can say of a point, one table: the columns behind the axes. Names are those of
// `simulate --json`.
#pragma once

#include <span>
#include <string_view>

#include "sim/study/evaluator.h"
#include "sim/study/sweep_deployment.h"

namespace moeplan {

// How a number is shown.
enum class MetricUnit { Second, Rate, Byte, Joule, Dollar, Share, Number, Parameter, Flop };

enum class MetricSense { None, Less, More };  // is better

// What has to be computed for it.
enum class MetricNeed {
  Point,  // fit verdict, a prompt, a decode step: fast
  Step    // where the time of the decode step goes (simulate)
};

// All that is known of a point; `step` only where a metric needs it or the point is not plain.
struct SweepAnswer {
  const SweepDeployment* deployment = nullptr;
  const Layout* layout = nullptr;
  PointResult point = {};
  const Simulation* step = nullptr;
};

struct SweepMetric {
  std::string_view name;
  std::string_view title;
  std::string_view help;
  MetricUnit unit;
  MetricSense sense;
  MetricNeed need;
  double (*of)(const SweepAnswer&);  // not a number = none
  bool fitless = false;              // holds too where the model does not fit
};

std::span<const SweepMetric> sweep_metrics();
const SweepMetric* find_metric(std::string_view name);  // nullptr = none

// The usual ones, where a study names none.
std::vector<const SweepMetric*> usual_metrics();

// By name, in order. Throws InputError(Usage) with the nearest.
std::vector<const SweepMetric*> metrics_of(const std::vector<std::string>& names, std::string_view option);

}  // namespace moeplan
