// SPDX-License-Identifier: Apache-2.0
// Inside sim/study: rows of a sweep taken in their order become its result.
#pragma once

#include <string>

#include "sim/study/sweep_run.h"

namespace moeplan {

class SweepCollector {
 public:
  SweepCollector(const SweepGrid& grid, const SweepPoints& points, const SweepAsk& ask);
  void take(const SweepRows& rows);
  SweepResult result(Count points) const;

  // Of Best mode: all that has to be known to go on after a kill, as text. The values of the
  // points it names are computed anew.
  std::string checkpoint(Count points) const;
  // Returns the points that were done; nothing when the text is not such a checkpoint.
  std::optional<Count> restore(const std::string& text, const SweepPoints& points);

 private:
  void keep(const SweepRows& rows, std::size_t row);

  const SweepAsk* ask_;
  std::vector<std::size_t> front_values_;  // indices into the values of a row
  std::size_t values_ = 0;
  Count sampled_every_ = 1;
  Count rows_ = 0;
  std::array<Count, kPointStatuses> counts_{};
  SweepRows kept_;
  ParetoFront front_;
  std::vector<BestN> best_;
};

}  // namespace moeplan
