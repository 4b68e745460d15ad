// SPDX-License-Identifier: Apache-2.0
#include "validate/e2e_question.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "sim/study/engine_flags.h"
#include "sim/study/pricing.h"
#include "validate/e2e_offload.h"
#include "validate/e2e_settings.h"

namespace moeplan {
namespace {

E2eQuestion refuse(std::string why) {
  E2eQuestion asked;
  asked.refused = std::move(why);
  return asked;
}

bool is_shared(const NodeSpec* node, const DeviceSpec& device) {
  if (node != nullptr && node->unified) return true;
  return device.device_class == DeviceClass::IntegratedGpu || device.device_class == DeviceClass::Cpu;
}

// As `simulate --hardware` takes them: of a machine with settable memory the largest.
DeviceBudget budget_of(const ClusterSpec& cluster, bool named_node, const RuntimeSpec& runtime) {
  const DeviceSpec& device = cluster.devices.front();
  DeviceBudget budget;
  budget.device = device.id;
  budget.capacity = device.memory.value - device.unallocatable.value;
  if (!device.working_sets.empty()) {
    budget.capacity = device.working_sets.back().usable;
    budget.raisable_to = device.working_sets.back().ram;
  }
  budget.reserve = reserve_of(runtime, budget.capacity);
  budget.host_is_device = is_shared(named_node ? &cluster.node : nullptr, device);
  if (named_node) budget.fast_domain = cluster.fast_domain();
  return budget;
}

// Prompts that fill one step of every data-parallel rank.
Count prompts_of_a_step(const SimulateQuestion& q, Count length) {
  const Count chunk = chunk_of(q);
  return q.deployment.layout.dp * std::max<Count>(1, chunk / std::max<Count>(1, length));
}

// Sequences of a replica that memory and the engine admit.
Count most_sequences(FitQuestion deployment) {
  deployment.workload.sequences = 1;
  const FitResult memory = evaluate(deployment);
  if (memory.verdict == Verdict::No) return 0;
  const Count room = std::max<Count>(0, memory.max_sequences);
  return memory.sequence_limit > 0 ? std::min(room, memory.sequence_limit) : room;
}

// How many drafts were right belongs to the text that was written, not to the machine.
void set_drafts(SimulatedLoad& load, const E2eRow& row) {
  load.drafts = row.drafts;
  load.accepted = accepted_tokens(row.drafts);
  if (const double said = accept_length(row.note); row.drafts > 0 && said > 1) load.accepted = said;
}

// The load of the phases that are one kind of step.
std::string set_step(E2eQuestion& asked, const E2eRow& row) {
  SimulateQuestion& q = asked.question;
  FitQuestion& d = q.deployment;
  const Count replicas = d.layout.replicas;
  if (row.phase == E2ePhase::Prefill) {
    q.load.phase = Phase::Prefill;
    q.load.context = std::max<Count>(1, row.isl);
    asked.fills = row.concurrency == 0;
    q.load.batch = asked.fills ? prompts_of_a_step(q, q.load.context) : ceil_div(row.concurrency, replicas);
  } else {
    q.load.phase = Phase::Decode;
    q.load.context = std::max<Count>(1, row.isl + row.osl / 2);
    set_drafts(q.load, row);
    d.workload.context = d.runtime.admits_whole_length ? row.isl + row.osl : q.load.context;
    asked.fills = row.concurrency == 0;
    q.load.batch = asked.fills ? most_sequences(d) : ceil_div(row.concurrency, replicas);
    if (q.load.batch == 0) return "does not fit: not even one sequence";
  }
  d.workload = {.context = q.load.context, .sequences = q.load.batch};
  return "";
}

std::string set_load(E2eQuestion& asked, const E2eRow& row) {
  SimulateQuestion& q = asked.question;
  if (row.phase != E2ePhase::Aggregated) return set_step(asked, row);
  asked.steady = SteadyLoad{.isl = row.isl, .osl = row.osl, .concurrency = row.concurrency};
  asked.fills = row.concurrency == 0;
  set_drafts(q.load, row);
  q.deployment.workload = {.context = row.isl + row.osl, .sequences = std::max<Count>(1, row.concurrency)};
  return "";
}

// The flags of an engine on the row's layout.
std::string sglang_flags(const Layout& l, std::string_view flags) {
  const std::string ranks = std::to_string(l.ranks_per_stage());
  return "sglang serve --tp-size " + ranks + " --dp-size " + std::to_string(l.dp) +
         " --enable-dp-attention --ep-size " + std::to_string(l.ep) + " " + std::string(flags);
}

void set_published(E2eQuestion& asked, const E2eRow& row) {
  FitQuestion& d = asked.question.deployment;
  if (says_two_batches(row.note)) asked.question.load.overlap = Overlap::TwoBatches;
  // Its kernels are DeepEP's: normal for prompts, low latency for answers.
  if (row.runtime.empty() && row.note.find("DeepSeek's own engine") != std::string::npos)
    d.exchange = DispatchKind::DeepEp;
  const PublishedCommand* const published = published_command(row);
  if (published == nullptr) return;
  asked.flags = sglang_flags(row.layout, published->flags);
  const EngineDeployment engine = read_engine_flags(asked.flags, "sglang", d.model, d.formats);
  apply(engine, d);
  d.layout.redundant = engine.redundant.value_or(0);
  d.dispatch_tokens = published->dispatch_tokens;
  if (published->two_batches) asked.question.load.overlap = Overlap::TwoBatches;
}

// Its layers are those of any engine; what sets it apart is where the experts run.
std::string_view runtime_of(const E2eRow& row) {
  return row.runtime.empty() || row.runtime == "ktransformers" ? std::string_view("generic") : row.runtime;
}

std::string set_offload(E2eQuestion& asked, const E2eRow& row) {
  const OffloadedRun run = offload_of(row.offload, row.runtime, row.hardware);
  if (!run.refused.empty()) return run.refused;
  FitQuestion& d = asked.question.deployment;
  d.host_expert_layers = layer_count(d.model);
  if (run.bandwidth) d.rates.host.peak = *run.bandwidth;
  if (!run.machine.empty()) asked.hardware = run.machine;
  asked.host = run.host;
  return "";
}

std::string digits(double value) {
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} ? std::string(text.data(), end) : std::string();
}

// The chance of a draft that makes a step gain as many tokens.
double rate_that_gives(const SimulatedLoad& load) {
  double low = 0, high = 1;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (accepted_tokens(load.drafts, middle) < load.accepted ? low : high) = middle;
  }
  return high;
}

