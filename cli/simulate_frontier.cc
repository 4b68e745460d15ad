// SPDX-License-Identifier: Apache-2.0
// `moeplan simulate --frontier`: what a deployment gives at which speed for a user, beside
// another one, and whether a claimed ratio holds. A ratio has an axis and a speed: without
// both it is refused.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "cli/exit_status.h"
#include "cli/load_argument.h"
#include "cli/simulate_parts.h"
#include "reports/frontier.h"
#include "sim/base/text.h"

namespace moeplan {
namespace {

constexpr double kFastestUser = 1e6;

std::optional<double> positive(const Arguments& arguments, std::string_view option, std::string text,
                               const char* expected) {
  if (text.ends_with('x')) text.pop_back();
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !(value > 0 && value <= kFastestUser))
    throw_usage(option, in_quotes(*arguments.text(option)), expected);
  return value;
}

std::optional<Claim> read_claim(const Arguments& arguments) {
  const std::optional<std::string> at = arguments.text("at");
  const std::optional<std::string> axis =
      arguments.choice("axis", {"tok/s/GPU", "tok/s/MW", "tok/s/MW-provisioned", "usd/Mtok"});
  const std::optional<std::string> claimed = arguments.text("claim");
  if (claimed && (!at || !axis))
    throw_usage("claim", fmt::format("{} and no {}", in_quotes(*claimed), axis ? "speed" : "axis"),
                "--axis tok/s/MW --at 40 beside it",
                "the same two machines are 3 and 30 times apart, by what is divided and how fast a user is served");
  if (claimed && !arguments.has("compare"))
    throw_usage("claim", in_quotes(*claimed), "--compare OPTIONS of what it is that many times better than");
  if (axis && !claimed) throw_usage("axis", *axis, "--claim RATIO beside it");
  if (!claimed) return std::nullopt;
  return Claim{.ratio = *positive(arguments, "claim", *claimed, "a ratio such as 10x"),
               .axis = *axis,
               .at = *positive(arguments, "at", *at, "tokens per second of a user, e.g. 40")};
}

FrontierSide side_of(Session& session, const Arguments& arguments, const SteadyLoad& load) {
  Unit unit;
  SteadyLoad one = load;
  one.concurrency = 1;
  read_unit(unit, session, arguments, one);
  const FitQuestion& q = unit.asked.question;
  FrontierSide side;
  side.model = q.model.id;
  side.hardware = fmt::format("{} x {}", q.layout.gpus(), unit.asked.hardware.name);
  side.weights = q.weights;
  side.runtime = q.runtime.id + " " + q.runtime.version;
  side.overlay = unit.pricing.overlay;
  side.drafts = unit.question.question.load.drafts;
  side.front = frontier_of(unit.question.question, load, layouts_to_try(arguments, q), *unit.question.kernels,
                           unit.question.rates);
  return side;
}

}  // namespace

std::vector<Layout> layouts_to_try(const Arguments& arguments, const FitQuestion& q) {
  for (const std::string_view option :
       {"tp", "attention-dp", "dp", "cp", "sequence-parallel", "moe-tp", "ep", "pp", "replicas", "engine-flags"})
    if (arguments.has(option)) return {q.layout};
  return legal_layouts(q.model, q.runtime, q.layout.gpus());
}

int run_frontier(Session& session, const Arguments& arguments) {
  const std::optional<SteadyLoad> load = read_steady_load(arguments);
  if (!load) throw_usage("frontier", "it without a steady load", "--isl N --osl N");
  for (const std::string_view option : {"concurrency", "prefill"})
    if (arguments.has(option)) throw_usage(option, "it with --frontier", "one of them");
  FrontierReport report;
  report.load = *load;
  report.claim = read_claim(arguments);
  const std::optional<std::string> other = arguments.text("compare");
  if (const std::optional<std::string> at = arguments.text("at"))
    report.at = positive(arguments, "at", *at, "tokens per second of a user, e.g. 40");
  report.sides.push_back(side_of(session, arguments, *load));
  if (other) report.sides.push_back(side_of(session, other_deployment(arguments, "compare", *other), *load));
  session.write({.document = [&report] { return describe_frontier(report); },
                 .rows = [&report] { return tabulate_frontier(report); },
                 .json = [&report] { return json_of_frontier(report); },
                 .page = [&report] { return page_of_frontier(report); }});
  const bool empty = std::any_of(report.sides.begin(), report.sides.end(),
                                 [](const FrontierSide& side) { return side.front.empty(); });
  if (empty) return kExitNo;
  return report.claim && !holds(report) ? kExitNo : kExitYes;
}

}  // namespace moeplan
