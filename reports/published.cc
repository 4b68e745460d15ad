// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <optional>

#include "reports/models.h"

namespace moeplan {
namespace {

std::optional<Count> ours(const ModelReport& report, const std::string& quantity) {
  const ParameterCounts& p = report.parameters;
  if (quantity == "total") return p.total;
  if (quantity == "total_with_mtp") return p.total_with_mtp;
  // A token touches both tables whole.
  if (quantity == "total_no_embedding_head") return p.total - (p.active - p.active_no_embedding_head);
  if (quantity == "checkpoint_elements") return p.checkpoint_elements;
  if (quantity == "checkpoint_bytes" && report.weights == "native") return report.checkpoint.bytes.count();
  if (quantity == "active") return p.active;
  if (quantity == "active_no_embedding") return p.active_no_embedding;
  if (quantity == "active_no_embedding_head") return p.active_no_embedding_head;
  return std::nullopt;
}

}  // namespace

std::vector<PublishedCheck> check_published(const ModelReport& report) {
  std::vector<PublishedCheck> checks;
  for (const PublishedTotal& published : report.model.published) {
    PublishedCheck check;
    check.published = published;
    const std::optional<Count> value = ours(report, published.quantity);
    check.known = value.has_value();
    check.ours = value.value_or(0);
    if (check.known && published.value != 0)
      check.difference = static_cast<double>(check.ours) / static_cast<double>(published.value) - 1;
    check.agrees = !check.known || (published.tolerance == 0 ? check.ours == published.value
                                                             : std::abs(check.difference) <= published.tolerance);
    checks.push_back(check);
  }
  return checks;
}

}  // namespace moeplan
