// SPDX-License-Identifier: Apache-2.0
#include "sim/program/expert_load.h"

#include <cmath>

namespace moeplan {

ExpertLoad balanced_load(Count choices, Count top_k, Count local_experts, Count group_tokens, Count redundant) {
  if (choices == 0) return {};
  const double e = static_cast<double>(choices + redundant);
  const double k = static_cast<double>(top_k);
  const double local = static_cast<double>(local_experts);
  const double tokens = static_cast<double>(group_tokens);
  ExpertLoad load{.rows = tokens * k * local / e, .distinct = local * (1.0 - std::pow(1.0 - k / e, tokens))};
  load.peak = load.distinct > 0 ? load.rows / load.distinct : 0.0;
  load.mean_rows = load.rows;
  load.mean_distinct = load.distinct;
  return load;
}

}  // namespace moeplan
