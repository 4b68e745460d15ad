// SPDX-License-Identifier: Apache-2.0
// Rows of measured board power: kernels as measurement files pack their sizes, the watts
// read while they were replayed, and which of those readings say nothing of their kernel.
#pragma once

#include <map>

#include "sim/cost/machine.h"
#include "validate/row_kinds.h"

namespace moeplan {

RowFacts power_row(const CsvRow& row);
// Fills in the loads of expert layers.
void load_power_rows(OperatorTable& table);

// Marks readings that contradict what their own kernel does in its own time: the sensor
// still showed the pause, or the kernel, before. Neither end is chosen by a fit: a board
// whose units or memory are more than kBusy busy at peak rates and that shows less than
// kResting of its limit (idle boards show 0.16 to 0.25); one that is less than kAlmostIdle
// busy and shows more than kWorking.
void mark_unsettled_rows(OperatorTable& table, const std::map<std::string, Machine>& machines);

inline constexpr double kBusy = 0.4;
inline constexpr double kResting = 0.3;
inline constexpr double kAlmostIdle = 0.05;
inline constexpr double kWorking = 0.6;

}  // namespace moeplan
