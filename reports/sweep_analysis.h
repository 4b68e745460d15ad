// SPDX-License-Identifier: Apache-2.0
// What a sweep says (sim/study/sweep_analysis.h) as sections of a report.
#pragma once

#include <string>
#include <vector>

#include "reports/document.h"
#include "sim/study/sweep_analysis.h"

namespace moeplan {

struct RankedMetric {
  std::string name;  // of a column: "tokens_per_s_per_gpu"
  Sense sense = Sense::More;
};

// "Most of the spread of X comes from Y": shares of every axis, and how much of the grid is there.
void add_axis_effects(Document& document, const SweepTable& table, const std::string& metric);
// How X answers to each axis that holds numbers, value by value, and where it bends.
void add_elasticities(Document& document, const SweepTable& table, const std::string& metric);
// The best row for each combination of values of these axes.
void add_best_per_group(Document& document, const SweepTable& table, const std::vector<std::string>& axes,
                        const RankedMetric& metric);
// The points no other beats; at most `rows` of them, evenly along the first metric, the ends included.
void add_pareto(Document& document, const SweepTable& table, const std::vector<RankedMetric>& metrics,
                std::size_t rows = 20);

}  // namespace moeplan
