// SPDX-License-Identifier: Apache-2.0
#include "sim/study/fit.h"

#include <algorithm>
#include <cmath>

#include "sim/study/drafts.h"
#include "sim/study/fit_search.h"

namespace moeplan {
namespace {

// More sequences than anyone serves: a bound for the solver.
constexpr Count kNoLimit = Count{1} << 32;

const AdmissionTier& tier_of(const FitQuestion& q) { return tier_of(q.runtime, q.device.device, q.device.capacity); }

Count sequence_limit_of(const FitQuestion& q) { return q.admitted != 0 ? q.admitted : tier_of(q).sequences; }

Admission admission_of(const FitQuestion& q) {
  const RuntimeSpec& r = q.runtime;
  return {.kv_block = q.kv_block_tokens != 0 ? q.kv_block_tokens : r.kv_block_tokens,
          .cp = q.layout.cp,
          .chunk = chunk_tokens_of(q),
          .row_limit = r.logits_for_limit ? sequence_limit_of(q) : 0,
          .per_sequence = step_tokens_per_sequence(q)};
}

Bytes runtime_context_of(const FitQuestion& q) {
  const bool several = q.layout.gpus() > q.layout.replicas;
  return q.runtime.context_bytes + (several ? q.runtime.context_bytes_multi : Bytes(0));
}

bool has_latent_attention(const ModelSpec& model) {
  return std::any_of(model.blocks.begin(), model.blocks.end(),
                     [](const Block& b) { return std::holds_alternative<LatentAttention>(b.kind); });
}

// SGLang's _handle_gpu_memory_settings; its --tp is tp x dp here.
Bytes auto_reserve_of(const FitQuestion& q) {
  const AutoReserve& a = q.runtime.auto_reserve;
  const AdmissionTier& tier = tier_of(q);
  const Count ranks = q.layout.ranks_per_stage();
  constexpr Count kWide = 4;
  const Count graph = q.graph_sequences != 0 ? q.graph_sequences
                      : ranks < kWide        ? tier.graph_sequences
                                             : tier.graph_sequences_wide;
  const Count of_rank = q.runtime.chunk_over_dp ? q.chunk_tokens * q.layout.dp : q.chunk_tokens;
  const Count chunk = q.chunk_tokens != 0 ? of_rank : tier.chunk_tokens;
  Bytes reserve =
      a.fixed + a.per_chunk_token * chunk + a.per_rank * (ranks * q.layout.pp) + a.per_graph_sequence * graph;
  if (q.layout.dp > 1) {
    reserve += a.per_graph_sequence_dp * (graph * q.layout.dp);
    if (graph > a.more_from) reserve += a.more_per_graph_sequence_dp * (graph * q.layout.dp);
  }
  reserve += has_latent_attention(q.model) ? a.latent_prefill_graphs : a.per_prefill_graph * tier.prefill_graphs;
  if (q.device.capacity > a.least_from) reserve = std::max(reserve, a.least);
  if (q.draft) return reserve + q.runtime.drafts.reserve;
  return q.load_mtp ? reserve + a.draft : reserve;
}

Allowances allowances_of(const FitQuestion& q, const ModelPlan& plan) {
  Allowances a;
  a.runtime_context = runtime_context_of(q);
  a.context_band = q.runtime.context_band;
  a.activation_band = q.runtime.activation_band;
  // A label's band is the range of all published files; the middle 80 % of these lie
  // within this share of it (tests/published/band_coverage_test.cc: 33 of 41).
  constexpr double kMiddleFiles = 0.7;
  const WeightPlan* const draft = plan.draft != nullptr ? &plan.draft->weights : &plan.weights;
  a.weight_low = 1 - kMiddleFiles * (1 - std::min(plan.weights.low, draft->low));
  a.weight_high = 1 + kMiddleFiles * (std::max(plan.weights.high, draft->high) - 1);
  return a;
}

MixedDevice device_of_stage(const FitQuestion& q, Count stage) {
  if (q.mixed.empty()) return {q.device.device, q.device.capacity, q.device.reserve};
  return q.mixed[static_cast<std::size_t>(stage) % q.mixed.size()];
}

// By stage of a mixed machine; one for all where devices are alike. Only engines with a
// plain reserve run a mixed machine.
std::vector<Holdback> holdbacks_of(const FitQuestion& q) {
  if (q.mixed.empty()) return {holdback_of(q)};
  std::vector<Holdback> all;
  for (const MixedDevice& device : q.mixed) all.push_back({.fixed = device.reserve});
  return all;
}

// The larger step of a rank is a prefill chunk, so the ledger reads the prefill program.
RankResult evaluate_rank(const FitQuestion& q, const Program& program, const Admission& admission,
                         const Allowances& allowances, const Holdback& holdback, Count sequences, Count ranks) {
  RankResult r;
  r.rank_class = program.rank_class;
  r.rank_class.ranks = ranks;
  r.program = program;
  r.residency = residency_of(admission, q.workload.context, sequences);
  r.ledger = ledger_of(program, r.residency, allowances);
  const MixedDevice device = device_of_stage(q, program.rank_class.first_stage);
  r.device = device.device;
  r.capacity = device.capacity;
  r.held = held_back(r.ledger, holdback);
  r.spread = spread_of(r.ledger, holdback);
  r.margin = r.capacity - r.held - r.ledger.total;
  return r;
}

// A rank class, split where sequences do not divide by dp: the first
// (sequences mod dp) x tp x cp ranks of a stage hold one sequence more. The ranks with more
// experts come first too, so the class is the range [first, first + count) of a stage.
void evaluate_class(const FitQuestion& q, const Program& program, const Admission& admission,
                    const Allowances& allowances, const Holdback& holdback, std::vector<RankResult>& results) {
  const RankClass& c = program.rank_class;
  const Count count = c.ranks / c.stages;
  const Count first = c.hottest ? 0 : q.layout.ranks_per_stage() - count;
  const Count fewer = q.workload.sequences / q.layout.dp;
  const Count with_more = (q.workload.sequences % q.layout.dp) * q.layout.tp * q.layout.cp;
  const Count more_here = std::clamp<Count>(with_more - first, 0, count);
  if (more_here > 0)
    results.push_back(evaluate_rank(q, program, admission, allowances, holdback, fewer + 1, more_here * c.stages));
  if (more_here < count)
    results.push_back(
        evaluate_rank(q, program, admission, allowances, holdback, fewer, (count - more_here) * c.stages));
}

void add_up_host(FitResult& f) {
  for (const RankResult& r : f.ranks) {
    f.host_bytes += r.ledger.host * r.rank_class.ranks;
    f.ssd_bytes += r.ledger.ssd * r.rank_class.ranks;
    f.host_spread.below += r.ledger.host_spread.below * r.rank_class.ranks;
    f.host_spread.above += r.ledger.host_spread.above * r.rank_class.ranks;
  }
  if (!f.question.device.host) {
    f.host_spread = {};  // nothing known to compare with
    return;
  }
  f.host_margin = *f.question.device.host - f.host_bytes;
  f.host_short = f.host_margin < Bytes(0) || f.ssd_bytes > f.question.device.ssd.value_or(Bytes(0));
}

// What is left off the devices: experts larger than estimated go from the host to its drive.
Bytes margin_off_device(const FitResult& f) {
  const std::optional<Bytes>& drive = f.question.device.ssd;
  return drive && f.question.device.host ? f.host_margin + *drive - f.ssd_bytes : f.host_margin;
}

// No is P < 0.5, yes is P >= 0.9, tight is between.
Verdict verdict_of(const FitResult& f) {
  if (f.margin < Bytes(0) || f.host_short) return Verdict::No;
  if (margin_off_device(f) < Bytes(f.host_spread.above)) return Verdict::Tight;
  for (const RankResult& r : f.ranks)
    if (r.margin < Bytes(r.spread.above)) return Verdict::Tight;
  return Verdict::Yes;
}

// Every rank and the host hold parts of the same files and run the same engine: their
// errors go together, and what is least likely to fit decides.
double probability_of(const FitResult& f) {
  double least = probability_within(margin_off_device(f), f.host_spread);
  for (const RankResult& r : f.ranks) least = std::min(least, probability_within(r.margin, r.spread));
  return least;
}

void solve_headroom(FitResult& f, const Admission& admission, const Allowances& allowances,
                    const std::vector<Holdback>& holdbacks) {
  const FitQuestion& q = f.question;
  const Count per_rank = ceil_div(q.workload.sequences, q.layout.dp);
  f.max_context = q.model.max_context;
  Count sequences = kNoLimit;
  for (const RankResult& r : f.ranks) {
    const Holdback& held = holdbacks[static_cast<std::size_t>(r.rank_class.first_stage) % holdbacks.size()];
    const Bytes budget = r.capacity - held.fixed;
    const FoldedLedger folded = fold(r.program, admission, allowances, held);
    f.max_context = std::min(f.max_context, max_context(folded, budget, per_rank, q.model.max_context));
    sequences = std::min(sequences, max_sequences(folded, budget, q.workload.context, kNoLimit / q.layout.dp));
  }
  f.context_at_model_limit = f.max_context == q.model.max_context;
  f.max_sequences = sequences < 0 ? sequences : sequences * q.layout.dp;
  f.sequence_limit = sequence_limit_of(q) * q.layout.dp;
}

// Caches of the tightest rank plus what is still free.
Bytes cache_room_of(const FitResult& f) {
  Bytes caches;
  for (const LedgerLine& line : f.ranks.front().ledger.lines())
    if (line.cls == TensorClass::Kv || line.cls == TensorClass::State) caches += line.bytes;
  // A byte of cache may take more than a byte (TensorRT-LLM).
  const double each = 1.0 + holdback_of(f.question).per_cache;
  return f.margin < Bytes(0) ? caches + f.margin : caches + scaled(f.margin, 1.0 / each);
}

}  // namespace

FormatId adapter_format(const ModelPlan& plan, const FitQuestion& q) {
  const std::string& asked = q.adapter->format.empty() ? q.runtime.adapters.format : q.adapter->format;
  return plan.formats.id_of(asked == "auto" ? q.model.quant.base : asked);
}

// The engine makes room for a whole chunk, or for all its context where that is less.
Count score_tokens_of(const FitQuestion& q) {
  const Count chunk = admission_of(q).chunk;
  const Count all = saturating_product(q.workload.context, q.workload.sequences);
  return chunk == 0 ? q.workload.context : std::min(chunk, std::max<Count>(all, 1));
}

DispatchKind exchange_of(const FitQuestion& q) {
  constexpr Count kNodeDevices = 8;  // a fast domain of more is a rack
  if (q.exchange) return *q.exchange;
  // Devices of a box without a fast fabric share its bus.
  const Count near = q.device.fast_domain > 1 ? q.device.fast_domain : q.device.node_devices;
  if (q.layout.ranks_per_stage() > near) return q.runtime.dispatch_across;
  return q.device.fast_domain > kNodeDevices ? q.runtime.dispatch_rack : q.runtime.dispatch;
}

DispatchKind exchange_in(const FitQuestion& q, Phase phase) {
  const DispatchKind kind = q.layout.moe_tp > 1 ? DispatchKind::AllGather : exchange_of(q);
  const bool deep = kind == DispatchKind::DeepEp || (kind == DispatchKind::DeepEpLowLatency && !q.exchange);
  if (!deep) return kind;
  return phase == Phase::Decode ? DispatchKind::DeepEpLowLatency : DispatchKind::DeepEpNormal;
}

LowerOptions lower_options(const ModelPlan& plan, const FitQuestion& q) {
  return {.layout = q.layout,
          .kv_format = q.kv.empty() ? default_kv_format(plan, q.runtime) : plan.formats.id_of(q.kv),
          .load_mtp = q.load_mtp,
          .host_expert_layers = q.host_expert_layers,
          .input_table_on_host = q.runtime.input_table_on_host && !q.device.host_is_device,
          .exchange = exchange_of(q),
          .prompt_exchange = exchange_in(q, Phase::Prefill),
          .dispatch_tokens = q.dispatch_tokens != 0 ? q.dispatch_tokens : q.runtime.dispatch_tokens,
          .imbalance = q.imbalance,
          .score_tokens = q.flash_attention ? 0 : score_tokens_of(q),
          .adapter = q.adapter ? &*q.adapter : nullptr,
          .adapter_format = q.adapter ? adapter_format(plan, q) : FormatId{0},
          .placement = q.placement.is_default() && q.mixed.empty() && !draft_splits_stages(q) ? nullptr : &q.placement};
}

FitResult evaluate_planned(const ModelPlan& plan, const FitQuestion& q) {
  FitResult f;
  f.question = q;
  const LowerOptions options = lower_options(plan, q);
  f.kv_format = options.kv_format;
  const Admission admission = admission_of(q);
  const Allowances allowances = allowances_of(q, plan);
  const std::vector<Holdback> holdbacks = holdbacks_of(q);
  for (const RankClass& c : rank_classes(plan, q.layout, q.runtime.sharding.stages, options.placement))
    evaluate_class(q, lower_question(plan, q, options, c), admission, allowances,
                   holdbacks[static_cast<std::size_t>(c.first_stage) % holdbacks.size()], f.ranks);
  if (f.ranks.size() > 1)
    std::stable_sort(f.ranks.begin(), f.ranks.end(),
                     [](const RankResult& a, const RankResult& b) { return a.margin < b.margin; });
  // The ranks are in order of tightness from here on.
  f.margin = f.ranks.front().margin;
  f.uncertainty = Bytes(f.ranks.front().spread.above);
  add_up_host(f);
  f.verdict = verdict_of(f);
  f.probability = probability_of(f);
  solve_headroom(f, admission, allowances, holdbacks);
  f.cache_room = cache_room_of(f);
  return f;
}

MemoryLedger planned_ledger(const ModelPlan& plan, const FitQuestion& q, const Program& program) {
  const Count sequences = ceil_div(q.workload.sequences, q.layout.dp);
  return ledger_of(program, residency_of(admission_of(q), q.workload.context, sequences), allowances_of(q, plan));
}

Bytes device_budget(const FitQuestion& q, Count stage) {
  const std::vector<Holdback> holdbacks = holdbacks_of(q);
  return device_of_stage(q, stage).capacity - holdbacks[static_cast<std::size_t>(stage) % holdbacks.size()].fixed;
}

BudgetedLedger folded_ledger(const ModelPlan& plan, const FitQuestion& q, const Program& program) {
  const Count stage = program.rank_class.first_stage;
  const std::vector<Holdback> holdbacks = holdbacks_of(q);
  const Holdback& held = holdbacks[static_cast<std::size_t>(stage) % holdbacks.size()];
  return {.folded = fold(program, admission_of(q), allowances_of(q, plan), held),
          .budget = device_of_stage(q, stage).capacity - held.fixed};
}

std::vector<BudgetedLedger> folded_ledgers(const ModelPlan& plan, const FitQuestion& q) {
  const LowerOptions options = lower_options(plan, q);
  std::vector<BudgetedLedger> ledgers;
  for (const RankClass& c : rank_classes(plan, q.layout, q.runtime.sharding.stages, options.placement))
    ledgers.push_back(folded_ledger(plan, q, lower(plan, q.runtime, options, c, Phase::Prefill)));
  return ledgers;
}

bool fits(const FitResult& f) { return f.verdict != Verdict::No; }

// The verdict alone, for searches over many layouts: stops at the first rank class
// that does not fit.
bool fits_planned(const ModelPlan& plan, const FitQuestion& q) {
  const LowerOptions options = lower_options(plan, q);
  const Admission admission = admission_of(q);
  const Allowances allowances = allowances_of(q, plan);
  const std::vector<Holdback> holdbacks = holdbacks_of(q);
  Bytes host;
  for (const RankClass& c : rank_classes(plan, q.layout, q.runtime.sharding.stages, options.placement)) {
    const Program program = lower_question(plan, q, options, c);
    const Count sequences = ceil_div(q.workload.sequences, q.layout.dp);
    const MemoryLedger ledger = ledger_of(program, residency_of(admission, q.workload.context, sequences), allowances);
    const Holdback& holdback = holdbacks[static_cast<std::size_t>(c.first_stage) % holdbacks.size()];
    if (ledger.total + held_back(ledger, holdback) > device_of_stage(q, c.first_stage).capacity) return false;
    host += ledger.host * c.ranks;
  }
  return !q.device.host.has_value() || host <= *q.device.host;
}

// Legal layouts, those whose tensor parallelism stays within the fast fabric first.
std::vector<Layout> preferred_layouts(const FitQuestion& q, Count gpus) {
  std::vector<Layout> layouts = legal_layouts(q.model, q.runtime, gpus);
  if (q.draft)
    std::erase_if(layouts, [&q](const Layout& layout) {
      FitQuestion on = q;
      on.layout = layout;
      return !draft_violations(on).empty();
    });
  if (q.adapter)
    std::erase_if(layouts, [&q](const Layout& layout) {
      FitQuestion on = q;
      on.layout = layout;
      return !adapter_violations(on).empty();
    });
  std::stable_partition(layouts.begin(), layouts.end(), [&q](const Layout& layout) {
    return std::max(layout.tp, layout.moe_tp) <= q.device.fast_domain;
  });
  return layouts;
}

// The first of the layouts that fits.
std::optional<Layout> first_fitting(const ModelPlan& plan, FitQuestion& q, const std::vector<Layout>& layouts,
                                    Count replicas) {
  for (const Layout& layout : layouts) {
    q.layout = layout;
    q.layout.replicas = replicas;
    if (fits_planned(plan, q)) return q.layout;
  }
  return std::nullopt;
}

double memory_fraction_of(const FitQuestion& q) {
  if (q.memory_fraction) return *q.memory_fraction;
  if (q.device.capacity == Bytes(0)) return 1.0;
  if (q.runtime.reserve == ReserveKind::Free && !q.device.reserve_asked) return 1.0 - q.runtime.reserve_fraction;
  if (q.runtime.reserve != ReserveKind::Static) return 1.0 - q.device.reserve.size() / q.device.capacity.size();
  const Bytes at_start = q.device.capacity - runtime_context_of(q);
  if (q.device.reserve_asked && at_start > Bytes(0)) return 1.0 - q.device.reserve.size() / at_start.size();
  // The engine rounds its automatic fraction to thousandths.
  return std::round((1.0 - auto_reserve_of(q).size() / q.device.capacity.size()) * 1000) / 1000;
}

Holdback holdback_of(const FitQuestion& q) {
  const double share = std::clamp(memory_fraction_of(q), 0.0, 1.0);
  const bool named = q.memory_fraction.has_value();
  switch (q.runtime.reserve) {
    case ReserveKind::Total:
      return {.fixed = named ? q.device.capacity - scaled(q.device.capacity, share) : q.device.reserve};
    case ReserveKind::Static: {
      if (q.device.reserve_asked && !named) return {.floor = q.device.reserve};
      const Bytes at_start = std::max(Bytes(0), q.device.capacity - runtime_context_of(q));
      return {.floor = at_start - scaled(at_start, share)};
    }
    case ReserveKind::Free: break;
  }
  if (q.device.reserve_asked && !named) return {.fixed = q.device.reserve};
  constexpr double kLeastShare = 1e-3;  // caches in less than a thousandth of what is free are no caches
  return {.per_cache = 1.0 / std::max(share, kLeastShare) - 1.0};
}

std::string_view word_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::Yes: return "yes";
    case Verdict::Tight: return "tight";
    case Verdict::No: return "no";
  }
  return "";
}

