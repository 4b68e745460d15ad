// SPDX-License-Identifier: Apache-2.0
// What a serving engine adds to the time of its operators: host time between steps, gaps
// between kernels, waiting for the slowest rank, kernels slower in a whole step than alone.
// Dated data (hw_profiles/engines/<runtime>.json), at most four fitted constants for each
// range of versions and kind of hardware, with the error on models that were left out.
//
//   t(step) = step_s + sequence_s * sequences + operator_s * operators + sync_s * collectives
//           + f * (time of the operators),  f = kernels where a step decodes, prompts where it
//             reads prompts, times experts for expert layers and their exchanges
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/spec/hardware.h"
#include "sim/spec/overlay.h"

namespace moeplan {

// The defaults add nothing.
struct EngineConstants {
  double step_s = 0;      // host time of a step that the device waits for
  double sequence_s = 0;  // the same for each sequence of a rank
  double operator_s = 0;  // between one operator and the next
  double sync_s = 0;      // waiting for the slowest rank, each collective
  double kernels = 1;     // over the operators' own time, in decode steps
  double prompts = 1;     // in steps that read prompts
  double experts = 1;     // of expert layers and their exchanges, besides: uneven routing
  friend bool operator==(const EngineConstants&, const EngineConstants&) = default;
};
// Of them, how many are not the default.
int fitted_constants(const EngineConstants& constants);
inline constexpr int kMostEngineConstants = 4;

// Constants fitted to the runs of all models but one: what scoring its runs may use.
struct ConstantsWithout {
  std::string model;
  EngineConstants constants;
  friend bool operator==(const ConstantsWithout&, const ConstantsWithout&) = default;
};

struct EngineProfile {
  std::string versions;  // "1.0 to 1.3"
  std::string as_of;     // date of the fit
  std::string from;      // dates of the runs, 2025-05; "" = none has one
  std::string until;
  std::string hardware;  // a device class, or a prefix of an architecture; "" = any
  EngineConstants constants;
  std::vector<std::string> models;        // whose runs were fitted, sorted
  std::vector<ConstantsWithout> without;  // of each of these
  Count rows = 0;
  FitError left_out;  // each model predicted by a fit to the others
  std::string source;
  friend bool operator==(const EngineProfile&, const EngineProfile&) = default;
};

// Of one runtime; the first that matches a device holds.
struct EngineProfiles {
  std::string id;  // RuntimeSpec id
  std::vector<EngineProfile> profiles;
  friend bool operator==(const EngineProfiles&, const EngineProfiles&) = default;
};

// "trtllm 1.0 to 1.3 of 2026-11-22, runs of 2025-05 to 2026-08, median error on models left out 12 %"
std::string describe(const EngineProfile& profile, std::string_view runtime);
// Each fitted constant: "step_s 0.00021".
std::vector<std::string> explain(const EngineProfile& profile);

// As if no run of this model had been fitted.
const EngineConstants& constants_without(const EngineProfile& profile, std::string_view model);

const EngineProfile* profile_for(const EngineProfiles& profiles, const DeviceSpec& device);

struct JsonDocument;

// Throws InputError(InvalidInput) with every problem. Writing then reading gives an equal document.
EngineProfiles read_engine_profiles(const JsonDocument& document);
EngineProfiles read_engine_profiles(std::string text, const std::string& file);
std::string write_engine_profiles(const EngineProfiles& profiles);

// Rules a file can break, as sentences; empty = sound.
std::vector<std::string> violations(const EngineProfiles& profiles);

}  // namespace moeplan
