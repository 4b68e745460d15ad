// SPDX-License-Identifier: Apache-2.0
// `moeplan fit`: options -> FitQuestion -> verdict -> report.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/exit_status.h"
#include "cli/hardware_argument.h"
#include "cli/layout_argument.h"
#include "cli/model_argument.h"
#include "cli/session.h"
#include "cli/verb.h"
#include "reports/fit.h"
#include "sim/base/error.h"
#include "sim/base/text.h"

namespace moeplan {
namespace {

constexpr Count kUsualContext = 8192;
constexpr Count kMostSequences = Count{1} << 24;
constexpr Count kMostCachedTokens = Count{1} << 40;  // at 4 MB a token their bytes still fit 64 bits
constexpr Count kMostDispatchTokens = Count{1} << 24;

constexpr std::array<Option, 22> kOptions = {{
    {"hardware", "NAME", "a device or machine of \"moeplan hardware list\""},
    {"memory", "SIZE", "memory of one device, e.g. 24GiB (overrides that of --hardware)"},
    {"gpus", "N", "devices in all (default: one, or all of the machine)"},
    {"host-memory", "SIZE", "memory of each host that experts may use"},
    {"reserve", "SIZE", "kept free on each device (default: the runtime's; 0 is fine)"},
    {"runtime", "NAME", "vllm, llama.cpp, generic, ... (default: the device's)"},
    {"weights", "FORMAT", "native (default), fp8, int4, q4_k_m, ..."},
    {"kv", "FORMAT", "format of the kv cache (default: the runtime's)"},
    {"context", "N", "tokens of each sequence, e.g. 32k (default: 8192 or the model's maximum)"},
    {"sequences", "N", "sequences at once in one replica (default: 1)"},
    {"batch", "N", "", "sequences"},
    {"tp", "N", "tensor-parallel ranks of attention"},
    {"attention-dp", "N", "data-parallel ranks of attention"},
    {"dp", "N", "", "attention-dp"},
    {"moe-tp", "N", "tensor-parallel ranks inside an expert"},
    {"ep", "N", "expert-parallel ranks"},
    {"pp", "N", "pipeline stages"},
    {"replicas", "N", "independent copies of the model"},
    {"n-cpu-moe", "N", "experts of the first N MoE layers live in host memory"},
    {"mtp", "", "the multi-token-prediction module is loaded"},
    {"dispatch-tokens", "N", "tokens per rank the expert exchange is sized for"},
    {"strict-margin", "", "exit with 6 when the verdict is tight"},
}};

constexpr std::array<std::string_view, 4> kExamples = {
    "moeplan fit mixtral-8x7b --weights q4_k_m --hardware rtx-4090 --host-memory 64GiB",
    "moeplan fit deepseek-r1 --hardware h200 --gpus 8 --attention-dp 8 --ep 8 --context 32k --sequences 64",
    "moeplan fit gpt-oss-120b --hardware h200 --json", "moeplan fit path/to/config.json --memory 80GiB --explain"};

struct Asked {
  FitQuestion question;
  FitOrigins origins;
};

RuntimeSpec choose_runtime(const Catalog& catalog, const Arguments& arguments, const HardwareChoice& hardware,
                           FitOrigins& origins) {
  if (const std::optional<std::string> asked = arguments.text("runtime")) {
    origins.runtime_reason = "asked for";
    return catalog.runtime(*asked);
  }
  if (hardware.device && !hardware.device->default_runtime.empty()) {
    origins.runtime_reason = "the default of " + hardware.device->id;
    return catalog.runtime(hardware.device->default_runtime);
  }
  origins.runtime_reason = "the default without --hardware";
  return catalog.runtime("generic");
}

void set_formats(Asked& asked, const Arguments& arguments) {
  FitQuestion& q = asked.question;
  q.weights = arguments.text("weights").value_or("native");
  asked.origins.default_weights = !arguments.has("weights");
  q.kv = arguments.text("kv").value_or("");
  asked.origins.default_kv = q.kv.empty();
  if (q.kv.empty()) return;
  if (q.formats[q.formats.id_of(q.kv)].for_kv) return;
  std::string known;
  for (const QuantFormat& f : q.formats.formats)
    if (f.for_kv) known += (known.empty() ? "" : ", ") + f.id;
  throw_usage("kv", in_quotes(q.kv), "a format a cache can have: " + known);
}

void set_load(Asked& asked, const Arguments& arguments, const Session& session) {
  FitQuestion& q = asked.question;
  const Count model_limit = q.model.max_context;
  const std::optional<Count> context = arguments.tokens("context");
  asked.origins.default_context = !context;
  q.workload.context = context.value_or(model_limit > 0 ? std::min(kUsualContext, model_limit) : kUsualContext);
  if (model_limit > 0 && q.workload.context > model_limit)
    session.warn(
        fmt::format("--context {} is beyond the {} tokens {} was made for; the memory is computed all the same",
                    q.workload.context, model_limit, q.model.id));
  const std::optional<Count> sequences = arguments.count("sequences", 1, kMostSequences);
  asked.origins.default_sequences = !sequences;
  q.workload.sequences = sequences.value_or(1);
  if (q.workload.sequences > kMostCachedTokens / q.workload.context)
    throw_usage("sequences", fmt::format("{} sequences of {} tokens", q.workload.sequences, q.workload.context),
                fmt::format("at most {} tokens in all", kMostCachedTokens));
}

void set_memory(Asked& asked, const Arguments& arguments, const HardwareChoice& hardware) {
  DeviceBudget& device = asked.question.device;
  const RuntimeSpec& runtime = asked.question.runtime;
  device.device = hardware.device ? hardware.device->id : "";
  device.capacity = hardware.capacity();
  device.reserve = std::max(runtime.reserve_fixed, scaled(device.capacity, runtime.reserve_fraction));
  if (const std::optional<Bytes> reserve = arguments.bytes("reserve", Bytes(0))) device.reserve = *reserve;
  device.host_is_device = hardware.host_is_device;
  asked.origins.hardware = hardware.name;
  asked.origins.visible = hardware.visible;
  asked.origins.unallocatable = hardware.unallocatable;
  asked.origins.memory_source = hardware.memory_source;
}

void set_host_experts(Asked& asked, const Arguments& arguments) {
  FitQuestion& q = asked.question;
  q.host_expert_layers = arguments.count("n-cpu-moe", 0, 100'000).value_or(0);
  if (q.host_expert_layers == 0) return;
  if (!q.runtime.host_offload)
    throw_usage("n-cpu-moe", "it with " + q.runtime.id,
                "a runtime that can run experts from host memory, e.g. --runtime llama.cpp");
  if (q.device.host_is_device)
    throw_usage("n-cpu-moe", "it on " + asked.origins.hardware, "hardware whose host has its own memory",
                "CPU and GPU share one memory there: moving experts frees nothing");
}

// Needs the number of devices of a replica, so comes after the layout.
void set_host_memory(FitQuestion& q, const HardwareChoice& hardware) {
  const Count replica = q.layout.gpus() / q.layout.replicas;
  q.device.node_devices = hardware.node_devices(replica);
  if (hardware.host_per_node) q.device.host = *hardware.host_per_node * ceil_div(replica, q.device.node_devices);
}

Asked ask(Session& session, const Arguments& arguments) {
  const Catalog& catalog = session.catalog();
  Asked asked;
  FitQuestion& q = asked.question;
  const HardwareChoice hardware = choose_hardware(catalog, arguments);
  q.model = load_model(catalog, arguments.positionals().front());
  q.formats = catalog.formats();
  q.runtime = choose_runtime(catalog, arguments, hardware, asked.origins);
  set_formats(asked, arguments);
  set_memory(asked, arguments, hardware);
  q.load_mtp = arguments.has("mtp");
  q.dispatch_tokens = arguments.count("dispatch-tokens", 1, kMostDispatchTokens).value_or(0);
  set_host_experts(asked, arguments);
  set_load(asked, arguments, session);
  // Only the layout is open from here on.
  const LayoutChoice layout = choose_layout_from(arguments, q, hardware.default_gpus());
  q.layout = layout.layout;
  asked.origins.chosen_layout = layout.chosen;
  set_host_memory(q, hardware);
  for (const std::string& warning : hardware.warnings) session.warn(warning);
  return asked;
}

int run(const Arguments& arguments) {
  expect_positionals(arguments, "fit MODEL (--memory SIZE | --hardware NAME) [OPTIONS]", 1, 1);
  Session session(arguments);
  const Asked asked = ask(session, arguments);
  FitReport report{evaluate(asked.question), {}, asked.origins};
  if (report.result.verdict == Verdict::No) report.changes = find_changes(asked.question);
  const Detail detail = session.explain() ? Detail::Explain : session.verbose() ? Detail::Verbose : Detail::Normal;
  session.write({.document = [&report, detail] { return describe_fit(report, detail); },
                 .rows = [&report] { return tabulate_fit(report); },
                 .json = [&report, &session] { return json_of_fit(report, session.explain()); }});
  if (report.result.verdict == Verdict::No) return kExitNo;
  return report.result.verdict == Verdict::Tight && arguments.has("strict-margin") ? kExitBelowMargin : kExitYes;
}

}  // namespace

Verb fit_verb() {
  return {.name = "fit",
          .question = "will this model fit in this memory?",
          .usage = "fit MODEL --hardware NAME [--gpus N] [OPTIONS]\nfit MODEL --memory SIZE [OPTIONS]",
          .about =
              "Adds up what lies in the memory of each device (weights, kv cache, activations, buffers,\n"
              "the runtime itself) and says whether it fits, with how much to spare, and what would\n"
              "make it fit. MODEL is a name of \"moeplan models list\", a model file, or a Hugging Face\n"
              "config.json or its folder.",
          .options = kOptions,
          .examples = kExamples,
          .run = run};
}

}  // namespace moeplan
