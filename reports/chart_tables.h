// SPDX-License-Identifier: Apache-2.0
// Charts, heat maps and tables of many rows as plain tables: what a terminal shows of
// them, and the twin of each chart on a page.
#pragma once

#include <cstddef>
#include <string>

#include "reports/document.h"

namespace moeplan {

// "1,234", "12.35", "0.0001235", "1.235e-09": four significant digits or so; "" for kNoValue.
std::string figure_text(double value);

// A value as its unit shows it, for a cell: bytes stay bytes.
Phrase figure(double raw, const ShownUnit& unit);

// "time (ms)"
std::string with_unit(const std::string& title, const ShownUnit& unit);

// At most so many rows. A chart of points has one for each of them: series, x, y, label;
// one of bars a row per category and a column per series.
Table table_of(const Chart& chart, std::size_t most_rows);
Table table_of(const HeatMap& map);
Table table_of(const DataTable& data, std::size_t most_rows);

// What such a table leaves out: "and 1,234 more rows"; "" when nothing.
std::string left_out_text(std::size_t rows, std::size_t most_rows);

std::size_t point_count(const Chart& chart);  // rows of its whole table

}  // namespace moeplan
