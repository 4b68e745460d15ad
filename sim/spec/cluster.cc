// SPDX-License-Identifier: Apache-2.0
// Checks of fabrics, networks, sites and prices.
#include "sim/spec/cluster.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <numeric>

#include "sim/base/error.h"
#include "sim/spec/profile_checks.h"

namespace moeplan {
namespace {

// Per device and direction; vendors print twice this (NVLink, Infinity Fabric) or the sum
// of both directions of all links (ICI). Blackwell 18 links x 50, Hopper 18 x 25, Ampere
// 12 x 25, H800 8 x 25 GB/s; MI300X 7 x 64, MI355X 7 x 76.5.
struct Generation {
  std::string_view name;
  double rate;
};
constexpr std::array<Generation, 8> kGenerations = {{{"nvlink-3", 300e9},
                                                     {"nvlink-4", 450e9},
                                                     {"nvlink-4-h800", 200e9},
                                                     {"nvlink-5", 900e9},
                                                     {"nvlink-6", 1800e9},
                                                     {"xgmi-mi300", 448e9},
                                                     {"xgmi-mi350", 535.5e9},
                                                     {"ici-7", 600e9}}};
constexpr double kGenerationTolerance = 0.03;
constexpr double kMostOverPeak = 1.35;
constexpr int kPriceDays = 180;

void check_one_of(Sentences& out, std::string_view what, const std::string& word,
                  std::initializer_list<std::string_view> known) {
  if (std::find(known.begin(), known.end(), word) != known.end()) return;
  out.push_back(fmt::format("{} \"{}\" must be one of {}", what, word, fmt::join(known, ", ")));
}

void check_generation(Sentences& out, const ScaleupSpec& s) {
  if (s.generation.empty()) return;
  const auto* known = std::find_if(kGenerations.begin(), kGenerations.end(),
                                   [&s](const Generation& g) { return g.name == s.generation; });
  if (known == kGenerations.end()) {
    std::string names;
    for (const Generation& g : kGenerations) names += (names.empty() ? "" : ", ") + std::string(g.name);
    out.push_back(fmt::format("generation \"{}\" is unknown, expected one of {}", s.generation, names));
    return;
  }
  const double ratio = s.bandwidth.value.base() / known->rate;
  if (std::abs(ratio - 1) <= kGenerationTolerance) return;
  out.push_back(fmt::format("bandwidth is {:g} GB/s, but {} carries {:g} GB/s per device and direction{}",
                            s.bandwidth.value.base() / 1e9, s.generation, known->rate / 1e9,
                            std::abs(ratio / 2 - 1) <= kGenerationTolerance ? ": both directions added?" : ""));
}

// All-reduce is exempt: switches that add exceed the wire.
void check_measured(Sentences& out, std::string_view what, const std::optional<Sourced<BytesPerSecond>>& measured,
                    BytesPerSecond peak) {
  if (!measured) return;
  check_quantity(out, what, *measured, 1e6, 1e13, "B/s");
  const double ratio = measured->value / peak;
  if (ratio > kMostOverPeak) {
    out.push_back(fmt::format("{} {:g} GB/s is {:.2f} x the peak, more than {:g} x", what, measured->value.base() / 1e9,
                              ratio, kMostOverPeak));
  }
}

// Days since 1970 of "2026-04" (its first day) or "2026-04-03"; nothing when it is no date.
std::optional<int> days_of(std::string_view date) {
  const bool has_day = date.size() == 10;
  if ((date.size() != 7 && !has_day) || date[4] != '-' || (has_day && date[7] != '-')) return std::nullopt;
  const auto number = [date](std::size_t from, std::size_t count) {
    int value = 0;
    const char* end = date.data() + from + count;
    return std::from_chars(date.data() + from, end, value).ptr == end ? value : -1;
  };
  const int year = number(0, 4);
  const int month = number(5, 2);
  const int day = has_day ? number(8, 2) : 1;
  if (year < 0 || month < 0 || day < 0) return std::nullopt;
  const std::chrono::year_month_day civil{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                          std::chrono::day(static_cast<unsigned>(day))};
  if (!civil.ok()) return std::nullopt;
  return static_cast<int>(std::chrono::sys_days(civil).time_since_epoch().count());
}

void check_date(Sentences& out, std::string_view what, const std::string& date) {
  if (!days_of(date)) out.push_back(fmt::format("{}: as_of \"{}\" must be a date such as 2026-04", what, date));
}

double usd_per_hour(UsdPerSecond rate) { return rate.base() * 3600; }

}  // namespace

std::string_view word_of(NetworkTopology topology) {
  switch (topology) {
    case NetworkTopology::RailFatTree: return "rail_fat_tree";
    case NetworkTopology::FatTree: return "fat_tree";
    case NetworkTopology::Dragonfly: return "dragonfly";
    case NetworkTopology::Torus: return "torus";
  }
  CHECK(false);
  return "";
}

std::vector<std::string> violations(const ScaleupSpec& s) {
  Sentences out;
  check_id(out, s.id);
  check_text(out, "name", s.name);
  if (s.domain < 2 || s.domain > 100000) out.push_back(fmt::format("domain is {}, outside 2 to 100000", s.domain));
  if (!s.dimensions.empty()) {
    const Count product = std::accumulate(s.dimensions.begin(), s.dimensions.end(), Count{1}, saturating_product);
    if (s.kind != LinkKind::Torus) out.push_back("dimensions are given but kind is not torus");
    if (product != s.domain) {
      out.push_back(fmt::format("dimensions {} hold {} devices, domain is {}", fmt::join(s.dimensions, " x "), product,
                                s.domain));
    }
  }
  check_quantity(out, "bandwidth", s.bandwidth, 1e8, 1e13, "B/s");
  check_generation(out, s);
  check_measured(out, "all_to_all", s.all_to_all, s.bandwidth.value);
  if (s.all_reduce) check_quantity(out, "all_reduce", *s.all_reduce, 1e6, 1e13, "B/s");
  if (s.all_reduce && !s.reduces) check_measured(out, "all_reduce", s.all_reduce, s.bandwidth.value);
  if (s.all_to_all_floor) check_quantity(out, "all_to_all_floor", *s.all_to_all_floor, 1e-7, 1e-2, "s");
  if (s.all_reduce_floor) check_quantity(out, "all_reduce_floor", *s.all_reduce_floor, 1e-7, 1e-2, "s");
  if (s.per_peer_cap) check_quantity(out, "per_peer_cap", *s.per_peer_cap, 1e7, 1e13, "B/s");
  if (s.per_peer_cap && s.per_peer_cap->value > s.bandwidth.value) out.push_back("per_peer_cap exceeds bandwidth");
  if (s.kind == LinkKind::Mesh && !s.per_peer_cap) {
    out.push_back("a mesh needs per_peer_cap: its bandwidth is the sum over the peers, one pair gets a part");
  }
  return out;
}

std::vector<std::string> violations(const ScaleoutSpec& s) {
  Sentences out;
  check_id(out, s.id);
  check_text(out, "name", s.name);
  check_quantity(out, "nic_rate", s.nic_rate, 1e7, 2.5e11, "B/s");  // 2 Tb/s: beyond it bits were read as bytes
  check_range(out, "nics_per_device", s.nics_per_device, 0.01, 16, "");
  for (const NetworkTier& tier : s.tiers) {
    if (tier.radix < 2 || tier.radix > 4096) out.push_back(fmt::format("radix is {}, outside 2 to 4096", tier.radix));
    check_range(out, "oversubscription", tier.oversubscription, 1, 100, "");
    if (tier.hop) check_quantity(out, "hop", *tier.hop, 1e-8, 1e-3, "s");
  }
  check_measured(out, "all_to_all", s.all_to_all, s.per_device());
  if (s.small_message) check_quantity(out, "small_message", *s.small_message, 1e-7, 1e-2, "s");
  return out;
}

std::vector<std::string> violations(const SiteSpec& s) {
  Sentences out;
  check_id(out, s.id);
  check_text(out, "name", s.name);
  check_source(out, "pue", s.pue);
  check_range(out, "pue", s.pue.value, 1, 3, "(facility over IT power)");
  check_source(out, "usd_per_kwh", s.usd_per_kwh);
  check_range(out, "usd_per_kwh", s.usd_per_kwh.value, 0.005, 1.5, "USD/kWh: cents for dollars?");
  check_source(out, "gco2_per_kwh", s.gco2_per_kwh);
  check_range(out, "gco2_per_kwh", s.gco2_per_kwh.value, 0, 1500, "g/kWh");
  return out;
}

std::vector<std::string> violations(const PriceSpec& p) {
  Sentences out;
  check_id(out, p.id);
  if (p.purchase) {
    check_source(out, "purchase", p.purchase->usd);
    check_range(out, "purchase", p.purchase->usd.value, 50, 200'000, "USD for one device: the price of a node?");
    check_date(out, "purchase", p.purchase->as_of);
  }
  for (const Rental& r : p.rentals) {
    const std::string what = fmt::format("rental {} by {}", r.term, r.seller);
    check_one_of(out, "term", r.term, {"on_demand", "one_year", "three_year", "ownership"});
    check_one_of(out, "seller", r.seller, {"hyperscaler", "neocloud", "marketplace", "any"});
    check_source(out, what, r.low);
    check_range(out, what, usd_per_hour(r.low.value), 0.01, 30, "USD/h for one device: the price of a node?");
    if (r.high < r.low.value) out.push_back(fmt::format("{}: high is below value", what));
    check_date(out, what, r.as_of);
  }
  if (p.facility_power) check_quantity(out, "facility_power", *p.facility_power, 1, 10'000, "W");
  if (!p.purchase && p.rentals.empty()) out.push_back("neither purchase nor rentals: no price at all");
  return out;
}

std::vector<std::string> violations(const ClusterSpec& c) {
  Sentences out;
  const Count devices = c.node.devices();
  const Count domain = c.fast_domain();
  if (domain > 1 && devices >= 1 && domain % devices != 0 && devices % domain != 0) {
    out.push_back(fmt::format("fabric {} joins {} devices and a node has {}: one must be a multiple of the other",
                              c.scaleup->id, domain, devices));
  }
  if (c.scaleup && c.scaleout && c.scaleout->per_device() > c.scaleup->bandwidth.value) {
    out.push_back(fmt::format(
        "network {} brings {:g} GB/s to a device, more than the {:g} GB/s of fabric {}: bits for "
        "bytes?",
        c.scaleout->id, c.scaleout->per_device().base() / 1e9, c.scaleup->bandwidth.value.base() / 1e9, c.scaleup->id));
  }
  return out;
}

std::vector<std::string> stale_prices(const PriceSpec& price, std::string_view today) {
  Sentences out;
  const std::optional<int> now = days_of(today);
  CHECK(now.has_value());
  const auto look = [&out, &now, &price](const std::string& what, const std::string& as_of) {
    const std::optional<int> then = days_of(as_of);
    if (then && *now - *then > kPriceDays) {
      out.push_back(fmt::format("{} of {} is of {}, {} days old: prices move within {}", what, price.id, as_of,
                                *now - *then, kPriceDays));
    }
  };
  if (price.purchase) look("the purchase price", price.purchase->as_of);
  for (const Rental& r : price.rentals) look(fmt::format("the price of {} by {}", r.term, r.seller), r.as_of);
  return out;
}

}  // namespace moeplan
