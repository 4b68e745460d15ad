// SPDX-License-Identifier: Apache-2.0
#include "cli/fit_list.h"

#include <algorithm>

#include "cli/exit_status.h"
#include "reports/runnable.h"

namespace moeplan {
namespace {

constexpr Count kUsualRows = 20;
constexpr Count kMostRows = 100'000;

}  // namespace

void refuse_options_of_a_model(const Arguments& arguments) {
  for (const char* option : {"tp",
                             "attention-dp",
                             "cp",
                             "sequence-parallel",
                             "moe-tp",
                             "ep",
                             "pp",
                             "replicas",
                             "n-cpu-moe",
                             "mtp",
                             "exchange",
                             "dispatch-tokens",
                             "strict-margin",
                             "budget-gpus",
                             "imbalance",
                             "engine-flags",
                             "memory-fraction",
                             "lora",
                             "draft",
                             "draft-weights",
                             "draft-tokens",
                             "flash-attn",
                             "cpu-moe",
                             "tensor-split",
                             "override-tensor",
                             "ssd",
                             "ssd-bandwidth",
                             "redundant-experts"})
    if (arguments.has(option))
      throw_usage(option, "it without a model", "a MODEL before the options",
                  "without one, each model is placed in the way that suits it");
}

void refuse_options_of_a_list(const Arguments& arguments) {
  for (const char* option : {"top", "all", "min-tokens-per-s"})
    if (arguments.has(option)) throw_usage(option, "it with a model", "it without one: moeplan fit --hardware NAME");
}

int list_runnable(Session& session, const Arguments& arguments, const FitQuestion& machine, const FitOrigins& origins,
                  Count gpus) {
  const std::optional<Count> top = arguments.count("top", 1, kMostRows);
  if (top && arguments.has("all")) throw_usage("all", "--top too", "one of the two");
  const Count least_speed = arguments.count("min-tokens-per-s", 1, 1'000'000).value_or(0);

  RunnableReport report;
  report.question.machine = machine;
  report.question.gpus = gpus;
  report.question.given_context = arguments.has("context");
  if (arguments.has("weights")) report.question.formats = {machine.weights};
  report.origins = origins;
  std::vector<ModelSpec> models;
  for (const std::string& id : session.catalog().model_ids()) models.push_back(session.catalog().model(id));
  report.found = find_runnable(models, report.question);
  if (least_speed > 0)
    std::erase_if(report.found, [least_speed](const Runnable& r) {
      return !r.decode.known() || r.decode.value < static_cast<double>(least_speed);
    });
  report.least_speed = least_speed;
  report.models_known = static_cast<Count>(models.size());
  report.shown = arguments.has("all") ? kMostRows : top.value_or(kUsualRows);
  session.write({.document = [&report] { return describe_runnable(report); },
                 .rows = [&report] { return tabulate_runnable(report); },
                 .json = [&report] { return json_of_runnable(report); }});
  return report.found.empty() ? kExitNo : kExitYes;
}

}  // namespace moeplan
