// SPDX-License-Identifier: Apache-2.0
// `moeplan simulate`: options -> SimulateQuestion -> step time -> report.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <numeric>
#include <utility>

#include "cli/cost_argument.h"
#include "cli/deployment.h"
#include "cli/event_argument.h"
#include "cli/exit_status.h"
#include "cli/load_argument.h"
#include "cli/offload_argument.h"
#include "cli/routing_argument.h"
#include "cli/simulate_parts.h"
#include "cli/verb.h"
#include "reports/simulate.h"
#include "reports/trace.h"
#include "sim/base/error.h"
#include "sim/base/text.h"
#include "sim/study/explain_step.h"
#include "sim/study/pricing.h"

namespace moeplan {
namespace {

constexpr std::array<Option, 31> kOwnOptions = {{
    {"phase", "decode|prefill", "of the step (default: decode)"},
    {"isl", "N", "a steady load instead of a step: tokens of each prompt, e.g. 1k; with --osl"},
    {"osl", "N", "tokens of each answer"},
    {"concurrency", "N,...", "requests in flight, each replaced as it ends; several for a curve (default: max)"},
    {"prefix", "N", "prefill: tokens of each prompt that are in the cache already"},
    {"chunk", "N", "prefill: new tokens of each rank in one step (default: the runtime's)"},
    {"mixed", "N", "prefill: sequences that decode in the same steps"},
    {"draft-tokens", "N", "with --mtp: tokens the draft module proposes each step (default: 1)"},
    {"acceptance", "R", "with --mtp: chance that a proposed token is right if those before it are (default: measured)"},
    {"overlap", "off|two-batch|auto",
     "halves of the batch side by side, one computing while the other's tokens travel"},
    {"routing", "KIND", "balanced, uniform, gini:0.15, zipf:0.4, power:1.2, hot:4:0.5, histogram:FILE"},
    {"seed", "N", "of drawn routing (default: 1)"},
    {"offload", "HOW", "experts off the device: compute (default), stream (copied layer by layer) or page"},
    {"host-sockets", "N", "of the host (default: the machine's, or one)"},
    {"host-cores", "N", "of all its sockets"},
    {"host-core-rate", "RATE", "quantised weights a core multiplies per second (default: 4.5GB/s)"},
    {"page-share", "F", "with --offload page: share of the link that reading pages reaches (default: 0.45)"},
    {"numa", "local|spread", "each socket reads its own memory, or the weights lie over all (default)"},
    {"ssd-cached", "F", "with --ssd: share of the reads that the page cache answers (default: 0)"},
    {"expert-cache", "POLICY", "experts off the device are kept on it: static, lru, lfu or oracle"},
    {"cache-experts", "N", "of each layer (default: as many as fit)"},
    {"repeat", "P", "probability that a token uses the experts of the one before it (default: 0)"},
    {"prefill", "OPTIONS",
     "a steady load: prompts are read by units of their own, as \"--gpus 4 --tp 4\" (disaggregated)"},
    {"frontier", "", "with --isl and --osl: the best of all layouts and loads at each speed for a user"},
    {"study", "NAME", "deployments side by side, as a file of reports/studies says: gb200-against-h200"},
    {"at", "N", "with --frontier: at this many tokens per second for a user alone"},
    {"claim", "RATIO", "with --frontier and --compare: does it hold? e.g. 10x, with --axis and --at"},
    {"axis", "WHAT", "of --claim: tok/s/GPU, tok/s/MW (drawn), tok/s/MW-provisioned or usd/Mtok"},
    {"operators-only", "", "leave out what the serving engine adds: host time, gaps between kernels"},
    {"engine-of-others", "", "what the engine adds as fitted without runs of this model: what validate scores"},
    {"compare", "WHAT", "dense, or options of another deployment in quotes: \"--hardware b200 --weights nvfp4\""},
}};

// Options of `fit` that mean nothing here, that are asked in other words (--routing,
// --draft-tokens), or whose time has no form yet (a draft model beside the model).
constexpr std::array<std::string_view, 9> kOfFitAlone = {"strict-margin", "top",       "all",   "min-tokens-per-s",
                                                         "budget-gpus",   "imbalance", "draft", "draft-tokens",
                                                         "draft-weights"};

constexpr std::array<std::string_view, 3> kExamples = {
    "moeplan simulate deepseek-v3 --hardware h200 --gpus 8 --attention-dp 8 --ep 8 --batch 256 --context 4096",
    "moeplan simulate mixtral-8x7b --hardware h200 --batch 32 --context 2k --compare dense",
    "moeplan simulate gpt-oss-120b --hardware h200 --isl 1k --osl 1k --concurrency 1,16,max --price own"};

const std::vector<Option>& options() {
  static const std::vector<Option> kAll = [] {
    std::vector<Option> all(kOwnOptions.begin(), kOwnOptions.end());
    all.insert(all.end(), kEventOptions.begin(), kEventOptions.end());
    all.insert(all.end(), kCostOptions.begin(), kCostOptions.end());
    for (const Option& option : fit_options()) {
      const bool drop = std::find(kOfFitAlone.begin(), kOfFitAlone.end(), option.name) != kOfFitAlone.end();
      if (!drop) all.push_back(option);
    }
    return all;
  }();
  return kAll;
}

// What one device of a machine of unlike ones stands in. Nobody rents out such a machine.
ClusterSpec cluster_around(const Catalog& catalog, const HardwareChoice& hardware, const DeviceSpec& device) {
  ClusterSpec cluster;
  if (hardware.node)
    cluster = with_overrides(catalog, catalog.cluster_of(*hardware.node, hardware.mixed), hardware.overrides);
  cluster.devices = {device};
  cluster.prices.clear();
  return cluster;
}

ClusterSpec cluster_of(const Catalog& catalog, const HardwareChoice& hardware, const FitQuestion& q) {
  if (!hardware.device)
    throw_usage("hardware", "nothing", "a device whose speed is known", "--memory alone says nothing about time");
  if (!hardware.mixed.empty() && q.mixed.empty())
    throw_usage("hardware", "unlike devices, " + hardware.name, "devices of one kind",
                q.runtime.id + " gives every device the same share; --runtime llama.cpp deals layers");
  if (!hardware.mixed.empty()) return cluster_around(catalog, hardware, hardware.mixed.front());
  ClusterSpec cluster;
  if (hardware.node)
    cluster = catalog.cluster_of(*hardware.node, {*hardware.device});
  else if (catalog.knows_device(hardware.device->id))
    cluster = usual_cluster(catalog, hardware.device->id);
  cluster.devices = {*hardware.device};  // a file or --set may say other figures under a known name
  return with_overrides(catalog, cluster, hardware.overrides);
}

// One line per operator: sizes, time, what bounds it, which constants.
std::vector<std::string> explain(const SimulateQuestion& q, const Pricing& pricing) {
  std::vector<std::string> lines;
  if (pricing.engine)
    for (const std::string& constant : explain(*pricing.engine)) lines.push_back("engine: " + constant);
  for (const ExplainedOp& op : explain_step(q, pricing.kernels))
    lines.push_back(fmt::format("{} x{}: {:.4g} us each, {} ({}); {}; {}", op.name, op.repeat, op.seconds * 1e6,
                                word_of(op.bound), word_of(op.tier), op.sizes, op.kernel));
  return lines;
}

bool has_experts(const ModelSpec& model) {
  return std::any_of(model.blocks.begin(), model.blocks.end(),
                     [](const Block& b) { return std::holds_alternative<MoeFfn>(b.kind); });
}

// What a deployment may have whose time nobody could say.
void refuse_untimed(const FitQuestion& q, const Arguments& arguments) {
  if (is_encoder_only(q.model) && arguments.text("phase").value_or("") != "prefill")
    throw_usage("phase", "a decode step of " + q.model.id, "--phase prefill", "an encoder generates nothing");
  if (q.draft)
    throw_usage("engine-flags", "a draft model", "a command without one",
                "its steps are not timed; moeplan fit counts its memory");
}

void check_routing(const Routing& routing, const FitQuestion& q) {
  if (routing.skew == Skew::Balanced) return;
  if (!has_experts(q.model)) throw_usage("routing", "it with " + q.model.id, "a model with experts");
  std::vector<Problem> problems;
  for (const std::string& sentence : routing_violations(q.model, routing, q.layout)) {
    Problem problem;
    problem.file = "--routing with " + q.model.id;
    problem.path = sentence;
    problems.push_back(problem);
  }
  if (!problems.empty()) throw InputError(ErrorKind::Usage, problems);
}

// What the time leaves out, or takes for granted.
void warn_of_assumptions(const Session& session, const FitQuestion& q, const Pricing& pricing) {
  if (q.adapter) session.warn("the memory of LoRA adapters counts, the time of their own small products does not");
  const double ranks = static_cast<double>(q.layout.ranks_per_stage() * q.layout.pp);
  const Topology& link = pricing.kernels.machine.link;
  if (ranks > 1 && pricing.bus_assumed)
    session.warn(fmt::format("nothing is known of the link between {} in one box: taken as {:g} GB/s", q.device.device,
                             link.bandwidth / 1e9));
  if (ranks > link.domain && pricing.network_assumed)
    session.warn(fmt::format("nothing is known of the network between boxes of {}: taken as {:g} GB/s for each device",
                             q.device.device, link.network_bandwidth / 1e9));
}

// Low-latency kernels have room for so many tokens; more than that is another kernel's work.
void warn_of_exchange(const Session& session, const FitQuestion& q, const SimulatedLoad& load) {
  if (q.layout.token_groups() == 1 || load.phase != Phase::Decode || !has_experts(q.model)) return;
  if (exchange_in(q, Phase::Decode) != DispatchKind::DeepEpLowLatency) return;
  const Count room = q.dispatch_tokens != 0 ? q.dispatch_tokens : q.runtime.dispatch_tokens;
  const Count tokens = ceil_div(load.batch, q.layout.token_groups()) * (1 + load.drafts);
  if (tokens > room)
    session.warn(
        fmt::format("{} tokens a rank are more than the low-latency exchange has room for, {}: its memory is "
                    "that of --dispatch-tokens {}",
                    tokens, room, room));
}

// All that a steady load keeps on a replica at once; without a number, one request.
std::optional<Workload> resident_load(const std::optional<SteadyLoad>& load) {
  if (!load) return std::nullopt;
  return Workload{.context = load->isl + load->osl, .sequences = std::max<Count>(1, load->concurrency)};
}

// Of unlike devices each stage has its own kernels; they share the host.
void price_stages(Pricing& pricing, const Catalog& catalog, const HardwareChoice& hardware, const FitQuestion& q) {
  if (q.mixed.empty()) return;
  std::vector<Kernels> stages;
  for (const DeviceSpec& device : hardware.mixed) {
    const ClusterSpec around = cluster_around(catalog, hardware, device);
    stages.push_back(pricing_of(catalog, around, q.runtime, q.formats, needs_of(q.model, q.layout)).kernels);
    stages.back().host = pricing.kernels.host;
    stages.back().engine = pricing.kernels.engine;
    stages.back().expert_cache = pricing.kernels.expert_cache;
    if (const LinkSpec* link = host_link_of(around.node, device.id)) stages.back().host.link = share_of(*link).base();
  }
  pricing.kernels.by_stage = std::make_shared<const std::vector<Kernels>>(std::move(stages));
}

void set_engine(const Arguments& arguments, const std::string& model, Pricing& pricing) {
  if (arguments.has("operators-only") && arguments.has("engine-of-others"))
    throw_usage("engine-of-others", "it with --operators-only", "one of them");
  if (arguments.has("operators-only")) drop_engine(pricing);
  if (arguments.has("engine-of-others")) use_engine_of_others(pricing, model);
}

SimulateReport simulated(Session& session, const Arguments& arguments, std::optional<DenseEquivalent> dense) {
  const std::optional<SteadyLoad> steady = read_steady_load(arguments);
  const Routing routing = read_routing(arguments);
  Asked asked = ask_deployment(session, arguments, resident_load(steady));
  refuse_untimed(asked.question, arguments);
  check_routing(routing, asked.question);
  // The fullest rank decides what must be resident.
  const std::vector<Count> batches = read_rank_batches(arguments, asked.question);
  if (!batches.empty())
    asked.question.workload.sequences = *std::max_element(batches.begin(), batches.end()) * asked.question.layout.dp;
  const ClusterSpec cluster = cluster_of(session.catalog(), asked.hardware, asked.question);
  if (dense) asked.question.model = dense_equivalent(asked.question.model, *dense);
  Pricing pricing = pricing_of(session.catalog(), cluster, asked.question.runtime, asked.question.formats,
                               needs_of(asked.question.model, asked.question.layout));
  set_engine(arguments, asked.question.model.id, pricing);
  warn_of_assumptions(session, asked.question, pricing);
  apply_costs(arguments, session.catalog(), cluster, pricing);
  const OffloadAnswers offload = read_offload(arguments, asked.question);
  pricing.kernels.host = host_of_answers(session, offload, cluster, asked.question);
  pricing.kernels.host.fetched_ahead = read_prefetch(arguments);
  asked.question.device.fast_domain = static_cast<Count>(pricing.kernels.machine.link.domain);
  warn_of_exchange(session, asked.question, read_load(arguments, asked.question));
  SimulateQuestion question{
      .deployment = asked.question, .load = read_load(arguments, asked.question), .routing = routing, .events = {}};
  if (steady) refuse_events(arguments, "a steady load");
  question.events = read_events(arguments, asked.question, routing, domains_of(asked.question.layout, pricing.kernels));
  if (!batches.empty()) {
    question.load.batch = std::accumulate(batches.begin(), batches.end(), Count{0});
    question.events->rank_sequences = batches;
  }
  // A device that is given more than the whole reads it in turns: what must be resident is
  // the decoding sequences and the prompts.
  question.deployment.workload.sequences += question.load.mixed;
  const std::optional<ExpertCache> cache = cache_of_answers(offload, question, steady);
  if (cache) pricing.kernels.expert_cache = &*cache;
  price_stages(pricing, session.catalog(), asked.hardware, asked.question);
  SimulateReport report;
  if (steady) {
    report.steady = steady_state(question, *steady, pricing.kernels, pricing.rates);
    report.simulation = report.steady->decode;
    report.simulation.fits = report.steady->fits;
  } else {
    report.simulation = simulate(question, pricing.kernels, pricing.rates);
  }
  report.rates = pricing.rates;
  report.power = pricing.kernels.power;
  report.api_usd_per_million = read_api_price(arguments);
  if (cache) report.cache = CacheFigures{.spec = cache->spec(), .misses = cache->decode()};
  report.origins = asked.origins;
  report.hardware = asked.hardware.name;
  report.overlay = pricing.overlay;
  if (pricing.engine) report.engine = describe(*pricing.engine, asked.question.runtime.id);
  report.kernels = sources_of(explain_step(report.simulation.question, pricing.kernels));
  if (session.explain()) report.explained = explain(report.simulation.question, pricing);
  return report;
}

}  // namespace

// What asks for another kind of answer than a prompt and a decode step of one deployment.
constexpr std::array<std::string_view, 13> kOfAnAnswer = {
    "phase", "prefix", "mixed",   "prefill",      "frontier",      "study", "at",
    "claim", "axis",   "compare", "expert-cache", "cache-experts", "repeat"};

const std::vector<Option>& deployment_options() {
  static const std::vector<Option> kAll = [] {
    std::vector<Option> all;
    for (const Option& option : options()) {
      const auto is = [&option](std::string_view name) { return option.name == name; };
      const bool event = std::any_of(kEventOptions.begin(), kEventOptions.end(),
                                     [&option](const Option& e) { return e.name == option.name; });
      if (!event && std::none_of(kOfAnAnswer.begin(), kOfAnAnswer.end(), is)) all.push_back(option);
    }
    return all;
  }();
  return kAll;
}

int run_study(Session& session, const std::string& name) {
  return run_study(session, Arguments(with_common_options(options()), {"--study", name}), name);
}

std::vector<std::string> split_words(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text + " ") {
    if (c != ' ') {
      word += c;
    } else if (!word.empty()) {
      words.push_back(word);
      word.clear();
    }
  }
  return words;
}

