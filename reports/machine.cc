// SPDX-License-Identifier: Apache-2.0
#include "reports/machine.h"

#include <fmt/format.h>

#include "sim/base/json.h"

namespace moeplan {
namespace {

ItemList items_of(std::string title, const std::vector<std::string>& texts) {
  ItemList list{std::move(title), {}};
  for (const std::string& text : texts) list.items.push_back({text});
  return list;
}

void write_texts(JsonWriter& out, std::string_view key, const std::vector<std::string>& texts) {
  out.key(key).begin_array();
  for (const std::string& text : texts) out.value(text);
  out.end_array();
}

}  // namespace

Document describe_machine(const MachineFacts& facts, const DetectedMachine& machine) {
  Document document;
  Table table;
  table.caption = "found";
  table.columns = {{"name", "what", true, 0}, {"value", "value", true, 0}, {"source", "from", true, 1}};
  for (const FoundFact& fact : facts.found)
    table.rows.push_back({{{fact.name}, {fact.value}, {fact.source}}, Tone::Plain});
  document.add(table);
  if (!facts.missing.empty()) document.add(items_of("not found", facts.missing));
  if (!machine.matches.empty()) document.add(items_of("in the catalogue", machine.matches));
  std::string groups;
  for (const NodeGroup& g : machine.node.groups)
    groups += fmt::format("{}{} x {}", groups.empty() ? "" : " + ", g.count, g.device);
  document.add(Note{
      fmt::format("\"--hardware this\" counts on {}; \"hardware detect -o FILE\" writes it as a profile.", groups)});
  return document;
}

std::string json_of_machine(const MachineFacts& facts, const DetectedMachine& machine) {
  JsonWriter out;
  out.begin_object().member("schema", "moeplan.machine/1").key("found").begin_array();
  for (const FoundFact& fact : facts.found) {
    out.begin_object().member("name", fact.name).member("value", fact.value).member("source", fact.source).end_object();
  }
  out.end_array();
  write_texts(out, "missing", facts.missing);
  write_texts(out, "matches", machine.matches);
  write_texts(out, "warnings", machine.warnings);
  out.member("ram_bytes", facts.ram_total.count()).member("ram_available_bytes", facts.ram_available.count());
  out.key("gpus").begin_array();
  for (const GpuFacts& gpu : facts.gpus) {
    out.begin_object().member("name", gpu.name).member("total_bytes", gpu.total.count());
    out.member("used_bytes", gpu.used.count()).member("power_limit_w", gpu.power_limit.base());
    out.member("nvlinks", gpu.nvlinks).member("source", gpu.source).end_object();
  }
  out.end_array().key("groups").begin_array();
  for (const NodeGroup& g : machine.node.groups)
    out.begin_object().member("device", g.device).member("devices", g.count).end_object();
  out.end_array().end_object();
  return out.take();
}

}  // namespace moeplan
