// SPDX-License-Identifier: Apache-2.0
// Constants of every group of a measurement file, and how well they predict shapes they
// never saw: each shape (the sizes that make a model's layer) is predicted by a fit to
// the other shapes of its group. Files with many shapes are cut into kFolds folds of
// whole shapes. Where regimes of a group lean, constants that centre them are taken if
// that pays on the shapes left out: one choice of two per group, seen by its own score.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sim/spec/catalog.h"
#include "validate/fit_form.h"
#include "validate/operator_rows.h"
#include "validate/score.h"

namespace moeplan {

inline constexpr std::size_t kFolds = 20;
// Groups with fewer shapes are not pooled: leaving one out leaves too little.
inline constexpr std::size_t kFewestShapes = 3;

// One group of a table, fitted.
struct GroupFit {
  OperatorGroup group;
  Family family = Family::Gemm;
  std::vector<std::size_t> rows{};  // of OperatorTable::rows: sound ones
  std::size_t shapes = 0;
  std::vector<double> constants{};        // fitted to all rows
  std::vector<double> in_sample{};        // ln(predicted / measured) of rows, by these constants
  std::vector<double> left_out{};         // the same, each by the fit without its shape; empty with one shape
  std::vector<FitBand> row_bands{};       // of left_out: the 80 % band that the other shapes' errors give
  std::array<FitBand, kRegimes> bands{};  // from all left-out rows
};

struct LeaveOutOptions {
  int evaluations = 4000;  // of each fit
  bool left_out = true;    // false: fit only
  unsigned threads = 0;
  std::function<void(std::size_t done, std::size_t all)> progress;  // may be called from any thread, one at a time
};

// The quantile of the errors of so many shapes that bounds an 80 % band above, and its
// complement below. Quantiles of few shapes lie too far inside for the next one: of n
// values the next is below the 0.9 (n + 1) / n quantile nine times out of ten. Rows of a shape
// scatter besides, so half of that step is taken, 0.925 at most (leaving out shapes of each family
// and GPU of ../shared/measured, bands of the others' errors then hold 75 to 83 %; of
// plain quantiles 70 to 80 %).
double band_level(std::size_t shapes);

// The device of each gpu of a table with the links of the node it is usually sold in.
// Throws InputError(UnknownName).
std::map<std::string, Machine> machines_of(const Catalog& catalog, const OperatorTable& table);
Machine machine_named(const Catalog& catalog, const std::string& gpu);

std::vector<GroupFit> leave_out(const OperatorTable& table, const std::map<std::string, Machine>& machines,
                                const LeaveOutOptions& options);

// Errors of other constants on a group, as of a sibling's.
std::vector<double> log_ratios(const OperatorTable& table, const std::vector<std::size_t>& rows, const Machine& machine,
                               const FamilyFacts& family, std::span<const double> constants);

}  // namespace moeplan
