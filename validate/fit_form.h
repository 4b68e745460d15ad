// SPDX-License-Identifier: Apache-2.0
// Constants of a form from measurements: the bounded point with the least sum of
// pseudo-Huber losses of ln(predicted / measured). Robust, because tables of measured
// kernels hold mis-tuned rows 5-10 times off. Deterministic: same rows, same constants.
// The search is NLopt's (loaded at run time; nothing else needs it).
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "sim/cost/form.h"

namespace moeplan {

inline constexpr std::size_t kMostRegimes = 8;

struct FitRows {
  std::span<const double> log_measured;   // ln(seconds)
  std::span<const double> weights;        // of each row; empty = all 1
  std::span<const std::int32_t> regimes;  // of each row, from 0: sizes that are to be centred each; empty = none
  // Writes ln(predicted seconds) of every row for these constants.
  std::function<void(std::span<const double> constants, std::span<double> log_predicted)> predict;
};

struct FitOptions {
  double delta = 0.1;             // of the pseudo-Huber loss: errors beyond it count linearly
  double tolerance = 0.015;       // of the centre of a regime's errors: no further one is worth anything
  double balance = 15;            // cost of the square of what is beyond
  int evaluations = 4000;         // of the whole search
  std::span<const double> start;  // empty = the form's
};

struct FittedConstants {
  std::vector<double> constants;
  // From there on with the cost of leaning; the same where no regime leans.
  std::vector<double> centred;
  double loss = 0;  // mean over the weights
  int evaluations = 0;
};

// Throws InputError(MissingResource) without NLopt. No rows: the start.
FittedConstants fit_constants(std::span<const FormConstant> form, const FitRows& rows, const FitOptions& options = {});

}  // namespace moeplan
