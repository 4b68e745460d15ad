// SPDX-License-Identifier: Apache-2.0
// Two devices or machines, figure by figure. Of a machine with unequal devices the first
// kind is compared.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "reports/hardware.h"
#include "reports/hardware_figures.h"
#include "sim/base/json.h"

namespace moeplan {
namespace {

struct Pair {
  std::optional<HardwareFigure> first;
  std::optional<HardwareFigure> second;
  const HardwareFigure& known() const { return first ? *first : *second; }
};

std::string name_of(const HardwareReport& report) {
  return report.is_node ? report.cluster.node.id : report.cluster.devices.front().id;
}

// In the order of the first; what only the second has follows its group.
std::vector<Pair> pairs_of(const HardwareReport& a, const HardwareReport& b) {
  const std::vector<HardwareFigure> first = figures_of(a, 0);
  std::vector<HardwareFigure> second = figures_of(b, 0);
  std::vector<Pair> pairs;
  for (const HardwareFigure& f : first) {
    const auto same = std::find_if(second.begin(), second.end(), [&f](const HardwareFigure& other) {
      return other.group == f.group && other.key == f.key;
    });
    if (same == second.end()) {
      pairs.push_back({f, std::nullopt});
    } else {
      pairs.push_back({f, *same});
      second.erase(same);
    }
  }
  for (const HardwareFigure& f : second) {
    const auto last =
        std::find_if(pairs.rbegin(), pairs.rend(), [&f](const Pair& pair) { return pair.known().group == f.group; });
    pairs.insert(last.base() == pairs.begin() ? pairs.end() : last.base(), {std::nullopt, f});
  }
  return pairs;
}

// Two columns of values beside each other have no room for " = 179.06 GiB".
std::string short_text(const std::optional<HardwareFigure>& figure) {
  return figure ? figure->text.substr(0, figure->text.find(" = ")) : "-";
}

void write_figure(JsonWriter& out, std::string_view key, const std::optional<HardwareFigure>& figure) {
  out.key(key);
  if (!figure) {
    out.null();
    return;
  }
  out.value(figure->value);
}

}  // namespace

Document diff_hardware(const HardwareReport& a, const HardwareReport& b) {
  Document document;
  Table table;
  table.columns = {{"quantity", "quantity", true, 0},
                   {"first", name_of(a), true, 0},
                   {"second", name_of(b), true, 0},
                   {"factor", "factor", false, 0}};
  std::string group;
  for (const Pair& pair : pairs_of(a, b)) {
    const HardwareFigure& known = pair.known();
    if (known.group != group) {
      table.caption = table.caption.empty()
                          ? fmt::format("{} and {}: factor = second over first", name_of(a), name_of(b))
                          : table.caption;
      table.rows.push_back({{{known.group}, {}, {}, {}}, Tone::Strong});
      group = known.group;
    }
    const bool comparable = pair.first && pair.second && pair.first->value != 0 && pair.second->value != 0;
    table.rows.push_back({{{"  " + known.name},
                           {short_text(pair.first)},
                           {short_text(pair.second)},
                           {comparable ? fmt::format("{:.3g}", pair.second->value / pair.first->value) : ""}},
                          Tone::Plain});
  }
  document.add(table);
  return document;
}

std::string json_of_hardware_diff(const HardwareReport& a, const HardwareReport& b) {
  JsonWriter out;
  out.begin_object().member("schema", "moeplan.hardware.diff/1");
  out.member("first", name_of(a)).member("second", name_of(b)).key("figures").begin_array();
  for (const Pair& pair : pairs_of(a, b)) {
    out.begin_object().member("group", pair.known().group).member("key", pair.known().key);
    write_figure(out, "first", pair.first);
    write_figure(out, "second", pair.second);
    out.end_object();
  }
  out.end_array().end_object();
  return out.take();
}

}  // namespace moeplan
