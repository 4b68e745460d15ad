// SPDX-License-Identifier: Apache-2.0
#include "sim/study/placement_plan.h"

#include <algorithm>
#include <limits>

#include "sim/program/work.h"
#include "sim/study/drafts.h"
#include "sim/study/fit_search.h"
#include "sim/study/placement_words.h"

namespace moeplan {
namespace {

// Bytes of one layer on its device, from its own lowering.
struct LayerCost {
  Count all = 0;
  std::array<Count, kExpertMatrices> experts{};
  Count expert_bytes() const { return experts[0] + experts[1] + experts[2]; }
  Count in() const { return experts[0] + experts[1]; }
  Count down() const { return experts[2]; }
};

RankClass stage_class(Count stage, Count first_layer, Count layers, bool first, bool last) {
  RankClass c;
  c.first_stage = stage;
  c.first_layer = first_layer;
  c.layers = layers;
  c.first = first;
  c.last = last;
  return c;
}

class Planner {
 public:
  Planner(const ModelPlan& plan, const FitQuestion& q, bool with_host)
      : plan_(plan), q_(q), with_host_(with_host), layers_(static_cast<Count>(plan.layers.size())) {
    q_.placement = {};
    q_.host_expert_layers = 0;
    measure_layers();
    measure_devices();
    touched_ = expert_share();
  }

  std::optional<Placement> run() {
    // First with room for the estimate's own error, then to the brim.
    for (const bool roomy : {true, false}) {
      if (roomy && with_host_) continue;  // experts leave only as far as they must
      for (Count d = 0; d < devices(); ++d) room_[at(d)] = total_room_[at(d)] - (roomy ? allowance_[at(d)] : 0);
      if (!split()) continue;
      if (std::optional<Placement> found = settle()) return found;
    }
    return std::nullopt;
  }

 private:
  static std::size_t at(Count i) { return static_cast<std::size_t>(i); }
  Count devices() const { return q_.layout.pp; }

  MemoryLedger ledger_for(const RankClass& c) const {
    const Program p = lower_question(plan_, q_, lower_options(plan_, q_), c);
    return planned_ledger(plan_, q_, p);
  }

  void measure_layers() {
    const LowerOptions options = lower_options(plan_, q_);
    for (Count l = 0; l < layers_; ++l) {
      const Program p = lower(plan_, q_.runtime, options, stage_class(0, l, 1, false, false), Phase::Prefill);
      const MemoryLedger ledger = planned_ledger(plan_, q_, p);
      LayerCost cost;
      for (const LedgerLine& line : ledger.lines())
        if (line.place == Place::Device && stays_with_layer(line.cls)) cost.all += line.bytes.count();
      bool first_bias = true;
      for (const Tensor& t : p.tensors()) {
        if (t.part != Part::Experts || (t.cls != TensorClass::Weight && t.cls != TensorClass::Padding)) continue;
        const Count bytes = t.repeat * t.fixed;
        if (t.role == MatrixRole::ExpertGate) cost.experts[0] += bytes;
        if (t.role == MatrixRole::ExpertUp) cost.experts[1] += bytes;
        if (t.role == MatrixRole::ExpertDown) cost.experts[2] += bytes;
        if (t.role != MatrixRole::Bias) continue;
        cost.experts[first_bias ? 1 : 2] += bytes;  // in the order of the matrices
        first_bias = false;
      }
      costs_.push_back(cost);
      sum_all_.push_back(sum_all_.back() + cost.all);
      sum_experts_.push_back(sum_experts_.back() + cost.expert_bytes());
    }
  }

  static bool stays_with_layer(TensorClass cls) {
    return cls == TensorClass::Weight || cls == TensorClass::Padding || is_cache(cls);
  }

  // Room for layers on each device: what it has less what it needs whatever its layers are.
  void measure_devices() {
    for (Count d = 0; d < devices(); ++d) {
      const MemoryLedger all = ledger_for(stage_class(d, 0, layers_, d == 0, d == devices() - 1));
      const Count fixed = all.total.count() - sum_all_.back();
      const Count budget = device_budget(q_, d).count();
      total_room_.push_back(budget - fixed);
      const double share = static_cast<double>(budget) / static_cast<double>(std::max<Count>(all.total.count(), 1));
      allowance_.push_back(
          static_cast<Count>(std::min(share, 1.0) * static_cast<double>((all.high - all.total).count())) +
          kMiB.count());
    }
    room_ = total_room_;
  }

