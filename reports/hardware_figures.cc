// SPDX-License-Identifier: Apache-2.0
// Derived figures: ridge = peak / bandwidth (FLOP per byte from which compute binds);
// time to read memory = memory / bandwidth (the least time of a decode step that uses all
// of it); traffic per dollar = bandwidth x 1 h / price of an hour.
#include "reports/hardware_figures.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/unit_text.h"

namespace moeplan {
namespace {

using Figures = std::vector<HardwareFigure>;

// " = 79.65 GiB" after a size that is not written in GiB.
std::string in_gib_text(Bytes bytes) {
  return to_text(bytes).ends_with(" GiB") || bytes == Bytes(0) ? "" : fmt::format(" = {:.2f} GiB", in_gib(bytes));
}

class FigureList {
 public:
  void group(std::string name) { group_ = std::move(name); }
  template <Dim D>
  void add(const std::string& key, const std::string& name, const Sourced<Quantity<D>>& q) {
    put(key, name, to_text(q.value), q.value.base(), std::string(word_of(q.basis)), q.source);
  }
  void add(std::string key, std::string name, const Sourced<Bytes>& q) {
    put(std::move(key), std::move(name), to_text(q.value) + in_gib_text(q.value), static_cast<double>(q.value.count()),
        std::string(word_of(q.basis)), q.source);
  }
  template <class T>
  void add(const std::string& key, const std::string& name, const std::optional<Sourced<T>>& q) {
    if (q) add(key, name, *q);
  }
  void put(std::string key, std::string name, std::string text, double value, std::string basis = "",
           std::string source = "") {
    figures_.push_back(
        {group_, std::move(key), std::move(name), std::move(text), value, std::move(basis), std::move(source)});
  }
  Figures take() { return std::move(figures_); }

