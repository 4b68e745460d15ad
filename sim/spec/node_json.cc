// SPDX-License-Identifier: Apache-2.0
// Node documents (schema: hw_profiles/README.md). One kind of device is written
// {"device": "h200", "devices": 8}; several as "groups".
#include <array>

#include "sim/spec/catalog.h"
#include "sim/spec/node.h"
#include "sim/spec/sourced_json.h"

namespace moeplan {
namespace {

constexpr CountRange kDevicesOfANode{1, 1024};
std::vector<NodeGroup> read_groups(ObjectReader& reader) {
  std::vector<NodeGroup> groups;
  if (!reader.has("groups")) {
    groups.push_back({reader.text("device"), reader.count("devices", kDevicesOfANode)});
    return groups;
  }
  if (reader.has("device") || reader.has("devices")) {
    reader.complain("groups", "either device and devices, or groups");
    reader.ignore("device");
    reader.ignore("devices");
  }
  for (ObjectReader& item : read_items(reader, "groups")) {
    groups.push_back({item.text("device"), item.count("devices", kDevicesOfANode)});
    item.finish();
  }
  return groups;
}

std::vector<LinkSpec> read_links(ObjectReader& reader) {
  std::vector<LinkSpec> links;
  for (ObjectReader& item : read_items(reader, "links")) {
    LinkSpec link;
    link.name = item.text("name");
    link.kind = kLinkKinds[item.choice("kind", words_of(kLinkKinds))];
    link.device = item.text_or("device", "");
    link.endpoints = item.count_or("endpoints", {2, 100000}, 2);
    link.peak = read_sourced<BytesPerSecond>(item, "peak");
    link.achieved = read_sourced_if_present<BytesPerSecond>(item, "achieved");
    link.per_peer_cap = read_sourced_if_present<BytesPerSecond>(item, "per_peer_cap");
    link.shared_by = item.count_or("shared_by", {1, 1024}, 1);
    link.pcie_generation = item.count_or("pcie_generation", {0, 7}, 0);
    link.pcie_lanes = item.count_or("pcie_lanes", {0, 16}, 0);
    item.finish();
    links.push_back(std::move(link));
  }
  return links;
}

std::vector<SsdSpec> read_ssds(ObjectReader& reader) {
  std::vector<SsdSpec> ssds;
  for (ObjectReader& item : read_items(reader, "ssds")) {
    SsdSpec ssd;
    ssd.count = item.count("count", {1, 1024});
    ssd.bytes = read_sourced<Bytes>(item, "bytes");
    ssd.read_bandwidth = read_sourced<BytesPerSecond>(item, "read_bandwidth");
    ssd.latency = read_sourced_if_present<Seconds>(item, "latency");
    item.finish();
    ssds.push_back(std::move(ssd));
  }
  return ssds;
}

void write_groups(JsonWriter& out, const std::vector<NodeGroup>& groups) {
  if (groups.size() == 1) {
    out.member("device", groups.front().device).member("devices", groups.front().count);
    return;
  }
  out.key("groups").begin_array();
  for (const NodeGroup& group : groups) {
    out.compact(true).begin_object();
    out.member("device", group.device).member("devices", group.count);
    out.end_object().compact(false);
  }
  out.end_array();
}

void write_links(JsonWriter& out, const std::vector<LinkSpec>& links) {
  if (links.empty()) return;
  out.key("links").begin_array();
  for (const LinkSpec& link : links) {
    out.begin_object().member("name", link.name).member("kind", word_of(link.kind));
    if (!link.device.empty()) out.member("device", link.device);
    if (link.endpoints != 2) out.member("endpoints", link.endpoints);
    write_sourced(out, "peak", link.peak);
    write_sourced(out, "achieved", link.achieved);
    write_sourced(out, "per_peer_cap", link.per_peer_cap);
    if (link.shared_by != 1) out.member("shared_by", link.shared_by);
    if (link.pcie_generation != 0) out.member("pcie_generation", link.pcie_generation);
    if (link.pcie_lanes != 0) out.member("pcie_lanes", link.pcie_lanes);
    out.end_object();
  }
  out.end_array();
}

void write_ssds(JsonWriter& out, const std::vector<SsdSpec>& ssds) {
  if (ssds.empty()) return;
  out.key("ssds").begin_array();
  for (const SsdSpec& ssd : ssds) {
    out.begin_object().member("count", ssd.count);
    write_sourced(out, "bytes", ssd.bytes);
    write_sourced(out, "read_bandwidth", ssd.read_bandwidth);
    write_sourced(out, "latency", ssd.latency);
    out.end_object();
  }
  out.end_array();
}

}  // namespace

NodeSpec read_node(const JsonDocument& document) {
  Complaints complaints(document);
  ObjectReader reader(document.root, "", complaints);
  NodeSpec node;
  node.id = reader.text("id");
  node.name = reader.text("name");
  node.aliases = reader.texts_or_empty("aliases");
  node.groups = read_groups(reader);
  node.scaleup = reader.text_or("scaleup", "");
  node.scaleout = reader.text_or("scaleout", "");
  node.site = reader.text_or("site", "");
  node.cpu = reader.text_or("cpu", "");
  node.cpus = reader.count_or("cpus", {1, 64}, 0);
  node.host_memory = read_sourced_if_present<Bytes>(reader, "host_memory");
  node.host_dram_bandwidth = read_sourced_if_present<BytesPerSecond>(reader, "host_dram_bandwidth");
  node.links = read_links(reader);
  node.ssds = read_ssds(reader);
  node.static_power = read_sourced_if_present<Watts>(reader, "static_power");
  node.max_power = read_sourced_if_present<Watts>(reader, "max_power");
  node.unified = reader.flag_or("unified", false);
  node.note = reader.text_or("note", "");
  finish_document(reader, node);
  return node;
}

NodeSpec read_node(std::string text, const std::string& file) { return read_node(parse_json(std::move(text), file)); }

void write_node(JsonWriter& out, const NodeSpec& node) {
  out.begin_object();
  out.member("id", node.id).member("name", node.name);
  write_texts(out, "aliases", node.aliases);
  write_groups(out, node.groups);
  if (!node.scaleup.empty()) out.member("scaleup", node.scaleup);
  if (!node.scaleout.empty()) out.member("scaleout", node.scaleout);
  if (!node.site.empty()) out.member("site", node.site);
  if (!node.cpu.empty()) out.member("cpu", node.cpu).member("cpus", node.cpus);
  write_sourced(out, "host_memory", node.host_memory);
  write_sourced(out, "host_dram_bandwidth", node.host_dram_bandwidth);
  write_links(out, node.links);
  write_ssds(out, node.ssds);
  write_sourced(out, "static_power", node.static_power);
  write_sourced(out, "max_power", node.max_power);
  out.member("unified", node.unified);
  write_note(out, node.note);
  out.end_object();
}

std::string write_machine(const NodeSpec& node, const std::vector<DeviceSpec>& devices) {
  JsonWriter out;
  out.begin_object().key("node");
  write_node(out, node);
  out.key("devices").begin_array();
  for (const DeviceSpec& device : devices) write_device(out, device);
  out.end_array().end_object();
  return out.take();
}

std::string write_node(const NodeSpec& node) {
  JsonWriter out;
  write_node(out, node);
  return out.take();
}

}  // namespace moeplan