SimulateReport simulate_words(const std::vector<std::string>& words) {
  const Arguments arguments(with_common_options(options()), words);
  Session session(arguments);
  return simulated(session, arguments, std::nullopt);
}

Arguments other_deployment(const Arguments& arguments, std::string_view option, const std::string& what) {
  const std::string expected =
      fmt::format("{}options of another deployment, e.g. \"--hardware b200\"", option == "compare" ? "dense, or " : "");
  const std::vector<Option> known = with_common_options(options());
  const std::vector<std::string> words = split_words(what);
  const Arguments own(known, words);
  if (words.empty() || own.positionals().size() > 1) throw_usage(option, in_quotes(what), expected);
  std::vector<std::string_view> of_the_answer = {"compare", "prefill", "frontier", "study",
                                                 "at",      "claim",   "axis",     "trace"};
  for (const Option& common : common_options()) of_the_answer.push_back(common.name);
  for (const std::string_view name : of_the_answer)
    if (own.has(name))
      throw_usage(option, fmt::format("--{} in {}", name, in_quotes(what)), expected, "one answer shows both");
  return arguments.overridden(known, words);
}

Arguments with_model(const Arguments& arguments, const std::string& model) {
  return arguments.overridden(with_common_options(options()), {model});
}

void read_unit(Unit& unit, Session& session, const Arguments& arguments, const std::optional<SteadyLoad>& load) {
  unit.asked = ask_deployment(session, arguments, resident_load(load));
  FitQuestion& q = unit.asked.question;
  refuse_untimed(q, arguments);
  const Routing routing = read_routing(arguments);
  check_routing(routing, q);
  const ClusterSpec cluster = cluster_of(session.catalog(), unit.asked.hardware, q);
  unit.pricing = session.prices().get(session.catalog(), cluster, q.runtime, q.formats, needs_of(q.model, q.layout));
  warn_of_assumptions(session, q, unit.pricing);
  set_engine(arguments, q.model.id, unit.pricing);
  apply_costs(arguments, session.catalog(), cluster, unit.pricing);
  q.device.fast_domain = static_cast<Count>(unit.pricing.kernels.machine.link.domain);
  unit.pricing.kernels.host = host_of_answers(session, read_offload(arguments, q), cluster, q);
  price_stages(unit.pricing, session.catalog(), unit.asked.hardware, q);
  unit.question = {.question = {.deployment = q, .load = read_load(arguments, q), .routing = routing},
                   .kernels = &unit.pricing.kernels,
                   .rates = unit.pricing.rates};
}

