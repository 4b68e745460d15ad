// SPDX-License-Identifier: Apache-2.0
#include "sim/study/budget.h"

#include <algorithm>

#include "sim/study/drafts.h"
#include "sim/study/fit_search.h"

namespace moeplan {
namespace {

// Finest first.
std::vector<std::string> formats_for(const FitQuestion& q) {
  std::vector<std::string> labels = {q.weights};
  const std::vector<std::string> gguf = {"q8_0", "q6_k", "q5_k_m", "q4_k_m", "q3_k_m", "q2_k", "iq1_m"};
  const std::vector<std::string> tensors = {"fp8", "int4_g128", "nvfp4"};
  const bool is_gguf = q.runtime.formats == "gguf";
  for (const std::string& label : is_gguf ? gguf : tensors)
    if (label != q.weights && format_violations(q.runtime, q.formats, label, q.kv).empty()) labels.push_back(label);
  return labels;
}

// Context one sequence may have; one on every rank that has its own.
Count context_alone(const ModelPlan& plan, FitQuestion q) {
  q.workload.sequences = q.layout.dp;
  return evaluate_planned(plan, q).max_context;
}

// The layout with the most sequences, then with the longest context, then the plainest.
BudgetRow row_of(const FitQuestion& question, const std::string& weights, Count gpus) {
  FitQuestion q = question;
  q.weights = weights;
  const ModelPlan plan = plan_question(q, weights);
  BudgetRow best;
  bool any = false;
  for (const Layout& layout : preferred_layouts(q, gpus)) {
    q.layout = layout;
    FitResult result = evaluate_planned(plan, q);
    const Count context = context_alone(plan, q);
    const bool better = result.max_sequences > best.result.max_sequences ||
                        (result.max_sequences == best.result.max_sequences && context > best.max_context);
    if (any && !better) continue;
    any = true;
    best = {weights, layout, std::move(result), context, {}};
  }
  if (fits(best.result)) best.decode = decode_floor(plan, best.result, q.rates);
  return best;
}

}  // namespace

std::vector<BudgetRow> within_budget(const FitQuestion& question, Count gpus) {
  std::vector<BudgetRow> rows;
  if (legal_layouts(question.model, question.runtime, gpus).empty()) return rows;
  for (const std::string& weights : formats_for(question)) rows.push_back(row_of(question, weights, gpus));
  // Finest first, by what they occupy over all devices.
  const auto bytes = [](const BudgetRow& row) {
    Bytes sum = row.result.host_bytes;
    for (const RankResult& r : row.result.ranks) sum += r.ledger.total * r.rank_class.ranks;
    return sum;
  };
  std::stable_sort(rows.begin(), rows.end(),
                   [&bytes](const BudgetRow& a, const BudgetRow& b) { return bytes(a) > bytes(b); });
  return rows;
}

std::optional<Layout> fewest_devices(const FitQuestion& question, Count limit) {
  const ModelPlan plan = plan_question(question, question.weights);
  FitQuestion q = question;
  for (Count gpus = 1; gpus <= limit; ++gpus)
    if (const std::optional<Layout> found = first_fitting(plan, q, preferred_layouts(question, gpus), 1)) return found;
  return std::nullopt;
}

}  // namespace moeplan
