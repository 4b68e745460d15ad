// SPDX-License-Identifier: Apache-2.0
// What the pages of `fit` and `simulate` share: a page is the answer for people with a
// banner, charts and origins put into it.
#pragma once

#include <string>
#include <string_view>

#include "reports/fit.h"

namespace moeplan {

// Bars of what lies in the memory of each kind of device, against its budget.
Chart memory_chart(const FitResult& result);

// "mixtral-8x7b on 2 x h200"
std::string page_title(const FitQuestion& question);

// Says at each input who chose it; entries are known by their keys.
void add_origins(KeyValues& asked, const FitQuestion& question, const FitOrigins& origins);

// The entry with this key becomes the banner and leaves the block; empty when there is none.
Banner take_banner(KeyValues& block, std::string_view key);

// The ledger line by line with its bands, for sorting and downloads.
DataTable ledger_data(const FitResult& result);

}  // namespace moeplan
