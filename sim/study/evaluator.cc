// SPDX-License-Identifier: Apache-2.0
#include "sim/study/evaluator.h"

#include <algorithm>

namespace moeplan {

Evaluator::Evaluator(const ModelPlan& plan, const SimulateQuestion& q, const Kernels& kernels, const Rates& rates,
                     Count most_tokens)
    : loads_(load_tables(
          plan.model, q.routing, q.deployment.layout,
          ceil_div(q.deployment.layout.ranks_per_stage(), std::max<Count>(1, q.deployment.device.fast_domain)))),
      prefill_model_(step_model_of(q, plan, kernels, loads_, Phase::Prefill)),
      decode_model_(step_model_of(q, plan, kernels, loads_, Phase::Decode)),
      prefill_(prefill_model_, most_tokens),
      decode_(decode_model_, most_tokens),
      rooms_(folded_ledgers(plan, q.deployment)),
      rates_(rates),
      chunk_(chunk_of(q)),
      dp_(q.deployment.layout.dp),
      gpus_(q.deployment.layout.gpus()),
      replicas_(q.deployment.layout.replicas) {}

template <class PrefillCost, class DecodeCost>
PointResult Evaluator::point(const PointLoad& load, const PrefillCost& prefill, const DecodeCost& decode) const {
  PointResult result;
  const Count each = ceil_div(load.sequences, dp_);
  result.fits = std::all_of(rooms_.begin(), rooms_.end(), [&](const BudgetedLedger& room) {
    return total_at(room.folded, load.context, each) <= room.budget;
  });
  if (!result.fits) return result;
  const Count chunk = chunk_ == 0 ? load.prompt : chunk_;
  for (Count done = 0; done < load.prompt; done += chunk) {
    const Step step{{.sequences = 1, .new_tokens = std::min(chunk, load.prompt - done), .context = done}};
    result.prefill_s += prefill(step).seconds;
  }
  const Count waves = std::min(decode_model_.stages(), load.sequences);
  const PreparedModel::Cost cost =
      decode(Step{{.sequences = ceil_div(load.sequences, waves), .new_tokens = 1, .context = load.context}});
  result.decode_s = std::max(cost.seconds, cost.slowest_stage * static_cast<double>(waves));
  result.tokens_per_s = static_cast<double>(load.sequences * replicas_) / result.decode_s;
  const double gpus = static_cast<double>(gpus_);
  if (rates_.power_cap) {
    const double idle = rates_.idle ? rates_.idle->base() : 0.15 * rates_.power_cap->base();
    const double watts = std::max(idle, cost.power_seconds / cost.seconds * rates_.power_cap->base());
    result.joules_per_token = watts * gpus * rates_.pue / result.tokens_per_s;
  }
  if (rates_.price) result.usd_per_million_tokens = rates_.price->base() * gpus / result.tokens_per_s * 1e6;
  return result;
}

PointResult Evaluator::at(const PointLoad& load) const {
  return point(
      load, [this](const Step& step) { return prefill_.step(step); },
      [this](const Step& step) { return decode_.step(step); });
}

PointResult Evaluator::exactly_at(const PointLoad& load) const {
  const auto exact = [](const StepModel& model) {
    return [&model](const Step& step) {
      const StepResult result = model.step(step);
      return PreparedModel::Cost{result.time.seconds().base(), result.slowest_stage.seconds().base(),
                                 result.power_seconds};
    };
  };
  return point(load, exact(prefill_model_), exact(decode_model_));
}

}  // namespace moeplan