namespace {

int run_disaggregated(Session& session, const Arguments& arguments, const std::string& what) {
  const std::optional<SteadyLoad> load = read_steady_load(arguments);
  if (!load) throw_usage("prefill", "it without a steady load", "--isl N --osl N");
  if (arguments.has("compare")) throw_usage("prefill", "it beside --compare", "one of them");
  Unit decode;
  read_unit(decode, session, arguments, *load);
  Unit prefill;
  SteadyLoad prompts = *load;
  prompts.concurrency = 1;
  read_unit(prefill, session, other_deployment(arguments, "prefill", what), prompts);
  if (prefill.asked.question.model.id != decode.asked.question.model.id)
    throw_usage("prefill", prefill.asked.question.model.id, decode.asked.question.model.id,
                "both units serve one model");
  const DisaggregatedReport report{.answer = disaggregate(prefill.question, decode.question, *load),
                                   .prefill_hardware = prefill.asked.hardware.name,
                                   .decode_hardware = decode.asked.hardware.name,
                                   .prefill_overlay = prefill.pricing.overlay,
                                   .decode_overlay = decode.pricing.overlay};
  session.write({.document = [&report] { return describe_disaggregated(report); },
                 .rows = [&report] { return describe_disaggregated(report); },
                 .json = [&report] { return json_of_disaggregated(report); }});
  return report.answer.fits ? kExitYes : kExitNo;
}

std::vector<SimulateReport> compared(Session& session, const Arguments& arguments, const std::string& what) {
  std::vector<SimulateReport> reports;
  reports.push_back(simulated(session, arguments, std::nullopt));
  if (what == "dense") {
    const Simulation& mixture = reports.front().simulation;
    if (!has_experts(mixture.question.deployment.model))
      throw_usage("compare", "dense with " + mixture.question.deployment.model.id, "a model with experts");
    reports.push_back(simulated(session, arguments, DenseEquivalent::SameActive));
    reports.push_back(simulated(session, arguments, DenseEquivalent::SameTotal));
    return reports;
  }
  reports.push_back(simulated(session, other_deployment(arguments, "compare", what), std::nullopt));
  return reports;
}

// One report for each load of a list of them.
std::vector<SimulateReport> curve(Session& session, const Arguments& arguments, const std::string& list) {
  if (arguments.has("compare")) throw_usage("compare", "it with several loads", "one of them");
  const std::vector<Option> known = with_common_options(options());
  std::vector<SimulateReport> reports;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    const Arguments one = arguments.overridden(known, {"--concurrency", list.substr(begin, end - begin)});
    reports.push_back(simulated(session, one, std::nullopt));
    begin = end + 1;
  }
  return reports;
}

