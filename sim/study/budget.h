// SPDX-License-Identifier: Apache-2.0
// The inverse of "does it fit": what a number of devices can hold, format by format, and
// the fewest devices for a load.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/study/fit.h"

namespace moeplan {

// The best a budget of devices does with one weight format.
struct BudgetRow {
  std::string weights;
  Layout layout;          // with the most sequences of the asked context, then the longest context
  FitResult result;       // of the asked load
  Count max_context = 0;  // of one sequence; -1: none
  DecodeFloor decode;     // of the asked load, where it fits
};

// The formats worth offering to the runtime, finest first: the asked one, the published
// one and what is commonly made of it. The layout of the question is ignored. A format no
// layout can hold is listed with max_context -1.
std::vector<BudgetRow> within_budget(const FitQuestion& question, Count gpus);

// The fewest devices, at most `limit`, on which the asked load fits, as a layout.
std::optional<Layout> fewest_devices(const FitQuestion& question, Count limit);

}  // namespace moeplan
