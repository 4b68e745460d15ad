// SPDX-License-Identifier: Apache-2.0
// Energy and money of a simulation as lines, and as JSON.
#pragma once

#include "reports/document.h"
#include "sim/base/json.h"
#include "sim/study/bill.h"

namespace moeplan {

// What the tokens of a bill are: "generated token" or "token read".
void add_bill(KeyValues& block, const Bill& bill, const Rates& rates, std::string_view token);
void add_break_even(KeyValues& block, const BreakEven& even, const Rates& rates, std::optional<double> api);

void write_energy(JsonWriter& out, const Bill& bill, const PowerModel& power, const Rates& rates);
void write_cost(JsonWriter& out, const Bill& bill, const Rates& rates, std::string_view counts);
void write_break_even(JsonWriter& out, const BreakEven& even, std::optional<double> api);

// "on_demand, any: 2.50 to 4.50 USD per GPU and hour (skypilot catalogue; spheron, 2026-03)"
std::string price_text(const DevicePrice& price);

}  // namespace moeplan