// "deepseek-v3, decode of 256 x 4096 tokens, 8 x h200"
std::string title_of(const Simulation& s) {
  const SimulatedLoad& load = s.question.load;
  return fmt::format("{}, {} of {} x {} tokens, {} x {}", s.question.deployment.model.id,
                     load.phase == Phase::Decode ? "decode" : "prefill", load.batch, load.context, s.gpus,
                     s.question.deployment.device.device);
}

int run(const Arguments& arguments) {
  const bool of_study = arguments.has("study");
  constexpr std::size_t kMostModels = 16;
  expect_positionals(arguments,
                     of_study ? "simulate [MODEL...] --study NAME" : "simulate MODEL --hardware NAME [OPTIONS]",
                     of_study ? 0 : 1, of_study ? kMostModels : 1);
  Session session(arguments);
  for (const std::string_view option : {"study", "frontier", "prefill"})
    if (arguments.has(option)) refuse_events(arguments, "--" + std::string(option));
  if (const std::optional<std::string> study = arguments.text("study")) return run_study(session, arguments, *study);
  if (arguments.has("frontier")) return run_frontier(session, arguments);
  for (const std::string_view option : {"at", "claim", "axis"})
    if (arguments.has(option)) throw_usage(option, "it alone", "--frontier with it");
  if (const std::optional<std::string> what = arguments.text("prefill"))
    return run_disaggregated(session, arguments, *what);
  if (const std::optional<std::string> what = arguments.text("compare")) {
    if (arguments.has("trace")) throw_usage("trace", "it beside --compare", "one of them");
    const std::vector<SimulateReport> reports = compared(session, arguments, *what);
    session.write({.document = [&reports] { return compare_simulations(reports); },
                   .rows = [&reports] { return compare_simulations(reports); },
                   .json = [&reports] { return json_of_comparison(reports); },
                   .page = [&reports] { return page_of_comparison(reports); }});
    return std::all_of(reports.begin(), reports.end(), [](const SimulateReport& r) { return r.simulation.fits; })
               ? kExitYes
               : kExitNo;
  }
  const std::string loads = arguments.text("concurrency").value_or("");
  if (loads.find(',') != std::string::npos) {
    const std::vector<SimulateReport> reports = curve(session, arguments, loads);
    session.write({.document = [&reports] { return describe_curve(reports); },
                   .rows = [&reports] { return tabulate_curve(reports); },
                   .json = [&reports] { return json_of_comparison(reports); },
                   .page = [&reports] { return page_of_curve(reports); }});
    return std::all_of(reports.begin(), reports.end(), [](const SimulateReport& r) { return r.simulation.fits; })
               ? kExitYes
               : kExitNo;
  }
  std::optional<OutputTarget> trace;
  if (const std::optional<std::string> path = arguments.text("trace")) trace.emplace(*path);
  const SimulateReport report = simulated(session, arguments, std::nullopt);
  if (trace && report.simulation.fits) trace->write(trace_of(*report.simulation.events, title_of(report.simulation)));
  session.write({.document = [&report] { return describe_simulation(report); },
                 .rows = [&report] { return tabulate_simulation(report); },
                 .json = [&report] { return json_of_simulation(report); },
                 .page = [&report] { return page_of_simulation(report); }});
  return report.simulation.fits ? kExitYes : kExitNo;
}

}  // namespace

Verb simulate_verb() {
  return {.name = "simulate",
          .question = "how long does a prefill or decode step take, and bound by what?",
          .usage =
              "simulate MODEL --hardware NAME [--gpus N] [--phase decode|prefill] [OPTIONS]\n"
              "simulate MODEL --hardware NAME [--gpus N] --isl N --osl N [--concurrency N|max] [OPTIONS]\n"
              "simulate [MODEL...] --study NAME [--isl N --osl N]",
          .about =
              "Adds up the time of every operator of a step on the busiest rank and says what bounds it,\n"
              "with an 80 % band. Times come from forms whose constants were fitted to measured kernels of\n"
              "this device, or of a sibling, and the answer says which. With --isl and --osl: the steady state\n"
              "of continuous batching, its tokens per second, time to first token and time per token.",
          .options = options(),
          .examples = kExamples,
          .run = run};
}

}  // namespace moeplan
