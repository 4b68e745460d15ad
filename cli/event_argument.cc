// SPDX-License-Identifier: Apache-2.0
#include "cli/event_argument.h"

#include <algorithm>
#include <variant>

#include "sim/base/error.h"
#include "sim/base/json.h"
#include "sim/base/text.h"

namespace moeplan {
namespace {

constexpr std::array<std::string_view, 3> kOfEvents = {"draws", "expert-placement", "trace"};

bool asks_for_events(const Arguments& arguments) {
  const std::string engine = arguments.choice("engine", {"analytic", "event"}).value_or("");
  for (const std::string_view option : kOfEvents) {
    if (!arguments.has(option)) continue;
    if (engine == "analytic") throw_usage(option, "it with --engine analytic", "--engine event");
    return true;
  }
  return engine == "event";
}

const MoeFfn* experts_of(const ModelSpec& model) {
  for (const Block& block : model.blocks)
    if (const auto* moe = std::get_if<MoeFfn>(&block.kind)) return moe;
  return nullptr;
}

PlacementRule read_placement(const std::string& asked, const FitQuestion& q) {
  if (asked == "contiguous") return {};
  const MoeFfn* moe = experts_of(q.model);
  if (moe == nullptr) throw_usage("expert-placement", "it with " + q.model.id, "a model with experts");
  if (asked == "round-robin") return {.way = PlacementWay::RoundRobin, .layers = {}};
  if (asked == "eplb") return {.way = PlacementWay::Balanced, .layers = {}};
  return parse_placement(read_text_file(asked, 64 * kMiB), asked, moe->experts, q.layout.ep);
}

}  // namespace

std::optional<EventAsk> read_events(const Arguments& arguments, const FitQuestion& q, const Routing& routing,
                                    Count nodes) {
  if (!asks_for_events(arguments)) return std::nullopt;
  EventAsk ask;
  ask.draws = arguments.count("draws", 1, 10000).value_or(0);
  if (const std::optional<std::string> placement = arguments.text("expert-placement"))
    ask.placement = read_placement(*placement, q);
  std::vector<Problem> problems;
  for (const std::string& sentence : draw_violations(q.model, routing, q.layout, nodes, ask)) {
    Problem problem;
    problem.file = "--expert-placement and --routing with " + q.model.id;
    problem.path = sentence;
    problems.push_back(problem);
  }
  if (!problems.empty()) throw InputError(ErrorKind::Usage, problems);
  return ask;
}

void refuse_events(const Arguments& arguments, std::string_view beside) {
  if (!asks_for_events(arguments)) return;
  throw_usage("engine", "the event engine with " + std::string(beside), "a single step: --phase, --batch, --context",
              "a steady load is a closed form over analytic steps");
}

}  // namespace moeplan
