// SPDX-License-Identifier: Apache-2.0
// How far predictions of whole deployments were from measured runs: what `moeplan validate`
// answers to end-to-end rows. validate/ fills it in.
#pragma once

#include <string>
#include <vector>

#include "sim/spec/overlay.h"
#include "sim/study/accuracy.h"

namespace moeplan {

// Rows of one phase, hardware class and regime ("" = all of them together).
struct E2eSet {
  std::string phase;
  std::string device_class;
  std::string regime;
  FitError error;     // of rates: bias > 0 is too fast a prediction
  double factor = 1;  // geometric mean of the larger over the smaller of predicted and measured
};

struct E2eWorst {
  int line = 0;
  double predicted = 0;  // tokens per second
  double measured = 0;
  std::string command;
};

struct E2eRefusal {
  std::string reason;
  Count rows = 0;
};

// A goal that a layout is chosen for.
struct LayoutGoal {
  std::string goal;  // "tokens_per_s_per_gpu", "tpot"
  Count groups = 0;
  Count best_found = 0;    // groups whose best layout was chosen
  double median_loss = 0;  // of the chosen layout against the best
  double p90_loss = 0;
};

struct LayoutAccuracy {
  std::vector<LayoutGoal> goals;
  Count ratios = 0;         // pairs of layouts of one group
  double ratio_median = 0;  // of |ln(predicted ratio / measured ratio)|, times per token
  double ratio_p90 = 0;
};

// Of one file.
struct E2eFile {
  std::string file;
  Count rows = 0;
  std::vector<double> log_ratios;  // of predicted over measured, of every row that was predicted
  std::vector<E2eSet> sets;
  std::vector<E2eRefusal> refusals;     // most rows first
  std::vector<E2eWorst> worst;          // furthest off first
  std::vector<LayoutAccuracy> layouts;  // one, where the file has groups
  std::vector<ScoredPoint> points;      // every row that was predicted
};

struct E2eAccuracy {
  std::string how;  // "predicted as simulate does"
  std::vector<E2eFile> files;
  E2eSet overall;
};

}  // namespace moeplan
