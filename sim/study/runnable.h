// SPDX-License-Identifier: Apache-2.0
// "What runs on this machine?": every model in the finest weight format that fits, with
// the bound on its decode speed.
#pragma once

#include <string>
#include <vector>

#include "sim/study/fit.h"

namespace moeplan {

// A model in one format on the machine.
struct Runnable {
  std::string model;
  std::string weights;  // label
  Count total_parameters = 0;
  Count active_parameters = 0;
  double bits_per_weight = 0;  // of what is resident, host included
  Verdict verdict = Verdict::No;
  double probability = 0;  // that it fits
  Layout layout;
  Bytes device_bytes;  // of the tightest device
  Bytes host_bytes;
  Bytes margin;
  Count host_expert_layers = 0;  // experts of so many layers in host memory; 0 = all on the devices
  Count max_context = 0;
  DecodeFloor decode;
  bool coarse() const;  // fewer bits a weight than people use where they have a choice
};

// Below this many bits a weight a format is offered after all others: 4-bit labels with
// their scales have 4.25 to 4.9.
inline constexpr double kCoarseBits = 4.0;

struct RunnableQuestion {
  FitQuestion machine;               // everything but the model, its weights and its layout
  Count gpus = 1;                    // devices to use, all of them in one deployment
  bool given_context = false;        // else min(the context of the workload, the model's maximum)
  std::vector<std::string> formats;  // labels to try, finest first; empty = the usual ones
};

// One row per model that fits: the finest of the formats that fits on the devices. Where
// experts may live in host memory and nothing of at least kCoarseBits fits on the devices,
// a second row: the finest format of at most 5 bits with the fewest layers moved. Largest
// model first, coarse formats last. Models with an encoder, and
// shapes that were never published in full, are left out.
std::vector<Runnable> find_runnable(const std::vector<ModelSpec>& models, const RunnableQuestion& question);

// Formats in which the engine's users get models, finest first; "native" is the checkpoint's own.
std::vector<std::string> usual_formats(const RuntimeSpec& runtime);

}  // namespace moeplan
