// SPDX-License-Identifier: Apache-2.0
// From measured rows to curves (sim/cost/measured_curve.h): per kernel and shape the median
// of repeated rows, made to rise with size (more work is never faster: what falls is noise
// of the measurement), thinned to the knots that give the rest within kCurveTolerance.
//
// What a curve is worth is told by sizes that were left out: each inner size predicted by
// the curve through the others.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "sim/spec/curves.h"
#include "validate/accuracy.h"
#include "validate/leave_out.h"

namespace moeplan {

inline constexpr double kCurveTolerance = 0.03;
// Fewer rows of a shape make no curve.
inline constexpr std::size_t kFewestSizes = 4;

// Empty shapes: nothing of this group lies on a curve.
KernelCurves kernel_curves_of(const OperatorTable& table, const GroupFit& fit, const Machine& machine);

// Of a table, one per row: each size by the curve through the other sizes of its shape;
// bands from the errors of the other half of the shapes.
std::vector<RowPrediction> left_out_sizes(const OperatorTable& table, const std::vector<GroupFit>& fits,
                                          const std::map<std::string, Machine>& machines);

// The groups of a table with the constants that overlays of the catalogue know; groups
// without are left out.
std::vector<GroupFit> known_fits(const Catalog& catalog, const OperatorTable& table);

// The file with these kernels in place of its own; sorted by key, without empty ones.
CurveFile merged(CurveFile file, const std::vector<KernelCurves>& kernels);

}  // namespace moeplan
