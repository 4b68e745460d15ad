// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "reports/hardware.h"
#include "reports/hardware_figures.h"
#include "sim/base/unit_text.h"

namespace moeplan {
namespace {

// Sources are long and shared by many figures: the page for people numbers them and names
// each once at its end; a spreadsheet has them in full.
class SourceList {
 public:
  // "[3]"; "" for none.
  std::string number_of(const std::string& source) {
    if (source.empty()) return "";
    const auto known = std::find(sources_.begin(), sources_.end(), source);
    const auto index = static_cast<std::size_t>(known - sources_.begin());
    if (known == sources_.end()) sources_.push_back(source);
    return fmt::format("[{}]", index + 1);
  }
  void add_to(Document& document) const {
    ItemList list{"sources", {}};
    for (std::size_t i = 0; i < sources_.size(); ++i)
      list.items.push_back({fmt::format("[{}] {}", i + 1, sources_[i])});
    if (!list.items.empty()) document.add(list);
  }

 private:
  std::vector<std::string> sources_;
};

// One table with a line before each group, so that the eye finds memory, compute, links,
// power, price.
void add_figures(Document& document, const std::vector<HardwareFigure>& figures, SourceList& sources) {
  Table table;
  table.columns = {{"quantity", "quantity", true, 0},
                   {"value", "value", true, 0},
                   {"basis", "basis", true, 1},
                   {"source", "source", true, 2}};
  std::string group;
  for (const HardwareFigure& f : figures) {
    if (f.group != group) table.rows.push_back({{{f.group}, {}, {}, {}}, Tone::Strong});
    group = f.group;
    table.rows.push_back({{{"  " + f.name}, {f.text}, {f.basis}, {sources.number_of(f.source)}}, Tone::Plain});
  }
  document.add(table);
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

std::string counted(const std::vector<NodeGroup>& groups) {
  std::string text;
  for (const NodeGroup& g : groups) text += fmt::format("{}{} x {}", text.empty() ? "" : " + ", g.count, g.device);
  return text;
}

std::string peak_text(const DeviceSpec& device, std::string_view format) {
  const PeakRate* peak = peak_of(device, format);
  return peak == nullptr ? "-" : fmt::format("{:.0f}", peak->rate.value.base() / 1e12);
}

Table device_list(const std::vector<DeviceSpec>& devices) {
  Table table;
  table.caption = "devices (memory as the driver shows it)";
  table.columns = {{"id", "device", true, 0},
                   {"memory_bytes", "memory", false, 0},
                   {"bandwidth_gb_per_s", "GB/s", false, 1},
                   {"bf16_tflop_per_s", "bf16 TFLOP/s", false, 2},
                   {"fp8_tflop_per_s", "fp8 TFLOP/s", false, 3},
                   {"status", "status", true, 5},
                   {"runtime", "runtime", true, 4},
                   {"name", "name", true, 2}};
  for (const DeviceSpec& d : devices)
    table.rows.push_back({{{d.id},
                           {d.memory.value},
                           {fmt::format("{:.0f}", d.bandwidth.value.base() / 1e9)},
                           {peak_text(d, "bf16")},
                           {peak_text(d, "fp8")},
                           {d.status},
                           {d.default_runtime},
                           {d.name}},
                          Tone::Plain});
  return table;
}

Table node_list(const std::vector<NodeSpec>& nodes) {
  Table table;
  table.caption = "machines";
  table.columns = {{"id", "machine", true, 0},    {"devices", "devices", false, 0}, {"device", "of", true, 0},
                   {"fabric", "fabric", true, 1}, {"network", "network", true, 3},  {"name", "name", true, 2}};
  for (const NodeSpec& n : nodes)
    table.rows.push_back(
        {{{n.id}, {n.devices()}, {names_of(n.groups)}, {n.scaleup}, {n.scaleout}, {n.name}}, Tone::Plain});
  return table;
}

template <class Spec, class Rate>
Table part_list(std::string caption, const std::vector<Spec>& parts, const Rate& rate) {
  Table table;
  table.caption = std::move(caption);
  table.columns = {{"id", "id", true, 0}, {"value", "value", true, 1}, {"name", "name", true, 2}};
  for (const Spec& part : parts) table.rows.push_back({{{part.id}, {rate(part)}, {part.name}}, Tone::Plain});
  return table;
}

Table price_list(const std::vector<PriceSpec>& prices) {
  Table table;
  table.caption = "prices of devices";
  table.columns = {{"id", "device", true, 0}, {"rentals", "rentals", false, 1}, {"as_of", "as of", true, 0}};
  for (const PriceSpec& p : prices) {
    std::string latest = p.purchase ? p.purchase->as_of : "";
    for (const Rental& r : p.rentals) latest = std::max(latest, r.as_of);
    table.rows.push_back({{{p.id}, {static_cast<Count>(p.rentals.size())}, {latest}}, Tone::Plain});
  }
  return table;
}

}  // namespace

Document describe_hardware(const HardwareReport& report) {
  const ClusterSpec& c = report.cluster;
  Document document;
  SourceList sources;
  if (report.is_node) {
    document.add(Heading{c.node.id});
    document.add(Note{fmt::format("{}: {}", c.node.name, counted(c.node.groups))});
    add_names(document, c.node.aliases, c.node.note);
    if (c.scaleup && !c.scaleup->note.empty()) document.add(Note{c.scaleup->note});
  }
  for (std::size_t i = 0; i < c.devices.size(); ++i) {
    const DeviceSpec& d = c.devices[i];
    document.add(Heading{d.id});
    document.add(Note{
        fmt::format("{} ({}, {}{})", d.name, d.vendor, d.architecture, d.status == "shipping" ? "" : ", " + d.status)});
    add_figures(document, figures_of(report, i), sources);
    add_names(document, d.aliases, d.note);
  }
  sources.add_to(document);
  return document;
}

Document tabulate_hardware(const HardwareReport& report) {
  Table table;
  table.columns = {{"device", "device", true, 0}, {"group", "group", true, 0}, {"quantity", "quantity", true, 0},
                   {"key", "key", true, 0},       {"value", "value", true, 0}, {"basis", "basis", true, 0},
                   {"source", "source", true, 0}};
  for (std::size_t i = 0; i < report.cluster.devices.size(); ++i) {
    const std::string& device = report.cluster.devices[i].id;
    for (const HardwareFigure& f : figures_of(report, i))
      table.rows.push_back(
          {{{device}, {f.group}, {f.name}, {f.key}, {fmt::format("{}", f.value)}, {f.basis}, {f.source}}, Tone::Plain});
  }
  Document document;
  document.add(table);
  return document;
}

Document describe_part(const HardwareProfile& part) {
  const PartFigures figures = figures_of_part(part);
  Document document;
  document.add(Heading{figures.id});
  document.add(Note{figures.name});
  SourceList sources;
  add_figures(document, figures.figures, sources);
  add_names(document, figures.aliases, figures.note);
  sources.add_to(document);
  return document;
}

Document list_hardware(const HardwareList& list) {
  Document document;
  document.add(device_list(list.devices));
  document.add(node_list(list.nodes));
  document.add(part_list("fabrics (per device and direction)", list.scaleups, [](const ScaleupSpec& s) {
    return fmt::format("{} x {}", s.domain, to_text(s.bandwidth.value));
  }));
  document.add(part_list("networks (per device and direction)", list.scaleouts,
                         [](const ScaleoutSpec& s) { return to_text(s.per_device()); }));
  document.add(part_list("sites", list.sites, [](const SiteSpec& s) {
    return fmt::format("PUE {:g}, {:g} USD/kWh, {:g} g/kWh", s.pue.value, s.usd_per_kwh.value, s.gco2_per_kwh.value);
  }));
  document.add(price_list(list.prices));
  return document;
}

}  // namespace moeplan
