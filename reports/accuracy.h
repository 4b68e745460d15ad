// SPDX-License-Identifier: Apache-2.0
// How far predictions were from measurements (moeplan.validate/1).
#pragma once

#include <string>

#include "reports/document.h"
#include "sim/study/accuracy.h"

namespace moeplan {

// Pools, then sets with their bias by regime and their worst rows.
Document describe_accuracy(const Accuracy& accuracy);
Document accuracy_rows(const Accuracy& accuracy);     // a row per set, for spreadsheets
Document page_of_accuracy(const Accuracy& accuracy);  // for --format html: its points as charts
std::string json_of_accuracy(const Accuracy& accuracy);

}  // namespace moeplan
