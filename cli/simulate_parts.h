// SPDX-License-Identifier: Apache-2.0
// What the ways of `simulate` share: a deployment read and priced.
#pragma once

#include "cli/deployment.h"
#include "cli/session.h"
#include "reports/simulate.h"
#include "sim/study/disaggregated.h"
#include "sim/study/pricing.h"

namespace moeplan {

// A deployment that serves a steady load; the question points at the kernels, so it stays
// where it is.
struct Unit {
  Unit() = default;
  Unit(const Unit&) = delete;
  Unit& operator=(const Unit&) = delete;
  Asked asked;
  Pricing pricing;
  DisaggregatedUnit question;
};

// load: what it serves; none = the step of --batch and --context. Throws InputError.
void read_unit(Unit& unit, Session& session, const Arguments& arguments, const std::optional<SteadyLoad>& load);

// Options that say what a deployment is and carries, of those of `simulate`.
const std::vector<Option>& deployment_options();

// What --compare or --prefill says in its own words, over what the command line says.
Arguments other_deployment(const Arguments& arguments, std::string_view option, const std::string& what);

// The layout that was asked for, else all of the device count.
std::vector<Layout> layouts_to_try(const Arguments& arguments, const FitQuestion& question);

// `simulate --study NAME`.
int run_study(Session& session, const Arguments& arguments, const std::string& name);
// The same, as its file says.
int run_study(Session& session, const std::string& name);

// The same command line about this model.
Arguments with_model(const Arguments& arguments, const std::string& model);

// What `simulate` answers to these words, without writing it. Throws InputError.
SimulateReport simulate_words(const std::vector<std::string>& words);

// Text split at spaces.
std::vector<std::string> split_words(const std::string& text);

// `simulate --frontier`.
int run_frontier(Session& session, const Arguments& arguments);

}  // namespace moeplan
