// SPDX-License-Identifier: Apache-2.0
#include "sim/study/bill.h"

#include <fmt/format.h>

#include <algorithm>

namespace moeplan {
namespace {

constexpr double kJoulesPerKwh = 3.6e6;
constexpr double kSecondsPerHour = 3600;

DevicePrice price_of_rental(const Rental& rental) {
  DevicePrice price;
  price.low = rental.low.value.base() * kSecondsPerHour;
  price.high = std::max(price.low, rental.high.base() * kSecondsPerHour);
  price.usd_per_hour = 0.5 * (price.low + price.high);
  price.term = rental.term + ", " + rental.seller;
  price.source = rental.low.source;
  price.as_of = rental.as_of;
  return price;
}

// Owned devices that idle: what the deployment costs in an hour without load.
double idle_usd_per_hour(const Stretch& stretch, const PowerModel& power, const Rates& rates) {
  Rates owned_rates = rates;
  owned_rates.price = rates.own;
  return owned_rates.use_per_second(power.idle * stretch.devices, stretch.devices).usd * kSecondsPerHour;
}

std::optional<double> share_between(double fixed, double gained) {
  if (gained <= 0 || fixed > gained) return std::nullopt;
  return std::max(0.0, fixed / gained);
}

}  // namespace

NodeDraw node_draw_of(const ClusterSpec& cluster) {
  const NodeSpec& node = cluster.node;
  const DeviceSpec& device = cluster.devices.front();
  NodeDraw draw;
  draw.devices = static_cast<double>(std::max<Count>(1, node.devices()));
  const double boards = device.power_cap ? draw.devices * device.power_cap->value.base() : 0;
  if (node.unified) {
    draw.source = "one machine: the device's power is the machine's";
    return draw;
  }
  draw.supply = kAssumedSupply;
  double cpus = 0;
  if (cluster.cpu && cluster.cpu->power_cap)
    cpus = static_cast<double>(node.cpus) * cluster.cpu->power_cap->value.base() * kAssumedRestOfMaximum;
  if (node.static_power) {
    draw.rest = node.static_power->value.base() + cpus;
    draw.source = node.static_power->source;
  } else if (node.max_power && node.max_power->value.base() > boards) {
    draw.rest = kAssumedRestOfMaximum * (node.max_power->value.base() - boards);
    draw.source = "assumed: half of what the node's maximum leaves beyond its boards";
  } else {
    draw.rest = kAssumedRestOfBoards * boards;
    draw.source = "assumed: a quarter of the boards' rated power";
  }
  return draw;
}

SiteRates site_rates(const SiteSpec& site) {
  return {.pue = site.pue.value,
          .usd_per_kwh = site.usd_per_kwh.value,
          .gco2_per_kwh = site.gco2_per_kwh.value,
          .name = site.id,
          .source = site.usd_per_kwh.source + "; carbon: " + site.gco2_per_kwh.source};
}

std::optional<DevicePrice> owned(const PriceSpec& prices, const Ownership& ownership) {
  if (!prices.purchase) return std::nullopt;
  const double usd = prices.purchase->usd.value;
  DevicePrice price;
  price.tenure = Tenure::Own;
  price.usd_per_hour = usd * (1 / ownership.years + ownership.opex_share) / kHoursPerYear;
  price.low = price.high = price.usd_per_hour;
  price.term = fmt::format("owned, {:g} USD over {:g} years, {:g} % of it a year to run", usd, ownership.years,
                           100 * ownership.opex_share);
  price.source = prices.purchase->usd.source;
  price.as_of = prices.purchase->as_of;
  return price;
}

std::optional<DevicePrice> rented(const PriceSpec& prices, std::string_view term, std::string_view seller) {
  for (const Rental& rental : prices.rentals)
    if (rental.term == term && (seller.empty() || rental.seller == seller)) return price_of_rental(rental);
  return std::nullopt;
}

std::optional<DevicePrice> rented(const PriceSpec& prices) {
  if (std::optional<DevicePrice> price = rented(prices, "on_demand")) return price;
  if (prices.rentals.empty()) return std::nullopt;
  return price_of_rental(prices.rentals.front());
}

UsePerSecond Rates::use_per_second(double board_watts, double devices) const {
  UsePerSecond use;
  use.node_joules = (board_watts + node.rest * devices / node.devices) / node.supply;
  use.facility_joules = use.node_joules * site.pue;
  if (!price) return use;
  use.usd = price->usd_per_hour * devices / kSecondsPerHour;
  if (price->tenure == Tenure::Own) use.usd += use.facility_joules / kJoulesPerKwh * site.usd_per_kwh;
  return use;
}

std::optional<double> Bill::facility_joules_per_token() const {
  return energy ? std::optional(energy->facility_joules) : std::nullopt;
}

std::optional<double> Bill::usd_per_million_tokens() const {
  return money ? std::optional(money->usd_per_million) : std::nullopt;
}

namespace {

EnergyBill energy_bill(const Stretch& stretch, const PowerModel& power, const Rates& rates) {
  const double per_token = stretch.seconds / stretch.tokens;
  EnergyBill bill;
  bill.tier = power.tier;
  bill.board_watts = stretch.board_joules / stretch.seconds;
  const UsePerSecond use = rates.use_per_second(bill.board_watts, stretch.devices);
  bill.node_watts = use.node_joules;
  bill.facility_watts = use.facility_joules;
  bill.board_joules = bill.board_watts * per_token;
  bill.node_joules = bill.node_watts * per_token;
  bill.facility_joules = bill.facility_watts * per_token;
  // No board draws less than idle or more than its limit, whatever the fit's error.
  const double low = std::clamp(bill.board_watts * power.low, power.idle * stretch.devices, bill.board_watts);
  const double most = std::max(bill.board_watts, power.limit * stretch.devices);
  const double high = std::clamp(bill.board_watts * power.high, bill.board_watts, most);
  bill.low_joules = rates.use_per_second(low, stretch.devices).facility_joules * per_token;
  bill.high_joules = rates.use_per_second(high, stretch.devices).facility_joules * per_token;
  bill.gco2_per_million = bill.facility_joules / kJoulesPerKwh * rates.site.gco2_per_kwh * 1e6;
  bill.tokens_per_s_per_mw = 1e6 / bill.node_joules;
  if (rates.provisioned)
    bill.tokens_per_s_per_provisioned_mw = 1e6 / (*rates.provisioned * stretch.devices * per_token);
  return bill;
}

}  // namespace

Bill bill_of(const Stretch& stretch, const PowerModel& power, const Rates& rates) {
  Bill bill;
  bill.stretch = stretch;
  if (stretch.tokens <= 0 || stretch.seconds <= 0) return bill;
  const bool has_energy = power.is_known() && stretch.board_joules > 0;
  if (has_energy) bill.energy = energy_bill(stretch, power, rates);
  // What an owned device draws is part of its price.
  if (!rates.price || (rates.price->tenure == Tenure::Own && !has_energy)) return bill;
  MoneyBill money;
  const double usd = rates.use_per_second(has_energy ? bill.energy->board_watts : 0, stretch.devices).usd;
  money.usd_per_hour = usd * kSecondsPerHour;
  money.electricity_usd_per_hour = money.usd_per_hour - rates.price->usd_per_hour * stretch.devices;
  money.usd_per_million = usd * stretch.seconds / stretch.tokens * 1e6;
  money.usd_per_million_all = usd * stretch.seconds / stretch.all_tokens * 1e6;
  bill.money = money;
  return bill;
}

BreakEven break_even(const Stretch& stretch, const PowerModel& power, const Rates& rates,
                     std::optional<double> api_usd_per_million) {
  BreakEven even;
  if (stretch.seconds <= 0) return even;
  const double api =
      api_usd_per_million ? stretch.tokens / stretch.seconds * kSecondsPerHour * *api_usd_per_million / 1e6 : 0;
  const double rent = rates.rent ? rates.rent->usd_per_hour * stretch.devices : 0;
  if (rates.own && power.is_known() && stretch.board_joules > 0) {
    Rates owned_rates = rates;
    owned_rates.price = rates.own;
    const double idle = idle_usd_per_hour(stretch, power, rates);
    const double busy =
        owned_rates.use_per_second(stretch.board_joules / stretch.seconds, stretch.devices).usd * kSecondsPerHour;
    // idle + u (busy - idle) = u * other
    if (rates.rent) even.own_over_rent = share_between(idle, rent - (busy - idle));
    if (api_usd_per_million) even.own_over_api = share_between(idle, api - (busy - idle));
  }
  if (rates.rent && api_usd_per_million && rent <= api) even.rent_under_api = 0;
  return even;
}

}  // namespace moeplan
