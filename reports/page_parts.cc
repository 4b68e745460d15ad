// SPDX-License-Identifier: Apache-2.0
#include "reports/page_parts.h"

#include <fmt/format.h>

#include <algorithm>

#include "reports/numbers.h"
#include "reports/words.h"
#include "sim/study/explain.h"

namespace moeplan {
namespace {

constexpr std::size_t kMostBars = 24;
constexpr std::size_t kMostParts = 7;  // as many colours as are told apart; the rest share one

struct PartOfMemory {
  std::string name;
  Bytes most;  // on any device
  std::vector<ChartPoint> points;
};

std::vector<PartOfMemory> parts_of(const std::vector<DeviceGroup>& groups) {
  std::vector<PartOfMemory> parts;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    for (const LedgerLine& line : groups[g].rank->ledger.lines()) {
      if (line.place != Place::Device) continue;
      const std::string name(name_of_line(line));
      auto part = std::find_if(parts.begin(), parts.end(), [&name](const PartOfMemory& p) { return p.name == name; });
      if (part == parts.end())
        part = parts.insert(parts.end(), {name, Bytes(0), std::vector<ChartPoint>(groups.size())});
      part->points[g].y += static_cast<double>(line.bytes.count());
      part->most = std::max(part->most, line.bytes);
    }
  }
  std::stable_sort(parts.begin(), parts.end(),
                   [](const PartOfMemory& a, const PartOfMemory& b) { return a.most > b.most; });
  return parts;
}

void fold_small_parts(std::vector<PartOfMemory>& parts) {
  if (parts.size() <= kMostParts + 1) return;
  PartOfMemory& rest = parts[kMostParts];
  rest.name = "everything else";
  for (std::size_t i = kMostParts + 1; i < parts.size(); ++i)
    for (std::size_t g = 0; g < rest.points.size(); ++g) rest.points[g].y += parts[i].points[g].y;
  parts.resize(kMostParts + 1);
}

void add_budgets(Chart& chart, const std::vector<DeviceGroup>& groups) {
  const bool alike = std::all_of(groups.begin(), groups.end(), [&groups](const DeviceGroup& g) {
    return g.rank->budget() == groups.front().rank->budget();
  });
  for (std::size_t g = 0; g < groups.size(); ++g) {
    ReferenceLine line{"budget", static_cast<double>(groups[g].rank->budget().count()), g};
    if (alike) line.category.reset();
    chart.references.push_back(line);
    if (alike) return;
  }
}

std::string chosen_by(bool is_default, std::string_view who) { return std::string(is_default ? who : "asked for"); }

}  // namespace

Chart memory_chart(const FitResult& result) {
  std::vector<DeviceGroup> groups = device_groups(result);
  if (groups.size() > kMostBars) groups.resize(kMostBars);
  std::vector<PartOfMemory> parts = parts_of(groups);
  const std::string largest = parts.empty() ? "" : parts.front().name;
  fold_small_parts(parts);
  Chart chart;
  chart.title = "Memory of each device against its budget";
  chart.kind = ChartKind::StackedBar;
  chart.horizontal = true;
  chart.x.title = "device";
  chart.y = {"memory", in_bytes(), false};
  for (const DeviceGroup& group : groups) chart.categories.push_back(group.id);
  for (PartOfMemory& part : parts) chart.series.push_back({part.name, std::move(part.points)});
  add_budgets(chart, groups);
  const RankResult& tightest = result.ranks.front();
  const double share = tightest.ledger.total.size() / std::max(tightest.budget(), Bytes(1)).size();
  chart.alt = fmt::format("The tightest device uses {} of its budget; most of it is {}.", share_text(share), largest);
  return chart;
}

std::string page_title(const FitQuestion& q) {
  const std::string devices = q.device.device.empty()
                                  ? fmt::format("{} device{}", q.layout.gpus(), q.layout.gpus() == 1 ? "" : "s")
                                  : fmt::format("{} x {}", q.layout.gpus(), q.device.device);
  return fmt::format("{} on {}", q.model.id, q.mixed.empty() ? devices : fmt::format("{} devices", q.layout.gpus()));
}

void add_origins(KeyValues& asked, const FitQuestion& q, const FitOrigins& o) {
  for (KeyValue& entry : asked.entries) {
    if (entry.key == "model") entry.origin = std::string(describe_basis(q.model.basis)) + ": " + q.model.source;
    if (entry.key == "hardware") entry.origin = o.memory_source;
    if (entry.key == "layout" && q.layout.gpus() > 1) entry.origin = chosen_by(o.chosen_layout, "chosen");
    if (entry.key == "weights")
      entry.origin = fmt::format("weights {}, kv cache {}", chosen_by(o.default_weights, "by default"),
                                 chosen_by(o.default_kv, "by default"));
    if (entry.key == "load")
      entry.origin = fmt::format("context {}, sequences {}", chosen_by(o.default_context, "by default"),
                                 chosen_by(o.default_sequences, "by default"));
  }
}

Banner take_banner(KeyValues& block, std::string_view key) {
  const auto entry =
      std::find_if(block.entries.begin(), block.entries.end(), [key](const KeyValue& e) { return e.key == key; });
  if (entry == block.entries.end()) return {};
  Banner banner{entry->value, entry->tone};
  block.entries.erase(entry);
  return banner;
}

DataTable ledger_data(const FitResult& result) {
  DataColumn device{.key = "device", .title = "device", .is_text = true};
  DataColumn count{.key = "count", .title = "of them"};
  DataColumn place{.key = "place", .title = "place", .is_text = true};
  DataColumn kind{.key = "kind", .title = "kind", .is_text = true};
  DataColumn bytes{.key = "bytes", .title = "size", .unit = in_bytes(), .low = "low_bytes", .high = "high_bytes"};
  DataColumn low{.key = "low_bytes", .title = "low", .unit = in_bytes()};
  DataColumn high{.key = "high_bytes", .title = "high", .unit = in_bytes()};
  DataColumn basis{.key = "basis", .title = "basis", .is_text = true};
  DataColumn formula{.key = "formula", .title = "formula", .is_text = true};
  for (const DeviceGroup& group : device_groups(result)) {
    for (const LedgerLine& line : group.rank->ledger.lines()) {
      const Explanation why = explain_line(result, *group.rank, line);
      device.texts.push_back(group.id);
      count.numbers.push_back(static_cast<double>(group.count));
      place.texts.emplace_back(word_of(line.place));
      kind.texts.emplace_back(ledger_kind(line.cls, line.part, line.owner));
      bytes.numbers.push_back(static_cast<double>(line.bytes.count()));
      low.numbers.push_back(static_cast<double>(line.low.count()));
      high.numbers.push_back(static_cast<double>(line.high.count()));
      basis.texts.push_back(why.basis);
      formula.texts.push_back(why.formula);
    }
  }
  return {.title = "Every line of the ledger, with its band",
          .name = "ledger",
          .columns = {device, count, place, kind, bytes, low, high, basis, formula}};
}

}  // namespace moeplan
