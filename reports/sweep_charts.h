// SPDX-License-Identifier: Apache-2.0
// Charts of a sweep: metrics over an axis, the Pareto front, and a heat map of two axes.
#pragma once

#include "reports/document.h"
#include "reports/sweep.h"

namespace moeplan {

// Which axis, metrics and lines a chart of this sweep shows: what the study says, else the axis
// with the most numbers, the first metrics, and the other axes as long as lines can be told apart.
SweepView view_of(const SweepReport& report);

void add_charts(const SweepReport& report, Document& document);

// Every kept row, to sort, filter and download.
DataTable data_of_rows(const SweepReport& report);

}  // namespace moeplan
