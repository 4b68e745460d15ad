// SPDX-License-Identifier: Apache-2.0
// Inside sim/study: the steps of a verdict that searches over layouts and changes repeat
// with a model planned once.
#pragma once

#include <optional>
#include <vector>

#include "sim/study/fit.h"

namespace moeplan {

// What lowering depends on besides the model.
LowerOptions lower_options(const ModelPlan& plan, const FitQuestion& question);

FitResult evaluate_planned(const ModelPlan& plan, const FitQuestion& question);

// The ledger of one lowered rank class at the asked load.
MemoryLedger planned_ledger(const ModelPlan& plan, const FitQuestion& question, const Program& program);

// What a device of this stage may hold, of engines with a plain reserve.
Bytes device_budget(const FitQuestion& question, Count stage);

// Each rank class folded, with the memory it may use: what a verdict over many loads reads.
struct BudgetedLedger {
  FoldedLedger folded;
  Bytes budget;
};
BudgetedLedger folded_ledger(const ModelPlan& plan, const FitQuestion& question, const Program& prefill);
std::vector<BudgetedLedger> folded_ledgers(const ModelPlan& plan, const FitQuestion& question);

bool fits(const FitResult& result);

// The verdict alone: stops at the first rank class that does not fit.
bool fits_planned(const ModelPlan& plan, const FitQuestion& question);

// Legal layouts, those whose tensor parallelism stays within the fast fabric first.
std::vector<Layout> preferred_layouts(const FitQuestion& question, Count gpus);

// Sets question.layout to each of the layouts in turn; the first that fits.
std::optional<Layout> first_fitting(const ModelPlan& plan, FitQuestion& question, const std::vector<Layout>& layouts,
                                    Count replicas);

}  // namespace moeplan