  // Share of a layer's experts that one decode step touches.
  double expert_share() const {
    double share = 0;
    for (const Block& block : plan_.model.blocks)
      if (const auto* moe = std::get_if<MoeFfn>(&block.kind))
        share = std::max(
            share,
            balanced_load(moe->experts + moe->zero_experts, moe->top_k, moe->experts, q_.workload.sequences).distinct /
                static_cast<double>(moe->experts));
    return share;
  }

  double bandwidth(Count d) const {
    const double rate = q_.rates.of_stage(d).rate().base();
    return rate > 0 ? rate : 1.0;
  }
  double host_bandwidth() const {
    constexpr double kSlower = 0.1;  // where it is not known: a host is an order of magnitude slower
    const double rate = q_.rates.host.rate().base();
    return rate > 0 && q_.rates.of_stage(0).known() ? rate : kSlower * bandwidth(0);
  }

  // Bytes of layers [a, b) that device d cannot hold; none when they cannot be moved.
  std::optional<Count> overflow(Count d, Count a, Count b) const {
    const Count need = sum_all_[at(b)] - sum_all_[at(a)];
    const Count over = std::max<Count>(0, need - room_[at(d)]);
    if (over == 0) return 0;
    if (!with_host_ || over > sum_experts_[at(b)] - sum_experts_[at(a)]) return std::nullopt;
    return over;
  }

  double seconds(Count d, Count a, Count b, Count over) const {
    const double experts = static_cast<double>(sum_experts_[at(b)] - sum_experts_[at(a)]);
    const double rest = static_cast<double>(sum_all_[at(b)] - sum_all_[at(a)]) - experts;
    const double away = static_cast<double>(over);
    return (rest + touched_ * (experts - away)) / bandwidth(d) + touched_ * away / host_bandwidth();
  }

  // Contiguous layers for every device with the least time in all: best[d][l] is that of the
  // first l layers on the first d devices.
  bool split() {
    constexpr double kNever = std::numeric_limits<double>::infinity();
    const Count n = layers_;
    std::vector<std::vector<double>> best(at(devices() + 1), std::vector<double>(at(n + 1), kNever));
    std::vector<std::vector<Count>> from(at(devices() + 1), std::vector<Count>(at(n + 1), 0));
    best[0][0] = 0;
    for (Count d = 0; d < devices(); ++d)
      for (Count a = d; a < n; ++a) {
        if (best[at(d)][at(a)] == kNever) continue;
        for (Count b = a + 1; b <= n - (devices() - 1 - d); ++b) {
          const std::optional<Count> over = overflow(d, a, b);
          if (!over) break;  // more layers only need more
          const double time = best[at(d)][at(a)] + seconds(d, a, b, *over);
          if (time >= best[at(d + 1)][at(b)]) continue;
          best[at(d + 1)][at(b)] = time;
          from[at(d + 1)][at(b)] = a;
        }
      }
    if (best[at(devices())][at(n)] == kNever) return false;
    stage_layers_.assign(at(devices()), 0);
    Count b = n;
    for (Count d = devices(); d > 0; --d) {
      const Count a = from[at(d)][at(b)];
      stage_layers_[at(d - 1)] = b - a;
      b = a;
    }
    return true;
  }

  // Moves matrices of the stage's layers until at least `over` bytes have left: whole layers
  // from the first on, then the least that is enough of what remains.
  bool move_away(Count first, Count count, Count over, std::vector<LayerHomes>& homes) const {
    Count l = first;
    for (; l < first + count && over > 0; ++l) {
      const LayerCost& cost = costs_[at(l)];
      if (cost.expert_bytes() == 0) continue;
      if (cost.expert_bytes() > over) break;
      homes[at(l)].of.fill(kOnHost);
      over -= cost.expert_bytes();
    }
    if (over <= 0) return true;
    Count least = -1;
    LayerHomes moved;
    Count moved_layer = -1;
    const auto offer = [&](Count layer, Count bytes, bool in, bool down) {
      if (bytes < over || (least >= 0 && bytes >= least)) return;
      least = bytes;
      moved_layer = layer;
      moved = {};
      if (in) moved[ExpertMatrix::Gate] = moved[ExpertMatrix::Up] = kOnHost;
      if (down) moved[ExpertMatrix::Down] = kOnHost;
    };
    for (; l < first + count; ++l) {
      const LayerCost& cost = costs_[at(l)];
      if (cost.expert_bytes() == 0) continue;
      offer(l, cost.down(), false, true);
      offer(l, cost.in(), true, false);
      offer(l, cost.expert_bytes(), true, true);
    }
    if (moved_layer < 0) return false;
    homes[at(moved_layer)] = moved;
    return true;
  }