// What `simulate` is told of the host.
std::string host_words(const E2eQuestion& asked) {
  const HostAnswers& host = *asked.host;
  std::string words = " --cpu-moe --offload " + std::string(word_of(host.use));
  if (host.sockets) words += " --host-sockets " + std::to_string(*host.sockets);
  if (host.cores) words += " --host-cores " + std::to_string(*host.cores);
  if (host.own_memory) words += " --numa local";
  const auto add = [&words](const char* option, double value, const char* unit) {
    words += std::string(" --") + option + " " + digits(value) + unit;
  };
  if (const TierRate& memory = asked.question.deployment.rates.host; memory.known())
    add("host-bandwidth", memory.highest().base() / 1e9, "GB/s");
  if (host.core_rate) add("host-core-rate", *host.core_rate / 1e9, "GB/s");
  if (host.page_share) add("page-share", *host.page_share, "");
  return words;
}

std::string first_of(const std::vector<std::string>& sentences) { return sentences.empty() ? "" : sentences.front(); }

}  // namespace

std::string weights_label(const E2eRow& row, const ModelSpec& model) {
  const std::string& own = model.quant.format;
  const bool is_own = own.empty() ? row.weights == "bf16" : own == row.weights || own.starts_with(row.weights + "_");
  const bool is_gguf = row.runtime == "llama.cpp";
  if (is_own && !is_gguf) return "native";
  // Unsloth's "XL" files keep more tensors in more bits than the label they are nearest to.
  constexpr std::pair<std::string_view, std::string_view> kShared[] = {{"q2_k_xl", "q2_k"},   {"q3_k_xl", "q3_k_m"},
                                                                       {"q4_k_xl", "q4_k_m"}, {"q5_k_xl", "q5_k_m"},
                                                                       {"q6_k_xl", "q6_k"},   {"q8_k_xl", "q8_0"}};
  for (const auto& [shared, known] : kShared)
    if (row.weights == shared) return std::string(known);
  if (is_gguf && row.weights == "mxfp4") return "mxfp4_moe";
  return row.weights;
}

