// SPDX-License-Identifier: Apache-2.0
#include "sim/study/expert_overhead.h"

#include <algorithm>

#include "sim/base/error.h"
#include "sim/cost/moe.h"
#include "sim/cost/op_points.h"

namespace moeplan {
namespace {

struct PartWords {
  std::string_view word;
  std::string_view key;
};
constexpr std::array<PartWords, kExpertParts> kWords = {{{"rest of the model", "rest"},
                                                         {"launches", "launches"},
                                                         {"useful", "useful"},
                                                         {"distinct experts", "distinct_experts"},
                                                         {"tile padding", "tile_padding"},
                                                         {"permutation", "permutation"},
                                                         {"router", "router"},
                                                         {"dispatch + combine", "exchange"},
                                                         {"imbalance", "imbalance"}}};

// Seconds of each part.
using Parts = std::array<double, kExpertParts>;
double& at(Parts& parts, ExpertPart part) { return parts[static_cast<std::size_t>(part)]; }

// What the mean rank sees where it is less than the busiest.
ExpertLoad mean_of(const ExpertLoad& load) {
  ExpertLoad mean = load;
  mean.rows = std::min(load.rows, load.mean_rows);
  mean.distinct = std::min(load.distinct, load.mean_distinct);
  mean.peak = mean.distinct > 0 ? mean.rows / mean.distinct : 0;
  return mean;
}

// An operator of a rank that takes `seconds` in all its layers.
struct TimedOp {
  const PlannedOp& planned;
  const Op& op;
  const Program& program;
  const Kernels& kernels;
  const Binding& binding;
  double seconds;
};

// The form says in which proportions causes stand: where a curve was measured at this very
// shape, its time is split as the form's is.
void split_experts(const TimedOp& t, Parts& parts) {
  const ExpertLoad load = load_of(t.op, t.binding);
  const MoePoint busiest = moe_point_for(t.planned, t.op, t.program, t.kernels, t.binding, load);
  const MoePoint mean = moe_point_for(t.planned, t.op, t.program, t.kernels, t.binding, mean_of(load));
  const ResolvedKernel& kernel = kernel_of(t.planned, busiest, t.kernels);
  const std::span<const double> constants = std::span(kernel.constants).first(kernel.family->constants.size());
  const double active = t.op.choices + t.op.chunk > 0
                            ? static_cast<double>(t.op.b) * t.op.a / static_cast<double>(t.op.choices + t.op.chunk)
                            : 0;
  const double whole = moe_time(busiest, t.kernels.machine, constants).seconds;
  if (!(whole > 0)) return;
  MoeWithout without;
  double left = whole;
  const auto take = [&](ExpertPart part) {
    const double next = std::min(left, moe_time_without(mean, t.kernels.machine, constants, without, active).seconds);
    at(parts, part) += t.seconds * (left - next) / whole;
    left = next;
  };
  take(ExpertPart::Imbalance);
  without.bookkeeping = without.copies = true;
  take(ExpertPart::Permute);
  without.padding = true;
  take(ExpertPart::Padding);
  without.spread = true;
  take(ExpertPart::Spread);
  without.launches = true;
  take(ExpertPart::Launches);
  at(parts, ExpertPart::Useful) += t.seconds * left / whole;
}

// Exchanges of the busiest port, and what they would take if all ports did the same.
void split_exchange(const TimedOp& t, Parts& parts) {
  double even = 1;
  if (t.planned.family == Family::Ep) {
    EpPoint point = exchange_point(t.planned, t.op, t.program, t.binding);
    const ResolvedKernel& kernel = kernel_of(t.planned, point, t.kernels);
    const double busiest = time_of(kernel, point, t.kernels.machine).seconds;
    point.busiest = 1;
    if (busiest > 0) even = std::min(1.0, time_of(kernel, point, t.kernels.machine).seconds / busiest);
  }
  at(parts, ExpertPart::Exchange) += t.seconds * even;
  at(parts, ExpertPart::Imbalance) += t.seconds * (1 - even);
}

void split_op(const TimedOp& t, Parts& parts) {
  switch (share_of(t.op)) {
    case StepShare::Experts: split_experts(t, parts); return;
    case StepShare::Exchange: split_exchange(t, parts); return;
    case StepShare::Router: at(parts, ExpertPart::Router) += t.seconds; return;
    default: at(parts, ExpertPart::Rest) += t.seconds;
  }
}

struct RankParts {
  Parts parts{};
  double seconds = 0;
  ExpertLoad load;
};

RankParts rank_parts(const StepModel& model, const StepModel::RankModel& rank, const Binding& binding,
                     std::span<const Price> prices) {
  RankParts result;
  const Program& program = rank.program;
  for (std::size_t i = 0; i < rank.ops.count; ++i) {
    const PlannedOp& planned = rank.ops.ops[i];
    const Op& op = program.op_array[planned.op];
    const Price price =
        price_of_runs(prices[planned.price], planned, program, *rank.kernels, binding, PriceDetail::TimeOnly);
    const double factor = kernel_factor(rank.kernels->engine, program.phase, op);
    const TimedOp timed{planned, op, program, *rank.kernels, binding, factor * price.time.seconds().base()};
    split_op(timed, result.parts);
    result.seconds += price.time.seconds().base();
    if (op.kind != OpKind::Moe) continue;
    const ExpertLoad load = load_of(op, binding);
    if (load.distinct > result.load.distinct) result.load = load;
  }
  result.seconds += model.engine_seconds(rank, binding, prices);
  return result;
}

}  // namespace

std::string_view word_of(ExpertPart part) { return kWords[static_cast<std::size_t>(part)].word; }
std::string_view key_of(ExpertPart part) { return kWords[static_cast<std::size_t>(part)].key; }

Picoseconds ExpertSplit::overhead() const {
  Picoseconds sum;
  for (std::size_t i = 0; i < kExpertParts; ++i)
    if (is_overhead(static_cast<ExpertPart>(i))) sum += parts[i];
  return sum;
}

double ExpertSplit::overhead_share() const {
  const double above = static_cast<double>(overhead().count());
  const double below = static_cast<double>((of(ExpertPart::Launches) + of(ExpertPart::Useful)).count());
  return above + below > 0 ? above / (above + below) : 0;
}

ExpertSplit expert_split(const StepModel& model, const Step& step) {
  const std::vector<StepModel::RankModel>& ranks = model.rank_models();
  const Binding binding = model.bind_step(ranks.front(), step);
  const std::vector<Price> prices = model.prices(binding, PriceDetail::TimeOnly);
  ExpertSplit split;
  split.time = model.step(step).time;
  for (std::size_t i = 0; i < ranks.size();) {
    RankParts slowest = rank_parts(model, ranks[i], binding, prices);
    std::size_t next = i + 1;
    for (; next < ranks.size() && ranks[next].rank_class.first_stage == ranks[i].rank_class.first_stage; ++next) {
      RankParts other = rank_parts(model, ranks[next], binding, prices);
      if (other.seconds > slowest.seconds) slowest = other;
    }
    const double stages = static_cast<double>(ranks[i].rank_class.stages);
    for (std::size_t part = 0; part < kExpertParts; ++part)
      split.parts[part] += picoseconds_of(stages * slowest.parts[part]);
    if (slowest.load.distinct > split.load.distinct) split.load = slowest.load;
    i = next;
  }
  // What the engine adds between kernels, and what rounding left.
  Picoseconds others;
  for (const Picoseconds part : split.parts) others += part;
  split.parts[static_cast<std::size_t>(ExpertPart::Rest)] += split.time - others;
  return split;
}

}  // namespace moeplan
