// SPDX-License-Identifier: Apache-2.0
#include "sim/study/explain_step.h"

#include <fmt/format.h>

#include <algorithm>
#include <variant>

namespace moeplan {
namespace {

struct Sizes {
  std::string operator()(const GemmPoint& p) const {
    return fmt::format("m {:g}, n {:g}, k {:g}, {}", p.m, p.n, p.k, facts_of(p.format).label);
  }
  std::string operator()(const MoePoint& p) const {
    return fmt::format("{:.0f} tokens in the group, {:.1f} rows over {:.1f} of {:g} local experts, {:g} x {:g}, {}",
                       p.tokens, p.load.rows, p.load.distinct, p.local_experts, p.hidden, p.inter,
                       facts_of(p.format).label);
  }
  std::string operator()(const AttentionPoint& p) const {
    return fmt::format(
        "{:g} sequences, {:g} new against {:g} keys{}, {:g} heads, {:g} kv heads of {:g}, {:g} B a value", p.sequences,
        p.q_len, p.kv_len, p.window > 0 ? fmt::format(" (window {:g})", p.window) : "", p.heads, p.kv_heads, p.head_dim,
        p.cache_bytes);
  }
  std::string operator()(const MlaPoint& p) const {
    return fmt::format("{:g} sequences, {:g} new against {:g} keys{}, {:g} heads, {}", p.sequences, p.q_len, p.kv_len,
                       p.selected > 0 ? fmt::format(" ({:g} selected)", p.selected) : "", p.heads,
                       p.context ? "expanded" : "absorbed");
  }
  std::string operator()(const CollectivePoint& p) const {
    return fmt::format("{:.0f} B over {:g} ranks, {:g} in a fast domain", p.bytes, p.ranks, p.near);
  }
  std::string operator()(const EpPoint& p) const {
    return fmt::format(
        "{:g} tokens a rank, top-{:g} of {:g} experts, {:g} values each, {:g} ranks, {:g} in a fast domain", p.tokens,
        p.top_k, p.experts, p.hidden, p.ranks, p.ranks_per_node);
  }
  std::string operator()(const StreamPoint& p) const { return fmt::format("{:.0f} B", p.bytes); }
  std::string operator()(const PowerReading& p) const {
    return std::visit([this](const auto& kernel) { return (*this)(kernel); }, p.kernel);
  }
};

}  // namespace

std::string sizes_of(const OperatorPoint& point) { return std::visit(Sizes{}, point); }

namespace {

// How a message is sent and what of it goes where; "" for what sends nothing.
std::string sending_of(const PlannedOp& planned, const OperatorPoint& point, const Program& program,
                       const Kernels& kernels, const Binding& binding) {
  const Op& op = program.op_array[planned.op];
  if (op.kind != OpKind::Collective || op.a <= 1) return "";
  std::string way(word_of(op.exchange));
  if (const auto* message = std::get_if<CollectivePoint>(&point)) way = word_of(choice_of(*message, kernels).way);
  const TierBytes sent = sent_bytes(planned, program, kernels, binding);
  std::string text = fmt::format("; {}: {:.0f} B inside", way, sent.fast);
  if (sent.network > 0) text += fmt::format(", {:.0f} B over the network", sent.network);
  if (sent.spine > 0) text += fmt::format(", of them {:.0f} B beyond leaf switches", sent.spine);
  return text;
}

}  // namespace

std::vector<ExplainedOp> explain_step(const SimulateQuestion& q, const Kernels& kernels) {
  const FitQuestion& d = q.deployment;
  const ModelPlan plan = plan_model(d.model, d.formats, d.weights);
  const LoadTables loads = load_tables(d.model, q.routing, d.layout, domains_of(d.layout, kernels), q.drawn.get());
  const StepModel model = step_model_of(q, plan, kernels, loads, q.load.phase);
  const Step step = first_step_of(q, model);
  const StepModel::RankModel& rank = model.rank_models().front();
  const Binding binding = model.bind_step(rank, step);
  std::vector<ExplainedOp> explained;
  for (std::size_t i = 0; i < rank.ops.count; ++i) {
    const PlannedOp& planned = rank.ops.ops[i];
    const Op& op = rank.program.op_array[planned.op];
    const Runs runs = runs_of(planned.op, rank.program, binding);
    const OperatorPoint point = point_of(planned, rank.program, kernels, binding);
    const Price price = price_op(planned, rank.program, kernels, binding);
    explained.push_back(
        {.name = std::string(word_of(op.name)),
         .repeat = runs.whole + runs.single,
         .seconds =
             price_of_runs(planned, rank.program, kernels, binding, PriceDetail::TimeOnly).time.seconds().base() /
             static_cast<double>(runs.whole + runs.single),
         .bound = price.bound,
         .tier = price.tier,
         .sizes = sizes_of(point) + sending_of(planned, point, rank.program, kernels, binding),
         .kernel = kernel_of(planned, point, kernels).from});
  }
  return explained;
}

std::vector<std::string> sources_of(const std::vector<ExplainedOp>& ops) {
  std::vector<std::string> sources;
  for (const ExplainedOp& op : ops) {
    if (std::find(sources.begin(), sources.end(), op.kernel) == sources.end()) sources.push_back(op.kernel);
  }
  return sources;
}

}  // namespace moeplan
