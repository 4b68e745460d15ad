// SPDX-License-Identifier: Apache-2.0
#include "sim/study/evaluator.h"

#include <algorithm>

#include "sim/lower/weight_shards.h"

namespace moeplan {
PointFrame frame_of(const SimulateQuestion& q, const Kernels& kernels) {
  const Layout& layout = q.deployment.layout;
  return {.chunk = chunk_of(q),
          .dp = layout.dp,
          .stages = layout.pp,
          .gpus = layout.gpus(),
          .replicas = layout.replicas,
          .idle = kernels.power.idle};
}

PointMemory memory_at(const std::vector<BudgetedLedger>& rooms, const PointFrame& frame, Count context,
                      Count sequences) {
  const Count each = ceil_div(sequences, frame.dp);
  PointMemory tightest;
  bool first = true;
  for (const BudgetedLedger& room : rooms) {
    const PointMemory memory{total_at(room.folded, context, each), room.budget};
    if (!first && memory.budget - memory.total >= tightest.budget - tightest.total) continue;
    tightest = memory;
    first = false;
  }
  return tightest;
}

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

namespace {

Count waves_of(const PointFrame& frame, Count sequences) { return std::min(frame.stages, sequences); }

}  // namespace

Step decode_step_of(const PointFrame& frame, Count sequences, Count context) {
  return Step{{.sequences = ceil_div(sequences, waves_of(frame, sequences)), .new_tokens = 1, .context = context}};
}

void set_decode(PointResult& result, const PointFrame& frame, const Rates& rates, Count sequences,
                const StepCost& cost) {
  const double waves = static_cast<double>(waves_of(frame, sequences));
  result.decode_s = std::max(cost.seconds, cost.slowest_stage * waves);
  result.tokens_per_s = static_cast<double>(sequences * frame.replicas) / result.decode_s;
  // As set_costs of simulate.cc.
  const double gpus = static_cast<double>(frame.gpus);
  const double stages = static_cast<double>(frame.stages);
  const double watts =
      (waves * cost.joules + frame.idle * std::max(0.0, stages * result.decode_s - waves * cost.seconds)) /
      (stages * result.decode_s) * gpus;
  const UsePerSecond use = rates.use_per_second(watts, gpus);
  result.joules_per_token = cost.joules > 0 ? use.facility_joules / result.tokens_per_s : 0;
  result.usd_per_million_tokens = use.usd / result.tokens_per_s * 1e6;
}

namespace {

template <class DecodeCost>
PointResult point(const PointFrame& frame, const Rates& rates, const PointLoad& load, const PointMemory& memory,
                  double prefill_s, const DecodeCost& decode) {
  PointResult result;
  result.fits = true;
  result.memory = memory;
  result.prefill_s = prefill_s;
  set_decode(result, frame, rates, load.sequences, decode(decode_step_of(frame, load.sequences, load.context)));
  return result;
}

PointResult without_room(const PointMemory& memory) {
  PointResult result;
  result.memory = memory;
  return result;
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
      frame_(frame_of(q, kernels)) {}

PointResult Evaluator::at(const PointLoad& load) const {
  const PointMemory memory = memory_at(rooms_, frame_, load.context, load.sequences);
  if (!memory.fits()) return without_room(memory);
  return point(frame_, rates_, load, memory, prefill_.prompt(load.prompt).seconds,
               [this](const Step& step) { return decode_.step(step); });
}

PointResult Evaluator::exactly_at(const PointLoad& load) const {
  const PointMemory memory = memory_at(rooms_, frame_, load.context, load.sequences);
  if (!memory.fits()) return without_room(memory);
  return point(frame_, rates_, load, memory, prompt_seconds(prefill_model_, frame_, load.prompt),
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
  const PointFrame frame = frame_of(question_, *kernels_);
  const LoadTables balanced;
  WeightShards shards;
  const StepModel prefill = step_model_of(question_, *plan_, *kernels_, balanced, Phase::Prefill, false, &shards);
  std::vector<BudgetedLedger> rooms;
  for (const StepModel::RankModel& rank : prefill.rank_models())
    rooms.push_back(folded_ledger(*plan_, question_.deployment, rank.program));
  const PointMemory memory = memory_at(rooms, frame, load.context, load.sequences);
  if (!memory.fits()) return without_room(memory);
  const StepModel decode = step_model_of(question_, *plan_, *kernels_, balanced, Phase::Decode, true, &shards);
  return point(frame, rates_, load, memory, prompt_seconds(prefill, frame, load.prompt),
               [&](const Step& step) { return decode.cost(step); });
}

}  // namespace moeplan
