// SPDX-License-Identifier: Apache-2.0
// What to change when a deployment does not fit: one search per kind of change, each
// keeping the smallest step that is enough.
#include <algorithm>

#include "sim/study/drafts.h"
#include "sim/study/fit_search.h"
#include "sim/study/placement_plan.h"
#include "sim/study/placement_words.h"

namespace moeplan {
namespace {

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
  ChangeSearch(const FitQuestion& question, const FitResult& base, ModelPlan plan)
      : q_(question), base_(base), plan_(std::move(plan)) {}

  void layouts() {
    if (has_placement()) return;
    const Count gpus = q_.layout.gpus() / q_.layout.replicas;
    FitQuestion q = q_;
    if (!first_fitting(plan_, q, preferred_layouts(q_, gpus), q_.layout.replicas)) return;
    keep(ChangeKind::Layout, "layout " + describe(q.layout), 0.0, evaluate_planned(plan_, q));
  }

  // An engine told to leave less free: --gpu-memory-utilization in vLLM's words.
  void reserve() {
    const Bytes least = std::max(kLeastReserve, scaled(q_.device.capacity, kLeastReserveShare));
    const Count step = kMiB.count() * 256;
    FitQuestion q = q_;
    const Holdback now = holdback_of(q_);
    const Bytes kept = now.fixed + now.floor;  // an engine has one of them, or neither
    q.memory_fraction.reset();
    q.device.reserve_asked = true;
    q.device.reserve = Bytes((kept + base_.margin).count() / step * step);
    if (!q_.mixed.empty() || base_.host_short || q.device.reserve < least || q.device.reserve >= kept) return;
    const double share =
        lost_share(q.device.reserve.size().base(), kept.size().base()) * (kept.size() / q_.device.capacity.size());
    keep(ChangeKind::Reserve, "--reserve " + std::to_string(q.device.reserve.count() / kMiB.count()) + "MiB", share,
         evaluate_planned(plan_, q));
  }

  // Speed given up, nothing else; the draft's share of the weights measures it.
  void no_draft() {
    if (!q_.draft) return;
    FitQuestion q = q_;
    q.draft.reset();
    q.draft_tokens = 0;
    FitResult result = evaluate_planned(plan_, q);
    const double share = lost_share(static_cast<double>(weight_bytes_of(result).count()),
                                    static_cast<double>(weight_bytes_of(base_).count()));
    keep(ChangeKind::NoDraft, "no draft model", share, std::move(result));
  }

  void flash_attention() {
    if (q_.flash_attention) return;
    FitQuestion q = q_;
    q.flash_attention = true;
    keep(ChangeKind::FlashAttention, "--flash-attn on", 0.0, evaluate_planned(plan_, q));
  }

  // Metal told to use more of the RAM, in whole MiB.
  void gpu_limit() {
    if (!q_.device.raisable_to || base_.margin >= Bytes(0)) return;
    FitQuestion q = q_;
    // A reserve that is a share of the capacity grows with it.
    for (int i = 0; i < kReserveRounds; ++i) {
      const FitResult now = evaluate_planned(plan_, q);
      if (fits(now)) break;
      q.device.capacity = Bytes(round_up((q.device.capacity - now.margin).count(), kMiB.count()));
      if (!q.device.reserve_asked && !q.memory_fraction) q.device.reserve = reserve_of(q.runtime, q.device.capacity);
    }
    if (q.device.capacity > *q_.device.raisable_to - kLeastForSystem) return;
    const double share = (q.device.capacity - q_.device.capacity).size() / q_.device.raisable_to->size();
    const std::string limit = std::to_string(q.device.capacity.count() / kMiB.count()) + "MiB";
    keep(ChangeKind::GpuLimit, "--gpu-limit " + limit, share, evaluate_planned(plan_, q));
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
    for (const std::string& name : smaller_caches()) {
      FitQuestion q = q_;
      q.kv = name;
      FitResult result = evaluate_planned(plan_, q);
      const double share = cache_share(result.kv_format);
      if (keep(ChangeKind::KvFormat, "--kv " + name, share, std::move(result))) return;
    }
  }