  // Turns the split into homes and checks them against the ledgers, whose activations depend
  // on what lies where.
  std::optional<Placement> settle() {
    std::vector<Count> over(at(devices()), 0);
    Count first = 0;
    for (Count d = 0; d < devices(); ++d) {
      over[at(d)] = overflow(d, first, first + stage_layers_[at(d)]).value_or(0);
      first += stage_layers_[at(d)];
    }
    constexpr int kTries = 6;
    for (int attempt = 0; attempt < kTries; ++attempt) {
      std::optional<Placement> placement = homes_for(over);
      if (!placement) return std::nullopt;
      FitQuestion q = q_;
      q.placement = *placement;
      const FitResult f = evaluate_planned(plan_, q);
      if (f.margin >= Bytes(0)) return with_guests(*placement, f);
      if (!with_host_) return std::nullopt;
      for (const RankResult& r : f.ranks)
        if (r.margin < Bytes(0)) over[at(r.rank_class.first_stage)] += -r.margin.count();
    }
    return std::nullopt;
  }

  std::optional<Placement> homes_for(const std::vector<Count>& over) const {
    Placement placement;
    if (devices() > 1) placement.stage_layers = stage_layers_;
    std::vector<LayerHomes> homes(at(layers_));
    bool any = false;
    Count first = 0;
    for (Count d = 0; d < devices(); ++d) {
      if (over[at(d)] > 0) {
        any = true;
        if (!move_away(first, stage_layers_[at(d)], over[at(d)], homes)) return std::nullopt;
      }
      first += stage_layers_[at(d)];
    }
    if (any) placement.experts = std::move(homes);
    return placement;
  }

  // What lies on the host and fits into the room another device has left goes there, the
  // fastest first.
  Placement with_guests(Placement placement, const FitResult& f) const {
    if (placement.experts.empty() || devices() == 1) return placement;
    std::vector<const RankResult*> ranks;
    for (const RankResult& r : f.ranks) ranks.push_back(&r);
    std::stable_sort(ranks.begin(), ranks.end(), [this](const RankResult* a, const RankResult* b) {
      return bandwidth(a->rank_class.first_stage) > bandwidth(b->rank_class.first_stage);
    });
    for (const RankResult* r : ranks) {
      Count left = r->margin.count();
      Placement tried = placement;
      for (Count l = 0; l < layers_; ++l) {
        LayerHomes& homes = tried.experts[at(l)];
        const LayerCost& cost = costs_[at(l)];
        const Home here = static_cast<Home>(r->rank_class.first_stage);
        if (homes[ExpertMatrix::Up] == kOnHost && cost.in() > 0 && cost.in() <= left) {
          homes[ExpertMatrix::Gate] = homes[ExpertMatrix::Up] = here;
          left -= cost.in();
        }
        if (homes[ExpertMatrix::Down] == kOnHost && cost.down() > 0 && cost.down() <= left) {
          homes[ExpertMatrix::Down] = here;
          left -= cost.down();
        }
      }
      if (tried == placement) continue;
      FitQuestion q = q_;
      q.placement = tried;
      if (evaluate_planned(plan_, q).margin >= Bytes(0)) placement = std::move(tried);
    }
    return placement;
  }

