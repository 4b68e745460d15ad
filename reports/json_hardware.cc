// SPDX-License-Identifier: Apache-2.0
#include "reports/hardware.h"
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

void write_device(JsonWriter& out, const DeviceSpec& d) {
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
  out.key("peaks_flop_per_s").begin_object();
  for (const PeakRate& peak : d.peaks) write_sourced(out, peak.format, peak.rate);
  out.end_object();
  write_sourced(out, "power_cap_w", d.power_cap);
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

void write_node(JsonWriter& out, const NodeSpec& n) {
  out.begin_object();
  write_names(out, n.id, n.name, n.aliases);
  out.key("groups").begin_array();
  for (const NodeGroup& group : n.groups) {
    out.begin_object().member("device", group.device).member("devices", group.count).end_object();
  }
  out.end_array().member("devices", n.devices()).member("scaleup_domain", n.scaleup_domain);
  write_sourced(out, "scaleup_bytes_per_s", n.scaleup_bandwidth);
  write_sourced(out, "scaleout_bytes_per_s", n.scaleout_bandwidth);
  write_sourced(out, "host_memory_bytes", n.host_memory);
  write_sourced(out, "host_dram_bytes_per_s", n.host_dram_bandwidth);
  write_links(out, n.links);
  write_ssds(out, n.ssds);
  out.member("unified", n.unified).member("note", n.note).end_object();
}

}  // namespace

std::string json_of_hardware(const HardwareReport& report) {
  JsonWriter out;
  out.begin_object().member("schema", "moeplan.hardware/1");
  if (report.node) {
    out.key("node");
    write_node(out, *report.node);
  }
  out.key("devices").begin_array();
  for (const DeviceSpec& device : report.devices) write_device(out, device);
  out.end_array().end_object();
  return out.take();
}

std::string json_of_hardware_list(const std::vector<DeviceSpec>& devices, const std::vector<NodeSpec>& nodes) {
  JsonWriter out;
  out.begin_object().member("schema", "moeplan.hardware.list/1").key("devices").begin_array();
  for (const DeviceSpec& device : devices) write_device(out, device);
  out.end_array().key("nodes").begin_array();
  for (const NodeSpec& node : nodes) write_node(out, node);
  out.end_array().end_object();
  return out.take();
}

}  // namespace moeplan
