// SPDX-License-Identifier: Apache-2.0
// Rows of measured expert layers: who was sent where. The harness of these files (the
// collectors of ai-dynamo/aiconfigurator) does not draw tokens for "balanced" rows: token
// i takes the experts floor(i * stride / T) + j * stride, j < k, stride = ceil(E / k) (i +
// j * stride from T = stride on), so few tokens touch T k different experts, and times
// rank 0. Power laws are drawn as power_law.h says; the busiest rank is timed.
//
// SGLang 0.5.10 rows send the pairs of other ranks to the rank's first expert (its
// kernel cannot mask them), so a rank multiplies k rows for each token that reaches it;
// from 0.5.14 on it skips them.
#pragma once

#include "validate/row_kinds.h"

namespace moeplan {

RowFacts moe_row(const CsvRow& row);
RowFacts wide_ep_row(const CsvRow& row);
// Fills in MoePoint::load of every row, equal cases once.
void load_moe_rows(OperatorTable& table);

struct HarnessCase {
  Count tokens = 0;  // of the group
  Count experts = 0;
  Count top_k = 0;
  Count ranks = 1;
  Count slots = 0;          // more than experts: replicas
  bool rebalanced = false;  // by expert-parallel load balancing
  double alpha = 0;         // 0 = balanced
  friend auto operator<=>(const HarnessCase&, const HarnessCase&) = default;
};

struct HarnessLoad {
  RankLoad load;
  double tokens = 0;  // that reach the rank
};
HarnessLoad harness_load(const HarnessCase& c);

}  // namespace moeplan
