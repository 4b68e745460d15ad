// SPDX-License-Identifier: Apache-2.0
// A machine: one host, the devices it holds (of one kind or of several), and what they
// reach: host memory, each other, solid-state drives. Fabric and network are files of their
// own (cluster.h), named here.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/spec/hardware.h"

namespace moeplan {

// Devices of one kind in a node.
struct NodeGroup {
  std::string device;  // DeviceSpec id
  Count count = 1;
  friend bool operator==(const NodeGroup&, const NodeGroup&) = default;
};

// Pcie and C2c lead from a device to its host; the others join devices.
enum class LinkKind { Switch, Mesh, Ring, Torus, Pcie, C2c };
std::string_view word_of(LinkKind kind);

inline constexpr std::array<LinkKind, 6> kLinkKinds = {LinkKind::Switch, LinkKind::Mesh, LinkKind::Ring,
                                                       LinkKind::Torus,  LinkKind::Pcie, LinkKind::C2c};

// A way out of a device. Rates are per device and direction: half of a marketed
// bidirectional figure.
struct LinkSpec {
  std::string name;  // "PCIe 5.0 x16", "NVLink 4"
  LinkKind kind = LinkKind::Pcie;
  std::string device;                                   // the group it belongs to; "" = every device
  Count endpoints = 2;                                  // that it joins
  Sourced<BytesPerSecond> peak;                         // before protocol
  std::optional<Sourced<BytesPerSecond>> achieved;      // large copies, measured
  std::optional<Sourced<BytesPerSecond>> per_peer_cap;  // a mesh: what one pair gets of peak
  Count shared_by = 1;                                  // devices that divide peak among them
  Count pcie_generation = 0;                            // with pcie_lanes, for the check of peak; 0 = not PCIe
  Count pcie_lanes = 0;
  friend bool operator==(const LinkSpec&, const LinkSpec&) = default;
};

// Drives of one kind.
struct SsdSpec {
  Count count = 1;
  Sourced<Bytes> bytes;                    // of one
  Sourced<BytesPerSecond> read_bandwidth;  // of one, large sequential reads
  std::optional<Sourced<Seconds>> latency;
  friend bool operator==(const SsdSpec&, const SsdSpec&) = default;
};

struct NodeSpec {
  std::string id;
  std::string name;
  std::vector<std::string> aliases;
  std::vector<NodeGroup> groups;              // never empty in a sound profile
  std::string scaleup;                        // ScaleupSpec id: the fast fabric; "" = PCIe at best
  std::string scaleout;                       // ScaleoutSpec id: the network between nodes; "" = not stated
  std::string site;                           // SiteSpec id
  std::string cpu;                            // DeviceSpec id of one socket; "" = not stated
  Count cpus = 0;                             // sockets; 0 = not stated
  std::optional<Sourced<Bytes>> host_memory;  // usable for offload; absent = ask the user
  std::optional<Sourced<BytesPerSecond>> host_dram_bandwidth;  // of the whole host, peak
  std::vector<LinkSpec> links;
  std::vector<SsdSpec> ssds;
  std::optional<Sourced<Watts>> static_power;  // all but devices and CPUs
  std::optional<Sourced<Watts>> max_power;     // of the node
  bool unified = false;                        // host memory and device memory are one pool
  std::string note;

  Count devices() const;  // of all groups
  bool is_mixed() const { return groups.size() > 1; }
  friend bool operator==(const NodeSpec&, const NodeSpec&) = default;
};

// The link from a device of this kind to host memory; nullptr = none stated.
const LinkSpec* host_link_of(const NodeSpec& node, std::string_view device);
// What one device gets of it when all that share it are busy.
BytesPerSecond share_of(const LinkSpec& link);

// Every rule the profile breaks, as sentences with the numbers; empty = sound. Classic
// slips: bits for bytes, a bidirectional rate where one direction is meant, a PCIe rate
// that its generation and lanes cannot carry.
std::vector<std::string> violations(const NodeSpec& node);

}  // namespace moeplan
