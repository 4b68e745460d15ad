// SPDX-License-Identifier: Apache-2.0
// What surrounds a node, each in its own file so that one part changes without the
// others: the fast fabric that joins devices, the network between nodes, the site that
// feeds and cools them, the price of a device. A cluster is a node with all of these.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/spec/node.h"

namespace moeplan {

// The fast fabric of one domain. Rates are per device and direction.
struct ScaleupSpec {
  std::string id;
  std::string name;
  std::vector<std::string> aliases;
  std::string generation;  // "nvlink-4": checked against the rate known for it; "" = none known
  LinkKind kind = LinkKind::Switch;
  Count domain = 2;                                     // devices that reach each other
  std::vector<Count> dimensions;                        // of a torus; their product is the domain
  Sourced<BytesPerSecond> bandwidth;                    // injection, before protocol
  std::optional<Sourced<BytesPerSecond>> per_peer_cap;  // a mesh: what one pair gets
  std::optional<Sourced<BytesPerSecond>> all_to_all;    // bus bandwidth of large exchanges, measured
  std::optional<Sourced<BytesPerSecond>> all_reduce;
  std::optional<Sourced<Seconds>> all_to_all_floor;  // the smallest message over the domain
  std::optional<Sourced<Seconds>> all_reduce_floor;
  bool reduces = false;  // the switches add: all-reduce may exceed the wire
  std::string note;

  // Domain of one hop: a torus has none.
  bool is_crossbar() const { return kind == LinkKind::Switch || kind == LinkKind::Mesh; }
  friend bool operator==(const ScaleupSpec&, const ScaleupSpec&) = default;
};

// One level of switches of the network between nodes.
struct NetworkTier {
  Count radix = 2;              // ports of a switch
  double oversubscription = 1;  // bandwidth down over bandwidth up
  std::optional<Sourced<Seconds>> hop;
  friend bool operator==(const NetworkTier&, const NetworkTier&) = default;
};

enum class NetworkTopology { RailFatTree, FatTree, Dragonfly, Torus };
std::string_view word_of(NetworkTopology topology);

struct ScaleoutSpec {
  std::string id;
  std::string name;
  std::vector<std::string> aliases;
  NetworkTopology topology = NetworkTopology::RailFatTree;
  Sourced<BytesPerSecond> nic_rate;  // of one adapter, per direction
  double nics_per_device = 1;
  std::vector<NetworkTier> tiers;                     // from the node up; empty = not stated
  std::optional<Sourced<BytesPerSecond>> all_to_all;  // per device, large messages, measured
  std::optional<Sourced<Seconds>> small_message;      // between two devices
  std::string note;

  BytesPerSecond per_device() const { return nic_rate.value * nics_per_device; }
  friend bool operator==(const ScaleoutSpec&, const ScaleoutSpec&) = default;
};

// Where it stands. Plain numbers: the unit is in the key.
struct SiteSpec {
  std::string id;
  std::string name;
  std::vector<std::string> aliases;
  Sourced<double> pue;  // facility power over IT power
  Sourced<double> usd_per_kwh;
  Sourced<double> gco2_per_kwh;
  std::string note;
  friend bool operator==(const SiteSpec&, const SiteSpec&) = default;
};

// What an hour of one device costs somewhere. Dates are "2026-04" or "2026-04-03".
struct Rental {
  std::string term;    // on_demand, one_year, three_year, ownership
  std::string seller;  // hyperscaler, neocloud, marketplace, any
  Sourced<UsdPerSecond> low;
  UsdPerSecond high{};  // the same as low for a single figure
  std::string as_of;
  friend bool operator==(const Rental&, const Rental&) = default;
};

struct Purchase {
  Sourced<double> usd;
  std::string as_of;
  friend bool operator==(const Purchase&, const Purchase&) = default;
};

// The file of a device's prices has the device's id.
struct PriceSpec {
  std::string id;
  std::optional<Purchase> purchase;
  std::vector<Rental> rentals;
  std::optional<Sourced<Watts>> facility_power;  // all-in per device, cooling included
  std::string note;
  friend bool operator==(const PriceSpec&, const PriceSpec&) = default;
};

struct ClusterSpec {
  NodeSpec node;
  std::vector<DeviceSpec> devices;  // one for each group of the node
  std::optional<DeviceSpec> cpu;
  std::optional<ScaleupSpec> scaleup;
  std::optional<ScaleoutSpec> scaleout;
  std::optional<SiteSpec> site;
  std::vector<std::optional<PriceSpec>> prices;  // one for each group

  // Devices that reach each other over the fast fabric; 1 = none do.
  Count fast_domain() const { return scaleup ? scaleup->domain : 1; }
  friend bool operator==(const ClusterSpec&, const ClusterSpec&) = default;
};

std::vector<std::string> violations(const ScaleupSpec& scaleup);
std::vector<std::string> violations(const ScaleoutSpec& scaleout);
std::vector<std::string> violations(const SiteSpec& site);
std::vector<std::string> violations(const PriceSpec& price);
// What only the parts together can break: node and domain must divide each other.
std::vector<std::string> violations(const ClusterSpec& cluster);

// A sentence for each price older than 180 days; prices move that fast. `today` is
// "2026-11-22".
std::vector<std::string> stale_prices(const PriceSpec& price, std::string_view today);

}  // namespace moeplan
