// SPDX-License-Identifier: Apache-2.0
// Checks of node profiles: groups, links against known PCIe rates, drives.
#include "sim/spec/node.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "sim/base/error.h"
#include "sim/spec/profile_checks.h"

namespace moeplan {
namespace {

// Bytes per second and lane, one direction, after line coding: 2.5 and 5 GT/s with 8b/10b,
// 8 to 32 GT/s with 128b/130b, 64 GT/s in flits (PCI-SIG base specifications).
constexpr std::array<double, 6> kPcieLane = {0.25e9, 0.5e9, 0.985e9, 1.969e9, 3.938e9, 7.563e9};
constexpr double kPcieTolerance = 0.05;  // people round 31.5 to 31 or 32
constexpr double kMostOverPeak = 1.35;   // as for devices: clocks exceed their rating, not more

void check_groups(Sentences& out, const NodeSpec& node) {
  if (node.groups.empty()) out.push_back("the node holds no devices");
  for (const NodeGroup& group : node.groups) {
    check_text(out, "device", group.device);
    if (group.count < 1 || group.count > 1024) {
      out.push_back(fmt::format("devices is {}, outside 1 to 1024", group.count));
    }
    const auto same = [&group](const NodeGroup& other) { return other.device == group.device; };
    if (&*std::find_if(node.groups.begin(), node.groups.end(), same) != &group) {
      out.push_back(fmt::format("device {} is given in two groups: add their counts", group.device));
    }
  }
}

void check_pcie(Sentences& out, const LinkSpec& link) {
  if (link.pcie_generation == 0 && link.pcie_lanes == 0) return;
  if (link.kind != LinkKind::Pcie || link.pcie_generation < 1 || link.pcie_lanes < 1 ||
      link.pcie_generation > static_cast<Count>(kPcieLane.size()) || link.pcie_lanes > 16) {
    out.push_back(fmt::format("link {}: PCIe generation {} with {} lanes, expected kind pcie, 1 to {} and 1 to 16",
                              link.name, link.pcie_generation, link.pcie_lanes, kPcieLane.size()));
    return;
  }
  const double rate =
      kPcieLane[static_cast<std::size_t>(link.pcie_generation - 1)] * static_cast<double>(link.pcie_lanes);
  const double ratio = link.peak.value.base() / rate;
  if (ratio > 1 + kPcieTolerance || ratio < 1 - kPcieTolerance) {
    out.push_back(
        fmt::format("link {}: peak {:g} GB/s, but PCIe generation {} with {} lanes carries {:.3g} GB/s per "
                    "direction{}",
                    link.name, link.peak.value.base() / 1e9, link.pcie_generation, link.pcie_lanes, rate / 1e9,
                    ratio > 1.8 && ratio < 2.2 ? ": both directions added?" : ""));
  }
}

void check_link(Sentences& out, const NodeSpec& node, const LinkSpec& link) {
  check_text(out, "link name", link.name);
  check_quantity(out, fmt::format("link {}: peak", link.name), link.peak, 1e8, 1e13, "B/s");
  if (link.achieved) {
    check_quantity(out, fmt::format("link {}: achieved", link.name), *link.achieved, 1e7, 1e13, "B/s");
    const double ratio = link.achieved->value / link.peak.value;
    if (ratio > kMostOverPeak) {
      out.push_back(fmt::format("link {}: achieved {:g} GB/s is {:.2f} x peak, more than {:g} x", link.name,
                                link.achieved->value.base() / 1e9, ratio, kMostOverPeak));
    }
  }
  if (link.per_peer_cap) {
    check_quantity(out, fmt::format("link {}: per_peer_cap", link.name), *link.per_peer_cap, 1e7, 1e13, "B/s");
    if (link.per_peer_cap->value > link.peak.value) {
      out.push_back(fmt::format("link {}: per_peer_cap exceeds peak", link.name));
    }
  }
  if (link.endpoints < 2) out.push_back(fmt::format("link {}: endpoints is {}, at least 2", link.name, link.endpoints));
  if (link.shared_by < 1) out.push_back(fmt::format("link {}: shared_by is {}, at least 1", link.name, link.shared_by));
  const auto is_its = [&link](const NodeGroup& group) { return group.device == link.device; };
  if (!link.device.empty() && std::none_of(node.groups.begin(), node.groups.end(), is_its)) {
    out.push_back(fmt::format("link {} belongs to {}, which the node does not hold", link.name, link.device));
  }
  check_pcie(out, link);
}

void check_host(Sentences& out, const NodeSpec& node) {
  if ((node.cpus == 0) != node.cpu.empty()) {
    out.push_back(fmt::format("cpu \"{}\" with cpus {}: give both or neither", node.cpu, node.cpus));
  }
  if (node.host_memory) check_bytes(out, "host_memory", *node.host_memory, 1e9, 1e14);
  if (node.host_dram_bandwidth) check_quantity(out, "host_dram_bandwidth", *node.host_dram_bandwidth, 1e9, 1e13, "B/s");
  if (node.unified && node.host_memory) {
    out.push_back("unified is true and host_memory is given: one pool would be counted twice");
  }
  for (const SsdSpec& ssd : node.ssds) {
    if (ssd.count < 1) out.push_back(fmt::format("ssds: count is {}, at least 1", ssd.count));
    check_bytes(out, "ssds: bytes", ssd.bytes, 1e9, 1e15);
    check_quantity(out, "ssds: read_bandwidth", ssd.read_bandwidth, 1e7, 1e11, "B/s");
    if (ssd.latency) check_quantity(out, "ssds: latency", *ssd.latency, 1e-7, 1, "s");
  }
  if (node.static_power) check_quantity(out, "static_power", *node.static_power, 0, 1e6, "W");
  if (node.max_power) check_quantity(out, "max_power", *node.max_power, 1, 1e6, "W");
  if (node.static_power && node.max_power && node.static_power->value >= node.max_power->value) {
    out.push_back("static_power is not below max_power");
  }
}

}  // namespace

std::string_view word_of(LinkKind kind) {
  switch (kind) {
    case LinkKind::Switch: return "switch";
    case LinkKind::Mesh: return "mesh";
    case LinkKind::Ring: return "ring";
    case LinkKind::Torus: return "torus";
    case LinkKind::Pcie: return "pcie";
    case LinkKind::C2c: return "c2c";
  }
  CHECK(false);
  return "";
}

Count NodeSpec::devices() const {
  return std::accumulate(groups.begin(), groups.end(), Count{0},
                         [](Count sum, const NodeGroup& group) { return sum + group.count; });
}

const LinkSpec* host_link_of(const NodeSpec& node, std::string_view device) {
  const LinkSpec* common = nullptr;
  for (const LinkSpec& link : node.links) {
    if (link.kind != LinkKind::Pcie && link.kind != LinkKind::C2c) continue;
    if (link.device == device) return &link;
    if (link.device.empty() && common == nullptr) common = &link;
  }
  return common;
}

BytesPerSecond share_of(const LinkSpec& link) { return link.peak.value / static_cast<double>(link.shared_by); }

std::vector<std::string> violations(const NodeSpec& node) {
  Sentences out;
  check_id(out, node.id);
  check_text(out, "name", node.name);
  check_groups(out, node);
  check_host(out, node);
  for (const LinkSpec& link : node.links) check_link(out, node, link);
  return out;
}

}  // namespace moeplan
