// SPDX-License-Identifier: Apache-2.0
// From boards to the meter, and from hours to dollars.
//
//   node      = (boards + rest) / supply      rest: hosts, adapters, drives, fans
//   facility  = node * PUE
//   renting   : dollars per device and hour, electricity and cooling in them
//   owning    : purchase / (years * 8,766 h) + opex share * purchase / 8,766 h
//               + facility kWh * price per kWh
//
// A deployment that takes part of a node pays for that part of its rest. Tokens per second
// and megawatt stand on one of two powers that must not be mixed: what the nodes draw now
// (IT power), and what was built for the device, all in (as SemiAnalysis counts, from rated
// powers). Only tokens that are generated count as tokens, unless "all" is said.
#pragma once

#include <optional>
#include <string>

#include "sim/cost/power.h"
#include "sim/spec/cluster.h"

namespace moeplan {

// What a node draws besides its boards.
struct NodeDraw {
  double devices = 1;
  double rest = 0;    // watts
  double supply = 1;  // what leaves the power supplies over what enters
  std::string source;
};

// Of 80 PLUS Titanium supplies at half load (recalled: 94 to 96 %).
inline constexpr double kAssumedSupply = 0.94;
// Rest of a node where only its maximum is known: this share of what the maximum leaves
// beyond its boards (assumed; measured: 0.47 of it on 8 H200 under load).
inline constexpr double kAssumedRestOfMaximum = 0.5;
// And where nothing is known, over the boards' rated power (assumed).
inline constexpr double kAssumedRestOfBoards = 0.25;

NodeDraw node_draw_of(const ClusterSpec& cluster);

struct SiteRates {
  double pue = 1;
  double usd_per_kwh = 0;
  double gco2_per_kwh = 0;
  std::string name;    // "default"; "" = none
  std::string source;  // of the price of electricity and of carbon
};

SiteRates site_rates(const SiteSpec& site);

enum class Tenure { Rent, Own };

// Of one device.
struct DevicePrice {
  Tenure tenure = Tenure::Rent;
  double usd_per_hour = 0;  // owned: without electricity
  double low = 0;
  double high = 0;
  std::string term;  // "on_demand, any"; "owned, 4 years"
  std::string source;
  std::string as_of;
};

// Hours of a mean year.
inline constexpr double kHoursPerYear = 8766;

struct Ownership {
  double years = 4;          // of straight-line amortisation (assumed)
  double opex_share = 0.05;  // of the purchase each year: space, people, repair (assumed)
};

// Of the purchase price; nothing where none is known.
std::optional<DevicePrice> owned(const PriceSpec& prices, const Ownership& ownership);
// Of a term ("on_demand", "three_year", "ownership"); a range by its middle. seller "" = any.
std::optional<DevicePrice> rented(const PriceSpec& prices, std::string_view term, std::string_view seller = {});
// On demand if that is known, else the first that is.
std::optional<DevicePrice> rented(const PriceSpec& prices);

// What one second of a deployment takes.
struct UsePerSecond {
  double node_joules = 0;
  double facility_joules = 0;
  double usd = 0;
};

struct Rates {
  NodeDraw node;
  SiteRates site;
  std::optional<DevicePrice> price;
  std::optional<DevicePrice> rent;    // the one to compare owning with
  std::optional<DevicePrice> own;     // the one to compare renting with
  std::optional<double> provisioned;  // watts per device, all in
  std::string provisioned_source;
  bool asked_to_compare = false;  // owning with renting

  UsePerSecond use_per_second(double board_watts, double devices) const;
};

// A stretch of time of a whole deployment.
struct Stretch {
  double seconds = 0;
  double board_joules = 0;  // 0 = not known
  double tokens = 0;        // generated; of a prefill, read
  double all_tokens = 0;    // read and generated
  double devices = 1;
};

struct EnergyBill {
  double board_watts = 0;  // averages over the whole deployment
  double node_watts = 0;
  double facility_watts = 0;
  double board_joules = 0;  // per token
  double node_joules = 0;
  double facility_joules = 0;
  double low_joules = 0;  // 80 % band of facility_joules by the boards' power alone
  double high_joules = 0;
  double gco2_per_million = 0;
  double tokens_per_s_per_mw = 0;  // of IT power drawn
  std::optional<double> tokens_per_s_per_provisioned_mw;
  Tier tier = Tier::Default;
};

struct MoneyBill {
  double usd_per_hour = 0;              // of the deployment
  double electricity_usd_per_hour = 0;  // part of it when owned
  double usd_per_million = 0;           // tokens
  double usd_per_million_all = 0;       // read and generated
};

struct Bill {
  Stretch stretch;  // what it is of
  std::optional<EnergyBill> energy;
  std::optional<MoneyBill> money;
  std::optional<double> facility_joules_per_token() const;
  std::optional<double> usd_per_million_tokens() const;
};

Bill bill_of(const Stretch& stretch, const PowerModel& power, const Rates& rates);

// Shares of the hours in which a deployment carries this load at which the dearer way to
// start with becomes the cheaper; nothing where it never does below 1. Rented devices are
// given back when there is no load, owned ones idle, an API charges per token.
struct BreakEven {
  std::optional<double> own_over_rent;
  std::optional<double> own_over_api;
  std::optional<double> rent_under_api;  // 0 = at any share, as both are paid by use
};
BreakEven break_even(const Stretch& stretch, const PowerModel& power, const Rates& rates,
                     std::optional<double> api_usd_per_million);

}  // namespace moeplan
