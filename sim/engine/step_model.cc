// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/step_model.h"

#include <algorithm>
#include <cmath>

#include "sim/lower/weight_shards.h"

namespace moeplan {
namespace {

StepShare share_of_part(Part part) {
  switch (part) {
    case Part::Mtp: return StepShare::Mtp;
    case Part::Head:
    case Part::Embedding: return StepShare::Head;
    default: return StepShare::Other;
  }
}

void add_traffic(Traffic& traffic, const Op& op, const TierBytes& bytes) {
  switch (op.collective) {
    case CollectiveKind::Dispatch: traffic.dispatch += bytes; return;
    case CollectiveKind::Combine: traffic.combine += bytes; return;
    case CollectiveKind::AllReduce: traffic.all_reduce += bytes; return;
    case CollectiveKind::AllGather:
    case CollectiveKind::ReduceScatter: traffic.all_gather += bytes; return;
    case CollectiveKind::SendRecv: traffic.p2p += bytes; return;
  }
}

// Errors of one family have one cause; those of different families are independent.
class Band {
 public:
  void add(Family family, const Price& price) {
    const std::size_t f = static_cast<std::size_t>(family);
    below_[f] += static_cast<double>((price.time - price.low).count());
    above_[f] += static_cast<double>((price.high - price.time).count());
  }
  Picoseconds below() const { return rooted(below_); }
  Picoseconds above() const { return rooted(above_); }

