// SPDX-License-Identifier: Apache-2.0
// A model on hardware in a layout, as the options of `fit` say it: what every command that
// evaluates a deployment asks for.
#pragma once

#include <span>

#include "cli/hardware_argument.h"
#include "cli/session.h"
#include "reports/fit.h"
#include "sim/study/engine_flags.h"

namespace moeplan {

struct Asked {
  FitQuestion question;
  EngineDeployment engine;  // what --engine-flags says, or nothing
  FitOrigins origins;
  HardwareChoice hardware;
};

// Throws InputError. MODEL is the first positional. load: what must be resident where the
// command has other words for it than --context and --sequences.
Asked ask_deployment(Session& session, const Arguments& arguments, const std::optional<Workload>& load = {});

// "12GB/s" as an option's value.
std::optional<BytesPerSecond> rate_of(const Arguments& arguments, const char* option);

// The options it reads, and those of `fit` alone.
std::span<const Option> fit_options();

}  // namespace moeplan
