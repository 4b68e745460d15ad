// SPDX-License-Identifier: Apache-2.0
// Scored rows on a page: predicted against measured, error by size, the rows to sort.
#pragma once

#include <string>
#include <vector>

#include "reports/document.h"
#include "sim/study/accuracy.h"

namespace moeplan {

// What the rows measure and how it is shown.
struct MeasuredQuantity {
  std::string name;    // "time"
  ShownUnit unit;      // {"us", 1e6}
  std::string suffix;  // of keys: "_s"
  std::string size;    // what ScoredPoint::size is: "tokens, rows or bytes"
};

// "median error 7.1 %, P90 22.0 %, bias +0.5 % over 1,234 rows"
Banner error_banner(const FitError& error);

// Nothing is added of no points.
void add_charts(Document& page, const std::vector<ScoredPoint>& points, const MeasuredQuantity& quantity);
void add_rows(Document& page, const std::vector<ScoredPoint>& points, const MeasuredQuantity& quantity);

}  // namespace moeplan
