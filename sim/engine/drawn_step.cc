// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/drawn_step.h"

#include <algorithm>
#include <numeric>

#include "sim/base/error.h"
#include "sim/engine/flow_times.h"
#include "sim/engine/flow_topology.h"

namespace moeplan {
namespace {

double mean_of(const std::vector<double>& values) {
  return values.empty() ? 0 : std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double peak_over_mean(const std::vector<double>& values) {
  const double mean = mean_of(values);
  return mean > 0 ? *std::max_element(values.begin(), values.end()) / mean : 1;
}

// Sends the same bytes, every rank as much as the mean one to everybody: near ranks and far
// ones in the drawn proportion.
double even_seconds(const ByteMatrix& matrix, Count near, const Topology& topology) {
  TierBytes bytes;
  const double part = 1.0 / static_cast<double>(matrix.ranks);
  for (Count i = 0; i < matrix.ranks; ++i)
    for (Count j = 0; j < matrix.ranks; ++j)
      if (i != j) (i / near == j / near ? bytes.fast : bytes.network) += part * matrix.at(i, j);
  return seconds_at_peak(bytes, topology);
}

}  // namespace

CopyKind copy_kind_of(DispatchKind exchange, bool several_domains) {
  switch (exchange) {
    case DispatchKind::AllGather: return CopyKind::Gathered;
    case DispatchKind::DeepEpLowLatency:
    case DispatchKind::DeepEp: return CopyKind::PerExpert;
    case DispatchKind::DeepEpNormal: return several_domains ? CopyKind::PerNode : CopyKind::PerRank;
    case DispatchKind::NvlinkOneSided:
    case DispatchKind::NvlinkTwoSided: return CopyKind::PerRank;
  }
  return CopyKind::PerRank;
}

StepDrawer::StepDrawer(const StepModel& model, const ModelPlan& plan, Kinds kinds, LinkModel links)
    : model_(model), plan_(plan), kinds_(std::move(kinds)), links_(links) {
  find_layers();
}

StepDrawer::MoeOps StepDrawer::ops_of(const StepModel::RankModel& model, BlockIndex block) const {
  MoeOps ops;
  for (std::size_t i = 0; i < model.ops.count; ++i) {
    const PlannedOp& planned = model.ops.ops[i];
    const Op& op = model.program.op_array[planned.op];
    if (op.block != block) continue;
    if (op.kind == OpKind::Moe) ops.experts = &planned;
    if (planned.family == Family::Ep && op.name == OpName::Dispatch) ops.dispatch = &planned;
    if (planned.family == Family::Ep && op.name == OpName::Combine) ops.combine = &planned;
  }
  if (ops.experts == nullptr) return ops;
  const Op& experts = model.program.op_array[ops.experts->op];
  for (const std::shared_ptr<RoutedLayers>& kind : kinds_)
    if (kind->group().choices == experts.choices && kind->group().top_k == experts.b) ops.routed = kind.get();
  return ops;
}

void StepDrawer::find_layers() {
  const std::vector<StepModel::RankModel>& models = model_.rank_models();
  const Count decoder = static_cast<Count>(plan_.layers.size()) - plan_.encoder_layers;
  layers_.resize(static_cast<std::size_t>(decoder));
  for (std::size_t m = 0; m < models.size(); ++m) {
    const RankClass& c = models[m].rank_class;
    copies_per_rank_ = models[m].program.moe_tp;
    const bool first_of_stage = m == 0 || models[m - 1].rank_class.first_stage != c.first_stage;
    if (!first_of_stage) continue;
    for (Count l = c.first_layer; l < c.first_layer + c.stages * c.layers; ++l)
      for (const BlockIndex block : plan_.layers[static_cast<std::size_t>(plan_.encoder_layers + l)])
        if (const MoeOps ops = ops_of(models[m], block); ops.experts != nullptr)
          layers_[static_cast<std::size_t>(l)] = {.model = m, .ops = ops};
  }
}

const StepDrawer::Layer* StepDrawer::layer_of(const RoutedLayers& kind) const {
  for (const Layer& layer : layers_)
    if (layer.ops.routed == &kind) return &layer;
  return nullptr;
}

Dispatch StepDrawer::dispatch_of(const StepModel::RankModel& model, const MoeOps& ops) const {
  if (ops.dispatch == nullptr || ops.combine == nullptr) return {.kind = CopyKind::Gathered};
  const Op& there = model.program.op_array[ops.dispatch->op];
  const Op& back = model.program.op_array[ops.combine->op];
  return {.kind = copy_kind_of(there.exchange, ops.dispatch->span.domains() > 1),
          .there_bytes = static_cast<double>(there.n),
          .back_bytes = static_cast<double>(back.n)};
}

Dispatch StepDrawer::dispatch_of(const RoutedLayers& kind) const {
  const Layer* layer = layer_of(kind);
  return layer == nullptr ? Dispatch{.kind = CopyKind::Gathered}
                          : dispatch_of(model_.rank_models()[layer->model], layer->ops);
}

double StepDrawer::expert_bytes_of(const RoutedLayers& kind) const {
  const Layer* layer = layer_of(kind);
  if (layer == nullptr) return 0;
  const Program& program = model_.rank_models()[layer->model].program;
  const Op& experts = program.op_array[layer->ops.experts->op];
  double bytes = 0;
  for (const Op& op : program.ops()) {
    if (op.block != experts.block || op.kind != OpKind::Moe || op.layers == 0) continue;
    for (std::size_t i = 0; i < op.weights_count; ++i) {
      const Tensor& tensor = program.tensor_array[op.weights_first + i];
      bytes += static_cast<double>(tensor.fixed) * tensor.repeat / op.layers;
    }
  }
  return bytes / std::max(1, experts.a);
}

PortTimes StepDrawer::flow_ends(const StepModel::RankModel& model, const ByteMatrix& bytes, Count near) {
  if (!fabric_) {
    Topology link = model.kernels->machine.link;
    link.latency = link.network_latency = 0;
    link.domain = static_cast<double>(near);
    fabric_.emplace(fabric_of(link, bytes.ranks, {}));
  }
  const FlowSet flows = flows_over(*fabric_, bytes);
  const FlowTimes times = run_flows(flows);
  PortTimes ends;
  ends.done.assign(static_cast<std::size_t>(bytes.ranks), 0.0);
  for (std::size_t f = 0; f < flows.flows.size(); ++f)
    for (const std::uint32_t end : {flows.flows[f].source, flows.flows[f].destination})
      ends.done[end] = std::max(ends.done[end], times.finish[f]);
  ends.bound = flow_bound(flows);
  return ends;
}

PortTimes StepDrawer::link_times(const StepModel::RankModel& model, const ByteMatrix& bytes, Count near) {
  PortTimes ports = port_times(bytes, near, model.kernels->machine.link);
  if (links_ == LinkModel::Flows) {
    PortTimes exact = flow_ends(model, bytes, near);
    exact.port = std::move(ports.port);
    return exact;
  }
  constexpr Count kMostChecked = 128;  // ranks: seconds beyond
  if (!sums_.port_error && bytes.ranks <= kMostChecked) {
    const std::vector<double> exact = flow_ends(model, bytes, near).done;
    const double last = *std::max_element(exact.begin(), exact.end());
    sums_.port_error = last > 0 ? *std::max_element(ports.done.begin(), ports.done.end()) / last - 1 : 0;
  }
  return ports;
}

StepDrawer::ExchangeTimes StepDrawer::exchange_times(const StepModel::RankModel& model, const PlannedOp& planned,
                                                     const ByteMatrix& bytes, const Binding& binding) {
  const Topology& link = model.kernels->machine.link;
  const Count near = std::max<Count>(1, static_cast<Count>(planned.span.near) / copies_per_rank_);
  const PortTimes ports = link_times(model, bytes, near);
  sums_.bound_seconds += ports.bound;
  const double even = even_seconds(bytes, near, link);
  ExchangeTimes times;
  double last_busiest = -1;
  Picoseconds last;
  for (const double done : ports.done) {
    const double busiest = even > 0 ? done / even : 1;
    if (busiest != last_busiest) {
      last = price_exchange(planned, model.program, *model.kernels, binding, busiest, PriceDetail::TimeOnly).time;
      last_busiest = busiest;
    }
    times.whole.insert(times.whole.end(), static_cast<std::size_t>(copies_per_rank_), last);
  }
  for (const double port : ports.port)
    times.on_links.insert(times.on_links.end(), static_cast<std::size_t>(copies_per_rank_), picoseconds_of(port));
  sums_.busiest_port += even > 0 ? ports.bound / even : 1;
  ++exchanges_;
  return times;
}

RankTimes StepDrawer::times_of(const StepModel::RankModel& model, const MoeOps& ops, const LayerDraw& draw,
                               const Binding& binding) {
  RankTimes times;
  const double mean_rows = mean_of(draw.rows);
  const double mean_distinct = mean_of(draw.distinct);
  for (std::size_t r = 0; r < draw.rows.size(); ++r) {
    // Kernels are launched for nobody, too: as for one pair.
    const ExpertLoad load{.rows = std::max(1.0, draw.rows[r]),
                          .distinct = std::max(1.0, draw.distinct[r]),
                          .peak = std::max(1.0, draw.peak[r]),
                          .mean_rows = mean_rows,
                          .mean_distinct = mean_distinct,
                          .dropped = draw.dropped};
    const Picoseconds time =
        price_experts(*ops.experts, model.program, *model.kernels, binding, load, PriceDetail::TimeOnly).time;
    times.experts.insert(times.experts.end(), static_cast<std::size_t>(copies_per_rank_), time);
  }
  if (ops.dispatch != nullptr) {
    ExchangeTimes there = exchange_times(model, *ops.dispatch, draw.dispatch, binding);
    times.dispatch = std::move(there.whole);
    times.dispatch_links = std::move(there.on_links);
  }
  if (ops.combine != nullptr) {
    ExchangeTimes back = exchange_times(model, *ops.combine, draw.combine, binding);
    times.combine = std::move(back.whole);
    times.combine_links = std::move(back.on_links);
  }
  return times;
}

void StepDrawer::count(const LayerDraw& draw) {
  const std::size_t ranks = draw.rows.size();
  if (sums_.rows.empty())
    for (std::vector<double>* figures : {&sums_.rows, &sums_.received, &sums_.sent}) figures->resize(ranks);
  for (std::size_t r = 0; r < ranks; ++r) {
    sums_.rows[r] += draw.rows[r];
    for (std::size_t i = 0; i < ranks; ++i) {
      if (i == r) continue;
      sums_.received[r] += draw.dispatch.bytes[i * ranks + r];
      sums_.sent[r] += draw.combine.bytes[r * ranks + i];
    }
  }
  const double busiest = peak_over_mean(draw.rows);
  sums_.busiest_rows += busiest;
  sums_.worst_rows = std::max(sums_.worst_rows, busiest);
  sums_.distinct += mean_of(draw.distinct);
  ++sums_.layers;
}

DrawnLoads StepDrawer::loads() const {
  DrawnLoads mean = sums_;
  const double layers = static_cast<double>(std::max<Count>(1, mean.layers));
  for (std::vector<double>* figures : {&mean.rows, &mean.received, &mean.sent})
    for (double& figure : *figures) figure /= layers;
  mean.busiest_rows /= layers;
  mean.distinct /= layers;
  mean.busiest_port /= static_cast<double>(std::max<Count>(1, exchanges_));
  mean.bound_seconds /= static_cast<double>(std::max<Count>(1, mean.steps));
  return mean;
}

DrawnStep StepDrawer::draw(const Step& step, std::uint64_t number, const std::vector<Count>& given) {
  DrawnStep drawn;
  drawn.layers.resize(layers_.size());
  const Count all = step.tokens();
  ++sums_.steps;
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const Layer& layer = layers_[l];
    if (layer.ops.routed == nullptr) continue;
    const StepModel::RankModel& model = model_.rank_models()[layer.model];
    const Count ranks = layer.ops.routed->group().ranks;
    std::vector<Count> tokens = given;
    if (tokens.empty())
      for (Count r = 0; r < ranks; ++r) tokens.push_back(all / ranks + (r < all % ranks ? 1 : 0));
    CHECK(static_cast<Count>(tokens.size()) == ranks);
    const LayerDraw& one = layer.ops.routed->draw(static_cast<Count>(l), number, tokens, dispatch_of(model, layer.ops));
    count(one);
    drawn.layers[l] = times_of(model, layer.ops, one, model_.bind_step(model, step));
  }
  return drawn;
}

}  // namespace moeplan