  void host_experts() {
    if (!host_helps()) return;
    FitQuestion q = q_;
    std::string text;
    if (has_placement()) {
      const std::optional<Placement> placement = plan_placement(plan_, q_, true);
      if (!placement || placement->experts.empty()) return;
      text = describe_moved(*placement, plan_);
      q.placement = *placement;
      q.host_expert_layers = 0;
    } else if (fewest_host_layers(plan_, q)) {
      text = host_text(q.host_expert_layers);
    } else {
      return;
    }
    q = page_to_ssd(plan_, q);
    FitResult result = evaluate_planned(plan_, q);
    if (result.ssd_bytes > Bytes(0)) text += ", what it cannot hold on SSD";
    const double share = (result.host_bytes + result.ssd_bytes).size() / weight_bytes_of(base_).size();
    keep(ChangeKind::HostExperts, text, share, std::move(result));
  }

  void weight_formats() {
    const double now = static_cast<double>(weight_bytes_of(base_).count());
    const std::vector<std::string> labels = weight_labels();
    FitQuestion q = q_;
    // Smallest first in the list: the largest that fits is the smallest change.
    for (auto label = labels.rbegin(); label != labels.rend(); ++label) {
      const ModelPlan plan = plan_question(q_, *label);
      const bool smallest = std::next(label) == labels.rend();
      q.placement = q_.placement;
      q.host_expert_layers = q_.host_expert_layers;
      if (base_.ssd_bytes > Bytes(0)) q = page_to_ssd(plan, q);
      if (!smallest && !fits_planned(plan, q)) continue;
      q.weights = *label;
      FitResult result = evaluate_planned(plan, q);
      const double share = lost_share(static_cast<double>(weight_bytes_of(result).count()), now);
      if (share > kWorthwhile && keep(ChangeKind::WeightFormat, "--weights " + *label, share, std::move(result)))
        return;
    }
  }

  void more_gpus() {
    const Count now = q_.layout.gpus() / q_.layout.replicas;
    if (q_.device.host_is_device || !q_.mixed.empty()) return;  // a laptop is one device; which one to add?
    const Count weights = weight_bytes_of(base_).count() - base_.host_bytes.count();
    const Count budget = std::max<Count>((q_.device.capacity - holdback_of(q_).fixed).count(), 1);
    // Beyond one node of 8, devices come by the node.
    const auto next = [](Count gpus) { return gpus < 8 ? gpus + 1 : round_up(gpus + 1, gpus < 128 ? 8 : gpus); };
    for (Count gpus = next(now); gpus <= kMostGpus; gpus = next(gpus)) {
      // Weights alone bound the number from below; replicated ones only add to it.
      if (saturating_product(gpus, budget) < weights / q_.layout.ranks_per_stage()) continue;
      FitQuestion q = q_;
      q.placement = {};
      const std::optional<Layout> layout = first_fitting(plan_, q, preferred_layouts(q_, gpus), q_.layout.replicas);
      if (!layout.has_value()) continue;
      FitResult result = evaluate_planned(plan_, q);
      const double share = lost_share(static_cast<double>(now), static_cast<double>(gpus));
      const std::string text = std::to_string(q.layout.gpus()) + " devices, " + describe(q.layout);
      if (keep(ChangeKind::MoreGpus, text, share, std::move(result))) return;
    }
  }

  // Two changes, neither enough alone: the whole of one, then the least of the other that is
  // enough. What is given up: the first share, and of the rest the second; it is less than
  // a single change of the first kind gives up.
  void pairs() {
    pairs_with_caches();
    pairs_with_weights();
    pairs_with_host();
    std::stable_sort(pairs_.begin(), pairs_.end(), [](const Change& a, const Change& b) { return a.size < b.size; });
    if (pairs_.size() > kMostPairs) pairs_.erase(pairs_.begin() + kMostPairs, pairs_.end());
    for (Change& pair : pairs_) found_.push_back(std::move(pair));
  }

