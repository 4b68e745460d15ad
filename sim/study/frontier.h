// SPDX-License-Identifier: Apache-2.0
// What a deployment can give at which speed for a user: the Pareto front of tokens/s per
// user against tokens/s per device over every layout and number of requests in flight.
// Two deployments compare only at one speed for the user, and on one axis: at the ends of
// the curves their ratio may be several times what it is in between.
#pragma once

#include <optional>
#include <vector>

#include "sim/study/disaggregated.h"
#include "sim/study/steady.h"

namespace moeplan {

struct FrontierPoint {
  Layout layout;
  Count concurrency = 0;                     // requests in flight over the deployment
  double per_user = 0;                       // tokens/s
  double per_gpu = 0;                        // tokens/s generated, per device
  std::optional<double> per_mw;              // of IT power drawn
  std::optional<double> per_provisioned_mw;  // all in, as built
  std::optional<double> usd_per_million;     // generated tokens
  Seconds ttft;
  std::size_t alternative = 0;  // of a front over several deployments, the one it belongs to
};

// No point is beaten by another in both speeds; per_user rises, per_gpu falls.
using Frontier = std::vector<FrontierPoint>;

// Of the question's device and runtime over these layouts; requests in flight by factors of
// the square root of two, from one on a replica to as many as fit. load.concurrency is not
// read. Layouts that the model does not fit in give no point.
Frontier frontier_of(const SimulateQuestion& question, const SteadyLoad& load, const std::vector<Layout>& layouts,
                     const Kernels& kernels, const Rates& rates);

// The same of prompts read by units of their own, in the layout of these that reads most of
// them per device; devices are those of both units.
Frontier frontier_of(const DisaggregatedUnit& prefill, const std::vector<Layout>& prefill_layouts,
                     const DisaggregatedUnit& decode, const std::vector<Layout>& layouts, const SteadyLoad& load);

// The front of several deployments; `alternative` of a point tells which.
Frontier front_over(const std::vector<Frontier>& deployments);

// At this speed for a user: between two points of the front the logarithms run straight;
// nothing beyond its fastest point; below its slowest, that one.
std::optional<FrontierPoint> at_speed(const Frontier& frontier, double per_user);

}  // namespace moeplan
