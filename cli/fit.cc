// SPDX-License-Identifier: Apache-2.0
// `moeplan fit`: options -> FitQuestion -> verdict -> report.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "cli/adapter_argument.h"
#include "cli/deployment.h"
#include "cli/draft_argument.h"
#include "cli/exit_status.h"
#include "cli/fit_list.h"
#include "cli/hardware_argument.h"
#include "cli/layout_argument.h"
#include "cli/model_argument.h"
#include "cli/placement_argument.h"
#include "cli/resize_argument.h"
#include "cli/session.h"
#include "cli/verb.h"
#include "reports/fit.h"
#include "sim/base/error.h"
#include "sim/base/text.h"
#include "sim/base/unit_text.h"
#include "sim/spec/stored.h"

namespace moeplan {
namespace {

constexpr Count kUsualContext = 8192;
constexpr Count kMostSequences = Count{1} << 24;
constexpr Count kMostGpus = 65536;
constexpr Count kMostCachedTokens = Count{1} << 40;  // at 4 MB a token their bytes still fit 64 bits
constexpr Count kMostDispatchTokens = Count{1} << 24;

constexpr std::array<Option, 49> kOptions = {{
    {"hardware", "NAME", "a device or machine of \"moeplan hardware list\""},
    {"memory", "SIZE", "memory of one device as its driver reports it, e.g. 24GiB (replaces that of --hardware)"},
    {"gpu-limit", "SIZE", "of the RAM of a Mac what its GPU may use (iogpu.wired_limit_mb), e.g. 56GiB"},
    {"gpus", "N", "devices in all (default: one, or all of the machine); min: the fewest that are enough"},
    {"budget-gpus", "N", "what N devices can hold: formats, layouts, longest context, most sequences"},
    {"host-memory", "SIZE", "memory of each host that experts may use"},
    {"host-bandwidth", "RATE", "of host memory, e.g. 90GB/s, for the bound on decode speed"},
    {"reserve", "SIZE", "kept free on each device (default: the runtime's; 0 is fine)"},
    {"memory-fraction", "F", "the engine's own share of memory (--gpu-memory-utilization, --mem-fraction-static, ...)"},
    {"runtime", "NAME", "vllm, llama.cpp, generic, ... (default: the device's)"},
    {"weights", "FORMAT", "native (default), fp8, int4, q4_k_m, ..."},
    {"kv", "FORMAT", "format of the kv cache (default: the runtime's)"},
    {"context", "N", "tokens of each sequence, e.g. 32k (default: 8192 or the model's maximum)"},
    {"sequences", "N", "sequences at once in each replica (default: 1)"},
    {"batch", "N", "", "sequences"},
    {"tp", "N", "tensor-parallel ranks of attention"},
    {"attention-dp", "N", "data-parallel ranks of attention"},
    {"dp", "N", "", "attention-dp"},
    {"cp", "N", "context-parallel ranks: each caches a part of every sequence"},
    {"sequence-parallel", "", "between blocks each of the --tp ranks has its part of the tokens"},
    {"moe-tp", "N", "tensor-parallel ranks inside an expert"},
    {"ep", "N", "expert-parallel ranks"},
    {"redundant-experts", "N", "slots of a layer for copies of busy experts, over all expert-parallel ranks (EPLB)"},
    {"pp", "N", "pipeline stages"},
    {"replicas", "N", "independent copies of the model"},
    {"n-cpu-moe", "N",
     "experts of layers 0 to N-1 live in host memory (as in llama.cpp; layers without experts count)"},
    {"cpu-moe", "", "all experts live in host memory"},
    {"tensor-split", "LIST", "share of the layers of each device, as in llama.cpp, e.g. 3,1"},
    {"ts", "LIST", "", "tensor-split"},
    {"override-tensor", "PATTERN=DEVICE",
     "experts go to CPU, CUDA0, ... by GGUF tensor name, as in llama.cpp: "
     "\"blk\\.1[0-9]\\.ffn_.*_exps=CPU\"; several by commas, the first match decides",
     "", 0, true},
    {"ot", "PATTERN=DEVICE", "", "override-tensor"},
    {"ssd", "SIZE", "room on a drive of the host: what its memory cannot hold is read from there"},
    {"ssd-bandwidth", "RATE", "of reading that drive, e.g. 7GB/s"},
    {"mtp", "", "the multi-token-prediction module of the model is loaded"},
    {"lora", "SPEC",
     "LoRA adapters: rank=16[,count=2][,targets=attention|q_proj,...][,format=F], or adapter_config.json"},
    {"draft", "MODEL[:FORMAT]", "a second model that proposes tokens for this one to verify (speculative decoding)"},
    {"draft-weights", "FORMAT", "weights of the draft model (default: native)"},
    {"draft-tokens", "N", "tokens drafted in a row (default: the runtime's)"},
    {"flash-attn", "on|off", "off: attention scores lie in memory (llama.cpp; default: on)"},
    {"exchange", "KIND",
     "how tokens of --attention-dp reach their experts: all_gather, deep_ep, deep_ep_low_latency, deep_ep_normal, "
     "nvlink_one_sided, nvlink_two_sided (default: by the runtime's rule)"},
    {"dispatch-tokens", "N", "tokens per rank the expert exchange of --attention-dp is sized for"},
    {"engine-flags", "COMMAND",
     "a command line of llama-server, vllm serve, sglang or trtllm-serve, from which layout, load and memory come"},
    {"set", "PATH=VALUE",
     "any field of any spec by its path: model.moe.experts=64, hardware.bandwidth=8TB/s, node., scaleup., scaleout., "
     "runtime., site., prices.; several times",
     "", 0, true},
    kResizeOption,
    {"imbalance", "F", "routed rows of the busiest rank over the mean, e.g. 1.5 (default: 1, balanced)"},
    {"strict-margin", "", "exit with 6 when the verdict is tight"},
    {"top", "N", "without MODEL: show the first N models (default: 20)"},
    {"all", "", "without MODEL: show every model that runs"},
    {"min-tokens-per-s", "N", "without MODEL: leave out what cannot decode as fast even at the bound"},
}};

constexpr std::array<std::string_view, 3> kExamples = {
    "moeplan fit mixtral-8x7b --weights q4_k_m --hardware rtx-4090 --host-memory 64GiB",
    "moeplan fit deepseek-r1 --hardware h200 --gpus 8 --attention-dp 8 --ep 8 --context 32k --sequences 64",
    "moeplan fit gpt-oss-120b --hardware h100 --engine-flags \"vllm serve gpt-oss-120b -tp 2 --max-model-len 32K\""};

// The weights of a GGUF file and an engine that reads only safetensors.
bool cannot_read(const RuntimeSpec& runtime, const FitQuestion& q) {
  return runtime.formats == "tensors" && q.weights == "native" && q.model.stored != nullptr && q.model.stored->gguf;
}

RuntimeSpec default_runtime(const Catalog& catalog, const HardwareChoice& hardware, FitOrigins& origins) {
  if (hardware.device && !hardware.device->default_runtime.empty()) {
    origins.runtime_reason = "the default of " + hardware.device->id;
    return catalog.runtime(hardware.device->default_runtime);
  }
  origins.runtime_reason = "the default without --hardware";
  return catalog.runtime("generic");
}

RuntimeSpec choose_runtime(const Catalog& catalog, const Arguments& arguments, const HardwareChoice& hardware,
                           const FitQuestion& q, FitOrigins& origins) {
  const std::string engine = engine_of(arguments.text("engine-flags").value_or(""));
  if (const std::optional<std::string> asked = arguments.text("runtime")) {
    origins.runtime_reason = "asked for";
    RuntimeSpec runtime = catalog.runtime(*asked);
    if (!engine.empty() && engine != runtime.command_line)
      throw_usage("runtime", runtime.id, "an engine that --engine-flags starts: " + engine);
    return runtime;
  }
  if (!engine.empty()) {
    origins.runtime_reason = "named by --engine-flags";
    return catalog.runtime(engine);
  }
  RuntimeSpec runtime = default_runtime(catalog, hardware, origins);
  if (!cannot_read(runtime, q)) return runtime;
  origins.runtime_reason = runtime.id + ", " + origins.runtime_reason + ", does not read GGUF";
  return catalog.runtime("llama.cpp");
}

bool is_named(const QuantFormat& format, const std::string& name) {
  return format.id == name || std::find(format.aliases.begin(), format.aliases.end(), name) != format.aliases.end();
}

// A cache format by name; "" for the words that mean the default.
std::string kv_format(const FormatTable& formats, const std::string& asked) {
  std::string name;
  for (const char c : asked) name += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  if (name == "native" || name == "auto") return "";
  std::vector<std::string> known;
  bool exists = false;
  for (const QuantFormat& f : formats.formats) {
    if (f.for_kv) known.push_back(f.id);
    if (!is_named(f, name)) continue;
    if (f.for_kv) return f.id;
    exists = true;
  }
  const std::string expected = fmt::format("a format a cache can have: {}, or auto", fmt::join(known, ", "));
  if (exists) throw_usage("kv", in_quotes(asked), expected);
  const std::string nearest = nearest_name(name, known);
  Problem problem;
  problem.file = "--kv";
  problem.found = in_quotes(asked);
  problem.expected = expected;
  problem.hint = nearest.empty() ? "" : "did you mean " + nearest + "?";
  throw InputError(ErrorKind::UnknownName, problem);
}

void set_formats(Asked& asked, const Arguments& arguments) {
  FitQuestion& q = asked.question;
  const EngineDeployment& engine = asked.engine;
  q.weights = agreed("weights", arguments.text("weights"), engine.weights).value_or("native");
  asked.origins.default_weights = !arguments.has("weights") && !engine.weights;
  std::optional<std::string> kv;
  if (arguments.has("kv")) kv = kv_format(q.formats, *arguments.text("kv"));
  q.kv = agreed("kv", kv, engine.kv).value_or("");
  asked.origins.default_kv = !arguments.has("kv") && !engine.kv;
  std::vector<Problem> problems;
  for (const std::string& sentence : format_violations(q.runtime, q.formats, q.weights, q.kv)) {
    Problem problem;
    problem.file = "--runtime " + q.runtime.id;
    problem.path = sentence;
    problem.hint = "name the format for this engine, or another engine with --runtime";
    problems.push_back(problem);
  }
  if (cannot_read(q.runtime, q)) {
    Problem problem;
    problem.file = "--runtime " + q.runtime.id;
    problem.found = "a GGUF file, which it does not read";
    problem.hint = "use --runtime llama.cpp, or name the format of other files with --weights";
    problems.push_back(problem);
  }
  if (!problems.empty()) throw InputError(ErrorKind::Usage, problems);
}

// An engine may serve fewer than it admits, not more; llama.cpp's slots are what they are.
std::optional<Count> agreed_sequences(std::optional<Count> own, const EngineDeployment& engine) {
  if (!engine.admitted || !own) return agreed("sequences", own, engine.sequences);
  if (*own > *engine.sequences)
    throw_usage("sequences", std::to_string(*own),
                fmt::format("at most the {} that --engine-flags admits", *engine.sequences));
  return own;
}

// An engine may have its own default, by the device (Ollama).
Count engine_context(const FitQuestion& q) {
  const Count context = tier_of(q.runtime, q.device.device, q.device.capacity).context;
  return context != 0 ? context : kUsualContext;
}

// No longer or more than an engine that was set up elsewhere takes.
void set_given_load(Asked& asked, const Workload& load) {
  FitQuestion& q = asked.question;
  const EngineDeployment& engine = asked.engine;
  if (engine.context && load.context > *engine.context)
    throw_usage("engine-flags", fmt::format("sequences of up to {} tokens", *engine.context),
                fmt::format("room for the {} of a prompt and its answer", load.context));
  if (engine.sequences && q.admitted == 0) q.admitted = *engine.sequences;
  q.workload = load;
}

void set_load(Asked& asked, const Arguments& arguments, const Session& session, const std::optional<Workload>& load) {
  FitQuestion& q = asked.question;
  const Count model_limit = q.model.max_context;
  if (load) {
    set_given_load(asked, *load);
    if (model_limit > 0 && load->context > model_limit)
      session.warn(fmt::format("{} tokens are beyond the {} that {} was made for; they are computed all the same",
                               load->context, model_limit, q.model.id));
    return;
  }
  const EngineDeployment& engine = asked.engine;
  const std::optional<Count> context = agreed("context", arguments.tokens("context"), engine.context);
  asked.origins.default_context = !context;
  // An engine that is told nothing is ready for all the model takes.
  const Count usual = engine.engine.empty() || model_limit == 0 ? engine_context(q) : model_limit;
  q.workload.context = context.value_or(model_limit > 0 ? std::min(usual, model_limit) : usual);
  if (model_limit > 0 && q.workload.context > model_limit)
    session.warn(
        fmt::format("--context {} is beyond the {} tokens {} was made for; the memory is computed all the same",
                    q.workload.context, model_limit, q.model.id));
  const std::optional<Count> sequences = agreed_sequences(arguments.count("sequences", 1, kMostSequences), engine);
  asked.origins.default_sequences = !sequences;
  q.workload.sequences = sequences.value_or(1);
  if (q.workload.sequences > kMostCachedTokens / q.workload.context)
    throw_usage("sequences", fmt::format("{} sequences of {} tokens", q.workload.sequences, q.workload.context),
                fmt::format("at most {} tokens in all", kMostCachedTokens));
}

// DDR5-5600 on two channels, as desktops have it; facts of the laptop-16gb profile.
constexpr BytesPerSecond kDesktopHost = BytesPerSecond::from_base(89.6e9);

// Of the whole host: what the node says, else its sockets; a desktop's where a consumer
// card is named without a machine around it.
TierRate host_rate(const Catalog& catalog, const Arguments& arguments, const HardwareChoice& hardware,
                   FitOrigins& origins) {
  TierRate rate;
  if (const std::optional<BytesPerSecond> asked = rate_of(arguments, "host-bandwidth")) {
    rate.peak = *asked;
    return rate;
  }
  if (hardware.node && hardware.node->host_dram_bandwidth) {
    rate.peak = hardware.node->host_dram_bandwidth->value;
  } else if (hardware.node && catalog.knows_device(hardware.node->cpu)) {
    rate.peak = static_cast<double>(hardware.node->cpus) * catalog.device(hardware.node->cpu).bandwidth.value;
  } else if (hardware.device && hardware.device->device_class == DeviceClass::ConsumerGpu) {
    rate.peak = kDesktopHost;
    origins.host_rate_assumed = true;
  }
  return rate;
}

// A PCIe 4.0 drive reading in sequence; recalled.
constexpr BytesPerSecond kUsualSsd = BytesPerSecond::from_base(7e9);

// The drives of the node, or what --ssd says.
void set_ssd(Asked& asked, const Arguments& arguments, const HardwareChoice& hardware) {
  FitQuestion& q = asked.question;
  if (hardware.node && !hardware.node->ssds.empty()) {
    q.device.ssd = Bytes(0);
    for (const SsdSpec& ssd : hardware.node->ssds) {
      *q.device.ssd += ssd.bytes.value * ssd.count;
      q.rates.ssd.peak = q.rates.ssd.peak + static_cast<double>(ssd.count) * ssd.read_bandwidth.value;
    }
  }
  const std::optional<BytesPerSecond> rate = rate_of(arguments, "ssd-bandwidth");
  const std::optional<Bytes> size = arguments.bytes("ssd", Bytes(1));
  if ((size || rate) && (!q.runtime.host_offload || hardware.host_is_device))
    throw_usage(size ? "ssd" : "ssd-bandwidth",
                fmt::format("it with {} on {}", q.runtime.id, hardware.name.empty() ? "this device" : hardware.name),
                "a runtime that runs experts from the host, beside devices with their own memory");
  if (size) {
    q.device.ssd = *size;
    asked.origins.ssd_rate_assumed = !rate && !q.rates.ssd.known();
    if (asked.origins.ssd_rate_assumed) q.rates.ssd.peak = kUsualSsd;
  }
  if (rate && !q.device.ssd) throw_usage("ssd-bandwidth", "it without a drive", "--ssd SIZE beside it");
  if (rate) q.rates.ssd.peak = *rate;
}

void set_rates(Asked& asked, const Catalog& catalog, const Arguments& arguments, const HardwareChoice& hardware) {
  TierRates& rates = asked.question.rates;
  if (hardware.device) rates.device.peak = hardware.device->bandwidth.value;
  for (const DeviceSpec& device : hardware.mixed)  // where unlike devices do like work
    rates.device.peak = std::min(rates.device.peak, device.bandwidth.value);
  rates.host = host_rate(catalog, arguments, hardware, asked.origins);
  set_ssd(asked, arguments, hardware);
}

std::optional<double> memory_fraction(const Arguments& arguments) {
  const std::optional<std::string> text = arguments.text("memory-fraction");
  if (!text) return std::nullopt;
  double value = 0;
  const auto [at, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || at != text->data() + text->size() || !(value > 0 && value <= 1))
    throw_usage("memory-fraction", in_quotes(*text), "a number above 0 and at most 1, e.g. 0.9");
  return value;
}

void set_memory(Asked& asked, const Arguments& arguments, const HardwareChoice& hardware) {
  DeviceBudget& device = asked.question.device;
  const RuntimeSpec& runtime = asked.question.runtime;
  device.device = hardware.device ? hardware.device->id : "";
  device.capacity = hardware.capacity();
  device.reserve = reserve_of(runtime, device.capacity);
  if (hardware.has_working_sets()) device.raisable_to = hardware.visible;
  const std::optional<double> fraction =
      agreed("memory-fraction", memory_fraction(arguments), asked.engine.memory_fraction);
  asked.question.memory_fraction = fraction;
  if (const std::optional<Bytes> reserve = arguments.bytes("reserve", Bytes(0))) {
    if (fraction)
      throw_usage("reserve", fmt::format("it beside a memory fraction of {:g}", *fraction), "one of the two");
    if (*reserve > device.capacity)
      throw_usage("reserve", to_text(*reserve),
                  fmt::format("at most what programs can allocate, {:.2f} GiB", in_gib(device.capacity)));
    device.reserve = *reserve;
    device.reserve_asked = true;
  }
  device.host_is_device = hardware.host_is_device;
  if (hardware.node) device.fast_domain = hardware.scaleup ? hardware.scaleup->domain : 1;
  asked.origins.hardware = hardware.name;
  asked.origins.visible = hardware.visible;
  asked.origins.unallocatable = hardware.unallocatable;
  asked.origins.memory_source = hardware.memory_source;
  asked.origins.memory_note = hardware.memory_note;
  asked.origins.metal_limit = hardware.has_working_sets();
}

bool has_experts(const ModelSpec& model) {
  return std::any_of(model.blocks.begin(), model.blocks.end(),
                     [](const Block& b) { return std::holds_alternative<MoeFfn>(b.kind); });
}

void set_mtp(FitQuestion& q, const Arguments& arguments) {
  q.load_mtp = q.load_mtp || arguments.has("mtp");
  if (q.load_mtp && q.model.mtp.modules == 0)
    throw_usage("mtp", "it with " + q.model.id, "a model with a multi-token-prediction module",
                "\"moeplan models show\" says which have one");
}

void set_flash_attention(Asked& asked, const Arguments& arguments) {
  FitQuestion& q = asked.question;
  std::optional<bool> own;
  if (const std::optional<std::string> word = arguments.text("flash-attn")) {
    if (*word != "on" && *word != "off") throw_usage("flash-attn", in_quotes(*word), "on or off");
    own = *word == "on";
    if (!q.runtime.flash_choice)
      throw_usage("flash-attn", "it with " + q.runtime.id, "a runtime that can do without, e.g. --runtime llama.cpp");
  }
  q.flash_attention = own.value_or(asked.engine.flash_attention.value_or(true));
}

void set_host_experts(Asked& asked, const Arguments& arguments, const Session& session) {
  FitQuestion& q = asked.question;
  std::optional<Count> layers =
      agreed("n-cpu-moe", arguments.count("n-cpu-moe", 0, 100'000), asked.engine.host_expert_layers);
  if (arguments.has("cpu-moe")) {
    if (layers) throw_usage("cpu-moe", "it beside --n-cpu-moe", "one of them");
    layers = layer_count(q.model);
  }
  if (!layers) return;
  const char* const option = arguments.has("cpu-moe") ? "cpu-moe" : "n-cpu-moe";
  if (!has_experts(q.model)) throw_usage(option, "it with " + q.model.id, "a model with experts");
  q.host_expert_layers = std::min(*layers, layer_count(q.model));
  if (q.host_expert_layers < *layers)
    session.warn(
        fmt::format("--n-cpu-moe {}: {} has {} layers, all are taken", *layers, q.model.id, q.host_expert_layers));
  if (q.host_expert_layers == 0) return;
  if (!q.runtime.host_offload)
    throw_usage(option, "it with " + q.runtime.id,
                "a runtime that can run experts from host memory, e.g. --runtime llama.cpp");
  if (q.device.host_is_device)
    throw_usage(option, "it on " + asked.origins.hardware, "hardware whose host has its own memory",
                "CPU and GPU share one memory there: moving experts frees nothing");
}

// Needs the layout, as the next.
void set_exchange(FitQuestion& q, const Arguments& arguments) {
  const std::optional<std::string> asked = arguments.text("exchange");
  if (!asked) return;
  std::string known;
  for (std::size_t i = 0; i < kDispatchKinds; ++i) {
    const DispatchKind kind = static_cast<DispatchKind>(i);
    if (has_dispatch(q.runtime, kind)) known += (known.empty() ? "" : ", ") + std::string(word_of(kind));
  }
  const std::optional<DispatchKind> kind = dispatch_named(*asked);
  if (!kind || !has_dispatch(q.runtime, *kind))
    throw_usage("exchange", in_quotes(*asked), fmt::format("what {} has: {}", q.runtime.id, known));
  if (q.layout.token_groups() == 1)
    throw_usage("exchange", "it with the layout " + describe(q.layout), "a layout with --attention-dp above 1",
                "without it every rank has all tokens and nothing is exchanged");
  if (q.layout.moe_tp > 1 && *kind != DispatchKind::AllGather)
    throw_usage("exchange", fmt::format("{} with experts cut {} ways", *asked, q.layout.moe_tp),
                "all_gather, or a layout with whole experts (--ep)");
  q.exchange = *kind;
}

// Engines that keep shared experts whole with DeepEP cut them without it.
void check_exchange(const FitQuestion& q) {
  if (q.layout.dp == 1 || is_deep_ep(exchange_of(q)) || !q.runtime.sharding.shared_whole_with_deep_ep) return;
  RuntimeSpec plain = q.runtime;
  plain.sharding.shared_whole_with_deep_ep = false;
  if (const std::vector<std::string> broken = violations(q.layout, q.model, plain); !broken.empty())
    throw_usage("exchange", fmt::format("{} here: {}", word_of(exchange_of(q)), broken.front()), "deep_ep");
}

// Needs the layout: only attention data parallelism exchanges tokens between experts.
void set_dispatch(FitQuestion& q, const Arguments& arguments) {
  q.dispatch_tokens = arguments.count("dispatch-tokens", 1, kMostDispatchTokens).value_or(0);
  if (q.dispatch_tokens == 0) return;
  if (!has_experts(q.model)) throw_usage("dispatch-tokens", "it with " + q.model.id, "a model with experts");
  if (q.layout.token_groups() == 1)
    throw_usage("dispatch-tokens", "it with the layout " + describe(q.layout), "a layout with --attention-dp above 1",
                "without it every rank has all tokens and nothing is exchanged");
}

// Engines size the activations of experts by the rows a rank gets; one hot expert means more.
void set_imbalance(FitQuestion& q, const Arguments& arguments) {
  const std::optional<std::string> asked = arguments.text("imbalance");
  if (!asked) return;
  constexpr double kMost = 1000;
  const char* end = asked->data() + asked->size();
  const auto [stop, error] = std::from_chars(asked->data(), end, q.imbalance, std::chars_format::fixed);
  if (error != std::errc() || stop != end || !(q.imbalance >= 1 && q.imbalance <= kMost))
    throw_usage("imbalance", in_quotes(*asked), "a number from 1 (balanced) to 1000, such as 1.5");
  if (!has_experts(q.model)) throw_usage("imbalance", "it with " + q.model.id, "a model with experts");
}

// Needs the number of devices of a replica, so comes after the layout. Replicas on one
// machine share its host.
void set_host_memory(FitQuestion& q, const HardwareChoice& hardware) {
  const Count replica = q.layout.gpus() / q.layout.replicas;
  q.device.node_devices = hardware.node_devices(replica);
  if (!hardware.host_per_node) return;
  const Count sharing = std::clamp<Count>(q.device.node_devices / replica, 1, q.layout.replicas);
  q.device.host = Bytes((*hardware.host_per_node * ceil_div(replica, q.device.node_devices)).count() / sharing);
}

// The machine and what runs on it, whatever the model.
void set_machine(Asked& asked, const Catalog& catalog, const Arguments& arguments, const HardwareChoice& hardware) {
  FitQuestion& q = asked.question;
  q.formats = catalog.formats();
  q.weights = arguments.text("weights").value_or("native");
  q.runtime = with_overrides(choose_runtime(catalog, arguments, hardware, q, asked.origins), hardware.overrides);
  if (const std::optional<std::string> command = arguments.text("engine-flags")) {
    asked.engine = read_engine_flags(*command, q.runtime.command_line, q.model, q.formats);
    apply(asked.engine, q);
    asked.origins.ignored_flags = asked.engine.ignored;
  }
  set_formats(asked, arguments);
  set_memory(asked, arguments, hardware);
  set_rates(asked, catalog, arguments, hardware);
}

}  // namespace

std::span<const Option> fit_options() { return kOptions; }

std::optional<BytesPerSecond> rate_of(const Arguments& arguments, const char* option) {
  const std::optional<std::string> asked = arguments.text(option);
  if (!asked) return std::nullopt;
  try {
    return parse_quantity<Dim{.byte = 1, .second = -1}>(*asked);
  } catch (const UnitTextError& error) {
    throw_usage(option, in_quotes(*asked), error.expected(), error.reason());
  }
}

Asked ask_deployment(Session& session, const Arguments& arguments, const std::optional<Workload>& load) {
  const Catalog& catalog = session.catalog();
  Asked asked;
  FitQuestion& q = asked.question;
  const HardwareChoice hardware = choose_hardware(catalog, arguments);
  q.model = with_overrides(load_model(catalog, arguments.positionals().front()), hardware.overrides);
  std::vector<SpecOverride> changed = hardware.overrides;
  q.model = with_resizes(std::move(q.model), arguments, changed);
  for (const SpecOverride& o : changed) asked.origins.set.push_back({o.path, o.value});
  set_machine(asked, catalog, arguments, hardware);
  set_mtp(q, arguments);
  q.adapter = adapter_from(arguments, asked.engine, q);
  check_adapter(q);  // what no layout mends
  set_draft(q, session, arguments, asked.engine);
  check_draft(q);
  set_flash_attention(asked, arguments);
  set_imbalance(q, arguments);
  set_host_experts(asked, arguments, session);
  set_load(asked, arguments, session, load);
  // Only the layout and what lies where are open from here on.
  const PlacementChoice placement = read_placement(arguments, asked.engine);
  for (const std::string& warning : set_mixed_devices(q, arguments, hardware, asked.engine)) session.warn(warning);
  if (q.mixed.empty()) {
    const LayoutChoice layout = choose_layout_from(arguments, q, hardware.default_gpus(), asked.engine);
    q.layout = layout.layout;
    asked.origins.chosen_layout = layout.chosen;
  }
  check_adapter(q);
  check_draft(q);
  warn_of_draft(q, session);
  set_exchange(q, arguments);
  check_exchange(q);
  set_dispatch(q, arguments);
  set_host_memory(q, hardware);
  asked.origins.chosen_placement = set_placement(q, placement);
  for (const std::string& warning : hardware.warnings) session.warn(warning);
  asked.hardware = hardware;
  return asked;
}

namespace {

// Memory has no price, and only a machine that was named has a host and a fabric.
void refuse_unread_overrides(const HardwareChoice& hardware, bool has_model) {
  for (const SpecOverride& o : hardware.overrides) {
    const SpecRoot root = root_of(o.path);
    const bool read = root == SpecRoot::Model     ? has_model
                      : root == SpecRoot::Node    ? hardware.node.has_value()
                      : root == SpecRoot::Scaleup ? hardware.scaleup.has_value()
                                                  : root == SpecRoot::Hardware || root == SpecRoot::Runtime;
    if (!read)
      throw_usage("set", in_quotes(o.path), "a field that this answer depends on",
                  root == SpecRoot::Model ? "name a model" : "memory is asked for here, of " + hardware.name);
  }
}

// Without a model: what runs on this machine?
int run_list(Session& session, const Arguments& arguments) {
  refuse_options_of_a_model(arguments);
  const HardwareChoice hardware = choose_hardware(session.catalog(), arguments);
  refuse_unread_overrides(hardware, false);
  Asked asked;
  for (const SpecOverride& o : hardware.overrides) asked.origins.set.push_back({o.path, o.value});
  set_machine(asked, session.catalog(), arguments, hardware);
  set_load(asked, arguments, session, std::nullopt);
  const Count gpus = arguments.count("gpus", 1, kMostGpus).value_or(hardware.default_gpus());
  if (!hardware.mixed.empty())
    session.warn(
        fmt::format("here each device of {} counts as the smallest, {}; name a model to have its layers dealt "
                    "by device",
                    hardware.name, hardware.device->id));
  asked.question.layout.pp = gpus;  // how many there are; each model gets its own layout
  set_host_memory(asked.question, hardware);
  for (const std::string& warning : hardware.warnings) session.warn(warning);
  return list_runnable(session, arguments, asked.question, asked.origins, gpus);
}

int run(const Arguments& arguments) {
  expect_positionals(arguments, "fit [MODEL] (--memory SIZE | --hardware NAME) [OPTIONS]", 0, 1);
  Session session(arguments);
  if (arguments.positionals().empty()) return run_list(session, arguments);
  refuse_options_of_a_list(arguments);
  const Asked asked = ask_deployment(session, arguments);
  refuse_unread_overrides(asked.hardware, true);
  FitReport report{evaluate(asked.question), {}, asked.origins, {}, {}};
  report.decode = decode_floor(report.result, asked.question.rates);
  if (arguments.has("budget-gpus")) report.budget = within_budget(asked.question, asked.question.layout.gpus());
  if (report.result.verdict == Verdict::No) report.changes = find_changes(asked.question);
  const Detail detail = session.explain() ? Detail::Explain : session.verbose() ? Detail::Verbose : Detail::Normal;
  session.write({.document = [&report, detail] { return describe_fit(report, detail); },
                 .rows = [&report] { return tabulate_fit(report); },
                 .json = [&report, &session] { return json_of_fit(report, session.explain()); },
                 .page = [&report, detail] { return page_of_fit(report, detail); }});
  if (report.result.verdict == Verdict::No) return kExitNo;
  return report.result.verdict == Verdict::Tight && arguments.has("strict-margin") ? kExitBelowMargin : kExitYes;
}

}  // namespace

Verb fit_verb() {
  return {.name = "fit",
          .question = "will this model fit in this memory? which ones would?",
          .usage =
              "fit MODEL --hardware NAME [--gpus N] [OPTIONS]\nfit MODEL --memory SIZE [OPTIONS]\n"
              "fit --hardware NAME [--gpus N] [OPTIONS]",
          .about =
              "Adds up what lies in the memory of each device (weights, kv cache, activations, buffers,\n"
              "the runtime itself) and says whether it fits, with how much to spare, and what would\n"
              "make it fit. MODEL is a name of \"moeplan models list\", a model file, a Hugging Face\n"
              "config.json or its folder, or a GGUF file. Without MODEL: the known models that run on\n"
              "this machine, each in the finest format that fits, with the bound on its speed.",
          .options = kOptions,
          .examples = kExamples,
          .run = run};
}

}  // namespace moeplan
