// SPDX-License-Identifier: Apache-2.0
// --tensor-split and --override-tensor, the devices of a mixed machine, and what lies
// where when nobody says it.
#pragma once

#include "cli/arguments.h"
#include "cli/hardware_argument.h"
#include "sim/study/engine_flags.h"

namespace moeplan {

struct PlacementChoice {
  AskedPlacement asked;
  PlacementOrigins origins;
};

// By the options, or by the engine's own flags. The number of shares becomes the engine's
// number of devices.
PlacementChoice read_placement(const Arguments& arguments, EngineDeployment& engine);

// The devices of a mixed machine as those of the question's stages, where the engine deals
// whole layers, and the layout with them; else each counts as the smallest. Returns what
// to warn of.
std::vector<std::string> set_mixed_devices(FitQuestion& question, const Arguments& arguments,
                                           const HardwareChoice& hardware, const EngineDeployment& engine);

// Everything but the placement must be set in the question. What the host cannot hold goes
// to its drive. True when the layers were dealt to unlike devices without being asked.
bool set_placement(FitQuestion& question, const PlacementChoice& choice);

}  // namespace moeplan
