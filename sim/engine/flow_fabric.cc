// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/flow_fabric.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "sim/base/error.h"

namespace moeplan {
namespace {

constexpr std::array<const char*, 3> kDimensions = {"x", "y", "z"};

std::uint32_t narrow(Count n) { return static_cast<std::uint32_t>(n); }

}  // namespace

std::uint32_t FlowFabric::add_kind(Part part, Count count, const FlowLink& link, std::size_t dimension) {
  const auto first = static_cast<std::uint32_t>(links_.size());
  const auto kind = static_cast<std::uint32_t>(kinds_.size());
  kinds_.push_back(
      {.part = part, .dimension = static_cast<std::uint32_t>(dimension), .first = first, .count = narrow(count)});
  links_.insert(links_.end(), static_cast<std::size_t>(count), link);
  kind_of_.insert(kind_of_.end(), static_cast<std::size_t>(count), kind);
  return first;
}

Count FlowFabric::places() const { return (shape_.hosts + shape_.domain - 1) / shape_.domain * shape_.domain; }

FlowFabric::FlowFabric(FabricShape shape) : shape_(std::move(shape)) {
  if (shape_.domain == 0) shape_.domain = shape_.hosts;
  CHECK(shape_.hosts >= 1 && shape_.domain >= 1);
  const Count n = shape_.hosts;
  if (shape_.port > 0) {
    const FlowLink port{.bandwidth = shape_.port, .latency = shape_.port_latency / 2};
    port_out_ = add_kind(Part::PortOut, n, port);
    port_in_ = add_kind(Part::PortIn, n, port);
  }
  if (shape_.pair > 0) pair_ = add_kind(Part::Pair, n * (shape_.domain - 1), {.bandwidth = shape_.pair});
  Count volume = 1;
  for (std::size_t d = 0; d < shape_.grid.size(); ++d) {
    volume *= shape_.grid[d].size;
    const FlowLink link{.bandwidth = shape_.grid_link, .latency = shape_.grid_latency};
    grid_kinds_.push_back(add_kind(Part::GridUp, places(), link, d));
    grid_kinds_.push_back(add_kind(Part::GridDown, places(), link, d));
  }
  CHECK(shape_.grid.empty() || volume == shape_.domain);
  if (n <= shape_.domain) return;
  CHECK(shape_.adapter > 0);
  const FlowLink adapter{.bandwidth = shape_.adapter, .latency = shape_.adapter_latency / 2};
  adapter_out_ = add_kind(Part::AdapterOut, n, adapter);
  adapter_in_ = add_kind(Part::AdapterIn, n, adapter);
  if (shape_.group == 0 || shape_.group >= n || shape_.uplink == 0) {
    shape_.group = 0;
    return;
  }
  CHECK(shape_.group % shape_.domain == 0);
  const Count groups = (n + shape_.group - 1) / shape_.group;
  group_up_ = add_kind(Part::GroupUp, groups, {.bandwidth = shape_.uplink});
  group_down_ = add_kind(Part::GroupDown, groups, {.bandwidth = shape_.uplink});
}

std::string FlowFabric::name_of_link(std::uint32_t link) const {
  const Kind& kind = kinds_[kind_of_[link]];
  const Count place = link - kind.first;
  const std::string number = std::to_string(place);
  const auto along = [&kind](const char* sign) { return sign + std::string(kDimensions[kind.dimension]); };
  switch (kind.part) {
    case Part::PortOut: return number + " out";
    case Part::PortIn: return number + " in";
    case Part::Pair: {
      const Count source = place / (shape_.domain - 1);
      const Count base = source / shape_.domain * shape_.domain;
      const Count other = base + place % (shape_.domain - 1);
      return std::to_string(source) + " -> " + std::to_string(other < source ? other : other + 1);
    }
    case Part::GridUp: return number + " " + along("+");
    case Part::GridDown: return number + " " + along("-");
    case Part::AdapterOut: return number + " adapter out";
    case Part::AdapterIn: return number + " adapter in";
    case Part::GroupUp: return "group " + number + " up";
    case Part::GroupDown: return "group " + number + " down";
  }
  return number;
}

void FlowFabric::route(Count source, Count destination, std::vector<FlowHop>& hops) const {
  if (source == destination) return;
  if (source / shape_.domain == destination / shape_.domain) {
    route_inside(source, destination, hops);
    return;
  }
  hops.push_back({.link = adapter_out_ + narrow(source)});
  if (shape_.group > 0 && source / shape_.group != destination / shape_.group) {
    hops.push_back({.link = group_up_ + narrow(source / shape_.group)});
    hops.push_back({.link = group_down_ + narrow(destination / shape_.group)});
  }
  hops.push_back({.link = adapter_in_ + narrow(destination)});
}

void FlowFabric::route_inside(Count source, Count destination, std::vector<FlowHop>& hops) const {
  const Count base = source / shape_.domain * shape_.domain;
  if (shape_.port > 0) hops.push_back({.link = port_out_ + narrow(source)});
  if (shape_.pair > 0) {
    const Count other = destination - base - (destination > source ? 1 : 0);  // a host has no link to itself
    hops.push_back({.link = pair_ + narrow(source * (shape_.domain - 1) + other)});
  }
  if (!shape_.grid.empty()) route_over_grid(base, source - base, destination - base, hops);
  if (shape_.port > 0) hops.push_back({.link = port_in_ + narrow(destination)});
}

void FlowFabric::route_over_grid(Count base, Count at, Count destination, std::vector<FlowHop>& hops) const {
  Count stride = 1;
  for (std::size_t d = 0; d < shape_.grid.size(); ++d) {
    const Count size = shape_.grid[d].size;
    const Count from = at / stride % size;
    const Count to = destination / stride % size;
    const Count ahead = (to - from + size) % size;
    const bool up = shape_.grid[d].wraps ? 2 * ahead <= size : to > from;
    for (Count steps = up ? ahead : (from - to + size) % size, here = from; steps > 0; --steps) {
      // A link is named after the place it leaves.
      hops.push_back({.link = grid_kinds_[2 * d + (up ? 0 : 1)] + narrow(base + at + (here - from) * stride)});
      here = (here + (up ? 1 : size - 1)) % size;
    }
    at += (to - from) * stride;
    stride *= size;
  }
}

bool FlowFabric::is_symmetric() const {
  if (shape_.hosts % shape_.domain != 0 || (shape_.group > 0 && shape_.hosts % shape_.group != 0)) return false;
  return std::all_of(shape_.grid.begin(), shape_.grid.end(), [](const GridDimension& d) { return d.wraps; });
}

FlowFabric star_fabric(Count hosts, double bandwidth, double latency) {
  return FlowFabric({.hosts = hosts, .port = bandwidth, .port_latency = latency});
}

FlowFabric two_level_fabric(Count groups, Count per_group, double port, double port_latency, double adapter,
                            double adapter_latency, double uplink) {
  return FlowFabric({.hosts = groups * per_group,
                     .domain = per_group,
                     .port = port,
                     .port_latency = port_latency,
                     .adapter = adapter,
                     .adapter_latency = adapter_latency,
                     .group = uplink > 0 ? per_group : 0,
                     .uplink = uplink});
}

FlowFabric grid_fabric(const std::vector<Count>& sizes, bool wraps, double bandwidth, double latency) {
  FabricShape shape{.hosts = 1, .grid_link = bandwidth, .grid_latency = latency};
  for (const Count size : sizes) {
    shape.hosts *= size;
    shape.grid.push_back({.size = size, .wraps = wraps});
  }
  return FlowFabric(shape);
}

namespace {

// A flow for each pair that `wanted` is true of.
template <class Wanted>
FlowSet flows_where(const FlowFabric& fabric, Count ranks, std::size_t flows, Wanted wanted) {
  CHECK(ranks <= fabric.hosts());
  FlowSet set;
  set.hosts = fabric.hosts();
  set.links = fabric.links();
  set.flows.reserve(flows);
  set.route_first.reserve(flows + 1);
  set.hops.reserve(2 * flows);
  std::vector<FlowHop> route;
  for (Count i = 0; i < ranks; ++i)
    for (Count j = 0; j < ranks; ++j) {
      if (i == j || !wanted(i, j)) continue;
      route.clear();
      fabric.route(i, j, route);
      set.add({.source = narrow(i), .destination = narrow(j)}, route);
    }
  return set;
}

}  // namespace

FlowSet flows_over(const FlowFabric& fabric, const ByteMatrix& matrix) {
  std::size_t flows = 0;
  for (const double bytes : matrix.bytes) flows += bytes > 0 ? 1 : 0;
  FlowSet set = flows_where(fabric, matrix.ranks, flows, [&](Count i, Count j) { return matrix.at(i, j) > 0; });
  set_bytes(set, matrix);
  return set;
}

FlowSet flows_of_all_pairs(const FlowFabric& fabric, Count ranks) {
  return flows_where(fabric, ranks, static_cast<std::size_t>(ranks * (ranks - 1)), [](Count, Count) { return true; });
}

void set_bytes(FlowSet& set, const ByteMatrix& matrix) {
  for (Flow& flow : set.flows) flow.bytes = matrix.at(flow.source, flow.destination);
}

std::optional<FlowSet> uniform_classes(const FlowFabric& fabric, double bytes) {
  if (!fabric.is_symmetric()) return std::nullopt;
  FlowSet set;
  set.hosts = fabric.hosts();
  for (const FlowFabric::Kind& kind : fabric.kinds_) {
    set.links.push_back(fabric.links_[kind.first]);
    set.links.back().like = kind.count;
  }
  // Destinations of host 0 whose routes take the same kinds of links.
  std::map<std::vector<std::uint32_t>, std::uint32_t> classes;
  std::vector<FlowHop> route;
  std::vector<std::uint32_t> kinds;
  for (Count destination = 1; destination < fabric.hosts(); ++destination) {
    route.clear();
    kinds.clear();
    fabric.route(0, destination, route);
    for (const FlowHop& hop : route) kinds.push_back(fabric.kind_of_link(hop.link));
    ++classes[kinds];
  }
  for (const auto& [kinds_of_class, destinations] : classes) {
    const Count pairs = fabric.hosts() * destinations;
    route.clear();
    for (const std::uint32_t kind : kinds_of_class)
      route.push_back({.link = kind, .flows = narrow(pairs / set.links[kind].like)});
    set.add({.source = 0, .destination = 0, .bytes = bytes, .like = pairs}, route);
  }
  return set;
}

}  // namespace moeplan
