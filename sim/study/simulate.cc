// SPDX-License-Identifier: Apache-2.0
#include "sim/study/simulate.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "sim/base/error.h"
#include "sim/study/fit_search.h"

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

struct Prefill {
  StepResult sum;
  Count steps = 0;
};

// Prompts of `length` new tokens after `prefix` cached ones, `prompts` of them over the
// replica. A rank's step takes `chunk` new tokens: part of one prompt, or several whole ones.
Prefill read_prompts(const StepModel& model, Count prompts, Count prefix, Count length, Count chunk,
                     const std::optional<Segment>& decoding, Overlap overlap) {
  Prefill prefill;
  const Count dp = model.dp();
  const Count per_rank = ceil_div(prompts, dp);
  const auto run = [&](const Segment& segment, Count times) {
    Step step{segment};
    if (decoding) step = Step{segment, *decoding};
    const StepResult one = step_with(model, step, overlap);
    add(prefill.sum, one, times);
    prefill.sum.slowest_stage += one.slowest_stage * times;
    prefill.steps += times;
  };
  if (chunk == 0 || chunk >= length) {
    const Count together = chunk == 0 ? per_rank : std::min(per_rank, std::max<Count>(1, chunk / length));
    const Count whole = per_rank / together;
    // A lone prompt stands on one rank; the others have none.
    run({.sequences = std::min(prompts, together * dp), .new_tokens = length, .context = prefix}, whole);
    const Count rest = per_rank % together;
    if (rest > 0) run({.sequences = std::min(prompts, rest * dp), .new_tokens = length, .context = prefix}, 1);
    return prefill;
  }
  const Count at_once = std::min(prompts, dp);
  for (Count done = 0; done < length; done += chunk)
    run({.sequences = at_once, .new_tokens = std::min(chunk, length - done), .context = prefix + done}, per_rank);
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
};

// Engines keep a micro-batch in every stage of a pipeline.
DecodeTimes decode(const StepModel& model, const SimulatedLoad& load) {
  const Count waves = std::min(model.stages(), load.batch);
  DecodeTimes times;
  times.step = step_with(model, Step{decode_segment(model, load)}, load.overlap);
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

namespace {

// A layer of experts under this routing; how groups are chosen is the model's.
struct RoutedLayer {
  Routing routing;
  ExpertGroup group;
};

RoutedLayer routed_layer(const MoeFfn& moe, const Routing& routing, const Layout& layout, Count nodes) {
  RoutedLayer layer{.routing = routing, .group = {}};
  if (routing.groups == 0 && moe.groups > 1) {
    layer.routing.groups = moe.groups;
    layer.routing.kept_groups = moe.top_groups;
  }
  if (layout.redundant > 0) layer.routing.redundant = layout.redundant;
  layer.group = {.choices = moe.experts + moe.zero_experts,
                 .experts = moe.experts,
                 .top_k = moe.top_k,
                 .ranks = layout.ep,
                 .nodes = layout.ep % std::max<Count>(1, nodes) == 0 ? std::max<Count>(1, nodes) : 1};
  return layer;
}

bool is_even(const Routing& routing) {
  return routing.skew == Skew::Balanced && routing.capacity_factor == 0 && !routing.expert_choice;
}

}  // namespace

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

LoadTables load_tables(const ModelSpec& model, const Routing& routing, const Layout& layout, Count nodes) {
  LoadTables tables;
  for (const Block& block : model.blocks) {
    const auto* moe = std::get_if<MoeFfn>(&block.kind);
    if (moe == nullptr || tables.find(moe->experts + moe->zero_experts, moe->top_k) != nullptr) continue;
    const RoutedLayer layer = routed_layer(*moe, routing, layout, nodes);
    // Even loads have closed forms; of groups only how many nodes a token visits has none.
    if (is_even(routing) && (layer.routing.groups == 0 || layer.group.nodes == 1)) continue;
    tables.add(LoadTable(layer.routing, layer.group));
  }
  return tables;
}

Count domains_of(const Layout& layout, const Kernels& kernels) {
  return ceil_div(layout.ranks_per_stage(), std::max<Count>(1, static_cast<Count>(kernels.machine.link.domain)));
}

StepModel step_model_of(const SimulateQuestion& q, const ModelPlan& plan, const Kernels& kernels,
                        const LoadTables& loads, Phase phase, bool for_steps) {
  return StepModel(plan, q.deployment.runtime, step_options(q, plan, for_steps), kernels, phase, &loads);
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
  const LoadTables loads = load_tables(d.model, question.routing, d.layout, domains_of(d.layout, kernels));
  const StepModel prefill = step_model_of(question, plan, kernels, loads, Phase::Prefill);
  const SimulatedLoad& load = question.load;
  const Count chunk = chunk_of(question);
  const double replicas = static_cast<double>(replicas_of(question));

  const Count prompt = std::max<Count>(1, load.context - (load.phase == Phase::Prefill ? load.prefix : 0));
  const Prefill alone =
      read_prompts(prefill, 1, load.phase == Phase::Prefill ? load.prefix : 0, prompt, chunk, {}, load.overlap);
  s.first_token = alone.sum.time.seconds();

  if (load.phase == Phase::Prefill) {
    std::optional<Segment> decoding;
    if (load.mixed > 0)
      decoding = Segment{.sequences = load.mixed,
                         .new_tokens = 1,
                         .context = load.mixed_context != 0 ? load.mixed_context : load.context};
    const Prefill all = read_prompts(prefill, load.batch, load.prefix, prompt, chunk, decoding, load.overlap);
    s.step = all.sum;
    s.steps = all.steps;
    s.time = s.step.time.seconds();
    // Micro-batches follow one another through the stages.
    if (prefill.stages() > 1 && all.steps > 1) {
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
    const DecodeTimes times = decode(model, load);
    s.step = times.step;
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
