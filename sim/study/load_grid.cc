// SPDX-License-Identifier: Apache-2.0
#include "sim/study/load_grid.h"

#include <algorithm>

#include "sim/base/error.h"
#include "sim/engine/engine_time.h"

namespace moeplan {

LoadGrid::LoadGrid(const ModelPlan& plan, const SimulateQuestion& q, const Kernels& kernels, const Rates& rates,
                   std::vector<Count> batches, std::vector<Count> prompts)
    : loads_(load_tables(plan.model, q.routing, q.deployment.layout, domains_of(q.deployment.layout, kernels),
                         q.drawn.get())),
      prefill_model_(step_model_of(q, plan, kernels, loads_, Phase::Prefill)),
      decode_model_(step_model_of(q, plan, kernels, loads_, Phase::Decode)),
      rooms_(folded_ledgers(plan, q.deployment)),
      rates_(rates),
      frame_(frame_of(q, kernels)),
      batches_(std::move(batches)),
      prompts_(std::move(prompts)) {
  CHECK(!batches_.empty() && std::is_sorted(batches_.begin(), batches_.end()));
  CHECK(!prompts_.empty() && std::is_sorted(prompts_.begin(), prompts_.end()));
  price_batches();
  price_prompts();
}

void LoadGrid::price_batches() {
  if (batches_.size() > kMostKnots) {
    prepared_ = std::make_unique<PreparedModel>(decode_model_, std::max<Count>(batches_.back(), 1));
    return;
  }
  for (const StepModel::RankModel& model : decode_model_.rank_models()) {
    Rank rank;
    std::vector<const PlannedOp*> by_rows;
    for (std::size_t i = 0; i < model.ops.count; ++i) {
      const PlannedOp& planned = model.ops.ops[i];
      if (depends_on(model.program.op_array[planned.op]) == Depends::Everything)
        rank.by_context.push_back(static_cast<std::uint16_t>(i));
      else
        by_rows.push_back(&planned);
    }
    for (const Count batch : batches_) {
      Fixed fixed;
      fixed.binding = decode_model_.bind_step(model, decode_step_of(frame_, batch, 1));
      OpCost cost;
      for (const PlannedOp* planned : by_rows) cost += cost_of_runs(model, *planned, fixed.binding);
      const double engine = host_and_gaps(model.kernels->engine, model.engine, fixed.binding.sequences);
      fixed.cost = {.seconds = cost.seconds + engine, .joules = cost.joules + engine * model.kernels->power.floor};
      rank.of_batch.push_back(fixed);
    }
    ranks_.push_back(std::move(rank));
  }
}

void LoadGrid::price_prompts() {
  if (prompts_.size() > kMostKnots) {
    const PreparedModel tables(prefill_model_, prompts_.back(), frame_.chunk);
    for (const Count prompt : prompts_) prompt_seconds_.push_back(tables.prompt(prompt).seconds);
    return;
  }
  for (const Count prompt : prompts_) prompt_seconds_.push_back(prompt_seconds(prefill_model_, frame_, prompt));
}

StepCost LoadGrid::rank_cost(std::size_t rank, std::size_t batch, Count context) const {
  const StepModel::RankModel& model = decode_model_.rank_models()[rank];
  const Fixed& fixed = ranks_[rank].of_batch[batch];
  StepCost cost = fixed.cost;
  if (!ranks_[rank].by_context.empty()) {
    const Binding binding = decode_model_.bind_step(model, decode_step_of(frame_, batches_[batch], context));
    OpCost attention;
    for (const std::uint16_t i : ranks_[rank].by_context) attention += cost_of_runs(model, model.ops.ops[i], binding);
    cost.seconds += attention.seconds;
    cost.joules += attention.joules;
  }
  cost.slowest_stage = cost.seconds;
  return cost;
}

StepCost LoadGrid::decode(std::size_t batch, Count context) const {
  if (prepared_) return prepared_->step(decode_step_of(frame_, batches_[batch], context));
  return cost_through_stages(decode_model_.rank_models(),
                             [&](std::size_t rank) { return rank_cost(rank, batch, context); });
}

PointResult LoadGrid::at(std::size_t batch, Count context, std::size_t prompt) const {
  PointResult result;
  result.memory = memory_at(rooms_, frame_, context, batches_[batch]);
  result.fits = result.memory.fits();
  if (!result.fits) return result;
  result.prefill_s = prompt_seconds_[prompt];
  set_decode(result, frame_, rates_, batches_[batch], decode(batch, context));
  return result;
}

}  // namespace moeplan
