// SPDX-License-Identifier: Apache-2.0
#include "cli/cost_argument.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "cli/hardware_argument.h"
#include "sim/base/text.h"

namespace moeplan {
namespace {

struct Range {
  double low;
  double high;
};

std::optional<double> parsed(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<double> number(const Arguments& arguments, std::string_view option, Range range) {
  const std::optional<std::string> text = arguments.text(option);
  if (!text) return std::nullopt;
  const std::optional<double> value = parsed(*text);
  if (!value || *value < range.low || *value > range.high)
    throw_usage(option, in_quotes(*text), fmt::format("a number from {:g} to {:g}", range.low, range.high));
  return value;
}

// "500" or "500W".
void limit_power(const Arguments& arguments, PowerModel& power) {
  std::optional<std::string> text = arguments.text("power-limit");
  if (!text) return;
  if (text->ends_with("W")) text->pop_back();
  const std::optional<double> watts = parsed(*text);
  if (!power.is_known())
    throw_usage("power-limit", in_quotes(*text), "a device whose rated power is known", "its profile states none");
  if (!watts || *watts < power.idle || *watts > power.rated)
    throw_usage("power-limit", in_quotes(*arguments.text("power-limit")),
                fmt::format("watts of one board from {:g} (idle) to {:g} (rated)", power.idle, power.rated));
  power = limited_to(power, *watts);
}

void read_site(const Arguments& arguments, const Catalog& catalog, SiteRates& site) {
  if (const std::optional<std::string> name = arguments.text("site"))
    site = site_rates(with_overrides(catalog.site(*name), read_overrides(arguments)));
  const auto replace = [&](std::string_view option, Range range, double& value, std::string_view what) {
    const std::optional<double> given = number(arguments, option, range);
    if (!given) return;
    value = *given;
    site.source += fmt::format("; {} as given", what);
  };
  replace("pue", {1, 3}, site.pue, "PUE");
  replace("electricity", {0, 10}, site.usd_per_kwh, "price of electricity");
  replace("carbon", {0, 5000}, site.gco2_per_kwh, "carbon");
}

DevicePrice given_price(double usd) {
  DevicePrice price;
  price.usd_per_hour = price.low = price.high = usd;
  price.term = "as given";
  price.source = "--price";
  return price;
}

[[noreturn]] void refuse_price(const std::string& what, const PriceSpec* prices) {
  std::string known;
  if (prices != nullptr) {
    for (const Rental& rental : prices->rentals)
      if (known.find(rental.term) == std::string::npos) known += (known.empty() ? "" : ", ") + rental.term;
    if (prices->purchase) known += known.empty() ? "own" : ", own";
  }
  throw_usage("price", in_quotes(what),
              known.empty() ? "USD per GPU and hour, as 2.50: no price of this device is known"
                            : "what is known of this device, " + known + ", or USD per GPU and hour, as 2.50");
}

void read_price(const Arguments& arguments, const ClusterSpec& cluster, Rates& rates) {
  const PriceSpec* prices = !cluster.prices.empty() && cluster.prices.front() ? &*cluster.prices.front() : nullptr;
  Ownership ownership;
  ownership.years = number(arguments, "years", {0.5, 20}).value_or(ownership.years);
  ownership.opex_share = number(arguments, "opex", {0, 2}).value_or(ownership.opex_share);
  if (prices != nullptr) rates.own = owned(*prices, ownership);
  rates.asked_to_compare = arguments.has("price") || arguments.has("years") || arguments.has("opex");
  const std::string what = arguments.text("price").value_or("rent");
  if (what != "own")
    for (const std::string_view option : {"years", "opex"})
      if (arguments.has(option) && !arguments.has("api-price") && !rates.own)
        throw_usage(option, "it without a purchase price", "--price own on a device whose purchase price is known");
  if (what == "rent") {
    if (arguments.has("price") && !rates.rent) refuse_price(what, prices);
  } else if (what == "own") {
    if (!rates.own) refuse_price(what, prices);
    rates.price = rates.own;
  } else if (const std::optional<double> usd = parsed(what); usd && *usd > 0 && *usd < 1e4) {
    rates.price = rates.rent = given_price(*usd);
  } else {
    const std::optional<DevicePrice> price = prices != nullptr ? rented(*prices, what) : std::nullopt;
    if (!price) refuse_price(what, prices);
    rates.price = rates.rent = price;
  }
}

}  // namespace

void apply_costs(const Arguments& arguments, const Catalog& catalog, const ClusterSpec& cluster, Pricing& pricing) {
  limit_power(arguments, pricing.kernels.power);
  read_site(arguments, catalog, pricing.rates.site);
  read_price(arguments, cluster, pricing.rates);
}

std::optional<double> read_api_price(const Arguments& arguments) { return number(arguments, "api-price", {1e-6, 1e6}); }

}  // namespace moeplan
