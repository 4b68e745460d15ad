// SPDX-License-Identifier: Apache-2.0
// Every byte of a ledger line as a formula with its inputs, and where it comes from.
#pragma once

#include <string>
#include <vector>

#include "sim/study/fit.h"

namespace moeplan {

struct Explanation {
  std::string basis;    // "native", "label q4_k_m", "formula", "profile", "capacity"
  std::string formula;  // "61 layers x 1,152 B x 8,192 tokens x 1 sequence"
  std::string source;   // document the rule comes from; "" for plain arithmetic
};

// The line as a whole.
Explanation explain_line(const FitResult& result, const RankResult& rank, const LedgerLine& line);

// Its tensors one by one, in order: what --explain prints.
struct ExplainedTensor {
  std::string name;
  Bytes bytes;
  std::string formula;
};
std::vector<ExplainedTensor> explain_tensors(const FitResult& result, const RankResult& rank, const LedgerLine& line);

// "1,234,567"
std::string grouped(Count value);

}  // namespace moeplan
