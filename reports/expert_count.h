// SPDX-License-Identifier: Apache-2.0
// "At which expert count does routing overhead eat the benefit?": one curve as tables and
// sentences, and all curves as a summary with one line each.
#pragma once

#include <string>
#include <vector>

#include "reports/document.h"
#include "sim/study/expert_count.h"

namespace moeplan {

// Sizes, memory and time per token with its parts; where it turns and why.
void add_expert_count(Document& document, const ExpertCountCurve& curve);
// The answer first: every curve a line; then the curves; then what is and is not modelled.
Document describe_expert_counts(const std::vector<ExpertCountCurve>& curves);
// The sentence of one curve: "routing is half of the feed-forward beyond 512 experts; most of it is
// distinct experts".
std::string turn_text(const ExpertCountCurve& curve);
std::string json_of_expert_counts(const std::vector<ExpertCountCurve>& curves);
// The report with a chart to each curve.
Document page_of_expert_counts(const std::vector<ExpertCountCurve>& curves, const std::string& finding);
// A row for each size of each curve, for spreadsheets.
Document expert_count_rows(const std::vector<ExpertCountCurve>& curves);

}  // namespace moeplan
