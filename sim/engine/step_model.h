// SPDX-License-Identifier: Apache-2.0
// The analytic engine: a deployment lowered and planned once, then asked for any step.
// Operators of a rank run one after the other; a stage waits for its slowest rank, a step
// passes its stages in turn.
#pragma once

#include <vector>

#include "sim/cost/op_pricer.h"
#include "sim/engine/engine_time.h"
#include "sim/engine/step_result.h"
#include "sim/lower/lower.h"
#include "sim/program/routing.h"

namespace moeplan {

// What a step costs, without where it goes.
struct StepCost {
  double seconds = 0;  // through all stages
  double slowest_stage = 0;
  double joules = 0;  // of one board of each stage; 0 = its power is not known
};

// What the price of an operator depends on.
enum class Depends : std::uint8_t { Tokens, GroupTokens, Sequences, GroupSequences, Everything };
Depends depends_on(const Op& op);

class StepModel {
 public:
  // loads and kernels are kept by pointer and must outlive the model; loads may be null.
  StepModel(const ModelPlan& plan, const RuntimeSpec& runtime, const LowerOptions& options, const Kernels& kernels,
            Phase phase, const LoadTables* loads = nullptr);

  // One micro-batch through all stages.
  StepResult step(const Step& step) const;
  // The same time and nothing else.
  StepCost cost(const Step& step) const;
  // The same of steps of one model that follow each other, as the chunks of a prompt do: what
  // depends on rows alone is priced again only when they change.
  struct Priced {
    Binding binding;
    std::vector<Price> prices;
  };
  StepCost cost(const Step& step, Priced& last) const;
  Count stages() const { return stages_; }
  Count ranks() const { return ranks_; }
  Count dp() const { return dp_; }

  // One class of ranks: for explanations.
  struct RankModel {
    RankModel(const ModelPlan& plan, const RuntimeSpec& runtime, const LowerOptions& options, const RankClass& c,
              Phase phase, const Kernels& kernels_of_stage)
        : kernels(&kernels_of_stage),
          rank_class(c),
          program(lower(plan, runtime, options, c, phase)),
          ops(plan_ops(program, kernels_of_stage, plan.formats)),
          engine(engine_load_of(program, ops)) {}
    const Kernels* kernels;  // of its device
    RankClass rank_class;
    Program program;
    OpPlan ops;
    EngineLoad engine;
  };
  const std::vector<RankModel>& rank_models() const { return models_; }
  const LoadTables* loads() const { return loads_; }
  const Kernels& kernels() const { return *kernels_; }
  Binding bind_step(const RankModel& model, const Step& step) const;

  // What one execution of each priced operator costs (PlannedOp::price).
  std::vector<Price> prices(const Binding& binding, PriceDetail detail) const;
  // Seconds that the engine adds to the operators of a rank.
  double engine_seconds(const RankModel& model, const Binding& binding, std::span<const Price> prices) const;

 private:
  // The operator that is priced for all that cost the same, in this class or another.
  struct PricedOp {
    std::uint16_t model;
    std::uint16_t op;        // of its plan
    std::uint16_t previous;  // priced operator of the same name
    bool by_rows;            // depends on rows alone
  };
  void number_prices();
  StepCost rank_cost(const RankModel& model, const Binding& binding, std::span<const Price> prices) const;
  StepResult rank_step(const RankModel& model, const Binding& binding, std::span<const Price> prices) const;

  const Kernels* kernels_;
  const LoadTables* loads_;
  std::vector<RankModel> models_;
  std::vector<PricedOp> priced_;
  Count stages_ = 1;
  Count ranks_ = 1;
  Count dp_ = 1;
};

// What people count an operator to.
StepShare share_of(const Op& op);

// A planned operator in all its runs (sim/program/work.h).
// `one`: in one of them over all its tokens.
Price price_of_runs(const Price& one, const PlannedOp& planned, const Program& program, const Kernels& kernels,
                    const Binding& binding, PriceDetail detail);
Price price_of_runs(const PlannedOp& planned, const Program& program, const Kernels& kernels, const Binding& binding,
                    PriceDetail detail);

// What it costs in all its runs, with what the engine adds to its kernels.
struct OpCost {
  double seconds = 0;
  double joules = 0;
  OpCost& operator+=(const OpCost& other) {
    seconds += other.seconds;
    joules += other.joules;
    return *this;
  }
};
OpCost cost_of_runs(const StepModel::RankModel& rank, const PlannedOp& planned, const Binding& binding);

// Times a step runs the module that drafts.
Count drafts_of(const StepModel::RankModel& model, const Binding& binding);

// Stages one after the other; of the classes of a stage, which stand side by side, the
// slowest decides. rank_cost(i) is asked of models[i].
template <class RankCost>
StepCost cost_through_stages(const std::vector<StepModel::RankModel>& models, const RankCost& rank_cost) {
  StepCost total;
  for (std::size_t i = 0; i < models.size();) {
    StepCost slowest = rank_cost(i);
    std::size_t next = i + 1;
    for (; next < models.size() && models[next].rank_class.first_stage == models[i].rank_class.first_stage; ++next) {
      const StepCost other = rank_cost(next);
      if (other.seconds > slowest.seconds) slowest = other;
    }
    const double stages = static_cast<double>(models[i].rank_class.stages);
    total.seconds += stages * slowest.seconds;
    total.joules += stages * slowest.joules;
    total.slowest_stage = total.slowest_stage > slowest.seconds ? total.slowest_stage : slowest.seconds;
    i = next;
  }
  return total;
}

}  // namespace moeplan
