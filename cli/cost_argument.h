// SPDX-License-Identifier: Apache-2.0
// What a deployment draws and costs, as the command line says it: --power-limit, --site and
// its figures, --price with --years and --opex, --api-price.
#pragma once

#include <array>
#include <optional>

#include "cli/arguments.h"
#include "sim/spec/catalog.h"
#include "sim/study/pricing.h"

namespace moeplan {

inline constexpr std::array<Option, 9> kCostOptions = {{
    {"power-limit", "WATTS", "hold each board to this power: clocks fall, products take longer"},
    {"price", "WHAT", "rent, one_year, three_year, ownership, own, or USD per GPU and hour (default: rent)"},
    {"years", "N", "own: years the purchase is written off over (default: 4)"},
    {"opex", "SHARE", "own: of the purchase price, each year (default: 0.05)"},
    {"api-price", "USD", "what an API asks for a million generated tokens: where renting or owning beats it"},
    {"site", "NAME", "whose PUE, electricity and carbon count (moeplan hardware list)"},
    {"pue", "RATIO", "facility power over that of the nodes"},
    {"electricity", "USD", "price of a kWh"},
    {"carbon", "GRAMS", "CO2 of a kWh"},
}};

// Changes power and rates accordingly. Throws InputError(Usage, UnknownName).
void apply_costs(const Arguments& arguments, const Catalog& catalog, const ClusterSpec& cluster, Pricing& pricing);

std::optional<double> read_api_price(const Arguments& arguments);

}  // namespace moeplan
