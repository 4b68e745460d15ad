// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "reports/hardware.h"
#include "sim/base/unit_text.h"
#include "sim/study/explain.h"

namespace moeplan {
namespace {

// quantity, value, basis, source: the four columns of every profile.
class ProfileTable {
 public:
  explicit ProfileTable(std::string caption) {
    table_.caption = std::move(caption);
    table_.columns = {{"quantity", "quantity", true, 0},
                      {"value", "value", true, 0},
                      {"basis", "basis", true, 1},
                      {"source", "source", true, 2}};
  }
  template <class T>
  void add(const std::string& name, const Sourced<T>& quantity, const std::string& also = "") {
    table_.rows.push_back(
        {{{name}, {to_text(quantity.value) + also}, {std::string(word_of(quantity.basis))}, {quantity.source}},
         Tone::Plain});
  }
  template <class T>
  void add(const std::string& name, const std::optional<Sourced<T>>& quantity) {
    if (quantity) add(name, *quantity);
  }
  void add_plain(const std::string& name, const std::string& value, const std::string& source = "") {
    table_.rows.push_back({{{name}, {value}, {}, {source}}, Tone::Plain});
  }
  const Table& table() const { return table_; }

 private:
  Table table_;
};

// " = 79.65 GiB" after a size that is not written in GiB.
std::string in_gib_text(Bytes bytes) {
  return to_text(bytes).ends_with(" GiB") || bytes == Bytes(0) ? "" : fmt::format(" = {:.2f} GiB", in_gib(bytes));
}

Table device_table(const DeviceSpec& d) {
  ProfileTable table(fmt::format("{}: {} ({}, {})", d.id, d.name, d.vendor, d.architecture));
  table.add("memory", d.memory, in_gib_text(d.memory.value));
  table.add("out of reach", d.unallocatable, in_gib_text(d.unallocatable.value));
  if (d.marketed) table.add_plain("on the box", to_text(*d.marketed));
  for (const WorkingSet& set : d.working_sets)
    table.add_plain("usable of " + to_text(set.ram), to_text(set.usable) + in_gib_text(set.usable), set.source);
  table.add("bandwidth", d.bandwidth);
  table.add("last-level cache", d.last_level_cache);
  for (const PeakRate& peak : d.peaks) table.add("peak " + peak.format, peak.rate);
  table.add("power cap", d.power_cap);
  table.add("clock", d.clock);
  if (d.units > 0) table.add_plain("units", grouped(d.units));
  table.add_plain("class", std::string(word_of(d.device_class)));
  table.add_plain("status", d.status);
  table.add_plain("default runtime", d.default_runtime);
  return table.table();
}

Table node_table(const NodeSpec& n) {
  ProfileTable table(fmt::format("{}: {}", n.id, n.name));
  for (const NodeGroup& group : n.groups) table.add_plain("devices", fmt::format("{} x {}", group.count, group.device));
  table.add_plain("fast fabric joins", fmt::format("{} device{}", n.scaleup_domain, n.scaleup_domain == 1 ? "" : "s"));
  table.add("fabric, per direction", n.scaleup_bandwidth);
  table.add("network, per direction", n.scaleout_bandwidth);
  table.add("host memory", n.host_memory);
  table.add("host memory bandwidth", n.host_dram_bandwidth);
  for (const LinkSpec& link : n.links) table.add(link.name, link.peak);
  table.add_plain("unified memory", n.unified ? "yes" : "no");
  return table.table();
}

void add_names(Document& document, const std::vector<std::string>& aliases, const std::string& note) {
  if (!aliases.empty()) document.add(Note{fmt::format("also called: {}", fmt::join(aliases, ", "))});
  if (!note.empty()) document.add(Note{note});
}

std::string names_of(const std::vector<NodeGroup>& groups) {
  std::string names;
  for (const NodeGroup& group : groups) names += (names.empty() ? "" : ", ") + group.device;
  return names;
}

std::string peak_text(const DeviceSpec& device, std::string_view format) {
  for (const PeakRate& peak : device.peaks)
    if (peak.format == format) return fmt::format("{:.0f}", peak.rate.value.base() / 1e12);
  return "-";
}

}  // namespace

Document describe_hardware(const HardwareReport& report) {
  Document document;
  if (report.node) {
    document.add(node_table(*report.node));
    add_names(document, report.node->aliases, report.node->note);
  }
  for (const DeviceSpec& device : report.devices) {
    document.add(device_table(device));
    add_names(document, device.aliases, device.note);
  }
  return document;
}

Document list_hardware(const std::vector<DeviceSpec>& devices, const std::vector<NodeSpec>& nodes) {
  Table table;
  table.caption = "devices (memory as the driver shows it)";
  table.columns = {{"id", "device", true, 0},
                   {"memory_bytes", "memory", false, 0},
                   {"bandwidth_gb_per_s", "GB/s", false, 1},
                   {"bf16_tflop_per_s", "bf16 TFLOP/s", false, 2},
                   {"fp8_tflop_per_s", "fp8 TFLOP/s", false, 3},
                   {"runtime", "runtime", true, 4},
                   {"name", "name", true, 2}};
  for (const DeviceSpec& d : devices)
    table.rows.push_back({{{d.id},
                           {d.memory.value},
                           {fmt::format("{:.0f}", d.bandwidth.value.base() / 1e9)},
                           {peak_text(d, "bf16")},
                           {peak_text(d, "fp8")},
                           {d.default_runtime},
                           {d.name}},
                          Tone::Plain});
  Document document;
  document.add(table);
  Table machines;
  machines.caption = "machines";
  machines.columns = {{"id", "machine", true, 0},
                      {"devices", "devices", false, 0},
                      {"device", "of", true, 0},
                      {"fabric", "joined", false, 1},
                      {"name", "name", true, 2}};
  for (const NodeSpec& n : nodes)
    machines.rows.push_back({{{n.id}, {n.devices()}, {names_of(n.groups)}, {n.scaleup_domain}, {n.name}}, Tone::Plain});
  document.add(machines);
  return document;
}

}  // namespace moeplan
