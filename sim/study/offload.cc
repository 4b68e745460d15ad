// SPDX-License-Identifier: Apache-2.0
#include "sim/study/offload.h"

#include <algorithm>

#include "sim/base/error.h"

namespace moeplan {
namespace {

// llama.cpp copies experts to the device from this many tokens on (GGML_OP_OFFLOAD_MIN_BATCH,
// b8763: 32) and computes them on the host below.
constexpr double kLlamaStreamRows = 32;

bool is_llama_like(const RuntimeSpec& runtime) { return runtime.id == "llama.cpp" || runtime.id == "ollama"; }

// Ranks that ask one host at the same time.
double ranks_per_host(const FitQuestion& q) {
  const Count at_once = q.layout.ranks_per_stage() * q.layout.replicas;
  return static_cast<double>(std::clamp<Count>(at_once, 1, std::max<Count>(1, q.device.node_devices)));
}

const MoeFfn* experts_of(const ModelSpec& model) {
  for (const Block& block : model.blocks)
    if (const auto* moe = std::get_if<MoeFfn>(&block.kind)) return moe;
  return nullptr;
}

void set_cores(HostChoice& choice, const ClusterSpec& cluster, const HostAnswers& answers) {
  HostMachine& m = choice.machine;
  m.sockets = static_cast<double>(answers.sockets.value_or(std::max<Count>(1, cluster.node.cpus)));
  if (answers.cores) {
    m.cores = static_cast<double>(*answers.cores);
  } else if (cluster.cpu && cluster.cpu->units > 0) {
    m.cores = m.sockets * static_cast<double>(cluster.cpu->units);
  } else {
    m.cores = m.sockets * kAssumedHostCores;
    choice.cores_assumed = true;
  }
  m.flops = m.cores * kHostCoreFlops;
  if (cluster.cpu)
    if (const PeakRate* peak = peak_of(*cluster.cpu, "bf16"))
      m.flops = std::max(m.flops, kMatrixUnitShare * m.sockets * peak->rate.value.base());
}

void set_link(HostChoice& choice, const ClusterSpec& cluster, const FitQuestion& q) {
  const LinkSpec* link = host_link_of(cluster.node, q.device.device);
  choice.link_assumed = link == nullptr;
  if (link == nullptr) return;
  const BytesPerSecond alone = link->achieved ? link->achieved->value : link->peak.value;
  choice.machine.link = std::min(alone.base(), share_of(*link).base());
}

void set_drives(HostMachine& m, const ClusterSpec& cluster, const FitQuestion& q, const HostAnswers& answers) {
  if (q.rates.ssd.known()) m.drive = q.rates.ssd.rate().base();
  if (!cluster.node.ssds.empty() && cluster.node.ssds.front().latency)
    m.drive_latency = cluster.node.ssds.front().latency->value.base();
  m.drive_cached = answers.drive_cached;
}

}  // namespace

HostChoice host_of(const ClusterSpec& cluster, const FitQuestion& q, const HostAnswers& answers) {
  HostChoice choice;
  HostMachine& m = choice.machine;
  m.use = answers.use;
  m.own_memory = answers.own_memory;
  if (answers.core_rate) m.constants[HostCoreRate] = *answers.core_rate;
  if (answers.page_share) m.constants[HostPageShare] = *answers.page_share;
  if (q.rates.host.known()) m.bandwidth = q.rates.host.highest().base();
  set_cores(choice, cluster, answers);
  set_link(choice, cluster, q);
  set_drives(m, cluster, q, answers);
  if (is_llama_like(q.runtime)) m.stream_rows = kLlamaStreamRows;
  const double sharing = ranks_per_host(q);
  m.bandwidth /= sharing;
  m.cores /= sharing;
  m.flops /= sharing;
  m.drive /= sharing;
  return choice;
}

Bytes cached_expert_bytes(const FitResult& memory) {
  const MoeFfn* moe = experts_of(memory.question.model);
  CHECK(moe != nullptr);
  Bytes most{};
  for (const RankResult& rank : memory.ranks) {
    Bytes off{};
    for (const Tensor& t : rank.program.tensors())
      if (t.cls == TensorClass::Weight && t.part == Part::Experts && t.place != Place::Device)
        off += Bytes(t.fixed) * t.repeat;
    most = std::max(most, off);
  }
  return Bytes(ceil_div(most.count(), moe->experts));
}

void reserve_for_cache(FitQuestion& q, Bytes bytes) {
  q.device.reserve = std::min(q.device.capacity, q.device.reserve + bytes);
  q.device.reserve_asked = true;
  for (MixedDevice& device : q.mixed) device.reserve = std::min(device.capacity, device.reserve + bytes);
}

Count most_experts(const ModelSpec& model) {
  const MoeFfn* moe = experts_of(model);
  return moe == nullptr ? 0 : moe->experts;
}

Count cache_capacity(const FitResult& memory) {
  const Bytes one = cached_expert_bytes(memory);
  const Count experts = experts_of(memory.question.model)->experts;
  if (one.count() == 0) return experts;
  return std::clamp<Count>(memory.margin.count() / one.count(), 0, experts);
}

ExpertCache expert_cache_of(const ModelSpec& model, const Routing& routing, const ExpertCacheSpec& spec) {
  const MoeFfn* moe = experts_of(model);
  CHECK(moe != nullptr);
  const ExpertGroup group{.choices = moe->experts + moe->zero_experts, .experts = moe->experts, .top_k = moe->top_k};
  return ExpertCache(spec, weights_of(routing, group), moe->top_k);
}

}  // namespace moeplan
