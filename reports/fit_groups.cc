// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "reports/fit.h"

namespace moeplan {
namespace {

std::string percent(double fraction) { return fmt::format("{:g} %", 100 * fraction); }

void add_weight_note(std::vector<std::string>& notes, const FitResult& f) {
  const RankResult& tightest = f.ranks.front();
  Bytes low, value, high;
  for (const LedgerLine& line : tightest.ledger.lines()) {
    if (line.cls != TensorClass::Weight) continue;
    low += line.low;
    value += line.bytes;
    high += line.high;
  }
  if (low == high) return;
  notes.push_back(
      fmt::format("Files labelled {} differ from build to build; weights here follow llama.cpp's rules and may be "
                  "{:.1f} % smaller to {:.1f} % larger.",
                  f.question.weights, 100 * (1 - low.size() / value.size()), 100 * (high.size() / value.size() - 1)));
}

}  // namespace

std::vector<DeviceGroup> device_groups(const FitResult& result) {
  std::vector<DeviceGroup> groups;
  for (const RankResult& rank : result.ranks) groups.push_back({&rank, ""});
  std::stable_sort(groups.begin(), groups.end(), [](const DeviceGroup& a, const DeviceGroup& b) {
    const RankClass& x = a.rank->rank_class;
    const RankClass& y = b.rank->rank_class;
    return x.first_stage != y.first_stage ? x.first_stage < y.first_stage : x.hottest && !y.hottest;
  });
  Count next = 0;
  for (DeviceGroup& group : groups) {
    const Count ranks = group.rank->rank_class.ranks;
    group.id = ranks == 1 ? fmt::format("gpu{}", next) : fmt::format("gpu{}-{}", next, next + ranks - 1);
    next += ranks;
  }
  return groups;
}

std::vector<std::string> assumptions_of(const FitReport& report, Detail detail) {
  const FitResult& f = report.result;
  const RuntimeSpec& runtime = f.question.runtime;
  std::vector<std::string> notes;
  add_weight_note(notes, f);
  notes.push_back(fmt::format(
      "Activations are an estimate, +-{}; the runtime context too, +-{}. Nothing here is calibrated on this machine.",
      percent(runtime.activation_band), percent(runtime.context_band)));
  if (detail == Detail::Normal) {
    notes.push_back(fmt::format("Sharding, reserve and buffers as in {} {} (data of {}).", runtime.name,
                                runtime.version, runtime.as_of));
    if (runtime.id == "generic") notes.push_back("generic stands for no particular engine; name yours with --runtime.");
    return notes;
  }
  if (!report.origins.memory_source.empty()) notes.push_back("Device memory: " + report.origins.memory_source + ".");
  notes.push_back(
      fmt::format("Runtime {} {} (data of {}): {}.", runtime.name, runtime.version, runtime.as_of, runtime.source));
  notes.push_back("Reserve: " + runtime.reserve_source + ".");
  notes.push_back("Runtime context: " + runtime.context_source + ".");
  if (!runtime.sampler_source.empty()) notes.push_back("Sampler: " + runtime.sampler_source + ".");
  for (const PaddingRule& rule : runtime.padding)
    notes.push_back(fmt::format("Padding of {}: {}.", rule.format, rule.source));
  if (!f.question.model.source.empty()) notes.push_back("Model: " + f.question.model.source + ".");
  return notes;
}

}  // namespace moeplan