  Changes take() {
    for (Change& change : found_) change.decode = decode_floor(change.result, change.result.question.rates);
    std::stable_sort(found_.begin(), found_.end(), [](const Change& a, const Change& b) { return a.size < b.size; });
    Changes changes{std::move(found_), std::nullopt};
    if (changes.fitting.empty()) changes.closest = std::move(closest_);
    return changes;
  }

 private:
  static constexpr Bytes kLeastReserve = Bytes(Count{1} << 29);  // what --memory alone keeps (CLI.md section 4)
  static constexpr double kLeastReserveShare = 0.02;
  // What a system beside the GPU cannot do without; assumed, as in the CPU profiles.
  static constexpr Bytes kLeastForSystem = Bytes(Count{4} << 30);
  static constexpr int kReserveRounds = 4;
  static constexpr double kWorthwhile = 0.1;  // a format that saves less is not worth its loss
  static constexpr Count kUsefulContext = 256;
  static constexpr Count kMostGpus = 1024;
  static constexpr std::size_t kMostPairs = 3;

  bool keep(ChangeKind kind, std::string text, double size, FitResult result) {
    if (fits(result)) {
      found_.push_back({kind, std::move(text), size, std::move(result), {}});
      return true;
    }
    if (!closest_.has_value() || result.margin > closest_->result.margin)
      closest_ = Change{kind, std::move(text), size, std::move(result), {}};
    return false;
  }

  void search(ChangeKind kind) {
    switch (kind) {
      case ChangeKind::Layout: return layouts();
      case ChangeKind::GpuLimit: return gpu_limit();
      case ChangeKind::NoDraft: return no_draft();
      case ChangeKind::FlashAttention: return flash_attention();
      case ChangeKind::Reserve: return reserve();
      case ChangeKind::Context: return context();
      case ChangeKind::Sequences: return sequences();
      case ChangeKind::KvFormat: return kv_formats();
      case ChangeKind::HostExperts: return host_experts();
      case ChangeKind::WeightFormat: return weight_formats();
      case ChangeKind::MoreGpus: return more_gpus();
      case ChangeKind::FormatAndHost:
      case ChangeKind::Pair: return;
    }
  }

  void pairs_with_caches() {
    if (has(ChangeKind::KvFormat)) return;
    std::vector<ChangeKind> open = {ChangeKind::Context, ChangeKind::Sequences, ChangeKind::HostExperts};
    for (const std::string& name : smaller_caches()) {
      FitQuestion q = q_;
      q.kv = name;
      combine(plan_, q, {ChangeKind::KvFormat, "--kv " + name, cache_share(plan_.formats.id_of(name))}, open);
    }
  }

  // Of each second change the finest format that it makes fit; finer than the one that
  // fits alone.
  void pairs_with_weights() {
    std::vector<ChangeKind> open = {ChangeKind::HostExperts, ChangeKind::KvFormat, ChangeKind::Context,
                                    ChangeKind::Sequences};
    if (!q_.device.host.has_value()) open.erase(open.begin());  // any format would do
    const double now = static_cast<double>(weight_bytes_of(base_).count());
    const std::vector<std::string> labels = weight_labels();
    for (auto label = labels.rbegin(); label != labels.rend() && !open.empty(); ++label) {
      const ModelPlan plan = plan_question(q_, *label);
      FitQuestion q = q_;
      q.weights = *label;
      const double bytes = static_cast<double>(weight_bytes_of(evaluate_planned(plan, q)).count());
      const double share = lost_share(bytes, now);
      if (share > kWorthwhile) combine(plan, q, {ChangeKind::WeightFormat, "--weights " + *label, share}, open);
    }
  }

  void pairs_with_host() {
    if (!host_helps() || has(ChangeKind::HostExperts)) return;
    std::vector<ChangeKind> open = {ChangeKind::Context, ChangeKind::Sequences};
    FitQuestion q = q_;
    q.host_expert_layers = static_cast<Count>(plan_.layers.size());
    q.placement.experts.clear();
    q = page_to_ssd(plan_, q);
    const FitResult moved = evaluate_planned(plan_, q);
    if (moved.host_bytes <= base_.host_bytes) return;  // no experts
    const double share = moved.host_bytes.size() / weight_bytes_of(base_).size();
    combine(plan_, q, {ChangeKind::HostExperts, host_text(q.host_expert_layers), share}, open);
  }

