// SPDX-License-Identifier: Apache-2.0
#include "sim/study/runnable.h"

#include <algorithm>

#include "sim/study/fit_search.h"

namespace moeplan {
namespace {

constexpr double kUsualBits = 5.0;  // of a format people take for experts in host memory

// One model on one machine; formats are planned once each.
class ModelSearch {
 public:
  ModelSearch(const ModelSpec& model, const RunnableQuestion& question, const std::vector<std::string>& formats)
      : question_(question), formats_(formats), q_(question.machine), counts_(count_parameters(model)) {
    q_.model = model;
    if (!question.given_context && model.max_context > 0)
      q_.workload.context = std::min(q_.workload.context, model.max_context);
  }

  void search(std::vector<Runnable>& found) {
    if (legal_layouts(q_.model, q_.runtime, question_.gpus).empty()) return;
    const std::optional<Runnable> device = on_devices();
    if (device) found.push_back(*device);
    if (device && !device->coarse()) return;
    const std::optional<Runnable> host = with_host();
    if (host && (!device || host->bits_per_weight > device->bits_per_weight)) found.push_back(*host);
  }

 private:
  // Even without anything else the weights are too large.
  bool is_hopeless(const ModelPlan& plan, Bytes room) const {
    return scaled(checkpoint_size(q_.model, plan.weights, q_.formats).bytes, kLeastShare) > room;
  }

  std::optional<Runnable> on_devices() {
    const Bytes room = q_.device.capacity * question_.gpus;
    for (const std::string& label : formats_) {
      const ModelPlan plan = plan_model(q_.model, q_.formats, label);
      FitQuestion q = q_;
      q.weights = label;
      if (is_hopeless(plan, room)) continue;
      if (first_fitting(plan, q, preferred_layouts(q, question_.gpus), 1)) return row_of(plan, q);
    }
    return std::nullopt;
  }

  std::optional<Runnable> with_host() {
    if (!q_.runtime.host_offload || q_.device.host_is_device || !q_.device.host || *q_.device.host == Bytes(0))
      return std::nullopt;
    const Bytes room = q_.device.capacity * question_.gpus + *q_.device.host;
    for (const std::string& label : formats_) {
      const ModelPlan plan = plan_model(q_.model, q_.formats, label);
      if (is_hopeless(plan, room) || bits_of(checkpoint_size(q_.model, plan.weights, q_.formats).bytes) > kUsualBits)
        continue;
      FitQuestion q = q_;
      q.weights = label;
      for (const Layout& layout : preferred_layouts(q, question_.gpus)) {
        q.layout = layout;
        if (fewest_host_layers(plan, q)) return row_of(plan, q);
      }
    }
    return std::nullopt;
  }

  // The device only empties as layers leave it, the host only fills: both are monotone.
  bool fewest_host_layers(const ModelPlan& plan, FitQuestion& q) const {
    const Count layers = static_cast<Count>(plan.layers.size());
    if (moe_layers_within(plan, layers) == 0) return false;
    FitQuestion unlimited = q;
    unlimited.device.host.reset();
    Count low = 0;
    Count high = layers;
    unlimited.host_expert_layers = high;
    if (!fits_planned(plan, unlimited)) return false;
    while (low + 1 < high) {
      unlimited.host_expert_layers = (low + high) / 2;
      (fits_planned(plan, unlimited) ? high : low) = unlimited.host_expert_layers;
    }
    q.host_expert_layers = high;
    return fits_planned(plan, q);
  }

  double bits_of(Bytes bytes) const { return 8 * bytes.size().base() / static_cast<double>(counts_.total); }

  Runnable row_of(const ModelPlan& plan, const FitQuestion& q) const {
    const FitResult f = evaluate_planned(plan, q);
    Bytes weights = f.host_bytes;
    for (const RankResult& rank : f.ranks)
      for (const LedgerLine& line : rank.ledger.lines())
        if (line.cls == TensorClass::Weight && line.place == Place::Device)
          weights += line.bytes * rank.rank_class.ranks;
    return {.model = q.model.id,
            .weights = q.weights,
            .total_parameters = counts_.total,
            .active_parameters = counts_.active,
            .bits_per_weight = bits_of(weights),
            .verdict = f.verdict,
            .probability = f.probability,
            .layout = q.layout,
            .device_bytes = f.ranks.front().ledger.total,
            .host_bytes = f.host_bytes,
            .margin = f.margin,
            .host_expert_layers = q.host_expert_layers,
            .max_context = f.max_context,
            .decode = decode_floor(plan, f, q.rates)};
  }

  // MTP modules, encoders and vision towers of a checkpoint need not be resident.
  static constexpr double kLeastShare = 0.85;

  const RunnableQuestion& question_;
  const std::vector<std::string>& formats_;
  FitQuestion q_;
  ParameterCounts counts_;
};

// A model people run to generate text: all of it decodes, and its shape is no guess.
bool generates(const ModelSpec& model) {
  return model.basis == ShapeBasis::Published && !is_encoder_only(model) &&
         expand_layers(model, Stack::Encoder).empty();
}

}  // namespace

bool Runnable::coarse() const { return bits_per_weight < kCoarseBits; }

std::vector<std::string> usual_formats(const RuntimeSpec& runtime) {
  if (runtime.formats == "gguf")
    return {"native", "q8_0", "q6_k", "q5_k_m", "q4_k_m", "iq4_xs", "q3_k_m", "iq3_xxs", "q2_k", "iq2_xxs", "iq1_s"};
  return {"native", "fp8", "int4_g128", "nvfp4"};
}

std::vector<Runnable> find_runnable(const std::vector<ModelSpec>& models, const RunnableQuestion& question) {
  const FitQuestion& machine = question.machine;
  std::vector<std::string> formats;
  for (const std::string& label : question.formats.empty() ? usual_formats(machine.runtime) : question.formats)
    if (format_violations(machine.runtime, machine.formats, label, machine.kv).empty()) formats.push_back(label);
  std::vector<Runnable> found;
  for (const ModelSpec& model : models)
    if (generates(model)) ModelSearch(model, question, formats).search(found);
  std::stable_sort(found.begin(), found.end(), [](const Runnable& a, const Runnable& b) {
    if (a.coarse() != b.coarse()) return b.coarse();
    if (a.total_parameters != b.total_parameters) return a.total_parameters > b.total_parameters;
    return a.host_expert_layers < b.host_expert_layers;
  });
  return found;
}

}  // namespace moeplan
