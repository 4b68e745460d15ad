// SPDX-License-Identifier: Apache-2.0
// Predictions of measured rows, scored and written out row by row.
#pragma once

#include <array>
#include <set>
#include <string>
#include <vector>

#include "sim/study/accuracy.h"
#include "validate/leave_out.h"

namespace moeplan {

// What was predicted of one row of a table; seconds = 0: nothing was.
struct RowPrediction {
  bool scored = false;  // false: known to be wrong, or of a shape that was fitted
  double seconds = 0;   // of power: watts
  double low = 0;
  double high = 0;
  std::string_view basis;  // measured | transferred | structured | default
};

// Of a table, one per row: each shape by the fit without it (rows of groups with one
// shape, and bad rows, stay without).
std::vector<RowPrediction> left_out_predictions(const OperatorTable& table, const std::vector<GroupFit>& fits);

// How rows of a table are predicted from constants that are known.
struct PredictOptions {
  bool in_sample = false;   // score rows of fitted shapes too
  std::string only_device;  // DeviceSpec id: constants of this device for every row; "" = the nearest
};

// By the overlays of the catalogue, as `simulate` prices: every row of a family with a form.
std::vector<RowPrediction> model_predictions(const Catalog& catalog, const OperatorTable& table,
                                             const PredictOptions& options);

// The rows of a set that were predicted.
struct ScoredRows {
  std::vector<std::size_t> rows;
  std::vector<double> log_ratios;
  std::array<std::vector<double>, kRegimes> by_regime;
  std::array<Count, kRegimes> regime_in_band{};
  std::set<std::int32_t> shapes;
  Count in_band = 0;
};

// Adds a table's sets, pools, regimes and overall to the report.
class Scorer {
 public:
  explicit Scorer(std::string how, bool keep_points = false);
  void add(const OperatorTable& table, const std::vector<RowPrediction>& predictions);
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
  struct RegimeRows {
    AccuracyRegime regime;
    std::vector<double> log_ratios{};
    Count in_band = 0;
  };
  void add_regimes(const AccuracySet& set, const ScoredRows& scored);

  void keep_points(const AccuracySet& set, const OperatorTable& table, const std::vector<RowPrediction>& predictions,
                   const ScoredRows& scored);

  Accuracy accuracy_;
  bool keeps_points_ = false;
  std::vector<PoolRows> pools_;
  std::vector<RegimeRows> regimes_;
};

// The file again in its own order with predicted_us, low_us, high_us and basis appended
// (empty where nothing was predicted).
std::string rows_with_predictions(const OperatorTable& table, const std::vector<RowPrediction>& predictions);

}  // namespace moeplan
