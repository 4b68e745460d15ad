// SPDX-License-Identifier: Apache-2.0
#include "sim/study/simulate.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "sim/base/error.h"
#include "sim/study/fit_search.h"
#include "sim/study/routed_layer.h"

namespace moeplan {
namespace {

// A draft module runs only where it drafts.
LowerOptions step_options(const SimulateQuestion& q, const ModelPlan& plan, bool for_steps) {
  LowerOptions options = lower_options(plan, q.deployment);
  options.for_steps = for_steps;
  options.load_mtp = q.deployment.load_mtp && q.load.drafts > 0;
  return options;
}

}  // namespace

Count chunk_of(const SimulateQuestion& q) {
  if (q.load.chunk != 0) return q.load.chunk;
  return chunk_tokens_of(q.deployment);
}

namespace {

// Steps that read prompts of `length` new tokens after `prefix` cached ones, `prompts` of them over
// the replica. A rank's step takes `chunk` new tokens: part of one prompt, or several whole ones.
std::vector<RepeatedStep> prompt_steps(const StepModel& model, Count prompts, Count prefix, Count length, Count chunk,
                                       const std::optional<Segment>& decoding) {
  std::vector<RepeatedStep> steps;
  const Count dp = model.dp();
  const Count per_rank = ceil_div(prompts, dp);
  const auto run = [&](const Segment& segment, Count times) {
    steps.push_back({.step = decoding ? Step{segment, *decoding} : Step{segment}, .times = times});
  };
  if (chunk == 0 || chunk >= length) {
    const Count together = chunk == 0 ? per_rank : std::min(per_rank, std::max<Count>(1, chunk / length));
    const Count whole = per_rank / together;
    // A lone prompt stands on one rank; the others have none.
    run({.sequences = std::min(prompts, together * dp), .new_tokens = length, .context = prefix}, whole);
    const Count rest = per_rank % together;
    if (rest > 0) run({.sequences = std::min(prompts, rest * dp), .new_tokens = length, .context = prefix}, 1);
    return steps;
  }
  const Count at_once = std::min(prompts, dp);
  for (Count done = 0; done < length; done += chunk)
    run({.sequences = at_once, .new_tokens = std::min(chunk, length - done), .context = prefix + done}, per_rank);
  return steps;
}

// What plays steps: the analytic engine, or the event engine with what it draws.
class Engine {
 public:
  Engine(const SimulateQuestion& q, const ModelPlan& plan, const Kernels& kernels) : q_(q), plan_(plan) {
    if (!q.events) return;
    const FitQuestion& d = q.deployment;
    const bool drawn = !is_even(q.routing) || q.events->placement.way != PlacementWay::Contiguous;
    if (drawn) kinds_ = routed_layers(d.model, q.routing, d.layout, domains_of(d.layout, kernels), *q.events);
  }

  EventRun run(const StepModel& model, const Step& step, Count waves) const {
    const EventOptions options{.overlap = q_.load.overlap, .waves = waves, .rank_sequences = q_.events->rank_sequences};
    return run_events(model, plan_, step, options, kinds_, *q_.events);
  }
  StepResult step(const StepModel& model, const Step& step) const {
    return q_.events ? run(model, step, 1).shown.step : step_with(model, step, q_.load.overlap);
  }
  // Of steps that follow each other through the stages of a pipeline.
  Picoseconds through_stages(const StepModel& model, const std::vector<RepeatedStep>& steps) const {
    return time_through_stages(model, plan_, steps, {.overlap = q_.load.overlap});
  }

