// SPDX-License-Identifier: Apache-2.0
// tp * cp * dp * pp * replicas = gpus and moe_tp * ep = tp * cp * dp. What is named is kept;
// tp takes what is left, and ep or moe_tp follows from the other.
#include "cli/layout_argument.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/error.h"
#include "sim/study/budget.h"

namespace moeplan {
namespace {

constexpr Count kMostGpus = 65536;
constexpr Count kMostFewest = 256;  // devices that "min" tries

struct Degrees {
  std::optional<Count> gpus, tp, dp, cp, moe_tp, ep, pp;
  Count redundant = 0;
  Count replicas = 1;
  bool named_replicas = false;
  bool sp = false;
  bool any() const { return tp || dp || cp || moe_tp || ep || pp || redundant > 0; }
};

bool wants_fewest(const Arguments& arguments) { return arguments.text("gpus") == "min"; }

Degrees read_degrees(const Arguments& arguments, const EngineDeployment& engine) {
  const auto degree = [&arguments](const char* option, std::optional<Count> said = std::nullopt) {
    return agreed(option, arguments.count(option, 1, kMostGpus), said);
  };
  if (arguments.has("gpus") && arguments.has("budget-gpus"))
    throw_usage("budget-gpus", "it beside --gpus", "one of them", "--budget-gpus N answers for N devices");
  const std::optional<Count> replicas =
      degree("replicas", engine.replicas.value_or(1) > 1 ? engine.replicas : std::nullopt);
  return {
      .gpus = arguments.has("budget-gpus") ? degree("budget-gpus")
              : wants_fewest(arguments)    ? std::nullopt
                                           : degree("gpus"),
      .tp = degree("tp", engine.tp),
      .dp = degree("attention-dp", engine.dp),
      .cp = degree("cp", engine.cp),
      .moe_tp = degree("moe-tp", engine.moe_tp),
      .ep = degree("ep", engine.ep),
      .pp = degree("pp", engine.pp),
      .redundant =
          agreed("redundant-experts", arguments.count("redundant-experts", 0, kMostGpus), engine.redundant).value_or(0),
      .replicas = replicas.value_or(1),
      .named_replicas = replicas.has_value(),
      .sp = arguments.has("sequence-parallel")};
}

[[noreturn]] void throw_impossible(const std::vector<std::string>& rules, const std::string& hint = "") {
  std::vector<Problem> problems;
  for (const std::string& rule : rules) {
    Problem problem;
    problem.file = "layout";
    problem.path = rule;
    problems.push_back(problem);
  }
  problems.back().hint = hint;
  throw InputError(ErrorKind::Usage, problems);
}

bool has_experts(const ModelSpec& model) {
  return std::any_of(model.blocks.begin(), model.blocks.end(),
                     [](const Block& b) { return std::holds_alternative<MoeFfn>(b.kind); });
}

// Devices when nobody counted them: just what the degrees need, or the machine's.
Count implied_gpus(const Degrees& d, Count default_gpus) {
  if (!d.any() && d.replicas == 1) return default_gpus;
  const Count others = d.pp.value_or(1) * d.replicas;
  if (d.tp) return *d.tp * d.dp.value_or(1) * d.cp.value_or(1) * others;
  const Count stage = std::max(d.dp.value_or(1) * d.cp.value_or(1), d.ep.value_or(1) * d.moe_tp.value_or(1));
  return std::max(default_gpus, stage * others);
}

// " x cp 2", or nothing.
std::string times_cp(const Layout& layout) { return layout.cp > 1 ? fmt::format(" x cp {}", layout.cp) : ""; }

Layout derive(const Degrees& d, Count gpus, bool moe) {
  Layout layout{.dp = d.dp.value_or(1), .cp = d.cp.value_or(1), .pp = d.pp.value_or(1), .replicas = d.replicas};
  const Count others = layout.token_groups() * layout.pp * layout.replicas;
  layout.tp = d.tp.value_or(gpus / others);
  layout.sp = d.sp;
  if (layout.tp * others != gpus || layout.tp < 1)
    throw_impossible({fmt::format("tp {}{} x attention dp {} x pp {} x replicas {} = {} devices, but there are {}: {}",
                                  std::max<Count>(layout.tp, 1), times_cp(layout), layout.dp, layout.pp,
                                  layout.replicas, std::max<Count>(layout.tp, 1) * others, gpus,
                                  "name all degrees, or let --gpus be their product")});
  const Count ranks = layout.ranks_per_stage();
  layout.ep = d.ep.value_or(moe && d.moe_tp ? std::max<Count>(1, ranks / *d.moe_tp) : 1);
  layout.moe_tp = d.moe_tp.value_or(std::max<Count>(1, ranks / layout.ep));
  layout.redundant = d.redundant;
  return layout;
}

// What a layout says that nobody asked for by name; "" when tp was named.
std::string derivation_of(const Degrees& d, const Layout& layout) {
  if (d.tp) return "";
  std::string asked;
  const auto add = [&asked](const char* option, const std::optional<Count>& value) {
    if (value) asked += fmt::format("{}--{} {}", asked.empty() ? "" : " ", option, *value);
  };
  add("gpus", d.gpus);
  add("attention-dp", d.dp);
  add("cp", d.cp);
  add("moe-tp", d.moe_tp);
  add("ep", d.ep);
  add("pp", d.pp);
  return fmt::format(
      "{} means {} on {} devices: attention spans as many ranks as the experts, tp{} x attention dp = "
      "{}{} x {} = moe_tp x ep = {} x {}, and tp {} follows because neither --tp nor another "
      "--attention-dp was given",
      asked, describe(layout), layout.gpus(), layout.cp > 1 ? " x cp" : "", layout.tp,
      layout.cp > 1 ? fmt::format(" x {}", layout.cp) : "", layout.dp, layout.moe_tp, layout.ep, layout.tp);
}

std::string nearest_hint(const Layout& layout, const FitQuestion& q) {
  const std::optional<Layout> nearest = nearest_layout(layout, q.model, q.runtime);
  if (!nearest) return "";
  std::string options;
  const auto add = [&options](const char* option, Count value) {
    if (value != 1) options += fmt::format(" --{} {}", option, value);
  };
  add("tp", nearest->tp);
  add("attention-dp", nearest->dp);
  add("cp", nearest->cp);
  add("moe-tp", nearest->moe_tp);
  add("ep", nearest->ep);
  add("pp", nearest->pp);
  add("replicas", nearest->replicas);
  return fmt::format("the nearest that {} can run here is {}:{}", q.runtime.id, describe(*nearest),
                     options.empty() ? " one device" : options);
}

// Why not even the plain layouts work.
std::vector<std::string> broken_rules(const FitQuestion& q, Count gpus) {
  const Layout plain[] = {
      {.tp = gpus, .moe_tp = gpus}, {.tp = gpus, .ep = gpus}, {.dp = gpus, .ep = gpus}, {.pp = gpus}};
  std::vector<std::string> rules = {fmt::format(
      "{} cannot run {} on {} devices in any layout; the plain ones fail because", q.runtime.id, q.model.id, gpus)};
  for (const Layout& layout : plain)
    for (const std::string& rule : violations(layout, q.model, q.runtime)) {
      const std::string line = fmt::format("{}: {}", describe(layout), rule);
      if (std::find(rules.begin(), rules.end(), line) == rules.end()) rules.push_back(line);
    }
  return rules;
}

}  // namespace

LayoutChoice choose_layout_from(const Arguments& arguments, const FitQuestion& question, Count default_gpus,
                                const EngineDeployment& engine) {
  const Degrees degrees = read_degrees(arguments, engine);
  const Count gpus = degrees.gpus.value_or(implied_gpus(degrees, default_gpus));
  LayoutChoice choice;
  if (wants_fewest(arguments)) {
    if (degrees.any() || degrees.named_replicas)
      throw_usage("gpus", "min beside degrees of parallelism", "either", "min chooses the layout itself");
    choice.chosen = true;
    if (const std::optional<Layout> found = fewest_devices(question, kMostFewest)) {
      choice.layout = *found;
      return choice;
    }
  }
  if (degrees.any()) {
    choice.layout = derive(degrees, gpus, has_experts(question.model));
    std::vector<std::string> broken = violations(choice.layout, question.model, question.runtime);
    if (broken.empty()) return choice;
    const std::string derivation = derivation_of(degrees, choice.layout);
    if (!derivation.empty()) broken.insert(broken.begin(), derivation);
    throw_impossible(broken, nearest_hint(choice.layout, question));
  }
  if (gpus % degrees.replicas != 0)
    throw_impossible({fmt::format("{} devices cannot be shared evenly by {} replicas", gpus, degrees.replicas)});
  const Count each = gpus / degrees.replicas;
  const std::optional<Layout> found = choose_layout(question, each);
  if (!found) throw_impossible(broken_rules(question, each));
  choice.layout = *found;
  if (degrees.named_replicas && found->replicas > 1)
    throw_impossible({fmt::format("one copy on {} devices does not fit in any layout, but {} copies do: --replicas {}",
                                  each, found->replicas, degrees.replicas * found->replicas)});
  choice.layout.replicas = degrees.replicas * found->replicas;
  choice.chosen = each > 1;
  return choice;
}

}  // namespace moeplan
