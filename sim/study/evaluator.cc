// SPDX-License-Identifier: Apache-2.0
#include "sim/study/evaluator.h"

#include <algorithm>

#include "sim/lower/weight_shards.h"

namespace moeplan {
namespace {

bool has_room(const std::vector<BudgetedLedger>& rooms, const PointFrame& frame, const PointLoad& load) {
  const Count each = ceil_div(load.sequences, frame.dp);
  return std::all_of(rooms.begin(), rooms.end(), [&](const BudgetedLedger& room) {
    return total_at(room.folded, load.context, each) <= room.budget;
  });
}

// Operator by operator.
double prompt_seconds(const StepModel& model, const PointFrame& frame, Count prompt) {
  const Count chunk = frame.chunk == 0 ? prompt : frame.chunk;
  StepModel::Priced last;
  double seconds = 0;
  for (Count done = 0; done < prompt; done += chunk) {
    const Step step{{.sequences = 1, .new_tokens = std::min(chunk, prompt - done), .context = done}};
    seconds += model.cost(step, last).seconds;
  }
  return seconds;
}

template <class DecodeCost>
PointResult point(const PointFrame& frame, const Rates& rates, double idle, const PointLoad& load, double prefill_s,
                  const DecodeCost& decode) {
  PointResult result;
  result.fits = true;
  result.prefill_s = prefill_s;
  const Count waves = std::min(frame.stages, load.sequences);
  const StepCost cost =
      decode(Step{{.sequences = ceil_div(load.sequences, waves), .new_tokens = 1, .context = load.context}});
  result.decode_s = std::max(cost.seconds, cost.slowest_stage * static_cast<double>(waves));
  result.tokens_per_s = static_cast<double>(load.sequences * frame.replicas) / result.decode_s;
  // As set_costs of simulate.cc.
  const double gpus = static_cast<double>(frame.gpus);
  const double stages = static_cast<double>(frame.stages);
  const double times = static_cast<double>(waves);
  const double watts = (times * cost.joules + idle * std::max(0.0, stages * result.decode_s - times * cost.seconds)) /
                       (stages * result.decode_s) * gpus;
  const UsePerSecond use = rates.use_per_second(watts, gpus);
  result.joules_per_token = cost.joules > 0 ? use.facility_joules / result.tokens_per_s : 0;
  result.usd_per_million_tokens = use.usd / result.tokens_per_s * 1e6;
  return result;
}

PointFrame frame_of(const SimulateQuestion& q) {
  const Layout& layout = q.deployment.layout;
  return {
      .chunk = chunk_of(q), .dp = layout.dp, .stages = layout.pp, .gpus = layout.gpus(), .replicas = layout.replicas};
}

}  // namespace

Evaluator::Evaluator(const ModelPlan& plan, const SimulateQuestion& q, const Kernels& kernels, const Rates& rates,
                     Count most_tokens)
    : loads_(load_tables(plan.model, q.routing, q.deployment.layout, domains_of(q.deployment.layout, kernels))),
      prefill_model_(step_model_of(q, plan, kernels, loads_, Phase::Prefill)),
      decode_model_(step_model_of(q, plan, kernels, loads_, Phase::Decode)),
      prefill_(prefill_model_, most_tokens, chunk_of(q)),
      decode_(decode_model_, most_tokens),
      rooms_(folded_ledgers(plan, q.deployment)),
      rates_(rates),
      idle_(kernels.power.idle),
      frame_(frame_of(q)) {}

PointResult Evaluator::at(const PointLoad& load) const {
  if (!has_room(rooms_, frame_, load)) return {};
  return point(frame_, rates_, idle_, load, prefill_.prompt(load.prompt).seconds,
               [this](const Step& step) { return decode_.step(step); });
}

PointResult Evaluator::exactly_at(const PointLoad& load) const {
  if (!has_room(rooms_, frame_, load)) return {};
  return point(frame_, rates_, idle_, load, prompt_seconds(prefill_model_, frame_, load.prompt),
               [this](const Step& step) { return decode_model_.cost(step); });
}

QuickEvaluator::QuickEvaluator(const ModelPlan& plan, const SimulateQuestion& question, const Kernels& kernels,
                               const Rates& rates)
    : plan_(&plan), question_(question), kernels_(&kernels), rates_(rates) {
  FitQuestion& q = question_.deployment;
  if (q.kv.empty()) q.kv = plan.formats[default_kv_format(plan, q.runtime)].id;
}

PointResult QuickEvaluator::at(const Layout& layout, const PointLoad& load) {
  question_.deployment.layout = layout;
  const PointFrame frame = frame_of(question_);
  const LoadTables balanced;
  WeightShards shards;
  const StepModel prefill = step_model_of(question_, *plan_, *kernels_, balanced, Phase::Prefill, false, &shards);
  for (const StepModel::RankModel& rank : prefill.rank_models()) {
    const BudgetedLedger room = folded_ledger(*plan_, question_.deployment, rank.program);
    if (total_at(room.folded, load.context, ceil_div(load.sequences, frame.dp)) > room.budget) return {};
  }
  const StepModel decode = step_model_of(question_, *plan_, *kernels_, balanced, Phase::Decode, true, &shards);
  return point(frame, rates_, kernels_->power.idle, load, prompt_seconds(prefill, frame, load.prompt),
               [&](const Step& step) { return decode.cost(step); });
}

}  // namespace moeplan