 private:
  const SimulateQuestion& q_;
  const ModelPlan& plan_;
  StepDrawer::Kinds kinds_;
};

struct Prefill {
  StepResult sum;
  Count steps = 0;
};

// play_step: either engine.
template <class PlayStep>
Prefill read_prompts(const std::vector<RepeatedStep>& steps, const PlayStep& play_step) {
  Prefill prefill;
  for (const RepeatedStep& run : steps) {
    const StepResult one = play_step(run.step);
    add(prefill.sum, one, run.times);
    prefill.sum.slowest_stage += one.slowest_stage * run.times;
    prefill.steps += run.times;
  }
  return prefill;
}

// The rate a share of the arithmetic is measured against: that of the format most
// multiplications are in.
double peak_of_model(const StepModel& model, const Kernels& kernels) {
  double most = -1;
  double peak = kernels.machine.peak_of(KernelFormat::Bf16);
  for (const StepModel::RankModel& rank : model.rank_models()) {
    for (std::size_t i = 0; i < rank.ops.count; ++i) {
      const PlannedOp& planned = rank.ops.ops[i];
      const Op& op = rank.program.op_array[planned.op];
      if (op.kind != OpKind::Gemm && op.kind != OpKind::Moe) continue;
      const double size = static_cast<double>(op.n) * op.k * op.repeat * (op.kind == OpKind::Moe ? op.b : 1);
      if (size <= most) continue;
      most = size;
      peak = kernels.machine.peak_of(planned.format);
    }
  }
  return peak;
}

// Every rank of a stage draws what the slowest does; stages that wait draw idle power.
void set_costs(Simulation& s, const StepModel& model, const PowerModel& power, const Rates& rates, Count passes,
               double tokens) {
  const double times = static_cast<double>(passes);
  const double waiting =
      std::max(0.0, static_cast<double>(model.stages()) * s.time.base() - times * s.step.time.seconds().base());
  s.board_joules = static_cast<double>(model.ranks()) * (times * s.step.joules + power.idle * waiting);
  const double replicas = static_cast<double>(s.question.deployment.layout.replicas);
  s.bill = bill_of({.seconds = s.time.base(),
                    .board_joules = replicas * s.board_joules,
                    .tokens = replicas * tokens,
                    .all_tokens = replicas * tokens,
                    .devices = static_cast<double>(s.gpus)},
                   power, rates);
}

Segment decode_segment(const StepModel& model, const SimulatedLoad& load) {
  const Count waves = std::min(model.stages(), load.batch);
  return {.sequences = ceil_div(load.batch, waves), .new_tokens = 1 + load.drafts, .context = load.context};
}

struct DecodeTimes {
  StepResult step;
  Picoseconds interval;  // from token to token of a sequence
  std::shared_ptr<const EventRun> events;
};

// Engines keep a micro-batch in every stage of a pipeline.
DecodeTimes decode(const Engine& engine, const StepModel& model, const SimulateQuestion& q) {
  const Count waves = std::min(model.stages(), q.load.batch);
  const Step step{decode_segment(model, q.load)};
  DecodeTimes times;
  if (q.events) {
    times.events = std::make_shared<EventRun>(engine.run(model, step, waves));
    times.step = times.events->shown.step;
    times.interval = times.events->shown.interval;
    return times;
  }
  times.step = step_with(model, step, q.load.overlap);
  times.interval = std::max(times.step.time, times.step.slowest_stage * waves);
  return times;
}

double scaled_to(Picoseconds part, Picoseconds whole, double seconds) {
  return whole.count() == 0 ? seconds
                            : seconds * static_cast<double>(part.count()) / static_cast<double>(whole.count());
}

Count replicas_of(const SimulateQuestion& q) { return q.deployment.layout.replicas; }

void set_utilisation(Simulation& s, const StepModel& model, const Kernels& kernels, double seconds) {
  if (seconds <= 0) return;
  // The sums run over stages, of which one works at a time on this batch: so per rank.
  s.mfu = s.step.work.flops / (seconds * peak_of_model(model, kernels));
  s.mbu = (s.step.work.weight_bytes + s.step.work.cache_bytes) / (seconds * kernels.machine.bandwidth);
}

}  // namespace

double accepted_tokens(Count drafts) {
  static constexpr std::array<double, 6> kAccepted = {1.00, 1.92, 2.58, 2.82, 2.99, 3.01};
  return kAccepted[static_cast<std::size_t>(std::clamp<Count>(drafts, 0, 5))];
}

double accepted_tokens(Count drafts, double rate) {
  double sum = 1;
  double all_right = 1;
  for (Count i = 0; i < drafts; ++i) sum += all_right *= rate;
  return sum;
}

ModelSpec dense_equivalent(const ModelSpec& model, DenseEquivalent kind) {
  ModelSpec dense = model;
  for (Block& block : dense.blocks) {
    const auto* moe = std::get_if<MoeFfn>(&block.kind);
    if (moe == nullptr) continue;
    const Count experts = kind == DenseEquivalent::SameActive ? moe->top_k : moe->experts;
    block.kind = DenseFfn{.width = experts * moe->width + moe->shared_width, .gated = moe->gated, .bias = false};
  }
  dense.stored = nullptr;
  dense.id += kind == DenseEquivalent::SameActive ? " (dense, same active)" : " (dense, same total)";
  return dense;
}

std::vector<std::string> routing_violations(const ModelSpec& model, const Routing& routing, const Layout& layout) {
  if (is_even(routing)) return {};
  for (const Block& block : model.blocks) {
    const auto* moe = std::get_if<MoeFfn>(&block.kind);
    if (moe == nullptr) continue;
    const RoutedLayer layer = routed_layer(*moe, routing, layout, 1);
    if (std::vector<std::string> found = violations(layer.routing, layer.group); !found.empty()) return found;
  }
  return {};
}

LoadTables load_tables(const ModelSpec& model, const Routing& routing, const Layout& layout, Count nodes,
                       const LoadTables* drawn) {
  LoadTables tables;
  for (const Block& block : model.blocks) {
    const auto* moe = std::get_if<MoeFfn>(&block.kind);
    if (moe == nullptr || tables.find(moe->experts + moe->zero_experts, moe->top_k) != nullptr) continue;
    const RoutedLayer layer = routed_layer(*moe, routing, layout, nodes);
    // Even loads have closed forms; of groups only how many nodes a token visits has none.
    if (is_even(routing) && (layer.routing.groups == 0 || layer.group.nodes == 1)) continue;
    const LoadTable* known = drawn == nullptr ? nullptr : drawn->find(layer.group.choices, layer.group.top_k);
    const bool fits = known != nullptr && known->routing() == layer.routing && known->group() == layer.group;
    tables.add(fits ? *known : LoadTable(layer.routing, layer.group));
  }
  return tables;
}

Count domains_of(const Layout& layout, const Kernels& kernels) {
  return ceil_div(layout.ranks_per_stage(), std::max<Count>(1, static_cast<Count>(kernels.machine.link.domain)));
}

StepModel step_model_of(const SimulateQuestion& q, const ModelPlan& plan, const Kernels& kernels,
                        const LoadTables& loads, Phase phase, bool for_steps, WeightShards* shards) {
  LowerOptions options = step_options(q, plan, for_steps);
  options.shards = shards;
  return StepModel(plan, q.deployment.runtime, options, kernels, phase, &loads);
}

Step first_step_of(const SimulateQuestion& q, const StepModel& model) {
  const SimulatedLoad& load = q.load;
  if (load.phase == Phase::Decode) return Step{decode_segment(model, load)};
  const Count length = load.context - load.prefix;
  const Count chunk = chunk_of(q);
  return Step{{.sequences = std::min(load.batch, model.dp()),
               .new_tokens = chunk == 0 ? length : std::min(chunk, length),
               .context = load.prefix}};
}

Simulation simulate(const SimulateQuestion& question, const Kernels& kernels, const Rates& rates) {
  Simulation s;
  s.question = question;
  s.memory = evaluate(question.deployment);
  s.fits = s.memory.verdict != Verdict::No;
  s.gpus = question.deployment.layout.gpus();
  const FitQuestion& d = question.deployment;
  const ModelPlan plan = plan_model(d.model, d.formats, d.weights);
  s.question.drawn = std::make_shared<const LoadTables>(
      load_tables(d.model, question.routing, d.layout, domains_of(d.layout, kernels), question.drawn.get()));
  const LoadTables& loads = *s.question.drawn;
  const StepModel prefill = step_model_of(question, plan, kernels, loads, Phase::Prefill);
  const SimulatedLoad& load = question.load;
  const Count chunk = chunk_of(question);
  const double replicas = static_cast<double>(replicas_of(question));

  const Count prompt = std::max<Count>(1, load.context - (load.phase == Phase::Prefill ? load.prefix : 0));
  const Engine engine(question, plan, kernels);
  const Prefill alone =
      read_prompts(prompt_steps(prefill, 1, load.phase == Phase::Prefill ? load.prefix : 0, prompt, chunk, {}),
                   [&](const Step& step) { return step_with(prefill, step, load.overlap); });
  s.first_token = alone.sum.time.seconds();

  if (load.phase == Phase::Prefill) {
    std::optional<Segment> decoding;
    if (load.mixed > 0)
      decoding = Segment{.sequences = load.mixed,
                         .new_tokens = 1,
                         .context = load.mixed_context != 0 ? load.mixed_context : load.context};
    const std::vector<RepeatedStep> steps = prompt_steps(prefill, load.batch, load.prefix, prompt, chunk, decoding);
    const Prefill all = read_prompts(steps, [&](const Step& step) { return engine.step(prefill, step); });
    s.step = all.sum;
    s.steps = all.steps;
    s.time = s.step.time.seconds();
    // Micro-batches follow one another through the stages.
    if (question.events) {
      s.events = std::make_shared<EventRun>(engine.run(prefill, steps.front().step, 1));
      if (prefill.stages() > 1) s.time = engine.through_stages(prefill, steps).seconds();
    } else if (prefill.stages() > 1 && all.steps > 1) {
      const double fill = s.step.time.seconds().base() / static_cast<double>(all.steps);
      s.time = Seconds::from_base(fill + s.step.slowest_stage.seconds().base() * static_cast<double>(all.steps - 1) /
                                             static_cast<double>(all.steps));
    }
    const double tokens = static_cast<double>(load.batch * prompt);
    s.tokens_per_s = replicas * tokens / s.time.base();
    s.tokens_per_s_per_user = static_cast<double>(prompt) / s.time.base();
    set_utilisation(s, prefill, kernels, s.step.time.seconds().base());
    set_costs(s, prefill, kernels.power, rates, 1, tokens);
  } else {
    const StepModel model = step_model_of(question, plan, kernels, loads, Phase::Decode);
    const DecodeTimes times = decode(engine, model, question);
    s.step = times.step;
    s.events = times.events;
    s.time = times.interval.seconds();
    const double tokens = static_cast<double>(load.batch) * load.accepted;
    s.tokens_per_s = replicas * tokens / s.time.base();
    s.tokens_per_s_per_user = load.accepted / s.time.base();
    set_utilisation(s, model, kernels, s.step.time.seconds().base());
    set_costs(s, model, kernels.power, rates, std::min(model.stages(), load.batch), tokens);
  }
  s.low = Seconds::from_base(scaled_to(s.step.low, s.step.time, s.time.base()));
  s.high = Seconds::from_base(scaled_to(s.step.high, s.step.time, s.time.base()));
  s.tokens_per_s_per_gpu = s.tokens_per_s / static_cast<double>(s.gpus);
  return s;
}

}  // namespace moeplan
