// SPDX-License-Identifier: Apache-2.0
#include "sim/study/fit.h"

#include <algorithm>

#include "sim/study/fit_search.h"

namespace moeplan {
namespace {

// More sequences than anyone serves: a bound for the solver.
constexpr Count kNoLimit = Count{1} << 32;

// Memory by which the engine picks its defaults; some devices get the smallest ones
// whatever they have.
Bytes memory_for_defaults(const FitQuestion& q) {
  for (const std::string& small : q.runtime.small_devices)
    if (small == q.device.device) return Bytes(0);
  return q.device.capacity;
}

Count sequence_limit_of(const RuntimeSpec& runtime, Bytes capacity) {
  Count limit = 0;
  for (const SequenceDefault& d : runtime.max_sequences)
    if (capacity >= d.min_memory) limit = d.sequences;
  return limit;
}

Admission admission_of(const FitQuestion& q) {
  const RuntimeSpec& r = q.runtime;
  const Bytes memory = memory_for_defaults(q);
  const bool small = r.small_chunk_tokens != 0 && memory < r.chunk_memory;
  return {.kv_block = r.kv_block_tokens,
          .chunk = small ? r.small_chunk_tokens : r.chunk_tokens,
          .row_limit = sequence_limit_of(r, memory)};
}

Allowances allowances_of(const FitQuestion& q, const WeightPlan& weights) {
  const bool several = q.layout.gpus() > q.layout.replicas;
  Allowances a;
  a.runtime_context = q.runtime.context_bytes + (several ? q.runtime.context_bytes_multi : Bytes(0));
  a.context_band = q.runtime.context_band;
  a.activation_band = q.runtime.activation_band;
  a.weight_low = weights.low;
  a.weight_high = weights.high;
  return a;
}

// The larger step of a rank is a prefill chunk, so the ledger reads the prefill program.
RankResult evaluate_rank(const FitQuestion& q, const Program& program, const Admission& admission,
                         const Allowances& allowances, Count sequences, Count ranks) {
  RankResult r;
  r.rank_class = program.rank_class;
  r.rank_class.ranks = ranks;
  r.program = program;
  r.residency = residency_of(admission, q.workload.context, sequences);
  r.ledger = ledger_of(program, r.residency, allowances);
  r.margin = q.device.budget() - r.ledger.total;
  return r;
}

// A rank class, split where sequences do not divide by dp: the first
// (sequences mod dp) x tp ranks of a stage hold one sequence more. The ranks with more
// experts come first too, so the class is the range [first, first + count) of a stage.
void evaluate_class(const FitQuestion& q, const Program& program, const Admission& admission,
                    const Allowances& allowances, std::vector<RankResult>& results) {
  const RankClass& c = program.rank_class;
  const Count count = c.ranks / c.stages;
  const Count first = c.hottest ? 0 : q.layout.ranks_per_stage() - count;
  const Count fewer = q.workload.sequences / q.layout.dp;
  const Count with_more = (q.workload.sequences % q.layout.dp) * q.layout.tp;
  const Count more_here = std::clamp<Count>(with_more - first, 0, count);
  if (more_here > 0)
    results.push_back(evaluate_rank(q, program, admission, allowances, fewer + 1, more_here * c.stages));
  if (more_here < count)
    results.push_back(evaluate_rank(q, program, admission, allowances, fewer, (count - more_here) * c.stages));
}

Bytes host_bytes_of(const std::vector<RankResult>& ranks) {
  Bytes total;
  for (const RankResult& r : ranks) total += r.ledger.host * r.rank_class.ranks;
  return total;
}

Verdict verdict_of(const FitResult& f) {
  if (f.margin < Bytes(0) || f.host_short) return Verdict::No;
  return f.margin < f.uncertainty ? Verdict::Tight : Verdict::Yes;
}

void solve_headroom(FitResult& f, const Admission& admission, const Allowances& allowances) {
  const FitQuestion& q = f.question;
  const Bytes budget = q.device.budget();
  const Count per_rank = ceil_div(q.workload.sequences, q.layout.dp);
  f.max_context = q.model.max_context;
  Count sequences = kNoLimit;
  for (const RankResult& r : f.ranks) {
    const FoldedLedger folded = fold(r.program, admission, allowances);
    f.max_context = std::min(f.max_context, max_context(folded, budget, per_rank, q.model.max_context));
    sequences = std::min(sequences, max_sequences(folded, budget, q.workload.context, kNoLimit / q.layout.dp));
  }
  f.context_at_model_limit = f.max_context == q.model.max_context;
  f.max_sequences = sequences < 0 ? sequences : sequences * q.layout.dp;
  f.sequence_limit = admission.row_limit * q.layout.dp;
}

// Caches of the tightest rank plus what is still free.
Bytes cache_room_of(const FitResult& f) {
  Bytes caches;
  for (const LedgerLine& line : f.ranks.front().ledger.lines())
    if (line.cls == TensorClass::Kv || line.cls == TensorClass::State) caches += line.bytes;
  return caches + f.margin;
}

}  // namespace

LowerOptions lower_options(const ModelPlan& plan, const FitQuestion& q) {
  return {.layout = q.layout,
          .kv_format = q.kv.empty() ? default_kv_format(plan, q.runtime) : plan.formats.id_of(q.kv),
          .load_mtp = q.load_mtp,
          .host_expert_layers = q.host_expert_layers,
          .input_table_on_host = q.runtime.input_table_on_host && !q.device.host_is_device,
          .dispatch_tokens = q.dispatch_tokens != 0 ? q.dispatch_tokens : q.runtime.dispatch_tokens};
}

FitResult evaluate_planned(const ModelPlan& plan, const FitQuestion& q) {
  FitResult f;
  f.question = q;
  const LowerOptions options = lower_options(plan, q);
  f.kv_format = options.kv_format;
  const Admission admission = admission_of(q);
  const Allowances allowances = allowances_of(q, plan.weights);
  for (const RankClass& c : rank_classes(plan, q.layout))
    evaluate_class(q, lower(plan, q.runtime, options, c, Phase::Prefill), admission, allowances, f.ranks);
  if (f.ranks.size() > 1)
    std::stable_sort(f.ranks.begin(), f.ranks.end(),
                     [](const RankResult& a, const RankResult& b) { return a.margin < b.margin; });
  // The ranks are in order of tightness from here on.
  f.margin = f.ranks.front().margin;
  f.uncertainty = f.ranks.front().ledger.high - f.ranks.front().ledger.total;
  f.host_bytes = host_bytes_of(f.ranks);
  f.host_short = q.device.host.has_value() && f.host_bytes > *q.device.host;
  f.verdict = verdict_of(f);
  solve_headroom(f, admission, allowances);
  f.cache_room = cache_room_of(f);
  return f;
}

bool fits(const FitResult& f) { return f.verdict != Verdict::No; }

// The verdict alone, for searches over many layouts: stops at the first rank class
// that does not fit.
bool fits_planned(const ModelPlan& plan, const FitQuestion& q) {
  const LowerOptions options = lower_options(plan, q);
  const Admission admission = admission_of(q);
  const Allowances allowances = allowances_of(q, plan.weights);
  Bytes host;
  for (const RankClass& c : rank_classes(plan, q.layout)) {
    const Program program = lower(plan, q.runtime, options, c, Phase::Prefill);
    const Count sequences = ceil_div(q.workload.sequences, q.layout.dp);
    const MemoryLedger ledger = ledger_of(program, residency_of(admission, q.workload.context, sequences), allowances);
    if (ledger.total > q.device.budget()) return false;
    host += ledger.host * c.ranks;
  }
  return !q.device.host.has_value() || host <= *q.device.host;
}

// Legal layouts, those whose tensor parallelism stays within the fast fabric first.
std::vector<Layout> preferred_layouts(const FitQuestion& q, Count gpus) {
  std::vector<Layout> layouts = legal_layouts(q.model, q.runtime, gpus);
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

std::string_view word_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::Yes: return "yes";
    case Verdict::Tight: return "tight";
    case Verdict::No: return "no";
  }
  return "";
}

FitResult evaluate(const FitQuestion& question) {
  return evaluate_planned(plan_model(question.model, question.formats, question.weights), question);
}

std::optional<Layout> choose_layout(const FitQuestion& question, Count gpus) {
  const ModelPlan plan = plan_model(question.model, question.formats, question.weights);
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

std::string_view limiting_kind(const FitResult& result) {
  if (result.host_short) return "host memory";
  const LedgerLine* largest = nullptr;
  for (const LedgerLine& line : result.ranks.front().ledger.lines())
    if (line.place == Place::Device && (largest == nullptr || line.bytes > largest->bytes)) largest = &line;
  return largest != nullptr ? ledger_kind(largest->cls, largest->part) : "";
}

}  // namespace moeplan
