// SPDX-License-Identifier: Apache-2.0
// A measured run as the question `simulate` asks: which deployment, which load.
#pragma once

#include <optional>
#include <string>

#include "sim/spec/catalog.h"
#include "sim/study/offload.h"
#include "sim/study/steady.h"
#include "validate/e2e_rows.h"

namespace moeplan {

struct E2eQuestion {
  std::string refused;  // why it is no question that can be answered; "" = it is
  SimulateQuestion question;
  std::optional<SteadyLoad> steady;  // aggregated runs; else one step or prompt
  bool fills = false;                // the batch is as many as fit
  std::string hardware;              // as `simulate --hardware` is told
  ClusterSpec cluster;
  std::optional<HostAnswers> host;  // experts lie off the device
  std::string flags;                // of the engine's published command, degrees included; "" = none
};

// Labels of files that llama.cpp's users share are known by other names here, and a format
// that is the checkpoint's own is "native".
std::string weights_label(const E2eRow& row, const ModelSpec& model);

E2eQuestion question_of(const Catalog& catalog, const FormatTable& formats, const E2eRow& row);

// The command that predicts it, with the batch that was used.
std::string command_of(const E2eQuestion& asked);

}  // namespace moeplan
