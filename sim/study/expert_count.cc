// SPDX-License-Identifier: Apache-2.0
#include "sim/study/expert_count.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "sim/base/error.h"
#include "sim/study/fit_search.h"
#include "sim/study/pricing.h"

namespace moeplan {
namespace {

constexpr Count kFirstExperts = 8;
constexpr Count kLastExperts = 16384;

// What a curve is priced with.
struct Setting {
  ModelSpec like;
  ExpertSizes held;
  FitQuestion deployment;  // without model and layout
  Pricing pricing;
};

void drop_curves(Kernels& kernels) {
  for (ResolvedKernel& kernel : kernels.gemm) kernel.curves = nullptr;
  for (ResolvedKernel& kernel : kernels.moe) kernel.curves = nullptr;
  for (auto& widths : kernels.exchange)
    for (Kernels::Exchange& pair : widths) pair.prepare.curves = pair.dispatch.curves = pair.combine.curves = nullptr;
}

ClusterSpec cluster_named(const Catalog& catalog, const std::string& name) {
  return catalog.knows_node(name) ? catalog.cluster(name) : usual_cluster(catalog, name);
}

// Attention copied, experts dealt out as far as they go and cut beyond.
Layout layout_for(Count gpus, Count experts) {
  Layout layout;
  layout.dp = gpus;
  layout.ep = std::gcd(gpus, experts);
  layout.moe_tp = gpus / layout.ep;
  return layout;
}

Setting setting_of(const Catalog& catalog, const ExpertCountAsk& ask) {
  ModelSpec like = catalog.model(ask.model);
  ExpertSizes held = expert_sizes_of(like);
  if (held.experts == 0) {
    Problem problem;
    problem.file = "expert-count";
    problem.found = "the model \"" + ask.model + "\"";
    problem.expected = "a model with experts";
    throw InputError(ErrorKind::Usage, problem);
  }
  if (ask.experts_held > 0) held.experts = ask.experts_held;
  if (ask.top_k_held > 0) held.top_k = ask.top_k_held;
  if (ask.width_held > 0) held.width = ask.width_held;

  const ClusterSpec cluster = cluster_named(catalog, ask.hardware);
  const DeviceSpec& device = cluster.devices.front();
  FitQuestion q;
  q.formats = catalog.formats();
  q.runtime = catalog.runtime(ask.runtime.empty() ? device.default_runtime : ask.runtime);
  q.weights = ask.weights;
  q.device.device = device.id;
  q.device.capacity = device.memory.value - device.unallocatable.value;
  q.device.reserve = reserve_of(q.runtime, q.device.capacity);
  q.device.host_is_device = cluster.node.unified;
  q.device.node_devices = std::min(ask.gpus, cluster.node.devices());
  q.workload = {.context = ask.context, .sequences = ask.batch * ask.gpus};
  const Layout layout = layout_for(ask.gpus, ask.gpus);
  Pricing pricing = pricing_of(catalog, cluster, q.runtime, q.formats, needs_of(like, layout));
  drop_curves(pricing.kernels);
  q.device.fast_domain = static_cast<Count>(pricing.kernels.machine.link.domain);
  return {std::move(like), held, std::move(q), std::move(pricing)};
}

// Nothing where experts of whole numbers cannot hold what is held; the reason then.
struct Resized {
  std::optional<ExpertSizes> sizes;
  std::string reason;
};

Resized resized(const ExpertSizes& held, ExpertGrowth growth, Count experts) {
  ExpertSizes sizes = held;
  sizes.experts = experts;
  if (held.top_k > experts && growth != ExpertGrowth::BothHeld)
    return {std::nullopt, fmt::format("a token uses {} experts", held.top_k)};
  if (growth == ExpertGrowth::ActiveHeld) return {sizes, ""};
  const Count columns = held.experts * held.width;
  if (columns % experts != 0)
    return {std::nullopt, fmt::format("{} columns do not divide over {} experts", columns, experts)};
  sizes.width = columns / experts;
  if (growth == ExpertGrowth::TotalHeld) return {sizes, ""};
  if (held.top_k * experts % held.experts != 0)
    return {std::nullopt, fmt::format("a token would use {:g} experts",
                                      static_cast<double>(held.top_k * experts) / static_cast<double>(held.experts))};
  sizes.top_k = held.top_k * experts / held.experts;
  return {sizes, ""};
}

// The first sentence and how many more.
std::string reason_of(const std::vector<std::string>& sentences) {
  if (sentences.size() == 1) return sentences.front();
  return fmt::format("{} (and {} more)", sentences.front(), sentences.size() - 1);
}

// What laws count: no embeddings, no head; nor routers, which grow with the experts and are none of
// the dense model beside which a law puts them.
struct LawParameters {
  double active = 0;
  double total = 0;
};

LawParameters law_parameters(const ParameterCounts& counts) {
  const Count router = counts.by_part[static_cast<std::size_t>(Part::Router)];
  const Count tables = counts.active - counts.active_no_embedding_head;
  return {.active = static_cast<double>(counts.active_no_embedding_head - router),
          .total = static_cast<double>(counts.total - tables - router)};
}

LawAnswer law_of(const ExpertCountAsk& ask, const ExpertSizes& held, const ExpertSizes& sizes,
                 const ParameterCounts& counts) {
  LawAnswer answer;
  const double expansion = static_cast<double>(sizes.experts) / static_cast<double>(sizes.top_k);
  if (ask.growth == ExpertGrowth::BothHeld) {
    const double granularity = static_cast<double>(held.width * held.top_k) / static_cast<double>(sizes.width);
    const double parameters = law_parameters(counts).total;
    const GranularityLaw& law = granularity_law();
    answer.effective_parameters = parameters * law.effective_factor(granularity);
    answer.loss = law.loss(parameters, ask.training_tokens, granularity);
    answer.outside = outside(kGranularityRanges, std::array{parameters, ask.training_tokens, granularity, expansion});
    return answer;
  }
  const double parameters = law_parameters(counts).active;
  const RoutedLaw& law = routed_law(ask.router);
  answer.effective_parameters = law.effective_parameters(parameters, expansion);
  answer.loss = law.loss(parameters, expansion);
  answer.outside = outside(kRoutedRanges, std::array{parameters, expansion});
  return answer;
}

SimulateQuestion question_of(const Setting& setting, const ExpertCountAsk& ask, const ModelSpec& model,
                             const Layout& layout) {
  SimulateQuestion q{.deployment = setting.deployment, .load = {}, .routing = {}};
  if (ask.gpus > 1) q.routing.skew = ask.skew;
  q.deployment.model = model;
  q.deployment.layout = layout;
  q.load.phase = ask.phase;
  q.load.batch = ask.batch * ask.gpus;
  q.load.context = ask.context;
  return q;
}

ExpertCountRow row_of(const Setting& setting, const ExpertCountAsk& ask, Count experts, LoadTables& drawn) {
  ExpertCountRow row;
  row.sizes = setting.held;
  row.sizes.experts = experts;
  row.status = PointStatus::Invalid;
  const Resized size = resized(setting.held, ask.growth, experts);
  row.reason = size.reason;
  if (!size.sizes) return row;
  row.sizes = *size.sizes;
  const ModelSpec model = with_experts(setting.like, row.sizes);
  row.layout = layout_for(ask.gpus, experts);
  std::vector<std::string> broken = violations(model);
  if (broken.empty()) broken = violations(row.layout, model, setting.deployment.runtime);
  const SimulateQuestion q = question_of(setting, ask, model, row.layout);
  if (broken.empty()) broken = routing_violations(model, q.routing, row.layout);
  if (!broken.empty()) {
    row.reason = reason_of(broken);
    return row;
  }
  const FitResult fit = evaluate(q.deployment);
  row.status = fit.verdict == Verdict::No ? PointStatus::NoFit : PointStatus::Ok;
  row.rank_bytes = fit.ranks.front().ledger.total;
  row.rank_budget = fit.ranks.front().budget();
  if (row.status == PointStatus::NoFit)
    row.reason = fmt::format("short by {:.1f} GiB a rank", -in_gib(fit.ranks.front().margin));
  const ParameterCounts counts = count_parameters(model);
  row.total_parameters = counts.total;
  row.active_parameters = counts.active;
  const Kernels& kernels = setting.pricing.kernels;
  const ModelPlan plan = plan_model(model, q.deployment.formats, q.deployment.weights);
  const LoadTables loads = load_tables(model, q.routing, row.layout, domains_of(row.layout, kernels), &drawn);
  if (const LoadTable* table = loads.find(experts, row.sizes.top_k);
      table != nullptr && drawn.find(experts, row.sizes.top_k) == nullptr)
    drawn.add(*table);
  const StepModel steps = step_model_of(q, plan, kernels, loads, ask.phase);
  const Step step = first_step_of(q, steps);
  row.split = expert_split(steps, step);
  row.gpu_seconds_per_token =
      row.split.time.seconds().base() * static_cast<double>(ask.gpus) / static_cast<double>(step.tokens());
  if (ask.law) row.law = law_of(ask, setting.held, row.sizes, counts);
  return row;
}

double part_per_token(const ExpertCountRow& row, std::size_t part) {
  return row.gpu_seconds_per_token * static_cast<double>(row.split.parts[part].count()) /
         static_cast<double>(row.split.time.count());
}

// What made row `to` dearer than row `from`.
void set_cause(ExpertTurn& turn, const ExpertCountRow& from, const ExpertCountRow& to) {
  double most = 0;
  double grown = 0;
  for (std::size_t part = 0; part < kExpertParts; ++part) {
    const double more = part_per_token(to, part) - part_per_token(from, part);
    grown += std::max(0.0, more);
    if (more <= most) continue;
    most = more;
    turn.cause = static_cast<ExpertPart>(part);
  }
  turn.cause_share = grown > 0 ? most / grown : 0;
}

std::optional<ExpertTurn> best_of(const ExpertCountCurve& curve, bool inside) {
  std::optional<std::size_t> best;  // place in curve.priced
  std::size_t last = 0;
  for (std::size_t i = 0; i < curve.priced.size(); ++i) {
    const ExpertCountRow& row = curve.rows[curve.priced[i]];
    if (!row.law || (inside && !row.law->outside.empty())) continue;
    last = i;
    if (!best || row.worth() > curve.rows[curve.priced[*best]].worth()) best = i;
  }
  if (!best) return std::nullopt;
  ExpertTurn turn{.row = curve.priced[*best]};
  turn.outside_law = !curve.rows[turn.row].law->outside.empty();
  turn.at_end = *best == last;
  if (*best + 1 < curve.priced.size()) set_cause(turn, curve.rows[turn.row], curve.rows[curve.priced[*best + 1]]);
  return turn;
}

constexpr double kHalf = 0.5;

// Routing at its largest may fall again: the last size before it is half for the first time.
std::optional<ExpertTurn> half_of(const ExpertCountCurve& curve) {
  for (std::size_t i = 0; i < curve.priced.size(); ++i) {
    const ExpertSplit& split = curve.rows[curve.priced[i]].split;
    if (split.overhead_share() < kHalf) continue;
    if (i == 0) return std::nullopt;
    ExpertTurn turn{.row = curve.priced[i - 1]};
    double most = 0;
    for (std::size_t part = 0; part < kExpertParts; ++part) {
      const double share = static_cast<double>(split.parts[part].count());
      if (!is_overhead(static_cast<ExpertPart>(part)) || share <= most) continue;
      most = share;
      turn.cause = static_cast<ExpertPart>(part);
    }
    turn.cause_share = most / static_cast<double>(split.overhead().count());
    return turn;
  }
  if (curve.priced.empty()) return std::nullopt;
  return ExpertTurn{.row = curve.priced.back(), .at_end = true};
}

void set_turns(ExpertCountCurve& curve) {
  std::vector<double> experts;
  std::vector<double> cost;
  for (std::size_t i = 0; i < curve.rows.size(); ++i) {
    if (curve.rows[i].status == PointStatus::Invalid) continue;
    curve.priced.push_back(i);
    experts.push_back(static_cast<double>(curve.rows[i].sizes.experts));
    cost.push_back(curve.rows[i].gpu_seconds_per_token);
  }
  curve.knee = find_knee(experts, cost);
  curve.best = best_of(curve, false);
  curve.best_inside = best_of(curve, true);
  curve.half = half_of(curve);
}

}  // namespace

std::string_view word_of(ExpertGrowth growth) {
  switch (growth) {
    case ExpertGrowth::ActiveHeld: return "constant active parameters";
    case ExpertGrowth::TotalHeld: return "constant total parameters";
    case ExpertGrowth::BothHeld: return "constant active and total parameters";
  }
  return "constant active parameters";
}

double ExpertCountRow::worth() const { return law ? law->effective_parameters / gpu_seconds_per_token : 0; }

ExpertCountCurve ExpertCountStudy::curve(const ExpertCountAsk& ask) {
  const Setting setting = setting_of(*catalog_, ask);
  ExpertCountCurve curve;
  curve.ask = ask;
  curve.hardware = ask.hardware;
  curve.runtime = setting.deployment.runtime.id;
  if (ask.law)
    curve.law_source =
        ask.growth == ExpertGrowth::BothHeld
            ? std::string("granularity law, Krajewski et al. 2024 (arXiv:2402.07871)")
            : fmt::format("law of routed models, Clark et al. 2022 (arXiv:2202.01169), {}", word_of(ask.router));
  std::vector<Count> experts = ask.experts;
  if (experts.empty())
    for (Count e = kFirstExperts; e <= kLastExperts; e *= 2) experts.push_back(e);
  for (const Count e : experts) curve.rows.push_back(row_of(setting, ask, e, drawn_[ask.gpus]));
  set_turns(curve);
  return curve;
}

std::vector<ExpertCountAsk> expert_count_asks(bool with_law) {
  struct Site {
    const char* hardware;
    Count gpus;
    const char* runtime;
    const char* weights;
    std::vector<Count> batches;
  };
  const std::vector<Site> sites = {{"h200-x8", 8, "sglang", "native", {1, 32, 256}},
                                   {"gb200-nvl72", 64, "trtllm", "native", {1, 32, 256}},
                                   {"laptop-16gb", 1, "llama.cpp", "q4_k_m", {1, 8}}};
  // 64 times the parameters of the feed-forward layer of the active ones, as the law of
  // granularity was fitted with: one expert of 64 at granularity 1, 8 of 512 as wide as OLMoE's.
  constexpr Count kExpanded = 512;
  std::vector<ExpertCountAsk> asks;
  for (const Site& m : sites)
    for (const ExpertGrowth growth : {ExpertGrowth::ActiveHeld, ExpertGrowth::TotalHeld, ExpertGrowth::BothHeld}) {
      ExpertCountAsk ask;
      ask.growth = growth;
      ask.hardware = m.hardware;
      ask.gpus = m.gpus;
      ask.runtime = m.runtime;
      ask.weights = m.weights;
      ask.law = with_law;
      if (growth != ExpertGrowth::ActiveHeld && m.gpus > 1) ask.experts_held = kExpanded;
      for (const Count batch : m.batches) {
        ask.batch = batch;
        asks.push_back(ask);
      }
      ask.phase = Phase::Prefill;
      ask.batch = 1;
      asks.push_back(ask);
    }
  return asks;
}

}  // namespace moeplan