FitResult evaluate(const FitQuestion& question) {
  return evaluate_planned(plan_question(question, question.weights), question);
}

std::optional<Layout> choose_layout(const FitQuestion& question, Count gpus) {
  const ModelPlan plan = plan_question(question, question.weights);
  FitQuestion q = question;
  std::optional<Layout> legal;
  // Devices that one copy cannot use together still hold independent copies.
  for (Count replicas = 1; replicas <= gpus; ++replicas) {
    if (gpus % replicas != 0) continue;
    const std::vector<Layout> layouts = preferred_layouts(question, gpus / replicas);
    if (const std::optional<Layout> found = first_fitting(plan, q, layouts, replicas)) return found;
    if (legal.has_value() || layouts.empty()) continue;
    legal = layouts.front();
    legal->replicas = replicas;
  }
  return legal;
}

// macOS gives the GPU part of the RAM (facts of hardware, "Apple GPU memory"); the setting
// holds until the next start.
std::string gpu_limit_command(Bytes limit) {
  return "sudo sysctl iogpu.wired_limit_mb=" + std::to_string(ceil_div(limit.count(), kMiB.count()));
}

Count chunk_tokens_of(const FitQuestion& q) {
  if (q.chunk_tokens != 0) return q.chunk_tokens;
  const Count chunk = tier_of(q).chunk_tokens;
  return q.runtime.chunk_over_dp && chunk > 0 ? std::max<Count>(1, chunk / q.layout.dp) : chunk;
}

Bytes reserve_of(const RuntimeSpec& runtime, Bytes capacity) {
  if (runtime.reserve != ReserveKind::Total) return Bytes(0);
  return std::min(capacity, std::max(runtime.reserve_fixed, scaled(capacity, runtime.reserve_fraction)));
}

std::string_view limiting_kind(const FitResult& result) {
  if (result.host_short) return "host memory";
  const LedgerLine* largest = nullptr;
  for (const LedgerLine& line : result.ranks.front().ledger.lines())
    if (line.place == Place::Device && (largest == nullptr || line.bytes > largest->bytes)) largest = &line;
  return largest != nullptr ? ledger_kind(largest->cls, largest->part, largest->owner) : "";
}

}  // namespace moeplan