 private:
  static Picoseconds rooted(const std::array<double, kFamilies>& sides) {
    double sum = 0;
    for (const double side : sides) sum += side * side;
    return Picoseconds(std::llround(std::sqrt(sum)));
  }
  std::array<double, kFamilies> below_{};
  std::array<double, kFamilies> above_{};
};

// floor: watts of a board between kernels, 0 = not known.
void add_engine(StepResult& result, double seconds, double floor) {
  const Picoseconds time = picoseconds_of(seconds);
  if (time.count() == 0) return;
  ShareTime& share = result.shares[static_cast<std::size_t>(StepShare::Engine)];
  share = {.time = time, .bound = Bound::Launch, .tier = Tier::Structured, .largest = time};
  result.time += time;
  result.by_tier[static_cast<std::size_t>(Tier::Structured)] += time;
  result.joules += floor * seconds;
}

}  // namespace

Depends depends_on(const Op& op) {
  if (op.kind == OpKind::Attention || op.kind == OpKind::Mla || op.kind == OpKind::Scan) return Depends::Everything;
  switch (op.rows) {
    case Rows::Tokens:
    case Rows::TensorShard: return Depends::Tokens;
    case Rows::Routed:
    case Rows::Gathered: return Depends::GroupTokens;
    case Rows::Sequences: return Depends::Sequences;
    case Rows::GatheredSequences: return Depends::GroupSequences;
    case Rows::WithContext:
    case Rows::CachedShard:
    case Rows::GeneratedTokens: return Depends::Everything;
  }
  return Depends::Everything;
}

namespace {

bool have_the_same_rows(const Binding& a, const Binding& b) {
  return a.tokens == b.tokens && a.sequences == b.sequences && a.group_tokens == b.group_tokens &&
         a.group_sequences == b.group_sequences;
}

// Stages that hold the same on devices that differ.
std::vector<RankClass> by_single_stage(const std::vector<RankClass>& classes) {
  std::vector<RankClass> single;
  for (const RankClass& c : classes) {
    for (Count stage = 0; stage < c.stages; ++stage) {
      RankClass one = c;
      one.first_stage += stage;
      one.first_layer += stage * c.layers;
      one.stages = 1;
      one.ranks = c.ranks / c.stages;
      single.push_back(one);
    }
  }
  return single;
}

}  // namespace

StepShare share_of(const Op& op) {
  if (op.part == Part::Mtp) return StepShare::Mtp;
  switch (op.kind) {
    case OpKind::Moe: return StepShare::Experts;
    case OpKind::Host: return StepShare::Host;
    case OpKind::Attention:
    case OpKind::Mla:
    case OpKind::Scan: return StepShare::Attention;
    case OpKind::Collective:
      if (op.name == OpName::Dispatch || op.name == OpName::Combine) return StepShare::Exchange;
      return op.name == OpName::StageSend ? StepShare::Pipeline : StepShare::Reduce;
    case OpKind::Gemm:
      switch (op.part) {
        case Part::Attention:
        case Part::Indexer: return StepShare::Projections;
        case Part::Router: return StepShare::Router;
        case Part::Dense:
        case Part::Shared:
        case Part::Experts: return StepShare::Dense;
        default: return share_of_part(op.part);
      }
    case OpKind::Elementwise:
    case OpKind::Gather:
    case OpKind::Copy: return share_of_part(op.part);
  }
  return StepShare::Other;
}

Price price_of_runs(const Price& one, const PlannedOp& planned, const Program& program, const Kernels& kernels,
                    const Binding& binding, PriceDetail detail) {
  const Runs runs = runs_of(planned.op, program, binding);
  Price price = one;
  const auto repeat = [](Price& once, Count times) {
    once.time = once.time * times;
    once.low = once.low * times;
    once.high = once.high * times;
    once.joules *= static_cast<double>(times);
  };
  repeat(price, runs.whole);
  if (runs.single == 0) return price;
  Price single = price_op(planned, program, kernels, one_token_each(binding), detail);
  repeat(single, runs.single);
  price.time += single.time;
  price.low += single.low;
  price.high += single.high;
  price.joules += single.joules;
  return price;
}

Price price_of_runs(const PlannedOp& planned, const Program& program, const Kernels& kernels, const Binding& binding,
                    PriceDetail detail) {
  const Price one = price_op(planned, program, kernels, binding, detail);
  return price_of_runs(one, planned, program, kernels, binding, detail);
}

OpCost cost_of_runs(const StepModel::RankModel& rank, const PlannedOp& planned, const Binding& binding) {
  const Op& op = rank.program.op_array[planned.op];
  const Kernels& kernels = *rank.kernels;
  const Price price = price_of_runs(planned, rank.program, kernels, binding, PriceDetail::TimeOnly);
  const double seconds = price.time.seconds().base();
  const double engine = (kernel_factor(kernels.engine, rank.program.phase, op) - 1) * seconds;
  return {seconds + engine, price.joules + engine * kernels.power.floor};
}

StepModel::StepModel(const ModelPlan& plan, const RuntimeSpec& runtime, const LowerOptions& options,
                     const Kernels& kernels, Phase phase, const LoadTables* loads)
    : kernels_(&kernels),
      loads_(loads),
      stages_(options.layout.pp),
      ranks_(options.layout.ranks_per_stage()),
      dp_(options.layout.dp) {
  std::vector<RankClass> classes = rank_classes(plan, options.layout, runtime.sharding.stages, options.placement);
  if (kernels.by_stage != nullptr) classes = by_single_stage(classes);
  models_.reserve(classes.size());
  WeightShards own;
  LowerOptions shared = options;
  if (shared.shards == nullptr) shared.shards = &own;
  for (const RankClass& c : classes)
    models_.emplace_back(plan, runtime, shared, c, phase, kernels.of_stage(c.first_stage));
  number_prices();
}

// Stages repeat each other's layers, and layers their norms and sums.
void StepModel::number_prices() {
  constexpr std::uint16_t kNoOther = 0xFFFF;
  std::array<std::uint16_t, kOpNames> last;  // of this name
  last.fill(kNoOther);
  priced_.reserve(kMaxOps);
  for (std::size_t m = 0; m < models_.size(); ++m) {
    RankModel& model = models_[m];
    const bool paged = model.kernels->host.use == HostUse::Page;
    for (std::size_t i = 0; i < model.ops.count; ++i) {
      const PlannedOp& planned = model.ops.ops[i];
      const Op& op = model.program.op_array[planned.op];
      const auto is_priced_by = [&](const PricedOp& other) {
        const RankModel& its = models_[other.model];
        const PlannedOp& its_plan = its.ops.ops[other.op];
        return its.kernels == model.kernels && cost_the_same(op, planned, its.program.op_array[its_plan.op], its_plan);
      };
      std::uint16_t& newest = last[static_cast<std::size_t>(op.name)];
      std::uint16_t number = paged && op.weights_count > 0 ? kNoOther : newest;
      while (number != kNoOther && !is_priced_by(priced_[number])) number = priced_[number].previous;
      if (number == kNoOther) {
        number = static_cast<std::uint16_t>(priced_.size());
        priced_.push_back({.model = static_cast<std::uint16_t>(m),
                           .op = static_cast<std::uint16_t>(i),
                           .previous = newest,
                           .by_rows = depends_on(op) != Depends::Everything});
        newest = number;
      }
      model.ops.ops[i].price = number;
    }
  }
}

std::vector<Price> StepModel::prices(const Binding& binding, PriceDetail detail) const {
  std::vector<Price> prices;
  prices.reserve(priced_.size());
  for (const PricedOp& priced : priced_) {
    const RankModel& model = models_[priced.model];
    prices.push_back(price_op(model.ops.ops[priced.op], model.program, *model.kernels, binding, detail));
  }
  return prices;
}

Count drafts_of(const StepModel::RankModel& model, const Binding& binding) {
  if (model.program.first_draft >= model.program.op_count) return 0;
  const Runs runs = runs_of(static_cast<std::size_t>(model.program.first_draft), model.program, binding);
  return runs.whole + runs.single;
}

Binding StepModel::bind_step(const RankModel& model, const Step& step) const {
  Binding binding = bind(model.program, step);
  binding.loads = loads_;
  return binding;
}

double StepModel::engine_seconds(const RankModel& model, const Binding& binding, std::span<const Price> prices) const {
  double seconds = host_and_gaps(model.kernels->engine, model.engine, binding.sequences, drafts_of(model, binding));
  for (std::size_t i = 0; i < model.ops.count; ++i) {
    const PlannedOp& planned = model.ops.ops[i];
    const double factor = kernel_factor(model.kernels->engine, model.program.phase, model.program.op_array[planned.op]);
    if (factor == 1) continue;
    const Price price =
        price_of_runs(prices[planned.price], planned, model.program, *model.kernels, binding, PriceDetail::TimeOnly);
    seconds += (factor - 1) * price.time.seconds().base();
  }
  return seconds;
}

StepResult StepModel::rank_step(const RankModel& model, const Binding& binding, std::span<const Price> prices) const {
  StepResult result;
  Band band;
  for (std::size_t i = 0; i < model.ops.count; ++i) {
    const PlannedOp& planned = model.ops.ops[i];
    const Op& op = model.program.op_array[planned.op];
    const Price price =
        price_of_runs(prices[planned.price], planned, model.program, *model.kernels, binding, PriceDetail::Band);
    const Picoseconds time = price.time;
    result.time += time;
    band.add(planned.family, price);
    ShareTime& share = result.shares[static_cast<std::size_t>(share_of(op))];
    share.time += time;
    if (time > share.largest) {
      share.largest = time;
      share.bound = price.bound;
      share.tier = price.tier;
    }
    result.by_tier[static_cast<std::size_t>(price.tier)] += time;
    result.joules += price.joules;
    if (op.kind == OpKind::Collective) {
      const Runs runs = runs_of(planned.op, model.program, binding);
      add_traffic(result.traffic, op,
                  static_cast<double>(runs.whole) * sent_bytes(planned, model.program, *kernels_, binding));
      if (runs.single > 0)
        add_traffic(
            result.traffic, op,
            static_cast<double>(runs.single) * sent_bytes(planned, model.program, *kernels_, one_token_each(binding)));
    }
    if (op.kind == OpKind::Moe) {
      const ExpertLoad load = load_of(op, binding);
      if (load.distinct > result.load.distinct) result.load = load;
    }
  }
  add_engine(result, engine_seconds(model, binding, prices), model.kernels->power.floor);
  result.low = result.time - band.below();
  result.high = result.time + band.above();
  result.work = total_work(model.program, binding);
  result.slowest_stage = result.time;
  return result;
}

StepResult StepModel::step(const Step& step) const {
  StepResult sum;
  const Binding binding = bind_step(models_.front(), step);  // of all classes
  const std::vector<Price> all = prices(binding, PriceDetail::Band);
  for (std::size_t i = 0; i < models_.size();) {
    // Classes of the same stage stand side by side; the slowest of them decides.
    StepResult slowest = rank_step(models_[i], binding, all);
    const RankClass& c = models_[i].rank_class;
    std::size_t next = i + 1;
    for (; next < models_.size() && models_[next].rank_class.first_stage == c.first_stage; ++next) {
      const StepResult other = rank_step(models_[next], binding, all);
      if (other.time > slowest.time) slowest = other;
    }
    add(sum, slowest, c.stages);
    sum.slowest_stage = std::max(sum.slowest_stage, slowest.time);
    i = next;
  }
  return sum;
}

StepCost StepModel::rank_cost(const RankModel& model, const Binding& binding, std::span<const Price> prices) const {
  StepCost cost;
  double engine = host_and_gaps(model.kernels->engine, model.engine, binding.sequences, drafts_of(model, binding));
  for (std::size_t i = 0; i < model.ops.count; ++i) {
    const PlannedOp& planned = model.ops.ops[i];
    const Op& op = model.program.op_array[planned.op];
    const Price& one = prices[planned.price];
    Picoseconds time = one.time * static_cast<Count>(op.repeat);
    double joules = one.joules * op.repeat;
    if (planned.op >= model.program.first_draft) {  // steps say how often
      const Price all = price_of_runs(one, planned, model.program, *model.kernels, binding, PriceDetail::TimeOnly);
      time = all.time;
      joules = all.joules;
    }
    const double seconds = time.seconds().base();
    cost.seconds += seconds;
    cost.joules += joules;
    engine += (kernel_factor(model.kernels->engine, model.program.phase, op) - 1) * seconds;
  }
  cost.seconds += engine;
  cost.joules += engine * model.kernels->power.floor;
  return cost;
}

StepCost StepModel::cost(const Step& step, Priced& last) const {
  const Binding binding = bind_step(models_.front(), step);  // of all classes
  const bool known = !last.prices.empty() && have_the_same_rows(last.binding, binding);
  last.binding = binding;
  last.prices.resize(priced_.size());
  for (std::size_t i = 0; i < priced_.size(); ++i) {
    const PricedOp& priced = priced_[i];
    if (known && priced.by_rows) continue;
    const RankModel& model = models_[priced.model];
    last.prices[i] = price_op(model.ops.ops[priced.op], model.program, *model.kernels, binding, PriceDetail::TimeOnly);
  }
  return cost_through_stages(models_,
                             [&](std::size_t index) { return rank_cost(models_[index], binding, last.prices); });
}

StepCost StepModel::cost(const Step& step) const {
  Priced none;
  return cost(step, none);
}

}  // namespace moeplan
