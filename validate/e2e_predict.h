// SPDX-License-Identifier: Apache-2.0
// Measured runs predicted as `simulate` would, and scored.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "sim/study/e2e_accuracy.h"
#include "sim/study/pricing.h"
#include "validate/e2e_question.h"

namespace moeplan {

// Operators alone; with what the engine's profile adds to them, fitted without runs of the
// very model; or fitted to all runs.
enum class EngineUse { None, OfOthers, Profile };

struct E2ePrediction {
  std::string refused;  // "" = predicted
  double value = 0;     // tokens per second, in the row's metric
  double low = 0;       // 80 % band
  double high = 0;
  double tpot = 0;      // seconds; aggregated and decode rows
  Count batch = 0;      // sequences in flight, or prompts, over the deployment
  std::string command;  // that prints the same
  std::string device_class;
  std::string basis;
};

// Prices of each machine and engine, made once; asked by many threads.
class PricingCache {
 public:
  PricingCache(const Catalog& catalog, const FormatTable& formats) : catalog_(&catalog), formats_(&formats) {}
  const Pricing& of(const E2eQuestion& asked);

 private:
  const Catalog* catalog_;
  const FormatTable* formats_;
  std::mutex mutex_;
  std::map<std::tuple<std::string, std::string, bool, bool>, std::unique_ptr<Pricing>> made_;
};

// A question that was not refused.
E2ePrediction predict_run(const E2eRow& row, const E2eQuestion& asked, Kernels kernels, const Rates& rates);

// One per row, in order.
std::vector<E2ePrediction> predict_e2e(const Catalog& catalog, const std::vector<E2eRow>& rows, EngineUse engine);

E2eFile score_e2e(const E2eTable& table, const std::vector<E2ePrediction>& predictions);
E2eAccuracy accuracy_of(std::vector<E2eFile> files, std::string how);

// The file again in its own order with predicted, low, high, ratio, batch, refused and
// command appended.
std::string rows_with_predictions(const E2eTable& table, const std::vector<E2ePrediction>& predictions);

}  // namespace moeplan
