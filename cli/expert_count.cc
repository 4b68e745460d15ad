// SPDX-License-Identifier: Apache-2.0
#include "cli/expert_count.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "cli/exit_status.h"
#include "reports/expert_count.h"
#include "sim/study/expert_count.h"

namespace moeplan {
namespace {

constexpr Count kMostSequences = Count{1} << 24;
constexpr Count kMostGpus = 65536;
// Options of a sweep that this study takes.
constexpr std::array<std::string_view, 8> kTaken = {"model",   "hardware", "gpus",    "runtime",
                                                    "weights", "batch",    "context", "law"};

void refuse_others(const Arguments& arguments, std::span<const Option> options) {
  for (const Option& option : options)
    if (arguments.has(option.name) && std::find(kTaken.begin(), kTaken.end(), option.name) == kTaken.end() &&
        option.name != "sequences" && option.name != "no-progress")
      throw_usage(option.name, "it with the study expert-count",
                  "--model, --hardware, --gpus, --runtime, --weights, --batch, --context or --law");
}

// One machine in place of those of the study; 0 GPUs: as many as it says, or one.
std::vector<ExpertCountAsk> on_machine(const std::vector<ExpertCountAsk>& asks, const std::string& hardware,
                                       Count gpus) {
  std::vector<ExpertCountAsk> own;
  // A machine of the study has its own engine, format and batches.
  std::copy_if(asks.begin(), asks.end(), std::back_inserter(own),
               [&](const ExpertCountAsk& ask) { return ask.hardware == hardware && (gpus == 0 || ask.gpus == gpus); });
  if (!own.empty()) return own;
  for (ExpertCountAsk ask : asks) {
    if (ask.hardware != asks.front().hardware) continue;
    ask.hardware = hardware;
    ask.gpus = std::max<Count>(1, gpus);
    ask.runtime.clear();
    own.push_back(std::move(ask));
  }
  return own;
}

}  // namespace

int run_expert_count(Session& session, const Arguments& arguments, std::span<const Option> options,
                     const std::string& finding) {
  refuse_others(arguments, options);
  std::vector<ExpertCountAsk> asks = expert_count_asks(arguments.has("law"));
  const std::optional<Count> gpus = arguments.count("gpus", 1, kMostGpus);
  if (const std::optional<std::string> hardware = arguments.text("hardware"))
    asks = on_machine(asks, *hardware, gpus.value_or(0));
  else if (gpus)
    throw_usage("gpus", "it alone", "--hardware NAME with it");
  const std::optional<Count> batch = arguments.count("sequences", 1, kMostSequences);
  const std::optional<Count> context = arguments.tokens("context");
  for (ExpertCountAsk& ask : asks) {
    if (const std::optional<std::string> model = arguments.text("model")) {
      ask.model = *model;
      ask.experts_held = ask.top_k_held = ask.width_held = 0;
    }
    ask.runtime = arguments.text("runtime").value_or(ask.runtime);
    ask.weights = arguments.text("weights").value_or(ask.weights);
    ask.batch = batch.value_or(ask.batch);
    ask.context = context.value_or(ask.context);
  }
  // Asked for at one batch, the study's several are one.
  const auto same = [](const ExpertCountAsk& a, const ExpertCountAsk& b) {
    return a.growth == b.growth && a.hardware == b.hardware && a.phase == b.phase;
  };
  if (batch) asks.erase(std::unique(asks.begin(), asks.end(), same), asks.end());
  ExpertCountStudy study(session.catalog());
  std::vector<ExpertCountCurve> curves;
  for (const ExpertCountAsk& ask : asks) curves.push_back(study.curve(ask));
  session.write({.document = [&curves] { return describe_expert_counts(curves); },
                 .rows = [&curves] { return expert_count_rows(curves); },
                 .json = [&curves] { return json_of_expert_counts(curves); },
                 .page = [&curves, &finding] { return page_of_expert_counts(curves, finding); }});
  return kExitYes;
}

}  // namespace moeplan