  const ModelPlan& plan_;
  FitQuestion q_;
  bool with_host_;
  Count layers_;
  std::vector<LayerCost> costs_;
  std::vector<Count> sum_all_ = {0};
  std::vector<Count> sum_experts_ = {0};
  std::vector<Count> total_room_, room_, allowance_;
  std::vector<Count> stage_layers_;
  double touched_ = 1;
};

}  // namespace

std::optional<Placement> plan_placement(const ModelPlan& plan, const FitQuestion& q, bool with_host) {
  const bool one_rank_stages = q.layout.ranks_per_stage() == 1;
  if (plan.encoder_layers > 0 || !one_rank_stages || q.layout.pp > static_cast<Count>(plan.layers.size()))
    return std::nullopt;
  return Planner(plan, q, with_host).run();
}

std::vector<Count> split_by_shares(const std::vector<double>& shares, Count layers) {
  // In float and in this order, as llama.cpp computes it.
  std::vector<float> borders;
  float sum = 0;
  for (const double share : shares) borders.push_back(sum += static_cast<float>(share));
  for (float& border : borders) border /= sum;
  std::vector<Count> counts(shares.size(), 0);
  for (Count l = 0; l < layers; ++l) {
    const float where = static_cast<float>(l) / static_cast<float>(layers + 1);
    const auto found = std::upper_bound(borders.begin(), borders.end(), where);
    ++counts[std::min(static_cast<std::size_t>(found - borders.begin()), shares.size() - 1)];
  }
  return counts;
}

std::vector<LayerHomes> homes_of_first(Count layers, Count total) {
  std::vector<LayerHomes> homes(static_cast<std::size_t>(total));
  for (Count l = 0; l < std::min(layers, total); ++l) homes[static_cast<std::size_t>(l)].of.fill(kOnHost);
  return homes;
}

FitQuestion page_to_ssd(const ModelPlan& plan, const FitQuestion& question) {
  FitQuestion q = question;
  simplify_placement(q);  // nothing is paged
  const bool short_of_host = q.device.host && evaluate_planned(plan, q).host_margin < Bytes(0);
  if (!short_of_host || !q.device.ssd || !q.runtime.host_offload) return q;
  std::vector<LayerHomes> homes = q.placement.experts;
  if (homes.empty()) homes = homes_of_first(q.host_expert_layers, static_cast<Count>(plan.layers.size()));
  std::vector<Home*> on_host;  // the last layers first
  for (std::size_t l = homes.size(); l-- > 0;)
    for (Home& home : homes[l].of)
      if (home == kOnHost) on_host.push_back(&home);
  q.placement.table_on_ssd = true;
  const auto with_paged = [&](std::size_t tensors) {
    for (std::size_t i = 0; i < on_host.size(); ++i) *on_host[i] = i < tensors ? kOnSsd : kOnHost;
    FitQuestion paged = q;
    paged.host_expert_layers = 0;  // counted in the homes
    paged.placement.experts = homes;
    return paged;
  };
  // The host only empties: the fewest tensors, between too few and all.
  std::size_t enough = on_host.size();
  for (std::size_t few = 0; few < enough;) {
    const std::size_t tried = few + (enough - few) / 2;
    if (evaluate_planned(plan, with_paged(tried)).host_margin >= Bytes(0))
      enough = tried;
    else
      few = tried + 1;
  }
  return with_paged(enough);
}

std::string describe_moved(const Placement& placement, const ModelPlan& plan) {
  Count whole = 0, in = 0, down = 0, guests = 0;
  for (std::size_t l = 0; l < placement.experts.size(); ++l) {
    if (moe_layers_within(plan, static_cast<Count>(l) + 1) == moe_layers_within(plan, static_cast<Count>(l))) continue;
    const LayerHomes& homes = placement.experts[l];
    const auto off = [&homes](ExpertMatrix m) { return homes[m] == kOnHost || homes[m] == kOnSsd; };
    const bool moved_in = off(ExpertMatrix::Up), moved_down = off(ExpertMatrix::Down);
    whole += moved_in && moved_down ? 1 : 0;
    in += moved_in && !moved_down ? 1 : 0;
    down += moved_down && !moved_in ? 1 : 0;
    for (const Home home : homes.of) guests += home >= 0 ? 1 : 0;
  }
  const auto layers = [](Count n) { return std::to_string(n) + (n == 1 ? " layer" : " layers"); };
  std::string text;
  const auto add = [&text](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (whole > 0) add("experts of " + layers(whole));
  if (in > 0) add("gate and up experts of " + layers(in));
  if (down > 0) add("down experts of " + layers(down));
  if (!text.empty()) text += " in host memory";
  if (guests > 0)
    add(std::to_string(guests) + (guests == 1 ? " expert tensor" : " expert tensors") + " on another device");
  return text;
}

}  // namespace moeplan
