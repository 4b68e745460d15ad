// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "reports/fit.h"
#include "reports/words.h"

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
      fmt::format("Files labelled {} differ from build to build; weights here follow llama.cpp's rules, and eight in "
                  "ten files are between {:.1f} % smaller and {:.1f} % larger.",
                  f.question.weights, 100 * (1 - low.size() / value.size()), 100 * (high.size() / value.size() - 1)));
}

std::string device_range(Count first, Count count) {
  return count == 1 ? fmt::format("gpu{}", first) : fmt::format("gpu{}-{}", first, first + count - 1);
}

std::string plural(Count n, std::string_view noun) { return fmt::format("{} {}{}", n, noun, n == 1 ? "" : "s"); }

// Ranks of a class that has only some of the ranks of each of its stages (counted from 0).
std::string stages_label(const FitResult& f, const RankResult& rank) {
  const RankClass& c = rank.rank_class;
  bool experts_differ = false;
  bool sequences_differ = false;
  for (const RankResult& other : f.ranks) {
    if (other.rank_class.first_stage != c.first_stage) continue;
    experts_differ |= other.rank_class.hottest != c.hottest;
    sequences_differ |= other.residency.sequences != rank.residency.sequences;
  }
  std::vector<std::string> marks;
  const Count experts = moe_of(f.question.model).value_or(MoeFfn{}).experts;
  const Count ep = f.question.layout.ep;
  if (experts_differ) marks.push_back(plural(c.hottest ? ceil_div(experts, ep) : experts / ep, "expert"));
  if (sequences_differ) marks.push_back(plural(rank.residency.sequences, "sequence"));
  return fmt::format("stages {}-{}, ranks with {}", c.first_stage, c.first_stage + c.stages - 1,
                     fmt::join(marks, " and "));
}

}  // namespace

std::vector<DeviceGroup> device_groups(const FitResult& result) {
  const Layout& layout = result.question.layout;
  std::vector<DeviceGroup> groups;
  for (const RankResult& rank : result.ranks) groups.push_back({&rank, "", rank.rank_class.ranks * layout.replicas});
  // Within a stage the ranks with more experts come first, then those with more sequences.
  std::stable_sort(groups.begin(), groups.end(), [](const DeviceGroup& a, const DeviceGroup& b) {
    const RankClass& x = a.rank->rank_class;
    const RankClass& y = b.rank->rank_class;
    if (x.first_stage != y.first_stage) return x.first_stage < y.first_stage;
    if (x.hottest != y.hottest) return x.hottest;
    return a.rank->residency.sequences > b.rank->residency.sequences;
  });
  if (groups.size() == 1) {
    groups[0].id = device_range(0, groups[0].count);
    return groups;
  }
  Count before = 0;  // ranks of the same stages that come earlier, in each stage
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const RankClass& c = groups[i].rank->rank_class;
    if (i > 0 && groups[i - 1].rank->rank_class.first_stage != c.first_stage) before = 0;
    const Count each = c.ranks / c.stages;
    const bool one_range = c.stages == 1 || each == layout.ranks_per_stage();
    groups[i].id = one_range ? device_range(c.first_stage * layout.ranks_per_stage() + before, c.ranks)
                             : stages_label(result, *groups[i].rank);
    if (layout.replicas > 1) groups[i].id += fmt::format(" x {} replicas", layout.replicas);
    before += each;
  }
  return groups;
}

std::vector<std::string> assumptions_of(const FitReport& report, Detail detail) {
  const FitResult& f = report.result;
  const RuntimeSpec& runtime = f.question.runtime;
  std::vector<std::string> notes;
  if (f.question.model.basis != ShapeBasis::Published) notes.push_back(basis_note(f.question.model));
  add_weight_note(notes, f);
  notes.push_back(fmt::format(
      "Ranges are 80 % intervals: activations +-{}, runtime context +-{}, each independent of the others. Nothing here "
      "is calibrated on this machine.",
      percent(runtime.activation_band), percent(runtime.context_band)));
  if (f.question.imbalance > 1)
    notes.push_back(
        fmt::format("Activations of experts are for a rank that gets {:g} times the mean of the routed rows, at most "
                    "what its experts can be given; the default is balanced routing.",
                    f.question.imbalance));
  if (report.origins.ssd_rate_assumed && f.ssd_bytes > Bytes(0))
    notes.push_back("The drive is taken to read 7 GB/s in sequence (a PCIe 4.0 drive, recalled): --ssd-bandwidth.");
  if (f.ssd_bytes > Bytes(0))
    notes.push_back(
        "What is paged is read anew when used; a system that evicts what it needs next reads all experts of "
        "the host from SSD each step, and the low end of the speed counts that.");
  if (!f.question.mixed.empty())
    notes.push_back(
        std::string(report.origins.chosen_placement
                        ? "Layers are dealt to the devices so that a decode step takes least by bandwidth"
                        : "Layers are dealt to the devices as asked, or else in proportion to their memory") +
        "; devices count in the order of the machine (CUDA_DEVICE_ORDER=PCI_BUS_ID, else CUDA puts the fastest "
        "first).");
  if (report.origins.host_rate_assumed && f.question.runtime.host_offload)
    notes.push_back("Host memory is taken as a desktop's, 89.6 GB/s (two channels of DDR5-5600): --host-bandwidth.");
  if (!report.origins.ignored_flags.empty())
    notes.push_back(fmt::format("Ignored in the engine's command line, as without a say in memory: {}.",
                                fmt::join(report.origins.ignored_flags, ", ")));
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
