// SPDX-License-Identifier: Apache-2.0
// What measurements taught about a device: constants of operator forms, how far they
// were off on shapes that were left out. One file
// per device (hw_profiles/overlays/<device>.json). The forms themselves live in sim/cost;
// here constants are named numbers.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/base/units.h"

namespace moeplan {

// Which kernel: the stack that runs it with its version, the kernel's own name where
// the stack has several, the format of its operands as measurement files call it.
struct KernelKey {
  std::string family;  // FamilyFacts::id: "moe", "attention_context"
  std::string stack;   // "trtllm-1.3.0rc20"
  std::string kernel;  // "cutlass"
  std::string format;  // "fp8_block"; attention: of the products and of the cache, "bfloat16/fp8"
  friend bool operator==(const KernelKey&, const KernelKey&) = default;
  friend auto operator<=>(const KernelKey&, const KernelKey&) = default;
};

// Errors are of the prediction over the measurement: 0.1 = 10 %.
struct FitError {
  Count rows = 0;
  double median = 0;  // of |predicted / measured - 1|
  double mean = 0;
  double p90 = 0;
  double bias = 0;  // median of ln(predicted / measured)
  friend bool operator==(const FitError&, const FitError&) = default;
};

// Of one regime of sizes: nine out of ten truths lie above predicted * exp(low), nine
// out of ten below predicted * exp(high).
struct FitBand {
  double low = 0;
  double high = 0;
  friend bool operator==(const FitBand&, const FitBand&) = default;
};

struct KernelFit {
  KernelKey key{};
  std::vector<std::pair<std::string, double>> constants{};  // by name, in the form's order
  Count rows = 0;                                           // fitted
  std::vector<std::string> shapes{};  // fitted, sorted: rows of these are never scored as if unseen
  FitError left_out{};                // each shape predicted by a fit without it; rows 0 = one shape only
  std::array<FitBand, 3> bands{};     // by regime
  std::array<double, 3> bias{};       // by regime, left out
  friend bool operator==(const KernelFit&, const KernelFit&) = default;
};

struct Overlay {
  std::string id;      // DeviceSpec id
  std::string as_of;   // date of the fit
  std::string source;  // of the measurements, with commit
  std::vector<KernelFit> fits;
  friend bool operator==(const Overlay&, const Overlay&) = default;
};

struct JsonDocument;

// The fit of exactly this kernel, or nullptr.
const KernelFit* fit_of(const Overlay& overlay, const KernelKey& key);

// Throws InputError(InvalidInput) with every problem. Writing then reading gives an equal overlay.
Overlay read_overlay(const JsonDocument& document);
Overlay read_overlay(std::string text, const std::string& file);
std::string write_overlay(const Overlay& overlay);

// Rules a file can break, as sentences; empty = sound.
std::vector<std::string> violations(const Overlay& overlay);

}  // namespace moeplan
