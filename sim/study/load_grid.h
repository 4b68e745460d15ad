// SPDX-License-Identifier: Apache-2.0
// One deployment over a grid of loads: every batch at every context, and prompts of every
// length. Of a decode step only attention depends on the context, so the rest is priced once
// for each batch, and each prompt once:
//
//   points = batches x contexts x prompts;  prices = batches + prompts + batches x contexts (attention)
//
// Nothing is interpolated, so a point is what `simulate` answers for it. Only where a grid
// names more batches or prompts than a table has knots, tables take over (prepared.h: within
// 0.1 %).
#pragma once

#include <memory>
#include <vector>

#include "sim/study/evaluator.h"

namespace moeplan {

class LoadGrid {
 public:
  // Batches and prompts of the loads that will be asked for, each list rising. The plan and
  // the kernels must outlive it.
  LoadGrid(const ModelPlan& plan, const SimulateQuestion& question, const Kernels& kernels, const Rates& rates,
           std::vector<Count> batches, std::vector<Count> prompts);
  LoadGrid(const LoadGrid&) = delete;
  LoadGrid& operator=(const LoadGrid&) = delete;

  // A load of the grid, by index. fits = false: the rest is zero, but the memory is there.
  PointResult at(std::size_t batch, Count context, std::size_t prompt) const;

  static constexpr std::size_t kMostKnots = 2048;

 private:
  // What a decode step of a batch costs besides attention.
  struct Fixed {
    Binding binding;
    StepCost cost;
  };
  struct Rank {
    std::vector<std::uint16_t> by_context;  // planned ops
    std::vector<Fixed> of_batch;
  };
  void price_batches();
  void price_prompts();
  StepCost decode(std::size_t batch, Count context) const;
  StepCost rank_cost(std::size_t rank, std::size_t batch, Count context) const;

  LoadTables loads_;
  StepModel prefill_model_;
  StepModel decode_model_;
  std::vector<BudgetedLedger> rooms_;
  Rates rates_;
  PointFrame frame_;
  std::vector<Count> batches_;
  std::vector<Count> prompts_;
  std::vector<double> prompt_seconds_;
  std::vector<Rank> ranks_;
  std::unique_ptr<PreparedModel> prepared_;  // in place of ranks_
};

}  // namespace moeplan
