// SPDX-License-Identifier: Apache-2.0
// How far predictions of whole deployments were from measured runs (moeplan.validate.runs/1).
#pragma once

#include <string>

#include "reports/document.h"
#include "sim/study/e2e_accuracy.h"

namespace moeplan {

Document describe_e2e(const E2eAccuracy& accuracy);
Document e2e_rows(const E2eAccuracy& accuracy);     // a row per set, for spreadsheets
Document page_of_e2e(const E2eAccuracy& accuracy);  // for --format html
std::string json_of_e2e(const E2eAccuracy& accuracy);

}  // namespace moeplan
