// SPDX-License-Identifier: Apache-2.0
#include "sim/study/fit.h"

#include <algorithm>

#include "sim/base/error.h"

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

LowerOptions options_of(const ModelPlan& plan, const FitQuestion& q) {
  return {.layout = q.layout,
          .kv_format = q.kv.empty() ? default_kv_format(plan, q.runtime) : plan.formats.id_of(q.kv),
          .load_mtp = q.load_mtp,
          .host_expert_layers = q.host_expert_layers,
          .dispatch_tokens = q.dispatch_tokens != 0 ? q.dispatch_tokens : q.runtime.dispatch_tokens};
}

FitResult evaluate_planned(const ModelPlan& plan, const FitQuestion& q) {
  FitResult f;
  f.question = q;
  const LowerOptions options = options_of(plan, q);
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
  const LowerOptions options = options_of(plan, q);
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

Bytes weight_bytes_of(const FitResult& f) {
  Bytes total;
  for (const RankResult& r : f.ranks)
    for (const LedgerLine& line : r.ledger.lines())
      if (line.cls == TensorClass::Weight) total += line.bytes * r.rank_class.ranks;
  return total;
}

double lost_share(double after, double before) { return before > 0 ? 1.0 - after / before : 0.0; }

// Searches for changes of one kind; each appends what it finds.
class ChangeSearch {
 public:
  ChangeSearch(const FitQuestion& question, const FitResult& base)
      : q_(question), base_(base), plan_(plan_model(question.model, question.formats, question.weights)) {}

  void layouts() {
    const Count gpus = q_.layout.gpus() / q_.layout.replicas;
    FitQuestion q = q_;
    if (!first_fitting(plan_, q, legal_layouts(q_.model, q_.runtime, gpus), q_.layout.replicas)) return;
    keep(ChangeKind::Layout, "layout " + describe(q.layout), 0.0, evaluate_planned(plan_, q));
  }

  void context() {
    if (base_.max_context < kUsefulContext) return;
    FitQuestion q = q_;
    q.workload.context = std::min(base_.max_context, q_.workload.context) / kUsefulContext * kUsefulContext;
    if (q.workload.context == q_.workload.context) return;
    keep(ChangeKind::Context, "--context " + std::to_string(q.workload.context),
         lost_share(static_cast<double>(q.workload.context), static_cast<double>(q_.workload.context)),
         evaluate_planned(plan_, q));
  }

  void sequences() {
    if (q_.workload.sequences <= 1 || base_.max_sequences < 1) return;
    FitQuestion q = q_;
    q.workload.sequences = std::min(base_.max_sequences, q_.workload.sequences);
    if (q.workload.sequences == q_.workload.sequences) return;
    keep(ChangeKind::Sequences, "--sequences " + std::to_string(q.workload.sequences),
         lost_share(static_cast<double>(q.workload.sequences), static_cast<double>(q_.workload.sequences)),
         evaluate_planned(plan_, q));
  }

  void kv_formats() {
    const Count now = token_bytes(base_.kv_format);
    for (const char* name : {"fp8", "q8_0", "q4_0"}) {
      const bool gguf = name[0] == 'q';
      if (gguf != q_.runtime.host_offload) continue;  // block formats of the cache are llama.cpp's
      if (token_bytes(plan_.formats.id_of(name)) >= now) continue;
      FitQuestion q = q_;
      q.kv = name;
      FitResult result = evaluate_planned(plan_, q);
      const double share = lost_share(static_cast<double>(token_bytes(result.kv_format)), static_cast<double>(now));
      if (keep(ChangeKind::KvFormat, std::string("--kv ") + name, share, std::move(result))) return;
    }
  }

  void host_experts() {
    if (!host_helps()) return;
    // The fewest layers that fit on the device: it only empties as layers leave.
    FitQuestion q = q_;
    const Count enough = fewest_host_layers(plan_, q);
    if (enough > moe_layers()) return;
    keep_on_host(ChangeKind::HostExperts, host_text(enough), evaluate_planned(plan_, q));
  }

  void weight_formats() {
    const double now = static_cast<double>(weight_bytes_of(base_).count());
    const std::vector<std::string> labels = weight_labels();
    FitQuestion q = q_;
    // Smallest first in the list: the largest that fits is the smallest change.
    for (auto label = labels.rbegin(); label != labels.rend(); ++label) {
      const ModelPlan plan = plan_model(q_.model, q_.formats, *label);
      const bool smallest = std::next(label) == labels.rend();
      if (!smallest && !fits_planned(plan, q)) continue;
      q.weights = *label;
      FitResult result = evaluate_planned(plan, q);
      const double share = lost_share(static_cast<double>(weight_bytes_of(result).count()), now);
      if (share > 0 && keep(ChangeKind::WeightFormat, "--weights " + *label, share, std::move(result))) return;
    }
  }

  // The finest format whose experts fit the host and whose rest fits the device, for
  // models that neither change alone can place.
  void formats_on_host() {
    if (!host_helps() || !q_.device.host.has_value() || has(ChangeKind::HostExperts)) return;
    const double now = static_cast<double>(weight_bytes_of(base_).count());
    const std::vector<std::string> labels = weight_labels();
    for (auto label = labels.rbegin(); label != labels.rend(); ++label) {
      const ModelPlan plan = plan_model(q_.model, q_.formats, *label);
      FitQuestion q = q_;
      q.weights = *label;
      const Count enough = fewest_host_layers(plan, q);
      if (enough > moe_layers()) continue;
      FitResult result = evaluate_planned(plan, q);
      const double share = lost_share(static_cast<double>(weight_bytes_of(result).count()), now);
      const double moved =
          static_cast<double>(result.host_bytes.count()) / static_cast<double>(weight_bytes_of(result).count());
      // What is given up by both: the bytes lost, and of the rest the share that moves.
      if (share > 0)
        keep(ChangeKind::FormatAndHost, "--weights " + *label + ", " + host_text(enough), share + (1 - share) * moved,
             std::move(result));
      return;
    }
  }

  void more_gpus() {
    const Count now = q_.layout.gpus() / q_.layout.replicas;
    if (q_.device.host_is_device) return;  // a laptop is one device
    const Count weights = weight_bytes_of(base_).count() - base_.host_bytes.count();
    const Count budget = std::max<Count>(q_.device.budget().count(), 1);
    // Beyond one node of 8, devices come by the node.
    for (Count gpus = now + 1; gpus <= kMostGpus;
         gpus = gpus < 8 ? gpus + 1 : round_up(gpus + 1, gpus < 128 ? 8 : gpus)) {
      // Weights alone bound the number from below; replicated ones only add to it.
      if (gpus * budget < weights / q_.layout.ranks_per_stage()) continue;
      FitQuestion q = q_;
      const std::optional<Layout> layout =
          first_fitting(plan_, q, legal_layouts(q_.model, q_.runtime, gpus), q_.layout.replicas);
      if (!layout.has_value()) continue;
      FitResult result = evaluate_planned(plan_, q);
      const double share = lost_share(static_cast<double>(now), static_cast<double>(gpus));
      const std::string text = std::to_string(gpus) + " devices, " + describe(q.layout);
      if (keep(ChangeKind::MoreGpus, text, share, std::move(result))) return;
    }
  }

  Changes take() {
    std::stable_sort(found_.begin(), found_.end(), [](const Change& a, const Change& b) { return a.size < b.size; });
    Changes changes{std::move(found_), std::nullopt};
    if (changes.fitting.empty()) changes.closest = std::move(closest_);
    return changes;
  }

 private:
  static constexpr Count kUsefulContext = 256;
  static constexpr Count kMostGpus = 1024;

  bool keep(ChangeKind kind, std::string text, double size, FitResult result) {
    if (fits(result)) {
      found_.push_back({kind, std::move(text), size, std::move(result)});
      return true;
    }
    if (!closest_.has_value() || result.margin > closest_->result.margin)
      closest_ = Change{kind, std::move(text), size, std::move(result)};
    return false;
  }

  void keep_on_host(ChangeKind kind, std::string text, FitResult result) {
    const double weights = static_cast<double>(weight_bytes_of(base_).count());
    const double share = static_cast<double>(result.host_bytes.count()) / weights;
    keep(kind, std::move(text), share, std::move(result));
  }

  bool has(ChangeKind kind) const {
    return std::any_of(found_.begin(), found_.end(), [kind](const Change& c) { return c.kind == kind; });
  }

  bool host_helps() const { return q_.runtime.host_offload && !q_.device.host_is_device; }

  Count moe_layers() const {
    Count layers = 0;
    for (std::size_t i = 0; i < plan_.model.blocks.size(); ++i)
      if (std::holds_alternative<MoeFfn>(plan_.model.blocks[i].kind)) layers += plan_.instances[i];
    return layers;
  }

  // Sets q to the fewest layers that fit; moe_layers() + 1 when none do.
  Count fewest_host_layers(const ModelPlan& plan, FitQuestion& q) const {
    Count layers = q_.host_expert_layers + 1;
    for (; layers <= moe_layers(); ++layers) {
      q.host_expert_layers = layers;
      if (fits_planned(plan, q)) break;
    }
    return layers;
  }

  static std::string host_text(Count layers) {
    return "experts of " + std::to_string(layers) + (layers == 1 ? " layer" : " layers") + " in host memory";
  }

  std::vector<std::string> weight_labels() const {
    if (q_.runtime.id == "llama.cpp") return mixture_labels();
    return {"nvfp4", "int4_g128", "fp8"};
  }

  // Bytes of 1,024 cached values: enough to compare formats.
  Count token_bytes(FormatId format) const { return payload_bytes(plan_.formats[format], 1024).count(); }

  const FitQuestion& q_;
  const FitResult& base_;
  ModelPlan plan_;
  std::vector<Change> found_;
  std::optional<Change> closest_;
};

}  // namespace

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
  const std::vector<Layout> legal = legal_layouts(question.model, question.runtime, gpus);
  FitQuestion q = question;
  if (const std::optional<Layout> found = first_fitting(plan, q, legal, 1)) return found;
  // Devices that one copy cannot use together still hold independent copies.
  for (Count replicas = 2; replicas <= gpus; ++replicas) {
    if (gpus % replicas != 0) continue;
    const std::vector<Layout> fewer = legal_layouts(question.model, question.runtime, gpus / replicas);
    if (const std::optional<Layout> found = first_fitting(plan, q, fewer, replicas)) return found;
  }
  if (legal.empty()) return std::nullopt;
  return legal.front();
}

