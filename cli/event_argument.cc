// SPDX-License-Identifier: Apache-2.0
#include "cli/event_argument.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <variant>

#include "sim/base/error.h"
#include "sim/base/json.h"
#include "sim/base/text.h"

namespace moeplan {
namespace {

constexpr std::array<std::string_view, 7> kOfEvents = {"draws",    "expert-placement", "links", "placements",
                                                       "prefetch", "rank-batches",     "trace"};

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

}  // namespace

PlacementRule read_expert_placement(const std::string& asked, const ModelSpec& model, Count ranks) {
  if (asked == "contiguous") return {};
  const MoeFfn* moe = experts_of(model);
  if (moe == nullptr) throw_usage("expert-placement", "it with " + model.id, "a model with experts");
  if (asked == "round-robin") return {.way = PlacementWay::RoundRobin, .layers = {}};
  if (asked == "eplb") return {.way = PlacementWay::Balanced, .layers = {}};
  if (asked == "searched") return {.way = PlacementWay::Searched, .layers = {}};
  return parse_placement(read_text_file(asked, 64 * kMiB), asked, moe->experts, ranks);
}

std::optional<EventAsk> read_events(const Arguments& arguments, const FitQuestion& q, const Routing& routing,
                                    Count nodes) {
  if (!asks_for_events(arguments)) return std::nullopt;
  EventAsk ask;
  ask.draws = arguments.count("draws", 1, 10000).value_or(0);
  // Copies of busy experts are placed by a balancer, as the analytic engine takes it.
  if (q.layout.redundant > 0 && routing.skew != Skew::Balanced) ask.placement.way = PlacementWay::Balanced;
  if (const std::optional<std::string> placement = arguments.text("expert-placement"))
    ask.placement = read_expert_placement(*placement, q.model, q.layout.ep);
  if (arguments.choice("links", {"ports", "flows"}).value_or("ports") == "flows") ask.links = LinkModel::Flows;
  ask.placements = arguments.has("placements");
  const bool drawn = routing.skew != Skew::Balanced || ask.placement.way != PlacementWay::Contiguous;
  for (const std::string_view option : {"draws", "links", "placements"})
    if (arguments.has(option) && !drawn)
      throw_usage(option, "it with balanced routing", "a --routing that is drawn, e.g. --routing uniform",
                  "where every rank is at its expectation nothing differs");
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

std::vector<Count> read_rank_batches(const Arguments& arguments, const FitQuestion& q) {
  const std::optional<std::string> asked = arguments.text("rank-batches");
  if (!asked) return {};
  const std::string expected = fmt::format("sequences of each of the {} attention-DP ranks, as 40,32", q.layout.dp);
  if (arguments.has("batch")) throw_usage("rank-batches", "it beside --batch", "one of them");
  if (arguments.text("phase").value_or("decode") != "decode")
    throw_usage("rank-batches", "it with --phase prefill", "a decode step");
  if (q.layout.pp > 1) throw_usage("rank-batches", "it with --pp", "a layout of one stage");
  if (arguments.text("overlap").value_or("off") != "off")
    throw_usage("rank-batches", "it with --overlap", "a step in one batch");
  std::vector<Count> batches;
  for (std::size_t begin = 0; begin <= asked->size();) {
    const std::size_t end = std::min(asked->find(',', begin), asked->size());
    const std::optional<Count> one = parse_count(asked->substr(begin, end - begin));
    constexpr Count kMost = 1'000'000;
    if (!one || *one < 0 || *one > kMost) throw_usage("rank-batches", in_quotes(*asked), expected);
    batches.push_back(*one);
    begin = end + 1;
  }
  if (static_cast<Count>(batches.size()) != q.layout.dp || *std::max_element(batches.begin(), batches.end()) == 0)
    throw_usage("rank-batches", in_quotes(*asked), expected);
  return batches;
}

double read_prefetch(const Arguments& arguments) {
  const std::optional<std::string> asked = arguments.text("prefetch");
  if (!asked) return 0;
  double value = 0;
  const auto [end, error] = std::from_chars(asked->data(), asked->data() + asked->size(), value);
  if (error != std::errc{} || end != asked->data() + asked->size() || !(value >= 0 && value <= 1))
    throw_usage("prefetch", in_quotes(*asked), "a number from 0 to 1");
  if (arguments.text("offload").value_or("") != "stream")
    throw_usage("prefetch", "no experts that are copied to the device", "--offload stream with experts off it");
  if (arguments.text("phase").value_or("decode") != "decode")
    throw_usage("prefetch", "it with --phase prefill", "a decode step", "prompts have every layer copied ahead anyway");
  return value;
}

void refuse_events(const Arguments& arguments, std::string_view beside) {
  if (!asks_for_events(arguments)) return;
  throw_usage("engine", "the event engine with " + std::string(beside), "a single step: --phase, --batch, --context",
              "a steady load is a closed form over analytic steps");
}

}  // namespace moeplan