  struct FirstChange {
    ChangeKind kind;
    std::string text;
    double size;
  };

  // Tries the open kinds of second changes after a first; what is found is open no longer.
  void combine(const ModelPlan& plan, const FitQuestion& q, const FirstChange& first, std::vector<ChangeKind>& open) {
    const FitResult base = evaluate_planned(plan, q);
    if (fits(base)) return;
    ChangeSearch inner(q, base, plan);
    std::erase_if(open, [&](ChangeKind second) {
      if (has(second)) return true;
      inner.search(second);
      return inner.has(second);
    });
    for (Change& second : inner.found_) {
      const double size = first.size + (1 - first.size) * second.size;
      if (std::any_of(found_.begin(), found_.end(),
                      [&](const Change& c) { return c.kind == first.kind && c.size <= size; }))
        continue;
      const bool host = first.kind == ChangeKind::WeightFormat && second.kind == ChangeKind::HostExperts;
      pairs_.push_back({host ? ChangeKind::FormatAndHost : ChangeKind::Pair,
                        first.text + ", " + second.text,
                        size,
                        std::move(second.result),
                        {}});
    }
  }

  // Cache formats the engine has that are smaller than the one in use, largest first.
  std::vector<std::string> smaller_caches() const {
    std::vector<std::string> names;
    for (const char* name : {"fp8", "q8_0", "q4_0"})
      if (format_violations(q_.runtime, plan_.formats, "native", name).empty() &&
          token_bytes(plan_.formats.id_of(name)) < token_bytes(base_.kv_format))
        names.emplace_back(name);
    return names;
  }
  double cache_share(FormatId format) const {
    return lost_share(static_cast<double>(token_bytes(format)), static_cast<double>(token_bytes(base_.kv_format)));
  }

  bool has(ChangeKind kind) const {
    return std::any_of(found_.begin(), found_.end(), [kind](const Change& c) { return c.kind == kind; });
  }

  // Devices differ, or somebody said what lies where.
  bool has_placement() const { return !q_.mixed.empty() || !q_.placement.is_default(); }

  bool host_helps() const { return q_.runtime.host_offload && !q_.device.host_is_device; }

  // Moves the experts of the fewest layers that let it fit: the device only empties as
  // layers leave it. False when not even all of them do.
  bool fewest_host_layers(const ModelPlan& plan, FitQuestion& q) const {
    const Count layers = static_cast<Count>(plan.layers.size());
    // What the host cannot hold, a drive does.
    const std::optional<Bytes> host = q.device.host;
    if (q.device.ssd) q.device.host.reset();
    for (q.host_expert_layers = q_.host_expert_layers + 1; q.host_expert_layers <= layers; ++q.host_expert_layers) {
      const Count n = q.host_expert_layers;
      const bool dense = moe_layers_within(plan, n) == moe_layers_within(plan, n - 1);
      if (dense || !fits_planned(plan, q)) continue;
      q.device.host = host;
      return true;
    }
    return false;
  }

  std::string host_text(Count layers) const {
    const Count moe = moe_layers_within(plan_, layers);
    return "experts of " + std::to_string(moe) + (moe == 1 ? " layer" : " layers") + " in host memory";
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
  std::vector<Change> pairs_;
  std::optional<Change> closest_;
};

}  // namespace

Changes find_changes(const FitQuestion& question) {
  ModelPlan plan = plan_question(question, question.weights);
  const FitResult base = evaluate_planned(plan, question);
  if (fits(base)) return {};
  ChangeSearch search(question, base, std::move(plan));
  search.layouts();
  search.gpu_limit();
  search.no_draft();
  search.flash_attention();
  search.reserve();
  search.context();
  search.sequences();
  search.kv_formats();
  search.host_experts();
  search.weight_formats();
  search.more_gpus();
  search.pairs();
  return search.take();
}

}  // namespace moeplan
