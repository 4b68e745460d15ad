// SPDX-License-Identifier: Apache-2.0
// `moeplan simulate`: options -> SimulateQuestion -> step time -> report.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "cli/deployment.h"
#include "cli/exit_status.h"
#include "cli/routing_argument.h"
#include "cli/verb.h"
#include "reports/simulate.h"
#include "sim/base/text.h"
#include "sim/study/explain_step.h"
#include "sim/study/pricing.h"

namespace moeplan {
namespace {

constexpr Count kMostTokens = Count{1} << 24;
constexpr Count kMostDrafts = 5;

constexpr std::array<Option, 8> kOwnOptions = {{
    {"phase", "PHASE", "decode (default) or prefill"},
    {"prefix", "N", "prefill: tokens of each prompt that are in the cache already"},
    {"chunk", "N", "prefill: new tokens of each rank in one step (default: the runtime's)"},
    {"mixed", "N", "prefill: sequences that decode in the same steps"},
    {"draft-tokens", "N", "with --mtp: tokens the draft module proposes each step (default: 1)"},
    {"routing", "KIND", "balanced, uniform, gini:0.15, zipf:0.4, power:1.2, hot:4:0.5, histogram:FILE"},
    {"seed", "N", "of drawn routing (default: 1)"},
    {"compare", "WHAT", "dense, or options of another deployment in quotes: \"--hardware b200 --weights nvfp4\""},
}};

// Options that only mean something to a verdict.
constexpr std::array<std::string_view, 6> kOfFitAlone = {"strict-margin",    "top",         "all",
                                                         "min-tokens-per-s", "budget-gpus", "imbalance"};

constexpr std::array<std::string_view, 3> kExamples = {
    "moeplan simulate deepseek-v3 --hardware h200 --gpus 8 --attention-dp 8 --ep 8 --batch 256 --context 4096",
    "moeplan simulate gpt-oss-120b --hardware b200 --phase prefill --context 8k",
    "moeplan simulate mixtral-8x7b --hardware h200 --batch 32 --context 2k --compare dense"};

const std::vector<Option>& options() {
  static const std::vector<Option> kAll = [] {
    std::vector<Option> all(kOwnOptions.begin(), kOwnOptions.end());
    for (const Option& option : fit_options()) {
      const bool drop = std::find(kOfFitAlone.begin(), kOfFitAlone.end(), option.name) != kOfFitAlone.end();
      if (!drop) all.push_back(option);
    }
    return all;
  }();
  return kAll;
}

SimulatedLoad load_of(const Arguments& arguments, const FitQuestion& q) {
  SimulatedLoad load;
  const std::string phase = arguments.choice("phase", {"decode", "prefill"}).value_or("decode");
  load.phase = phase == "decode" ? Phase::Decode : Phase::Prefill;
  load.batch = q.workload.sequences;
  load.context = q.workload.context;
  load.prefix = arguments.tokens("prefix").value_or(0);
  load.chunk = arguments.tokens("chunk").value_or(0);
  load.mixed = arguments.count("mixed", 1, kMostTokens).value_or(0);
  for (const std::string_view name : {"prefix", "chunk", "mixed"}) {
    if (arguments.has(name) && load.phase == Phase::Decode)
      throw_usage(name, "it with a decode step", "--phase prefill");
  }
  if (load.prefix >= load.context)
    throw_usage("prefix", std::to_string(load.prefix),
                fmt::format("fewer than the {} tokens of a prompt", load.context));
  if (arguments.has("draft-tokens") && !q.load_mtp) throw_usage("draft-tokens", "it alone", "--mtp with it");
  if (q.load_mtp && load.phase == Phase::Decode) {
    load.drafts = arguments.count("draft-tokens", 1, kMostDrafts).value_or(1);
    load.accepted = accepted_tokens(load.drafts);
  }
  return load;
}

ClusterSpec cluster_of(const Catalog& catalog, const HardwareChoice& hardware) {
  if (!hardware.device)
    throw_usage("hardware", "nothing", "a device whose speed is known", "--memory alone says nothing about time");
  if (hardware.node) return catalog.cluster_of(*hardware.node, {*hardware.device});
  if (catalog.knows_device(hardware.device->id)) return usual_cluster(catalog, hardware.device->id);
  ClusterSpec alone;
  alone.devices.push_back(*hardware.device);
  return alone;
}

// One line per operator: sizes, time, what bounds it, which constants.
std::vector<std::string> explain(const SimulateQuestion& q, const Pricing& pricing) {
  std::vector<std::string> lines;
  for (const ExplainedOp& op : explain_step(q, pricing.kernels))
    lines.push_back(fmt::format("{} x{}: {:.4g} us each, {} ({}); {}; {}", op.name, op.repeat, op.seconds * 1e6,
                                word_of(op.bound), word_of(op.tier), op.sizes, op.kernel));
  return lines;
}

SimulateReport simulated(Session& session, const Arguments& arguments, std::optional<DenseEquivalent> dense) {
  Asked asked = ask_deployment(session, arguments);
  if (dense) asked.question.model = dense_equivalent(asked.question.model, *dense);
  const ClusterSpec cluster = cluster_of(session.catalog(), asked.hardware);
  Pricing pricing = pricing_of(session.catalog(), cluster, asked.question.runtime, asked.question.formats);
  pricing.kernels.host_bandwidth = asked.question.rates.host.rate().base();
  SimulateQuestion question{
      .deployment = asked.question, .load = load_of(arguments, asked.question), .routing = read_routing(arguments)};
  // A device that is given more than the whole reads it in turns: what must be resident is
  // the decoding sequences and the prompts.
  question.deployment.workload.sequences += question.load.mixed;
  SimulateReport report;
  report.simulation = simulate(question, pricing.kernels, pricing.rates);
  report.origins = asked.origins;
  report.hardware = asked.hardware.name;
  report.overlay = pricing.overlay;
  report.kernels = sources_of(pricing.kernels);
  if (session.explain()) report.explained = explain(question, pricing);
  return report;
}

// The words of --compare, split at spaces.
std::vector<std::string> words_of_text(const std::string& text) {
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

std::vector<SimulateReport> compared(Session& session, const Arguments& arguments, const std::string& what) {
  std::vector<SimulateReport> reports;
  reports.push_back(simulated(session, arguments, std::nullopt));
  if (what == "dense") {
    reports.push_back(simulated(session, arguments, DenseEquivalent::SameActive));
    reports.push_back(simulated(session, arguments, DenseEquivalent::SameTotal));
    return reports;
  }
  const std::vector<Option> known = with_common_options(options());
  reports.push_back(simulated(session, arguments.overridden(known, words_of_text(what)), std::nullopt));
  return reports;
}

int run(const Arguments& arguments) {
  expect_positionals(arguments, "simulate MODEL --hardware NAME [OPTIONS]", 1, 1);
  Session session(arguments);
  if (const std::optional<std::string> what = arguments.text("compare")) {
    const std::vector<SimulateReport> reports = compared(session, arguments, *what);
    session.write({.document = [&reports] { return compare_simulations(reports); },
                   .rows = [&reports] { return compare_simulations(reports); },
                   .json = [&reports] { return json_of_comparison(reports); }});
    return std::all_of(reports.begin(), reports.end(), [](const SimulateReport& r) { return r.simulation.fits; })
               ? kExitYes
               : kExitNo;
  }
  const SimulateReport report = simulated(session, arguments, std::nullopt);
  session.write({.document = [&report] { return describe_simulation(report); },
                 .rows = [&report] { return tabulate_simulation(report); },
                 .json = [&report] { return json_of_simulation(report); }});
  return report.simulation.fits ? kExitYes : kExitNo;
}

}  // namespace

Verb simulate_verb() {
  return {.name = "simulate",
          .question = "how long does a prefill or decode step take, and bound by what?",
          .usage = "simulate MODEL --hardware NAME [--gpus N] [--phase decode|prefill] [OPTIONS]",
          .about =
              "Adds up the time of every operator of a step on the busiest rank and says what bounds it,\n"
              "with an 80 % band. Times come from forms whose constants were fitted to measured kernels of\n"
              "this device, or of a sibling, and the answer says which.",
          .options = options(),
          .examples = kExamples,
          .run = run};
}

}  // namespace moeplan
