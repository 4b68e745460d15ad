// SPDX-License-Identifier: Apache-2.0
// Several deployments of a model side by side over all speeds for a user, each a step from the
// one before it: what hardware, format, speculation, width and disaggregation are worth, and
// where. One file of reports/studies/ each. A ratio holds on one axis and at one speed; so the
// answer to "how many times better" is where which ratio holds (facts: the same two machines
// are 3 and 30 times apart).
#pragma once

#include <string>
#include <vector>

#include "sim/base/json.h"
#include "sim/study/frontier.h"

namespace moeplan {

// One deployment in the words of the command line; with an empty `prefill` prompts are read in
// between.
struct StudyAlternative {
  std::string options;
  std::string prefill;     // options of units of their own that read the prompts
  bool needs_mtp = false;  // left out for a model without such a module
};

// The best of its alternatives at each speed.
struct StudySide {
  std::string name;
  std::string change;  // from the side before it
  std::vector<StudyAlternative> alternatives;
};

struct FrontStudy {
  std::string id;
  std::string question;
  std::string source;
  std::string as_of;
  std::vector<std::string> models;
  SteadyLoad load;             // concurrency is not read
  std::vector<double> speeds;  // tokens/s for a user; rising
  // The first side is what all others are compared with; `rivals` are further ones, by index,
  // that may stand in its place.
  std::vector<StudySide> sides;
  std::vector<std::size_t> rivals;
};

// Throws InputError(InvalidInput) with every problem.
FrontStudy read_front_study(std::string text, const std::string& file);

enum class StudyAxis { PerProvisionedMw, PerMw, PerGpu, PerDollar };
// More is better on all: dollars are turned round.
std::optional<double> figure_of(const FrontierPoint& point, StudyAxis axis);

// How many times better one front is than another; nothing where one does not reach the speed.
std::optional<double> ratio_of(const Frontier& front, const Frontier& base, StudyAxis axis, double per_user);

// What the field says: "10x", within 10 %, and "3 to 5x".
inline constexpr double kTenfold = 9;
inline constexpr double kSeveral = 3;
inline constexpr double kFew = 5;

// Speeds for a user between which a ratio lies within bounds.
struct SpeedRange {
  double from = 0;
  double to = 0;
  friend bool operator==(const SpeedRange&, const SpeedRange&) = default;
};

// Of the speeds both fronts reach, in steps of 2 %, those with low <= ratio < high.
std::vector<SpeedRange> where_ratio(const Frontier& front, const Frontier& base, StudyAxis axis, double low,
                                    double high);

}  // namespace moeplan
