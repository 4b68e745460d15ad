// SPDX-License-Identifier: Apache-2.0
// The operator families: one row per form, with everything a fit, a score or an
// explanation needs to treat all of them alike. A new form is a file and a row here.
#pragma once

#include <array>
#include <span>
#include <string_view>
#include <variant>

#include "sim/cost/form.h"
#include "sim/cost/machine.h"
#include "sim/cost/points.h"
#include "sim/cost/power.h"

namespace moeplan {

using OperatorPoint =
    std::variant<GemmPoint, MoePoint, AttentionPoint, MlaPoint, CollectivePoint, EpPoint, StreamPoint, PowerReading>;

enum class Family : std::uint8_t {
  Gemm,
  Moe,
  AttentionContext,
  AttentionGeneration,
  MlaContext,
  MlaGeneration,
  Collective,
  Ep,
  Stream,
  Power
};
inline constexpr int kFamilies = 10;

// Sizes an error is reported by, small to large: a step's error is the bias of the
// regime it lives in.
inline constexpr int kRegimes = 3;

// What a form answers in FormTime::seconds.
enum class Measure : std::uint8_t { Time, Power };

struct FamilyFacts {
  Family family;
  std::string_view id;    // "gemm", "attention_context"
  std::string_view help;  // one line
  std::span<const FormConstant> constants;
  FormTime (*time)(const OperatorPoint&, const Machine&, std::span<const double>);
  double (*floor)(const OperatorPoint&, const Machine&);  // seconds no kernel can beat
  int (*regime)(const OperatorPoint&);                    // 0, 1, 2
  std::array<std::string_view, kRegimes> regimes;         // what they are called
  Measure measure = Measure::Time;
};

// Every family there is a form for, in the order of the enumeration.
std::span<const FamilyFacts> families();
// nullptr = none of that name.
const FamilyFacts* family_named(std::string_view id);
const FamilyFacts* facts_of(Family family);

}  // namespace moeplan
