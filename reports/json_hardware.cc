// SPDX-License-Identifier: Apache-2.0
#include "reports/hardware.h"
#include "reports/hardware_figures.h"
#include "sim/base/json.h"

namespace moeplan {
namespace {

// {"value": 4.8e12, "basis": "datasheet", "source": "..."} under a key with the unit.
template <class T>
void write_sourced(JsonWriter& out, std::string_view key, const Sourced<T>& quantity) {
  out.key(key).begin_object();
  out.member("value", quantity.value.base()).member("basis", word_of(quantity.basis)).member("source", quantity.source);
  out.end_object();
}

void write_sourced(JsonWriter& out, std::string_view key, const Sourced<Bytes>& quantity) {
  out.key(key).begin_object();
  out.member("value", quantity.value.count())
      .member("basis", word_of(quantity.basis))
      .member("source", quantity.source);
  out.end_object();
}

template <class T>
void write_sourced(JsonWriter& out, std::string_view key, const std::optional<Sourced<T>>& quantity) {
  if (quantity) write_sourced(out, key, *quantity);
}

void write_names(JsonWriter& out, const std::string& id, const std::string& name,
                 const std::vector<std::string>& aliases) {
  out.member("id", id).member("name", name).key("aliases").compact(true).begin_array();
  for (const std::string& alias : aliases) out.value(alias);
  out.end_array().compact(false);
}

void write_measured(JsonWriter& out, const DeviceSpec& d) {
  out.key("measured_bytes_per_s").begin_object();
  for (const EffectiveBandwidth& e : d.effective_bandwidth) write_sourced(out, e.access, e.rate);
  out.end_object().key("measured_flop_per_s").begin_object();
  for (const EffectiveRate& e : d.effective_rates) write_sourced(out, e.format + "_" + e.regime, e.rate);
  out.end_object();
  write_sourced(out, "launch_stream_s", d.launch.stream);
  write_sourced(out, "launch_graph_s", d.launch.graph);
  write_sourced(out, "launch_gemm_s", d.launch.gemm);
}

void put_device(JsonWriter& out, const DeviceSpec& d) {
  out.begin_object();
  write_names(out, d.id, d.name, d.aliases);
  out.member("vendor", d.vendor).member("architecture", d.architecture).member("class", word_of(d.device_class));
  out.member("status", d.status).member("default_runtime", d.default_runtime);
  write_sourced(out, "memory_bytes", d.memory);
  write_sourced(out, "unallocatable_bytes", d.unallocatable);
  if (d.marketed) out.member("marketed_bytes", d.marketed->count());
  out.key("working_sets").begin_array();
  for (const WorkingSet& set : d.working_sets) {
    out.begin_object();
    out.member("ram_bytes", set.ram.count()).member("usable_bytes", set.usable.count()).member("source", set.source);
    out.end_object();
  }
  out.end_array();
  write_sourced(out, "bandwidth_bytes_per_s", d.bandwidth);
  write_sourced(out, "last_level_cache_bytes", d.last_level_cache);
  if (d.bus_bits > 0) out.member("bus_bits", d.bus_bits);
  write_sourced(out, "memory_data_rate_hz", d.memory_data_rate);
  out.key("peaks_flop_per_s").begin_object();
  for (const PeakRate& peak : d.peaks) write_sourced(out, peak.format, peak.rate);
  out.end_object();
  write_measured(out, d);
  write_sourced(out, "power_cap_w", d.power_cap);
  write_sourced(out, "power_idle_w", d.power_idle);
  write_sourced(out, "clock_hz", d.clock);
  out.member("units", d.units).member("note", d.note).end_object();
}

void write_links(JsonWriter& out, const std::vector<LinkSpec>& links) {
  out.key("links").begin_array();
  for (const LinkSpec& link : links) {
    out.begin_object().member("name", link.name).member("kind", word_of(link.kind)).member("device", link.device);
    out.member("endpoints", link.endpoints).member("shared_by", link.shared_by);
    write_sourced(out, "peak_bytes_per_s", link.peak);
    write_sourced(out, "achieved_bytes_per_s", link.achieved);
    write_sourced(out, "per_peer_bytes_per_s", link.per_peer_cap);
    out.end_object();
  }
  out.end_array();
}

void write_ssds(JsonWriter& out, const std::vector<SsdSpec>& ssds) {
  out.key("ssds").begin_array();
  for (const SsdSpec& ssd : ssds) {
    out.begin_object().member("count", ssd.count);
    write_sourced(out, "bytes", ssd.bytes);
    write_sourced(out, "read_bytes_per_s", ssd.read_bandwidth);
    write_sourced(out, "latency_s", ssd.latency);
    out.end_object();
  }
  out.end_array();
}

void put_node(JsonWriter& out, const NodeSpec& n) {
  out.begin_object();
  write_names(out, n.id, n.name, n.aliases);
  out.key("groups").begin_array();
  for (const NodeGroup& group : n.groups) {
    out.begin_object().member("device", group.device).member("devices", group.count).end_object();
  }
  out.end_array().member("devices", n.devices()).member("scaleup", n.scaleup).member("scaleout", n.scaleout);
  out.member("site", n.site).member("cpu", n.cpu).member("cpus", n.cpus);
  write_sourced(out, "host_memory_bytes", n.host_memory);
  write_sourced(out, "host_dram_bytes_per_s", n.host_dram_bandwidth);
  write_links(out, n.links);
  write_ssds(out, n.ssds);
  write_sourced(out, "static_power_w", n.static_power);
  write_sourced(out, "max_power_w", n.max_power);
  out.member("unified", n.unified).member("note", n.note).end_object();
}

void put_figure(JsonWriter& out, const HardwareFigure& f) {
  out.key(f.key).begin_object().member("value", f.value).member("basis", f.basis).member("source", f.source);
  out.end_object();
}

// Fabric, network, site, price: the figures under keys with units.
void write_part(JsonWriter& out, const PartFigures& part) {
  out.begin_object().member("kind", part.kind).member("id", part.id).member("name", part.name);
  out.key("figures").begin_object();
  for (const HardwareFigure& f : part.figures) put_figure(out, f);
  out.end_object().member("note", part.note).end_object();
}

template <class Spec>
void write_parts(JsonWriter& out, std::string_view key, const std::vector<Spec>& parts) {
  out.key(key).begin_array();
  for (const Spec& part : parts) write_part(out, figures_of_part(part));
  out.end_array();
}

}  // namespace

std::string json_of_hardware(const HardwareReport& report) {
  const ClusterSpec& c = report.cluster;
  JsonWriter out;
  out.begin_object().member("schema", "moeplan.hardware/1");
  if (report.is_node) {
    out.key("node");
    put_node(out, c.node);
  }
  out.key("devices").begin_array();
  for (const DeviceSpec& device : c.devices) put_device(out, device);
  out.end_array().key("parts").begin_array();
  if (c.scaleup) write_part(out, figures_of_part(*c.scaleup));
  if (c.scaleout) write_part(out, figures_of_part(*c.scaleout));
  if (c.site) write_part(out, figures_of_part(*c.site));
  for (const std::optional<PriceSpec>& price : c.prices)
    if (price) write_part(out, figures_of_part(*price));
  out.end_array().key("derived").begin_array();
  for (std::size_t i = 0; i < c.devices.size(); ++i) {
    out.begin_object().member("device", c.devices[i].id).key("figures").begin_object();
    for (const HardwareFigure& f : figures_of(report, i))
      if (f.group == "worth knowing") put_figure(out, f);
    out.end_object().end_object();
  }
  out.end_array().end_object();
  return out.take();
}

std::string json_of_part(const HardwareProfile& part) {
  JsonWriter out;
  out.begin_object().member("schema", "moeplan.hardware.part/1").key("part");
  write_part(out, figures_of_part(part));
  out.end_object();
  return out.take();
}

std::string json_of_hardware_list(const HardwareList& list) {
  JsonWriter out;
  out.begin_object().member("schema", "moeplan.hardware.list/1").key("devices").begin_array();
  for (const DeviceSpec& device : list.devices) put_device(out, device);
  out.end_array().key("nodes").begin_array();
  for (const NodeSpec& node : list.nodes) put_node(out, node);
  out.end_array();
  write_parts(out, "scaleup", list.scaleups);
  write_parts(out, "scaleout", list.scaleouts);
  write_parts(out, "sites", list.sites);
  write_parts(out, "prices", list.prices);
  out.end_object();
  return out.take();
}

}  // namespace moeplan
