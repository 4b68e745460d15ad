// SPDX-License-Identifier: Apache-2.0
// What a sweep evaluates: a deployment read and priced, its layout and load still open. Who
// reads the words of the options stands above this floor and is given as functions.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "sim/study/steady.h"
#include "sim/study/sweep_study.h"

namespace moeplan {

struct SweepDeployment {
  SimulateQuestion question;  // with the layout and load of its words
  ModelPlan plan;
  const Kernels* kernels = nullptr;
  Rates rates;
  std::optional<SteadyLoad> steady;  // in place of a prompt and a decode step
  Count total_parameters = 0;
  Count active_parameters = 0;
  std::shared_ptr<const void> keeps;  // what the kernels live in
};

// Called from several threads at once. Both throw InputError for what is no deployment.
struct SweepReader {
  std::function<std::shared_ptr<const SweepDeployment>(const std::vector<OptionWord>&)> open;
  // The layout that these words (tp, ep, ...; at least one) ask for, over those of the base.
  std::function<Layout(const SweepDeployment&, const std::vector<OptionWord>& base,
                       const std::vector<OptionWord>& words)>
      layout;
};

// The loads of a point can be answered by LoadGrid: nothing drafts, overlaps, waits in host
// memory or is played by the event engine.
bool is_plain(const SweepDeployment& deployment);

}  // namespace moeplan
