// SPDX-License-Identifier: Apache-2.0
#include "sim/study/event_run.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sim/study/routed_layer.h"

namespace moeplan {
namespace {

// Share of the time that ranks stand at a meeting whose last member has not come.
double waited_share(const EventStep& event) {
  const Schedule& schedule = event.schedule.schedule;
  double waited = 0;
  for (std::size_t t = 0; t < schedule.tasks.size(); ++t)
    if (schedule.tasks[t].meeting != kNoMeeting)
      waited += static_cast<double>((event.timeline.spans[t].begin - event.timeline.spans[t].ready).count());
  const double all = static_cast<double>(event.timeline.end.count()) * static_cast<double>(schedule.actors);
  return all > 0 ? waited / all : 0;
}

// Layers in which a rank's experts run.
void add_layers(TimeSpread& layers, const EventStep& event, const StepModel& model) {
  std::vector<bool> has_experts;
  const Schedule& schedule = event.schedule.schedule;
  for (const Task& task : schedule.tasks) {
    const StepModel::RankModel& own = model.rank_models()[event.schedule.actors[task.actor].model];
    if (task.layer == kNoLayer) continue;
    if (task.layer >= has_experts.size()) has_experts.resize(task.layer + std::size_t{1});
    for (const Piece& piece : schedule.pieces_of(task))
      if (piece.op != kNone && own.program.op_array[own.ops.ops[piece.op].op].kind == OpKind::Moe)
        has_experts[task.layer] = true;
  }
  for (std::size_t l = 0; l < event.layers.size(); ++l)
    if (has_experts[l]) layers.sorted.push_back(event.layers[l]);
}

// Tokens that each expert-parallel rank sends, where data-parallel ranks differ: those of its
// stage ranks, which cut one data-parallel rank's in equal parts.
std::vector<Count> tokens_of_ranks(const StepModel& model, const Step& step, const std::vector<Count>& sequences,
                                   Count ranks) {
  if (sequences.empty()) return {};
  std::vector<Count> tokens(static_cast<std::size_t>(ranks));
  const Count sharers = model.ranks() / model.dp();
  for (Count r = 0; r < model.ranks(); ++r) {
    const Count own = sequences[static_cast<std::size_t>(r / sharers)] * step.segments[0].new_tokens;
    tokens[static_cast<std::size_t>(r * ranks / model.ranks())] +=
        own / sharers + (r % sharers < own % sharers ? 1 : 0);
  }
  return tokens;
}

// Of the mean layer, as the analytic engine tells it.
ExpertLoad mean_load(const DrawnLoads& loads) {
  ExpertLoad load;
  load.mean_rows = std::accumulate(loads.rows.begin(), loads.rows.end(), 0.0) /
                   static_cast<double>(std::max<std::size_t>(1, loads.rows.size()));
  load.rows = load.mean_rows * loads.busiest_rows;
  load.distinct = load.mean_distinct = loads.distinct;
  return load;
}

Count expert_layers(const ModelPlan& plan) {
  Count layers = 0;
  for (const LayerShape& layer : plan.layers)
    for (const BlockIndex block : layer)
      layers += std::holds_alternative<MoeFfn>(plan.model.blocks[block].kind) ? 1 : 0;
  return layers;
}

Count draws_for(const Step& step, const ModelPlan& plan) {
  const Count tokens = std::max<Count>(1, step.tokens() * std::max<Count>(1, expert_layers(plan)));
  return std::clamp(kDrawnTokensInAll / tokens, kFewestDraws, kMostDraws);
}

// Of the first kind of expert layers; a model has one, or a second with other weights.
PlacementGain gain_of(const StepModel& model, const ModelPlan& plan, const Step& step, const RoutedLayers& kind,
                      const StepDrawer& drawer, const EventAsk& ask) {
  const ExpertGroup& group = kind.group();
  const Topology& link = model.kernels().machine.link;
  PlacementQuestion question{.routing = kind.routing(),
                             .group = group,
                             .moe_layers = expert_layers(plan),
                             .current = ask.placement,
                             .replicas = ask.replicas,
                             .dispatch = drawer.dispatch_of(kind),
                             .tokens = tokens_of_ranks(model, step, ask.rank_sequences, group.ranks),
                             .expert_bytes = drawer.expert_bytes_of(kind),
                             .bandwidth = group.nodes > 1 ? link.network_bandwidth : link.bandwidth};
  const Count all = step.tokens();
  if (question.tokens.empty())
    for (Count r = 0; r < group.ranks; ++r)
      question.tokens.push_back(all / group.ranks + (r < all % group.ranks ? 1 : 0));
  question.steps_drawn = static_cast<int>(std::clamp<Count>(kDrawnTokensInAll / std::max<Count>(1, 8 * all), 2, 16));
  return placement_gain(question);
}

}  // namespace

Picoseconds TimeSpread::at(double share) const {
  if (sorted.empty()) return {};
  const double rank = std::ceil(share * static_cast<double>(sorted.size())) - 1;
  return sorted[static_cast<std::size_t>(std::max(0.0, rank))];
}

Picoseconds TimeSpread::mean() const {
  if (sorted.empty()) return {};
  double sum = 0;
  for (const Picoseconds time : sorted) sum += static_cast<double>(time.count());
  return Picoseconds(std::llround(sum / static_cast<double>(sorted.size())));
}

std::vector<std::string> draw_violations(const ModelSpec& model, const Routing& routing, const Layout& layout,
                                         Count nodes, const EventAsk& ask) {
  for (const Block& block : model.blocks) {
    const auto* moe = std::get_if<MoeFfn>(&block.kind);
    if (moe == nullptr) continue;
    const RoutedLayer layer = routed_layer(*moe, routing, layout, nodes);
    if (std::vector<std::string> found = draw_violations(layer.routing, layer.group, ask.placement); !found.empty())
      return found;
  }
  return {};
}

StepDrawer::Kinds routed_layers(const ModelSpec& model, const Routing& routing, const Layout& layout, Count nodes,
                                const EventAsk& ask) {
  StepDrawer::Kinds kinds;
  for (const Block& block : model.blocks) {
    const auto* moe = std::get_if<MoeFfn>(&block.kind);
    if (moe == nullptr) continue;
    const RoutedLayer layer = routed_layer(*moe, routing, layout, nodes);
    const auto is_same = [&](const std::shared_ptr<RoutedLayers>& kind) {
      return kind->group().choices == layer.group.choices && kind->group().top_k == layer.group.top_k;
    };
    if (std::any_of(kinds.begin(), kinds.end(), is_same)) continue;
    kinds.push_back(std::make_shared<RoutedLayers>(layer.routing, layer.group, ask.placement, ask.replicas));
  }
  return kinds;
}

EventRun run_events(const StepModel& model, const ModelPlan& plan, const Step& step, EventOptions options,
                    const StepDrawer::Kinds& kinds, const EventAsk& ask) {
  EventRun run;
  options.by_rank = !kinds.empty() || !options.rank_sequences.empty();
  if (kinds.empty()) {
    run.shown = event_step(model, plan, step, options);
    add_layers(run.layers, run.shown, model);
    run.steps.sorted = {run.shown.step.time};
  } else {
    run.drawn = true;
    run.ranks = kinds.front()->group().ranks;
    run.draws = ask.draws > 0 ? ask.draws : draws_for(step, plan);
    StepDrawer drawer(model, plan, kinds, ask.links);
    const std::optional<Step> half = options.overlap == Overlap::None ? std::nullopt : half_of(step, model.dp());
    const std::vector<Count> tokens = tokens_of_ranks(model, step, options.rank_sequences, run.ranks);
    const auto play_draw = [&](Count number) {
      const DrawnStep drawn = drawer.draw(half.value_or(step), static_cast<std::uint64_t>(number), tokens);
      options.drawn = &drawn;
      return event_step(model, plan, step, options);
    };
    std::vector<std::pair<Picoseconds, Count>> times;
    for (Count i = 0; i < run.draws; ++i) {
      const EventStep one = play_draw(i);
      times.emplace_back(one.step.time, i);
      add_layers(run.layers, one, model);
    }
    run.loads = drawer.loads();
    if (ask.placements) run.gain = gain_of(model, plan, step, *kinds.front(), drawer, ask);
    std::sort(times.begin(), times.end());
    for (const auto& [time, number] : times) run.steps.sorted.push_back(time);
    run.shown = play_draw(times[(times.size() - 1) / 2].second);
    run.shown.step.load = mean_load(run.loads);
  }
  std::sort(run.layers.sorted.begin(), run.layers.sorted.end());
  run.waited = waited_share(run.shown);
  run.events = run.shown.timeline.events;
  for (const StepModel::RankModel& own : model.rank_models()) {
    std::vector<OpLabel>& labels = run.labels.emplace_back();
    for (std::size_t i = 0; i < own.ops.count; ++i) {
      const Op& op = own.program.op_array[own.ops.ops[i].op];
      labels.push_back({.name = op.name, .share = share_of(op)});
    }
  }
  return run;
}

}  // namespace moeplan