E2eQuestion question_of(const Catalog& catalog, const FormatTable& formats, const E2eRow& row) {
  if (!row.refused.empty()) return refuse(row.refused);
  E2eQuestion asked;
  FitQuestion& d = asked.question.deployment;
  try {
    d.model = catalog.model(row.model);
  } catch (const InputError&) {
    return refuse("unknown model: " + row.model);
  }
  try {
    d.runtime = catalog.runtime(runtime_of(row));
  } catch (const InputError&) {
    return refuse("unknown runtime: " + row.runtime);
  }
  asked.hardware = row.hardware;
  if (!row.offload.empty())
    if (const std::string why = set_offload(asked, row); !why.empty()) return refuse(why);
  const bool named_node = catalog.knows_node(asked.hardware);
  if (!named_node && !catalog.knows_device(asked.hardware)) return refuse("unknown hardware: " + asked.hardware);
  asked.cluster = named_node ? catalog.cluster(asked.hardware) : usual_cluster(catalog, asked.hardware);
  d.formats = formats;
  d.weights = weights_label(row, d.model);
  if (!row.kv.empty()) {
    const QuantFormat* kv = formats.find(row.kv);
    if (kv == nullptr) return refuse("unknown kv format: " + row.kv);
    d.kv = kv->id;
  }
  if (const std::string why = first_of(format_violations(d.runtime, formats, d.weights, d.kv)); !why.empty())
    return refuse("unsupported format: " + why);
  d.layout = row.layout;
  set_published(asked, row);
  if (const std::string why = first_of(violations(d.layout, d.model, d.runtime)); !why.empty())
    return refuse("unsupported layout: " + why);
  d.load_mtp = row.drafts > 0;
  if (d.load_mtp && d.model.mtp.modules == 0) return refuse("drafts without a module that proposes them");
  d.device = budget_of(asked.cluster, named_node, d.runtime);
  d.device.node_devices = named_node ? asked.cluster.node.devices() : d.layout.gpus() / d.layout.replicas;
  try {
    asked.refused = set_load(asked, row);
  } catch (const InputError& error) {
    asked.refused = "unsupported format: " + describe(error.problems().front());
  }
  return asked;
}

std::string command_of(const E2eQuestion& asked) {
  const SimulateQuestion& q = asked.question;
  const FitQuestion& d = q.deployment;
  std::string line = "moeplan simulate " + d.model.id + " --hardware " + asked.hardware;
  const auto add = [&line](const char* option, const std::string& value) {
    line += std::string(" --") + option + " " + value;
  };
  const auto add_count = [&](const char* option, Count value) { add(option, std::to_string(value)); };
  const auto add_real = [&](const char* option, double value) { add(option, digits(value)); };
  const Layout& l = d.layout;
  add_count("gpus", l.gpus());
  add_count("tp", l.tp);
  add_count("attention-dp", l.dp);
  add_count("moe-tp", l.moe_tp);
  add_count("ep", l.ep);
  if (l.pp > 1) add_count("pp", l.pp);
  if (l.replicas > 1) add_count("replicas", l.replicas);
  add("runtime", d.runtime.id);
  add("weights", d.weights);
  if (!d.kv.empty()) add("kv", d.kv);
  if (asked.host) line += host_words(asked);
  if (d.load_mtp) line += " --mtp";
  if (d.load_mtp && q.load.phase == Phase::Decode) {
    add_count("draft-tokens", q.load.drafts);
    if (q.load.accepted != accepted_tokens(q.load.drafts)) add_real("acceptance", rate_that_gives(q.load));
  }
  if (!asked.flags.empty()) add("engine-flags", "\"" + asked.flags + "\"");
  if (asked.flags.empty() && d.exchange) add("exchange", std::string(word_of(*d.exchange)));
  if (d.dispatch_tokens > 0) add_count("dispatch-tokens", d.dispatch_tokens);
  if (q.load.overlap == Overlap::TwoBatches) add("overlap", "two-batch");
  if (asked.steady) {
    add_count("isl", asked.steady->isl);
    add_count("osl", asked.steady->osl);
    add("concurrency", asked.fills ? "max" : std::to_string(asked.steady->concurrency));
    return line;
  }
  add("phase", q.load.phase == Phase::Decode ? "decode" : "prefill");
  add_count("batch", q.load.batch);
  add_count("context", q.load.context);
  return line;
}

}  // namespace moeplan