 private:
  std::string group_;
  Figures figures_;
};

void add_memory(FigureList& list, const DeviceSpec& d) {
  list.group("memory");
  list.add("memory_bytes", "as the driver shows it", d.memory);
  list.add("unallocatable_bytes", "out of reach", d.unallocatable);
  if (d.marketed)
    list.put("marketed_bytes", "on the box", to_text(*d.marketed), static_cast<double>(d.marketed->count()));
  for (const WorkingSet& set : d.working_sets) {
    list.put(fmt::format("usable_of_{:g}_gib_bytes", in_gib(set.ram)), "usable of " + to_text(set.ram),
             to_text(set.usable) + in_gib_text(set.usable), static_cast<double>(set.usable.count()), "published",
             set.source);
  }
  list.add("bandwidth_bytes_per_s", "bandwidth", d.bandwidth);
  for (const EffectiveBandwidth& e : d.effective_bandwidth)
    list.add("measured_" + e.access + "_bytes_per_s", "measured: " + e.access, e.rate);
  if (d.bus_bits > 0) list.put("bus_bits", "bus", fmt::format("{} bit", d.bus_bits), static_cast<double>(d.bus_bits));
  list.add("memory_data_rate_hz", "data rate per pin", d.memory_data_rate);
  list.add("last_level_cache_bytes", "last-level cache", d.last_level_cache);
}

void add_compute(FigureList& list, const DeviceSpec& d) {
  list.group("compute");
  for (const PeakRate& peak : d.peaks) {
    list.add("peak_" + peak.format + "_flop_per_s", "peak " + peak.format, peak.rate);
    for (const EffectiveRate& e : d.effective_rates)
      if (e.format == peak.format)
        list.add("measured_" + e.format + "_" + e.regime + "_flop_per_s", e.format + " measured, " + e.regime, e.rate);
  }
  for (const PowerPoint& p : d.power_points)
    list.add(fmt::format("{}_at_{:g}_w_flop_per_s", p.format, p.power.base()),
             fmt::format("{} at {}", p.format, to_text(p.power)), p.rate);
  if (d.units > 0) list.put("units", "units", std::to_string(d.units), static_cast<double>(d.units));
  list.add("clock_hz", "clock", d.clock);
  list.add("launch_stream_s", "kernel launch", d.launch.stream);
  list.add("launch_graph_s", "kernel launch in a graph", d.launch.graph);
  list.add("launch_gemm_s", "smallest GEMM", d.launch.gemm);
}

void add_fabric(FigureList& list, const ScaleupSpec& s) {
  list.put("fast_domain", "fast fabric joins", fmt::format("{} devices", s.domain), static_cast<double>(s.domain), "",
           s.name);
  list.add("fabric_bytes_per_s", "fabric, per direction", s.bandwidth);
  list.add("fabric_per_peer_bytes_per_s", "fabric, one pair", s.per_peer_cap);
  list.add("all_to_all_bytes_per_s", "all-to-all measured", s.all_to_all);
  list.add("all_to_all_floor_s", "all-to-all floor", s.all_to_all_floor);
  list.add("all_reduce_bytes_per_s", "all-reduce measured", s.all_reduce);
  list.add("all_reduce_floor_s", "all-reduce floor", s.all_reduce_floor);
}

void add_network(FigureList& list, const ScaleoutSpec& s) {
  list.put("network_bytes_per_s", "network, per device", to_text(s.per_device()), s.per_device().base(),
           std::string(word_of(s.nic_rate.basis)), s.nic_rate.source);
  list.add("network_all_to_all_bytes_per_s", "network all-to-all measured", s.all_to_all);
  list.add("network_small_message_s", "network, small message", s.small_message);
}

void add_links(FigureList& list, const ClusterSpec& c, std::string_view device) {
  list.group("links");
  if (c.scaleup) add_fabric(list, *c.scaleup);
  for (const LinkSpec& link : c.node.links) {
    if (!link.device.empty() && link.device != device) continue;
    const std::string shared = link.shared_by > 1 ? fmt::format(" for {} devices", link.shared_by) : "";
    const bool to_host = link.kind == LinkKind::Pcie || link.kind == LinkKind::C2c;
    list.add(to_host ? "host_link_bytes_per_s" : "link_bytes_per_s", link.name + shared, link.peak);
    list.add("host_link_achieved_bytes_per_s", link.name + ", measured", link.achieved);
    list.add("link_per_peer_bytes_per_s", link.name + ", one pair", link.per_peer_cap);
  }
  if (c.scaleout) add_network(list, *c.scaleout);
}

void add_host(FigureList& list, const ClusterSpec& c) {
  list.group("host");
  if (c.node.cpus > 0 && c.cpu)
    list.put("cpus", "CPU", fmt::format("{} x {}", c.node.cpus, c.cpu->name), static_cast<double>(c.node.cpus));
  list.add("host_memory_bytes", "memory", c.node.host_memory);
  list.add("host_dram_bytes_per_s", "memory bandwidth", c.node.host_dram_bandwidth);
  for (const SsdSpec& ssd : c.node.ssds) {
    list.add("ssd_bytes", fmt::format("{} x SSD", ssd.count), ssd.bytes);
    list.add("ssd_read_bytes_per_s", "SSD reads", ssd.read_bandwidth);
    list.add("ssd_latency_s", "SSD latency", ssd.latency);
  }
}

void add_site(FigureList& list, const SiteSpec& s) {
  list.put("pue", "facility over IT power", fmt::format("{:g}", s.pue.value), s.pue.value,
           std::string(word_of(s.pue.basis)), s.pue.source);
  list.put("usd_per_kwh", "electricity", fmt::format("{:g} USD/kWh", s.usd_per_kwh.value), s.usd_per_kwh.value,
           std::string(word_of(s.usd_per_kwh.basis)), s.usd_per_kwh.source);
  list.put("gco2_per_kwh", "carbon", fmt::format("{:g} g CO2/kWh", s.gco2_per_kwh.value), s.gco2_per_kwh.value,
           std::string(word_of(s.gco2_per_kwh.basis)), s.gco2_per_kwh.source);
}

void add_power(FigureList& list, const ClusterSpec& c, const DeviceSpec& d) {
  list.group("power");
  list.add("power_cap_w", "cap of a device", d.power_cap);
  list.add("power_idle_w", "idle device", d.power_idle);
  list.add("node_static_w", "rest of the node", c.node.static_power);
  list.add("node_max_w", "node at most", c.node.max_power);
  if (c.site) add_site(list, *c.site);
}
double usd_per_hour(UsdPerSecond rate) { return rate.base() * 3600; }

std::string words_of_term(std::string_view term) {
  std::string words(term);
  std::replace(words.begin(), words.end(), '_', ' ');
  return words;
}

void add_price(FigureList& list, const PriceSpec& p) {
  list.group("price of one device");
  if (p.purchase)
    list.put("purchase_usd", "bought", fmt::format("{:g} USD", p.purchase->usd.value), p.purchase->usd.value,
             std::string(word_of(p.purchase->usd.basis)),
             fmt::format("{}; {}", p.purchase->as_of, p.purchase->usd.source));
  for (const Rental& r : p.rentals) {
    const double low = usd_per_hour(r.low.value);
    const double high = usd_per_hour(r.high);
    list.put(fmt::format("rent_{}_{}_usd_per_h", r.term, r.seller),
             fmt::format("{}, {}", words_of_term(r.term), r.seller == "any" ? "any seller" : r.seller),
             high > low ? fmt::format("{:.3g} to {:.3g} USD/h", low, high) : fmt::format("{:.3g} USD/h", low), low,
             std::string(word_of(r.low.basis)), fmt::format("{}; {}", r.as_of, r.low.source));
  }
  list.add("facility_power_w", "facility power, all in", p.facility_power);
}

// The middle of what is asked on demand, else the cheapest other term but ownership.
std::optional<UsdPerSecond> hour_of(const PriceSpec& p) {
  std::optional<UsdPerSecond> other;
  for (const Rental& r : p.rentals) {
    const UsdPerSecond middle = (r.low.value + r.high) / 2.0;
    if (r.term == "on_demand") return middle;
    if (r.term != "ownership" && (!other || middle < *other)) other = middle;
  }
  return other;
}

void add_derived(FigureList& list, const ClusterSpec& c, const DeviceSpec& d, const std::optional<PriceSpec>& price) {
  list.group("worth knowing");
  for (const std::string_view format : {"bf16", "fp8", "fp4"}) {
    const PeakRate* peak = peak_of(d, format);
    if (peak == nullptr) continue;
    const double ridge = peak->rate.value.base() / d.bandwidth.value.base();
    list.put(fmt::format("ridge_{}_flop_per_byte", format), fmt::format("{} ridge", format),
             fmt::format("{:.0f} FLOP/byte", ridge), ridge, "derived", "peak over bandwidth");
  }
  const double read = d.memory.value.size().base() / d.bandwidth.value.base();
  list.put("read_all_memory_s", "reading all memory", fmt::format("{:.3g} ms", read * 1e3), read, "derived",
           "memory over bandwidth");
  const EffectiveBandwidth* weights = effective_bandwidth_of(d, "weights");
  if (weights != nullptr) {
    const double measured = d.memory.value.size().base() / weights->rate.value.base();
    list.put("read_all_memory_measured_s", "reading all memory, measured", fmt::format("{:.3g} ms", measured * 1e3),
             measured, "derived", "memory over the measured rate of weights");
  }
  if (c.fast_domain() > 1) {
    const double domain = d.memory.value.size().base() * static_cast<double>(c.fast_domain());
    list.put("domain_memory_bytes", "memory of the fast domain", fmt::format("{:.3g} TB", domain / 1e12), domain,
             "derived", fmt::format("{} devices", c.fast_domain()));
  }
  const std::optional<UsdPerSecond> hour = price ? hour_of(*price) : std::nullopt;
  if (!hour) return;
  const double per_usd = d.bandwidth.value.base() / hour->base();
  list.put("bytes_read_per_usd", "read per dollar", fmt::format("{:.3g} PB", per_usd / 1e15), per_usd, "derived",
           fmt::format("bandwidth x 1 h / {:.3g} USD", usd_per_hour(*hour)));
}

}  // namespace

std::vector<HardwareFigure> figures_of(const HardwareReport& report, std::size_t group) {
  const ClusterSpec& c = report.cluster;
  const DeviceSpec& d = c.devices[group];
  FigureList list;
  add_memory(list, d);
  add_compute(list, d);
  if (report.is_node) {
    add_links(list, c, d.id);
    add_host(list, c);
  }
  add_power(list, c, d);
  if (c.prices[group]) add_price(list, *c.prices[group]);
  add_derived(list, c, d, c.prices[group]);
  return list.take();
}

PartFigures figures_of_part(const HardwareProfile& part) {
  PartFigures out;
  FigureList list;
  if (const auto* scaleup = std::get_if<ScaleupSpec>(&part)) {
    out = {"scaleup", scaleup->id, scaleup->name, scaleup->note, scaleup->aliases, {}};
    list.group("fabric of one domain");
    add_fabric(list, *scaleup);
  } else if (const auto* scaleout = std::get_if<ScaleoutSpec>(&part)) {
    out = {"scaleout", scaleout->id, scaleout->name, scaleout->note, scaleout->aliases, {}};
    list.group("network between nodes");
    add_network(list, *scaleout);
    for (std::size_t i = 0; i < scaleout->tiers.size(); ++i) {
      const NetworkTier& tier = scaleout->tiers[i];
      list.put(fmt::format("tier_{}_radix", i), fmt::format("tier {}", i + 1),
               fmt::format("{} ports, {:g} : 1", tier.radix, tier.oversubscription), static_cast<double>(tier.radix));
      list.add(fmt::format("tier_{}_hop_s", i), fmt::format("tier {}, a hop", i + 1), tier.hop);
    }
  } else if (const auto* site = std::get_if<SiteSpec>(&part)) {
    out = {"site", site->id, site->name, site->note, site->aliases, {}};
    list.group("site");
    add_site(list, *site);
  } else if (const auto* price = std::get_if<PriceSpec>(&part)) {
    out = {"price", price->id, "price of one " + price->id, price->note, {}, {}};
    add_price(list, *price);
  }
  out.figures = list.take();
  return out;
}

}  // namespace moeplan
