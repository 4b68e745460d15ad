// SPDX-License-Identifier: Apache-2.0
// Constants of engine profiles (sim/spec/engine_profile.h) from measured runs. Seconds per
// token of a run are linear in the constants (sim/study/steady.h), so each run is simulated
// once without them and once with each; the fit is then arithmetic.
//
// Runs of one runtime and kind of hardware are fitted together, by the least sum of
// pseudo-Huber losses of ln(predicted / measured), every model weighing the same; runs of low
// confidence are predicted and not fitted. Constants are taken up one by one, the one that
// lowers the loss most first, up to four, while that is worth kWorthAConstant. The error
// that is stated is of each model predicted by a fit to the others.
#pragma once

#include <string>
#include <vector>

#include "validate/e2e_predict.h"

namespace moeplan {

inline constexpr std::size_t kEngineConstants = 7;  // in the order of EngineConstants

inline constexpr double kWorthAConstant = 0.02;  // of the loss

struct FittedEngine {
  std::string runtime;
  std::string hardware;  // device class, or an architecture whose kernels are not its class's
  bool of_class = true;
  EngineProfile profile;
  bool helps = false;             // other models are predicted better with it than without
  std::vector<std::size_t> rows;  // that were fitted or predicted
  std::vector<double> left_out;   // predicted tokens per second of each by the other models; 0 = no other
};

struct EngineFitOptions {
  std::string versions = "all";  // of the engine
  std::string as_of;             // date of the fit
  std::string source;            // of the runs
};

// One per runtime and device class of the rows that can be simulated.
std::vector<FittedEngine> fit_engines(const Catalog& catalog, const std::vector<E2eRow>& rows,
                                      const EngineFitOptions& options);

// Of several files, one after the other.
std::vector<E2eRow> rows_of(const std::vector<E2eTable>& tables);

// One per row of these files: each model by the fit to the others of its group.
std::vector<std::vector<E2ePrediction>> left_out_predictions(const Catalog& catalog,
                                                             const std::vector<E2eTable>& tables,
                                                             const std::vector<FittedEngine>& engines);
std::vector<E2eFile> score_left_out(const Catalog& catalog, const std::vector<E2eTable>& tables,
                                    const std::vector<FittedEngine>& engines);

// As files of a catalogue, one for each runtime, within what is known of it already. A profile
// that does not help other models is none; of an architecture it adds nothing.
std::vector<EngineProfiles> profiles_of(const Catalog& catalog, const std::vector<FittedEngine>& engines);

}  // namespace moeplan