Changes find_changes(const FitQuestion& question) {
  const FitResult base = evaluate(question);
  if (fits(base)) return {};
  ChangeSearch search(question, base);
  search.layouts();
  search.context();
  search.sequences();
  search.kv_formats();
  search.host_experts();
  search.weight_formats();
  search.formats_on_host();
  search.more_gpus();
  return search.take();
}

std::string_view limiting_kind(const FitResult& result) {
  if (result.host_short) return "host memory";
  const LedgerLine* largest = nullptr;
  for (const LedgerLine& line : result.ranks.front().ledger.lines())
    if (line.place == Place::Device && (largest == nullptr || line.bytes > largest->bytes)) largest = &line;
  return largest != nullptr ? ledger_kind(largest->cls, largest->part) : "";
}

std::string runtime_flags(const FitResult& result) {
  const FitQuestion& q = result.question;
  const std::string context = std::to_string(q.workload.context);
  if (q.runtime.id == "llama.cpp") {
    std::string flags;
    if (q.weights != "native") flags = "-m <" + q.weights + " file> ";
    flags += "-c " + std::to_string(q.workload.context * q.workload.sequences);
    if (q.workload.sequences > 1) flags += " -np " + std::to_string(q.workload.sequences);
    flags += " -ngl 99";
    if (q.host_expert_layers > 0) flags += " --n-cpu-moe " + std::to_string(q.host_expert_layers);
    if (!q.kv.empty() && q.kv != "fp16") flags += " -ctk " + q.kv + " -ctv " + q.kv;
    return flags;
  }
  if (q.runtime.id == "vllm") {
    std::string flags = "--max-model-len " + context;
    if (q.layout.tp > 1) flags += " --tensor-parallel-size " + std::to_string(q.layout.tp);
    if (q.layout.dp > 1) flags += " --data-parallel-size " + std::to_string(q.layout.dp);
    if (q.layout.pp > 1) flags += " --pipeline-parallel-size " + std::to_string(q.layout.pp);
    if (q.layout.ep > 1) flags += " --enable-expert-parallel";
    if (q.kv == "fp8") flags += " --kv-cache-dtype fp8";
    return flags;
  }
  return "";
}

}  // namespace moeplan
