// SPDX-License-Identifier: Apache-2.0
// How far predictions were from measurements, group by group: what `moeplan validate`
// answers. validate/ fills it in.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "sim/spec/overlay.h"

namespace moeplan {

// The row that was furthest off.
struct WorstRow {
  std::string file;
  int line = 0;
  std::string shape;
  double predicted = 0;  // seconds, of power watts
  double measured = 0;
};

// Rows of one GPU, stack, kernel and format in one file.
struct AccuracySet {
  std::string file;
  std::string gpu;
  KernelKey key;
  Count shapes = 0;
  FitError error;
  std::array<FitError, 3> by_regime;
  std::array<std::string_view, 3> regimes;
  double in_band = 0;  // share of rows inside the printed 80 % band
  WorstRow worst;
};

// Sets of one family and GPU together; those with too few shapes stay apart.
struct AccuracyPool {
  std::string family;
  std::string gpu;
  Count sets = 0;
  Count shapes = 0;
  FitError error{};
  double in_band = 0;
};

// The furthest the bias of a regime may lie from none: the operators of a step add up,
// and what leans the same way in all of them does not cancel.
inline constexpr double kSmallBias = 0.03;

// Rows of one family, GPU, format and regime over all stacks and kernels: what a step of
// that size and format leans on.
struct AccuracyRegime {
  std::string family;
  std::string gpu;
  std::string format;
  int index = 0;  // of the regime, small to large
  std::string_view regime;
  Count sets = 0;
  FitError error{};
  double in_band = 0;
  bool centred() const { return -kSmallBias <= error.bias && error.bias <= kSmallBias; }
};

// Rows of one set and one value of a column, predicted by the rows of its other values.
struct AccuracyValue {
  std::string file;
  std::string gpu;
  KernelKey key;
  std::string value;  // "ep_size=8"
  FitError error{};
  double near = 0;  // share of rows within kNear
};
inline constexpr double kNear = 0.15;

// One row and its prediction, for pages that show them all.
struct ScoredPoint {
  std::string group;  // "gemm, h200"
  std::string what;   // "n=4096 k=7168"
  int line = 0;
  double size = 0;      // the running size: rows, tokens, bytes, sequences
  double measured = 0;  // seconds, watts, or tokens per second of a run
  double predicted = 0;
  double low = 0;  // 80 % band
  double high = 0;
  bool watts = false;
};

struct Accuracy {
  std::string how;  // "each shape predicted by a fit to the others"
  std::vector<AccuracySet> sets;
  std::vector<AccuracyPool> pools;       // sets of kFewestShapes shapes or more
  std::vector<AccuracyPool> singletons;  // the rest
  std::vector<AccuracyRegime> regimes;   // of the sets in pools
  std::vector<AccuracyValue> values;     // where values of a column were left out
  FitError overall;                      // of all pools
  std::vector<ScoredPoint> points;       // where they were asked for
  Count refused = 0;                     // rows of shapes that were fitted, neither predicted nor scored
  Count bad = 0;                         // rows known to be wrong
};

}  // namespace moeplan
