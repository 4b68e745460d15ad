// SPDX-License-Identifier: Apache-2.0
// `moeplan network`: flows of a file, or a matrix over a fabric -> times, links.
#include <fmt/format.h>

#include <array>

#include "cli/event_argument.h"
#include "cli/exit_status.h"
#include "cli/hardware_file.h"
#include "cli/model_argument.h"
#include "cli/routing_argument.h"
#include "cli/session.h"
#include "cli/verb.h"
#include "reports/network.h"
#include "sim/base/error.h"
#include "sim/base/text.h"
#include "sim/study/network_file.h"
#include "sim/study/network_words.h"
#include "sim/study/pricing.h"
#include "sim/study/routed_matrix.h"

namespace moeplan {
namespace {

constexpr std::array<Option, 10> kOptions = {{
    {"flows", "FILE", "links and flows as numbers; the format is below"},
    {"topology", "SPEC",
     "star:n=,bw=,lat= ring: line: torus2d:x=,y=, two-level:groups=,per=,nvl=,nic=,gup=, or hardware"},
    {"matrix", "SPEC",
     "uniform:SIZE, zipf:S,PER_SRC, random:MEAN, heavy:ALPHA,MEAN, incast:SIZE, csv:FILE, or "
     "routed:MODEL, returned:MODEL: an expert layer's dispatch or combine"},
    {"gpus", "N", "with hardware as --topology (default: those of its fast domain)"},
    {"tokens", "N", "routed: of each rank (default: 128)"},
    {"exchange", "KIND", "routed: whose copies; deep_ep_low_latency (default), deep_ep_normal, nvlink_one_sided"},
    {"routing", "KIND", "routed: as in simulate (default: uniform)"},
    {"expert-placement", "WHAT", "routed: contiguous (default), round-robin, eplb, searched, or a FILE"},
    {"mode", "exact|classes|port|quantised", "how to solve (default: exact; by classes where that is the same)"},
    {"seed", "N", "of drawn matrices (default: 1)"},
}};

constexpr std::array<std::string_view, 3> kExamples = {
    "moeplan network --topology star:n=72,bw=900e9,lat=1e-6 --matrix uniform:1MB",
    "moeplan network --topology two-level:groups=8,per=8,nvl=450e9,nic=50e9,gup=200e9 --matrix zipf:0.8,64MB",
    "moeplan network --topology h200 --gpus 32 --matrix routed:deepseek-v3 --routing gini:0.3 --exchange "
    "deep_ep_normal"};

constexpr std::string_view kPlainRates = "as given";
constexpr Count kMostSeed = 1'000'000'000;

NetworkMode mode_of(const Arguments& arguments) {
  const std::string mode = arguments.choice("mode", {"exact", "classes", "port", "quantised"}).value_or("exact");
  if (mode == "classes") return NetworkMode::Classes;
  if (mode == "port") return NetworkMode::Ports;
  return mode == "quantised" ? NetworkMode::Quantised : NetworkMode::Exact;
}

void refuse_with_flows(const Arguments& arguments) {
  for (const char* option : {"topology", "matrix", "gpus", "seed", "tokens", "exchange", "routing", "expert-placement"})
    if (arguments.has(option)) throw_usage(option, "it with --flows", "one of them", "a flow file says it all");
}

NetworkReport report_of_file(const Arguments& arguments, NetworkMode mode) {
  refuse_with_flows(arguments);
  if (mode == NetworkMode::Classes)
    throw_usage("mode", "classes with --flows", "exact, port or quantised",
                "classes come with a fabric and a uniform matrix");
  NetworkReport report;
  report.fabric = *arguments.text("flows");
  report.basis = kPlainRates;
  report.answer = answer_of_flows(read_flow_file(report.fabric), mode);
  return report;
}

// A device alone stands in the machine it is usually sold in.
ClusterSpec cluster_named(Session& session, const std::string& name) {
  const LoadedHardware hardware = load_hardware(session.catalog(), name);
  for (const std::string& warning : hardware.warnings) session.warn(warning);
  const std::string& device = hardware.cluster.devices.front().id;
  const bool alone = !is_machine(hardware.cluster) && session.catalog().knows_device(device);
  return alone ? usual_cluster(session.catalog(), device) : hardware.cluster;
}

FlowFabric fabric_named(Session& session, const Arguments& arguments, NetworkReport& report) {
  const std::string words = *arguments.text("topology");
  if (names_fabric_generator(words)) {
    if (arguments.has("gpus")) throw_usage("gpus", "it with " + in_quotes(words), "it with hardware as --topology");
    report.fabric = words;
    report.basis = kPlainRates;
    return read_fabric(words);
  }
  const ClusterSpec cluster = cluster_named(session, words);
  report.gpus = arguments.count("gpus", 1, kMostHosts).value_or(usual_gpus(cluster));
  report.fabric = fmt::format("{}, {} x {}", words, report.gpus, cluster.devices.front().id);
  ProfileFabric profile = fabric_of_profile(session.catalog(), cluster, report.gpus);
  report.basis = profile.basis;
  return std::move(profile.fabric);
}

bool is_routed(const std::string& matrix) { return matrix.starts_with("routed:") || matrix.starts_with("returned:"); }

ByteMatrix matrix_of_experts(Session& session, const Arguments& arguments, const std::string& words,
                             const FlowFabric& fabric, std::uint64_t seed) {
  const std::size_t colon = words.find(':');
  const Catalog& catalog = session.catalog();
  const ModelPlan plan = plan_model(load_model(catalog, words.substr(colon + 1)), catalog.formats(), "native");
  RoutedTraffic traffic{.ranks = fabric.hosts(),
                        .near = fabric.shape().domain == 0 ? fabric.hosts() : fabric.shape().domain,
                        .combine = words.starts_with("returned:"),
                        .routing = {}};
  constexpr Count kMostTokens = 65536;
  traffic.tokens = arguments.count("tokens", 1, kMostTokens).value_or(traffic.tokens);
  if (arguments.has("routing")) {
    traffic.routing = read_routing(arguments);
  } else {
    traffic.routing.skew = Skew::Uniform;
    traffic.routing.seed = seed;
  }
  if (const std::optional<std::string> kind = arguments.text("exchange")) {
    const std::optional<DispatchKind> named = dispatch_named(*kind);
    if (!named || *named == DispatchKind::AllGather || *named == DispatchKind::DeepEp)
      throw_usage("exchange", in_quotes(*kind),
                  "deep_ep_low_latency, deep_ep_normal, nvlink_one_sided or nvlink_two_sided");
    traffic.exchange = *named;
  }
  if (const std::optional<std::string> placement = arguments.text("expert-placement"))
    traffic.placement = read_expert_placement(*placement, plan.model, traffic.ranks);
  const RuntimeSpec runtime = catalog.runtime("generic");
  std::vector<Problem> problems;
  for (const std::string& sentence : violations(traffic, plan, runtime)) {
    Problem problem;
    problem.file = "--matrix " + words;
    problem.path = sentence;
    problems.push_back(problem);
  }
  if (!problems.empty()) throw InputError(ErrorKind::Usage, problems);
  return routed_matrix(traffic, plan, runtime);
}

NetworkReport report_of_fabric(Session& session, const Arguments& arguments, NetworkMode mode) {
  if (!arguments.has("topology"))
    throw_usage("topology", "nothing", "a fabric", "e.g. --topology star:n=8,bw=450e9,lat=1e-6, or --flows FILE");
  if (!arguments.has("matrix")) throw_usage("matrix", "nothing", "the traffic", "e.g. --matrix uniform:1MB");
  NetworkReport report;
  const FlowFabric fabric = fabric_named(session, arguments, report);
  report.matrix = *arguments.text("matrix");
  for (const char* option : {"tokens", "exchange", "routing", "expert-placement"})
    if (arguments.has(option) && !is_routed(report.matrix))
      throw_usage(option, "it with --matrix " + report.matrix, "--matrix routed:MODEL or returned:MODEL");
  const auto seed = static_cast<std::uint64_t>(arguments.count("seed", 0, kMostSeed).value_or(1));
  const bool by_class = fabric.is_symmetric() && (mode == NetworkMode::Exact || mode == NetworkMode::Classes);
  if (report.matrix.starts_with("uniform:") && by_class) {
    report.answer = answer_of_uniform(fabric, uniform_bytes_of(report.matrix), mode);
    return report;
  }
  if (mode == NetworkMode::Classes)
    throw_usage("mode", "classes of " + in_quotes(report.matrix) + " on " + in_quotes(report.fabric),
                "a uniform matrix on a fabric that all hosts see alike", "--mode exact solves any");
  const ByteMatrix matrix = is_routed(report.matrix)
                                ? matrix_of_experts(session, arguments, report.matrix, fabric, seed)
                                : read_matrix(report.matrix, fabric.hosts(), seed);
  report.answer = answer_of_matrix(fabric, matrix, mode);
  return report;
}

int run(const Arguments& arguments) {
  expect_positionals(arguments, "network (--flows FILE | --topology SPEC --matrix SPEC)", 0, 0);
  Session session(arguments);
  const NetworkMode mode = mode_of(arguments);
  const NetworkReport report =
      arguments.has("flows") ? report_of_file(arguments, mode) : report_of_fabric(session, arguments, mode);
  session.write({.document = [&report] { return describe_network(report); },
                 .rows = [&report] { return tabulate_network(report); },
                 .json = [&report] { return json_of_network(report); }});
  return kExitYes;
}

}  // namespace

Verb network_verb() {
  return {.name = "network",
          .question = "how long does this traffic take on this fabric?",
          .usage =
              "network --topology SPEC --matrix SPEC [--mode MODE]\nnetwork --topology HARDWARE [--gpus N] --matrix "
              "SPEC\nnetwork --flows FILE",
          .about =
              "Flows share links by max-min fairness; each contends from the end of its route's latency\n"
              "on. Prints when they end, beside the lower bound of the busiest link, and which links are\n"
              "busy. Rates are bytes per second or carry a unit, latencies seconds, each direction of a\n"
              "cable is a link of its own; the latency of a star's or a two-level fabric's ports is that\n"
              "of the whole way. Links of a hardware profile carry the share of their peak that token\n"
              "exchanges were measured to reach. A flow file is numbers: HOSTS LINKS; for each link\n"
              "BANDWIDTH LATENCY; the number of flows; for each flow SRC DST BYTES N LINK...",
          .options = kOptions,
          .examples = kExamples,
          .run = run};
}

}  // namespace moeplan
