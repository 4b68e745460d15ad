// SPDX-License-Identifier: Apache-2.0
#include "validate/make_curves.h"

#include <gtest/gtest.h>

#include "sim/cost/measured_curve.h"

namespace moeplan {
namespace {

// One shape whose times are twice the form's, but for what `bend` does to one row.
struct Measured {
  explicit Measured(const std::vector<double>& sizes, std::size_t odd = 99, double bend = 1) {
    machine.bandwidth = 1e12;
    machine.units = 100;
    machine.peak.fill(1e15);
    fit.family = Family::Collective;
    fit.group.key = {.family = "collective", .stack = "nccl", .kernel = "all_gather", .format = "half"};
    machine.link = {.bandwidth = 1e11, .latency = 1e-6, .domain = 8};
    for (const FormConstant& constant : facts_of(fit.family)->constants) fit.constants.push_back(constant.start);
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      OperatorRow row;
      row.family = fit.family;
      row.point = CollectivePoint{.op = CollectiveOp::AllGather, .bytes = sizes[i], .ranks = 4};
      row.measured = 2 * facts_of(fit.family)->time(row.point, machine, fit.constants).seconds;
      if (i == odd) row.measured *= bend;
      fit.rows.push_back(table.rows.size());
      table.rows.push_back(row);
    }
  }
  Machine machine;
  OperatorTable table{
      .kind = "collectives", .csv = CsvTable("a\n", "f"), .groups = {}, .shapes = {}, .seen = {}, .rows = {}};
  GroupFit fit;
};

TEST(MakeCurves, KeepOnlyTheEndsOfWhatTheFormKnows) {
  const Measured m({1e3, 1e4, 1e5, 1e6, 1e7, 1e8});
  const KernelCurves curves = kernel_curves_of(m.table, m.fit, m.machine);
  ASSERT_EQ(curves.shapes.size(), 1u);
  EXPECT_EQ(curves.shapes[0].knots.size(), 2u);
  EXPECT_NEAR(curves.left_out.p90, 0, 1e-3);
}

TEST(MakeCurves, KeepTheSizeThatIsOutOfLine) {
  const Measured m({1e3, 1e4, 1e5, 1e6, 1e7, 1e8}, 3, 1.3);
  const KernelCurves curves = kernel_curves_of(m.table, m.fit, m.machine);
  const std::vector<CurveKnot>& knots = curves.shapes[0].knots;
  EXPECT_TRUE(std::any_of(knots.begin(), knots.end(), [](const CurveKnot& knot) { return knot.size == 1e6; }));
}

TEST(MakeCurves, AreMadeToRise) {
  const Measured m({1e3, 1e4, 1e5, 1e6, 1e7, 1e8}, 3, 0.01);
  const KernelCurves curves = kernel_curves_of(m.table, m.fit, m.machine);
  const std::vector<CurveKnot>& knots = curves.shapes[0].knots;
  for (std::size_t i = 0; i + 1 < knots.size(); ++i) EXPECT_LE(knots[i].measured, knots[i + 1].measured);
}

TEST(MakeCurves, NeedFourSizes) {
  const Measured m({1e3, 1e4, 1e5});
  EXPECT_TRUE(kernel_curves_of(m.table, m.fit, m.machine).shapes.empty());
}

TEST(MakeCurves, SizesLeftOutArePredictedByTheOthers) {
  const Measured m({1e3, 1e4, 1e5, 1e6, 1e7, 1e8}, 3, 1.3);
  Measured copy = m;
  copy.fit.group.gpu = "G";
  const std::vector<RowPrediction> predictions = left_out_sizes(copy.table, {copy.fit}, {{"G", copy.machine}});
  EXPECT_FALSE(predictions[0].scored);  // an end has one neighbour only
  ASSERT_TRUE(predictions[3].scored);
  // Without the row that is 30 % above the line the line is the form's, twice.
  EXPECT_NEAR(predictions[3].seconds * 1.3 / copy.table.rows[3].measured, 1, 1e-6);
  EXPECT_EQ(predictions[3].basis, "measured");
}

TEST(MakeCurves, NewKernelsReplaceTheirOwnOnly) {
  const Measured m({1e3, 1e4, 1e5, 1e6});
  KernelCurves other = kernel_curves_of(m.table, m.fit, m.machine);
  const KernelCurves own = other;
  other.key.stack = "a";
  CurveFile file{.device = "d", .as_of = {}, .source = {}, .kernels = {own}};
  file = merged(std::move(file), {other, own});
  ASSERT_EQ(file.kernels.size(), 2u);
  EXPECT_EQ(file.kernels[0].key.stack, "a");
}

}  // namespace
}  // namespace moeplan
