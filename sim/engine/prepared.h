// SPDX-License-Identifier: Apache-2.0
// A deployment priced in advance, for those who evaluate it at many loads: sweeps, serving,
// planning. What depends on one count of rows alone (tokens of a rank, of the group, logit
// rows) is summed over all operators and tabulated; attention, which depends on batch and
// context, is asked of its form each time. A step is then four look-ups and a few forms.
//
// Knots: every number of rows up to 256; beyond, where the tiles of matrix products begin
// and end (64 i + 1 and 64 (i + 1), sim/cost/gemm.h), and steps of 16 or 32 rows; linear
// between knots. Times agree with StepModel within 0.1 % (tests/books, B13).
#pragma once

#include <array>
#include <vector>

#include "sim/engine/step_model.h"

namespace moeplan {

class RowTable {
 public:
  RowTable() = default;
  // cost(rows) is asked at every knot up to `most`.
  template <class F>
  RowTable(Count most, const F& cost) {
    for (const Count rows : knots_up_to(most)) {
      rows_.push_back(static_cast<double>(rows));
      costs_.push_back(cost(rows));
    }
  }
  OpCost at(double rows) const;

 private:
  static std::vector<Count> knots_up_to(Count most);
  static std::size_t knot_below(Count rows);
  std::vector<double> rows_;
  std::vector<OpCost> costs_;
};

class PreparedModel {
 public:
  // most_tokens: of the largest step of the group that will be asked for. chunk: of the
  // prompts that prompt() will be asked for; 0 = read whole. The model must outlive it.
  PreparedModel(const StepModel& model, Count most_tokens, Count chunk = 0);

  StepCost step(const Step& step) const;
  // One prompt read alone, chunk after chunk.
  StepCost prompt(Count length) const;
  const StepModel& model() const { return *model_; }

 private:
  struct Rank {
    RowTable by_tokens;  // of the rank
    RowTable by_group_tokens;
    RowTable by_sequences;  // logit rows of the rank
    RowTable by_group_sequences;
    std::vector<std::uint16_t> asked;  // planned ops that are priced each time
  };
  StepCost rank_step(std::size_t index, const Step& step) const;
  void add_whole_chunks(Count most_tokens);

  const StepModel* model_;
  std::vector<Rank> ranks_;
  Count chunk_ = 0;
  std::vector<StepCost> whole_chunks_;  // of the first n of a prompt
};

}  // namespace moeplan
