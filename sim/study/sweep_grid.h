// SPDX-License-Identifier: Apache-2.0
// The points of a sweep by number. Axes stand by how much a change costs: deployments
// outermost, layouts, loads innermost, in the order they were given within a tier; the last
// varies fastest. Rows of a sweep are in the order of these numbers.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "sim/study/sweep_expression.h"
#include "sim/study/sweep_study.h"

namespace moeplan {

class SweepGrid {
 public:
  // Throws InputError(Usage) for an expression that is none.
  explicit SweepGrid(const SweepStudy& study);

  // Before constraints; a double, since what a typing error asks for has no room in 64 bits.
  double size() const { return size_; }
  // The same, exactly. size() must be at most kMostPoints.
  Count points() const { return points_; }
  static constexpr double kMostPoints = 1e15;

  struct Column {
    std::size_t axis = 0;
    std::size_t variable = 0;
  };
  const std::vector<SweepAxis>& axes() const { return axes_; }
  // Every variable, in the order of the study.
  const std::vector<Column>& columns() const { return columns_; }
  const SweepVariable& variable(Column column) const { return axes_[column.axis].variables[column.variable]; }

  // Loads of one layout, layouts of one deployment, deployments.
  Count loads() const { return counts_[2]; }
  Count layouts() const { return counts_[1]; }
  Count deployments() const { return counts_[0]; }

  // Which value of an axis a point has.
  std::size_t digit(Count point, std::size_t axis) const {
    return static_cast<std::size_t>(point / strides_[axis] % static_cast<Count>(axes_[axis].size()));
  }
  const std::string& word(Count point, Column column) const {
    return variable(column).values[digit(point, column.axis)];
  }

  bool has_constraints() const { return !constraints_.empty(); }
  // True where no constraint forbids the point.
  bool allows(Count point) const;

 private:
  std::vector<SweepAxis> axes_;
  std::vector<Column> columns_;
  std::vector<Count> strides_;
  std::array<Count, 3> counts_ = {1, 1, 1};
  double size_ = 1;
  Count points_ = 1;
  std::vector<SweepExpression> constraints_;
  std::vector<std::vector<SweepOperand>> operands_;  // of each column, by digit
};

// The options of the deployment a point stands on: the base with what the axes of deployments
// say in its place. Loads are those of the first point of the deployment: they decide the
// layout where nobody names one.
std::vector<OptionWord> deployment_words(const SweepStudy& study, const SweepGrid& grid, Count point);

}  // namespace moeplan
