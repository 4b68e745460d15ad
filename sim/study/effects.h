// SPDX-License-Identifier: Apache-2.0
// Published relative effects - a curve over drafted tokens, a gain by overlap - beside what
// `simulate` says of the same runs. An effect is data (validate/effects.json): for each
// point the options of a `simulate` command, and what was published of it. Absolute speed
// cancels; what is left is whether the model knows why one run is faster than another.
//
// A point is relative to the effect's reference point, or to a run of its own (`against`):
//   published p = value / value of the reference,  predicted q = metric / metric of the reference
//   difference  = 100 (q - p)      in points of the reference, or
//               = 100 (q / p - 1)  in percent, for curves that span more than a factor of two
// Met: every difference is at most the tolerance, and where the effect names the best point,
// the prediction's best is the same. A published range counts from its nearer end.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/base/json.h"

namespace moeplan {

inline constexpr double kEffectTolerance = 15;  // points

struct EffectPoint {
  std::string at;       // "3 drafts"
  std::string options;  // after those of the effect
  std::string against;  // of the run it is relative to; "" = the reference
  double low = 0;       // published: a value in the effect's unit, or with `against` a ratio; 0 = nobody did
  double high = 0;      // as low unless a range was published
  bool is_published() const { return low > 0; }
};

// A constant nobody published, chosen among these values so that the largest difference is least.
struct EffectChoice {
  std::string name;  // "{gini}" in options is replaced
  std::vector<double> values;
};

enum class EffectDifference : std::uint8_t { Points, Percent };

struct Effect {
  std::string id;     // "mtp"
  std::string title;  // "tokens drafted per step, one user"
  std::string source;
  std::string setup;  // what the run holds fixed, what it lets float, and why
  std::string metric;
  std::string unit;       // of published values; "" = ratios
  std::string options;    // of every point
  std::string reference;  // a point; "" = each has its own
  std::string best;       // "" = not judged
  std::string fitted;     // which constants of the model saw these very numbers; "" = none
  std::string unmet;      // why the prediction misses, where it is known to
  double tolerance = kEffectTolerance;
  EffectDifference difference = EffectDifference::Points;
  std::optional<EffectChoice> choice;
  std::vector<EffectPoint> points;
};

// Metrics of a simulated run, as effects name them.
inline constexpr std::string_view kEffectMetrics[] = {"tokens_per_s_per_user", "tokens_per_s_per_gpu",
                                                      "output_tokens_per_s_per_gpu", "decode_tokens_per_s_per_gpu"};

// Throws InputError(InvalidInput) with every problem.
std::vector<Effect> read_effects(const JsonDocument& document);

// A run of the effect as words after "simulate".
std::string options_of(const Effect& effect, const std::string& own, std::optional<double> choice);

struct PredictedPoint {
  double value = 0;      // in the metric
  double published = 0;  // relative; of a range the nearer end; 0 = nobody did
  double predicted = 0;  // relative
  double difference = 0;
  std::string command;
};

struct PredictedEffect {
  Effect effect;
  std::optional<double> chosen;
  std::vector<PredictedPoint> points;  // as effect.points
  double largest = 0;                  // of |difference|
  std::string best;                    // the point predicted best
  bool met = false;
};

// values: the metric of each point; against: of the runs it names, as many.
PredictedEffect score_effect(const Effect& effect, const std::vector<double>& values,
                             const std::vector<double>& against);

}  // namespace moeplan
