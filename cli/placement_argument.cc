// SPDX-License-Identifier: Apache-2.0
#include "cli/placement_argument.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/study/placement_plan.h"

namespace moeplan {
namespace {

constexpr const char* kSplit = "tensor-split";
constexpr const char* kOverride = "override-tensor";

Problem option_problem(const char* option) {
  Problem p;
  p.file = std::string("--") + option;
  return p;
}

void refuse_twice(const char* option) { throw_usage(option, "it beside the same in --engine-flags", "one of the two"); }

Bytes reserve_of(const FitQuestion& q, Bytes capacity) {
  if (q.device.reserve_asked) return std::min(q.device.reserve, capacity);
  return std::min(capacity, std::max(q.runtime.reserve_fixed, scaled(capacity, q.runtime.reserve_fraction)));
}

Bytes capacity_of(const DeviceSpec& device) { return device.memory.value - device.unallocatable.value; }

void refuse_degrees(const Arguments& arguments, const HardwareChoice& hardware, const EngineDeployment& engine) {
  const Count devices = static_cast<Count>(hardware.mixed.size());
  const std::string all = fmt::format("the {} devices of {}, one stage each", devices, hardware.name);
  for (const char* option : {"gpus", "pp"})
    if (const std::optional<std::string> n = arguments.text(option); n && parse_count(*n) != devices)
      throw_usage(option, *n, all);
  for (const char* option :
       {"tp", "attention-dp", "cp", "sequence-parallel", "moe-tp", "ep", "replicas", "budget-gpus"})
    if (const std::optional<std::string> n = arguments.text(option); n && *n != "1")
      throw_usage(option, fmt::format("{} with unlike devices", *n), all);
  if (engine.pp.value_or(devices) != devices)
    throw_usage(arguments.has(kSplit) ? kSplit : "engine-flags", fmt::format("a split over {}", *engine.pp), all);
}

}  // namespace

PlacementChoice read_placement(const Arguments& arguments, EngineDeployment& engine) {
  PlacementChoice choice{engine.placement, placement_origins()};
  std::vector<Problem> problems;
  if (const std::optional<std::string> text = arguments.text(kSplit)) {
    if (!choice.asked.shares.empty()) refuse_twice(kSplit);
    choice.origins.shares = option_problem(kSplit);
    choice.asked.shares = read_shares(*text, choice.origins.shares, problems);
    const std::optional<std::string> gpus = arguments.text("gpus");
    const Count shares = static_cast<Count>(choice.asked.shares.size());
    if (arguments.has("budget-gpus") || (gpus && parse_count(*gpus) != shares))
      throw_usage(kSplit, fmt::format("{} shares", shares),
                  fmt::format("{}, one for each device", gpus ? *gpus : *arguments.text("budget-gpus")));
    if (shares > 0) engine.pp = shares;
  }
  if (const std::optional<std::string> text = arguments.text(kOverride)) {
    if (!choice.asked.overrides.empty()) refuse_twice(kOverride);
    if (arguments.has("budget-gpus")) throw_usage(kOverride, "it beside --budget-gpus", "one of them");
    choice.origins.overrides = option_problem(kOverride);
    choice.asked.overrides = read_overrides(*text, choice.origins.overrides, problems);
  }
  if (!problems.empty()) throw InputError(ErrorKind::Usage, problems);
  return choice;
}

std::vector<std::string> set_mixed_devices(FitQuestion& q, const Arguments& arguments, const HardwareChoice& hardware,
                                           const EngineDeployment& engine) {
  if (hardware.mixed.empty()) return {};
  const Count devices = static_cast<Count>(hardware.mixed.size());
  if (q.runtime.sharding.stages != StageSplit::WithHead || !q.runtime.host_offload)
    return {fmt::format("{} gives every device the same share: each counts as the smallest, {}", q.runtime.id,
                        q.device.device)};
  refuse_degrees(arguments, hardware, engine);
  const Layout layout{.pp = devices};
  if (const std::vector<std::string> broken = violations(layout, q.model, q.runtime); !broken.empty())
    throw_usage("hardware", fmt::format("{} devices: {}", devices, broken.front()), "a machine that fits the model");
  for (const DeviceSpec& device : hardware.mixed) {
    const Bytes capacity = capacity_of(device);
    q.mixed.push_back({device.id, capacity, reserve_of(q, capacity)});
    q.rates.mixed.push_back({.peak = device.bandwidth.value, .effective = {}});
  }
  q.layout = layout;
  return {};
}

bool set_placement(FitQuestion& q, const PlacementChoice& choice) {
  const std::vector<Problem> problems = place(choice.asked, choice.origins, q);
  if (!problems.empty()) throw InputError(ErrorKind::Usage, problems);
  const bool open = !q.mixed.empty() && choice.asked.shares.empty();
  if (!open && !q.device.ssd) return false;
  const ModelPlan plan = plan_model(q.model, q.formats, q.weights);
  bool planned = false;
  if (open) {
    const bool all_at_home = choice.asked.overrides.empty() && q.host_expert_layers == 0;
    if (const std::optional<Placement> found = all_at_home ? plan_placement(plan, q, false) : std::nullopt) {
      q.placement = *found;
      planned = true;
    } else {  // the engine's own: by the memory that is free
      std::vector<double> shares;
      for (const MixedDevice& device : q.mixed) shares.push_back(static_cast<double>(device.capacity.count()));
      std::vector<Count> layers = split_by_shares(shares, static_cast<Count>(plan.layers.size()));
      if (std::find(layers.begin(), layers.end(), 0) == layers.end()) q.placement.stage_layers = std::move(layers);
    }
  }
  q = page_to_ssd(plan, q);
  return planned;
}

}  // namespace moeplan
