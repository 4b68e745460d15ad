// SPDX-License-Identifier: Apache-2.0
// Fabrics as explicit links, one for each direction, and the route between two hosts by a
// fixed rule. One description covers them all: hosts form domains of equal size,
//
//   inside a domain   [port out] [inner links] [port in]
//   to another one    [adapter out] [group up, group down] [adapter in]
//
// where the inner links are none (a crossbar), one for each ordered pair (a mesh), or those of
// a grid with or without links around its ends (torus, ring, line), crossed dimension by
// dimension, the shorter way round and up where both are equal. Groups are sets of neighbouring
// domains below shared switches; only what leaves its group takes the links up and down.
//
//   star       one domain, ports
//   two levels domains with ports; adapters; a group is a domain, its links may be narrower than
//              its adapters together
//   ring       one domain, no ports, a grid of one dimension
//
// The latency of ports and adapters is that of the way between two hosts, half on each side;
// that of a grid is of every link.
//
// Uniform exchanges in a fabric where every host sees the same need no flow for each pair:
// pairs whose routes take the same kinds of links have the same rate at all times. So one entry
// stands for all pairs with one sequence of kinds, one link for all of a kind, and
// FlowHop::flows is pairs x 1 / links of the kind.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/engine/flow_set.h"
#include "sim/program/byte_matrix.h"

namespace moeplan {

struct GridDimension {
  Count size = 1;
  bool wraps = true;  // around its ends
};

struct FabricShape {
  Count hosts = 0;
  Count domain = 0;  // hosts in each; the last one may have fewer. 0 = all

  double port = 0;  // bytes per second and direction; 0 = no ports
  double port_latency = 0;

  double pair = 0;  // of a mesh: the link of an ordered pair; 0 = no mesh

  std::vector<GridDimension> grid{};  // of a domain, the fastest first; empty = no grid
  double grid_link = 0;
  double grid_latency = 0;

  double adapter = 0;
  double adapter_latency = 0;

  Count group = 0;  // hosts below shared switches, whole domains; 0 = no limit above adapters
  double uplink = 0;
};

class FlowFabric {
 public:
  explicit FlowFabric(FabricShape shape);

  const FabricShape& shape() const { return shape_; }
  Count hosts() const { return shape_.hosts; }
  const std::vector<FlowLink>& links() const { return links_; }
  std::string name_of_link(std::uint32_t link) const;  // "3 out", "group 1 up", "2 -> 5"
  // Links of one kind are interchangeable where is_symmetric().
  std::uint32_t kind_of_link(std::uint32_t link) const { return kind_of_[link]; }

  // Appends the hops from one host to another.
  void route(Count source, Count destination, std::vector<FlowHop>& hops) const;

  // Every host sees the same fabric.
  bool is_symmetric() const;

 private:
  enum class Part : std::uint8_t { PortOut, PortIn, Pair, GridUp, GridDown, AdapterOut, AdapterIn, GroupUp, GroupDown };
  struct Kind {
    Part part = Part::PortOut;
    std::uint32_t dimension = 0;
    std::uint32_t first = 0;
    std::uint32_t count = 0;
  };

  std::uint32_t add_kind(Part part, Count count, const FlowLink& link, std::size_t dimension = 0);
  void route_inside(Count source, Count destination, std::vector<FlowHop>& hops) const;
  void route_over_grid(Count base, Count source, Count destination, std::vector<FlowHop>& hops) const;
  Count places() const;  // host numbers of whole domains, unused ones included

  FabricShape shape_;
  std::vector<FlowLink> links_;
  std::vector<std::uint32_t> kind_of_;
  std::vector<Kind> kinds_;
  std::vector<std::uint32_t> grid_kinds_;  // the first link up of each dimension, then down
  std::uint32_t port_out_ = 0;             // first links of the kinds
  std::uint32_t port_in_ = 0;
  std::uint32_t pair_ = 0;
  std::uint32_t adapter_out_ = 0;
  std::uint32_t adapter_in_ = 0;
  std::uint32_t group_up_ = 0;
  std::uint32_t group_down_ = 0;

  friend std::optional<FlowSet> uniform_classes(const FlowFabric& fabric, double bytes);
};

FlowFabric star_fabric(Count hosts, double bandwidth, double latency);
// `uplink` 0: nothing narrower than the adapters.
FlowFabric two_level_fabric(Count groups, Count per_group, double port, double port_latency, double adapter,
                            double adapter_latency, double uplink);
FlowFabric grid_fabric(const std::vector<Count>& sizes, bool wraps, double bandwidth, double latency);

// A flow for each pair of hosts that exchange anything.
FlowSet flows_over(const FlowFabric& fabric, const ByteMatrix& matrix);

// The same for every pair of the first `ranks` hosts, nothing to send yet; and what they send:
// a fabric is laid out once for many matrices.
FlowSet flows_of_all_pairs(const FlowFabric& fabric, Count ranks);
void set_bytes(FlowSet& set, const ByteMatrix& matrix);

// `bytes` from each host to each other one, as classes; none where hosts differ. Its links are the kinds.
std::optional<FlowSet> uniform_classes(const FlowFabric& fabric, double bytes);

}  // namespace moeplan
