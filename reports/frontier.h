// SPDX-License-Identifier: Apache-2.0
// The answer of `simulate --frontier`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "reports/document.h"
#include "sim/study/frontier.h"

namespace moeplan {

struct FrontierSide {
  std::string model;
  std::string hardware;  // "8 x h200"
  std::string weights;
  std::string runtime;
  std::string overlay;  // "" = the device was never measured
  Count drafts = 0;
  Frontier front;
};

// "ten times the tokens/s per megawatt at 40 tokens/s for a user"
struct Claim {
  double ratio = 0;
  std::string axis;  // tok/s/GPU, tok/s/MW, tok/s/MW-provisioned, usd/Mtok
  double at = 0;
};

struct FrontierReport {
  SteadyLoad load;
  std::vector<FrontierSide> sides;  // one, or two to compare
  std::optional<Claim> claim;
  std::optional<double> at;  // this speed alone
};

// First side over second side on an axis at a speed: how many times better. Nothing where
// one of them does not reach the speed or has no such figure.
std::optional<double> ratio_at(const FrontierReport& report, std::string_view axis, double per_user);
// The claimed ratio is reached, within 10 %.
bool holds(const FrontierReport& report);

class JsonWriter;
// Of an object: a layout and what it gives.
void write_front_members(JsonWriter& out, const FrontierPoint& point);

Document describe_frontier(const FrontierReport& report);
Document tabulate_frontier(const FrontierReport& report);
Document page_of_frontier(const FrontierReport& report);  // for --format html
std::string json_of_frontier(const FrontierReport& report);

}  // namespace moeplan
