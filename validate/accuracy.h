// SPDX-License-Identifier: Apache-2.0
// Predictions of measured rows, scored and written out row by row.
#pragma once

#include <string>
#include <vector>

#include "sim/study/accuracy.h"
#include "validate/leave_out.h"

namespace moeplan {

// What was predicted of one row of a table; seconds = 0: nothing was.
struct RowPrediction {
  double seconds = 0;
  double low = 0;
  double high = 0;
  std::string_view basis;  // measured | transferred | structured | default
};

// Of a table, one per row: each shape by the fit without it (rows of groups with one
// shape, and bad rows, stay without).
std::vector<RowPrediction> left_out_predictions(const OperatorTable& table, const std::vector<GroupFit>& fits);

// Adds a table's sets, pools and overall to the report.
class Scorer {
 public:
  explicit Scorer(std::string how);
  void add(const OperatorTable& table, const std::vector<RowPrediction>& predictions);
  void refuse(Count rows) { accuracy_.refused += rows; }
  Accuracy take();

 private:
  struct PoolRows {
    std::string family;
    std::string gpu;
    Count sets = 0;
    Count shapes = 0;
    bool single = false;
    std::vector<double> log_ratios{};
    Count in_band = 0;
  };
  Accuracy accuracy_;
  std::vector<PoolRows> pools_;
};

// The file again in its own order with predicted_us, low_us, high_us and basis appended
// (empty where nothing was predicted).
std::string rows_with_predictions(const OperatorTable& table, const std::vector<RowPrediction>& predictions);

}  // namespace moeplan
