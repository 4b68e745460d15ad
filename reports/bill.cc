// SPDX-License-Identifier: Apache-2.0
#include "reports/bill.h"

#include "reports/json_parts.h"

#include <fmt/format.h>

#include <cmath>

#include "reports/numbers.h"
#include "sim/study/explain.h"

namespace moeplan {
namespace {

std::string watts_text(double watts) {
  if (watts >= 1e6) return fmt::format("{:.3g} MW", watts / 1e6);
  if (watts >= 1e3) return fmt::format("{:.3g} kW", watts / 1e3);
  return fmt::format("{:.3g} W", watts);
}

std::string rate_text(double per_second) {
  if (per_second >= 1e6) return fmt::format("{:.3g} million", per_second / 1e6);
  return grouped(static_cast<Count>(std::llround(per_second)));
}

std::string energy_basis(Tier tier) {
  switch (tier) {
    case Tier::Measured:
    case Tier::Structured: return "power fitted on this device";
    case Tier::Transferred: return "power of a sibling, by rated power";
    case Tier::Default: return "power assumed, by rated power";
  }
  return "";
}

std::string utilisation_text(const std::optional<double>& share) {
  return share ? fmt::format("from {:.0f} % of the hours under this load", std::ceil(100 * *share)) : "never";
}

}  // namespace

std::string price_text(const DevicePrice& price) {
  const std::string range = price.high > price.low ? fmt::format("{:.2f} to {:.2f}", price.low, price.high)
                                                   : fmt::format("{:.2f}", price.usd_per_hour);
  const std::string date = price.as_of.empty() ? "" : ", " + price.as_of;
  return fmt::format("{}: {} USD per GPU and hour ({}{})", price.term, range, price.source, date);
}

void add_bill(KeyValues& block, const Bill& bill, const Rates& rates, std::string_view token) {
  if (bill.energy) {
    const EnergyBill& e = *bill.energy;
    block.entries.push_back(
        {"energy",
         {fmt::format("{:.3g} J per {} ({:.3g}..{:.3g}): boards {:.3g}, nodes {:.3g}, facility {:.3g} (PUE {:g})",
                      e.facility_joules, token, e.low_joules, e.high_joules, e.board_joules, e.node_joules,
                      e.facility_joules, rates.site.pue)}});
    block.entries.push_back(
        {"power",
         {fmt::format("boards {}, nodes {}, facility {}; {}", watts_text(e.board_watts), watts_text(e.node_watts),
                      watts_text(e.facility_watts), energy_basis(e.tier))}});
    std::string per_mw = rate_text(e.tokens_per_s_per_mw) + " of IT power drawn";
    if (e.tokens_per_s_per_provisioned_mw)
      per_mw += fmt::format("; {} provisioned, all in ({:g} kW per GPU)", rate_text(*e.tokens_per_s_per_provisioned_mw),
                            *rates.provisioned / 1e3);
    block.entries.push_back({"tokens/s/MW", {per_mw}});
    block.entries.push_back({"carbon",
                             {fmt::format("{:.3g} g CO2 per million ({:g} g per kWh, site {})", e.gco2_per_million,
                                          rates.site.gco2_per_kwh, rates.site.name)}});
  }
  if (!bill.money) return;
  const MoneyBill& m = *bill.money;
  std::string cost = fmt::format("${:.3g} per million {}s", m.usd_per_million, token);
  if (m.usd_per_million_all < m.usd_per_million)
    cost += fmt::format(", ${:.3g} with those of the prompts", m.usd_per_million_all);
  cost += fmt::format("; ${:.3g} an hour", m.usd_per_hour);
  if (m.electricity_usd_per_hour > 0 && rates.price->tenure == Tenure::Own)
    cost += fmt::format(", ${:.3g} of it electricity", m.electricity_usd_per_hour);
  block.entries.push_back({"cost", {cost}});
  block.entries.push_back({"price", {price_text(*rates.price)}});
}

void add_break_even(KeyValues& block, const BreakEven& even, const Rates& rates, std::optional<double> api) {
  if (rates.own && rates.rent)
    block.entries.push_back({"own before rent", {utilisation_text(even.own_over_rent) + "; " + rates.own->term}});
  if (!api) return;
  if (rates.own)
    block.entries.push_back(
        {"own before API", {fmt::format("{} (${:g} per million)", utilisation_text(even.own_over_api), *api)}});
  if (rates.rent)
    block.entries.push_back(
        {"rent before API", {even.rent_under_api ? std::string("at this load, by the hour") : std::string("never")}});
}

void write_energy(JsonWriter& out, const Bill& bill, const PowerModel& power, const Rates& rates) {
  out.key("energy");
  if (!bill.energy) {
    out.null();
    return;
  }
  const EnergyBill& e = *bill.energy;
  out.begin_object().member("board_j_per_token", e.board_joules).member("node_j_per_token", e.node_joules);
  out.member("facility_j_per_token", e.facility_joules).member("facility_low_j_per_token", e.low_joules);
  out.member("facility_high_j_per_token", e.high_joules).member("board_w", e.board_watts);
  out.member("node_w", e.node_watts).member("facility_w", e.facility_watts);
  out.member("tokens_per_s_per_mw_drawn", e.tokens_per_s_per_mw);
  write_optional(out, "tokens_per_s_per_mw_provisioned", e.tokens_per_s_per_provisioned_mw);
  out.member("gco2_per_million_tokens", e.gco2_per_million).member("board_limit_w", power.limit);
  out.member("pue", rates.site.pue).member("site", rates.site.name).member("basis", word_of(e.tier));
  out.member("fit", power.from).member("node_source", rates.node.source).end_object();
}

void write_cost(JsonWriter& out, const Bill& bill, const Rates& rates, std::string_view counts) {
  out.key("cost");
  if (!bill.money) {
    out.null();
    return;
  }
  const MoneyBill& m = *bill.money;
  const DevicePrice& price = *rates.price;
  out.begin_object().member("usd_per_million_tokens", m.usd_per_million).member("counts", counts);
  out.member("usd_per_million_tokens_with_prompts", m.usd_per_million_all).member("usd_per_hour", m.usd_per_hour);
  out.member("electricity_usd_per_hour", price.tenure == Tenure::Own ? m.electricity_usd_per_hour : 0.0);
  out.member("tenure", price.tenure == Tenure::Own ? "own" : "rent").member("term", price.term);
  out.member("usd_per_gpu_hour", price.usd_per_hour).member("low_usd_per_gpu_hour", price.low);
  out.member("high_usd_per_gpu_hour", price.high).member("source", price.source).member("as_of", price.as_of);
  out.end_object();
}

void write_break_even(JsonWriter& out, const BreakEven& even, std::optional<double> api) {
  out.key("break_even").begin_object();
  write_optional(out, "api_usd_per_million_tokens", api);
  write_optional(out, "own_over_rent_utilisation", even.own_over_rent);
  write_optional(out, "own_over_api_utilisation", even.own_over_api);
  write_optional(out, "rent_under_api_utilisation", even.rent_under_api);
  out.end_object();
}

}  // namespace moeplan
