// SPDX-License-Identifier: Apache-2.0
// A sweep: a deployment in the words of `simulate`, and axes along which some of them change.
// An axis is called after the option it sets ("batch", "weights", "hardware", "tp") or after a
// path into a spec ("model.moe.experts", "hardware.bandwidth"); "@active", "@total" or "@both"
// behind the path of a size (its last word: experts, top_k, width, ...) says which parameter counts stay as they are
// while it changes.
//
//   {"id": "...", "question": "...", "finding": "...", "base": {"model": "mixtral-8x7b", "hardware": "h200"},
//    "axes": [{"path": "batch", "values": "1:256:*2"},
//             {"zip": [{"path": "hardware", "values": ["h200", "b200"]}, {"path": "gpus", "values": [8, 4]}]}],
//    "where": ["batch * context <= 1e6"], "metrics": ["tpot_s"], "front": ["tpot_s", "tokens_per_s_per_gpu"]}
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/base/json.h"

namespace moeplan {

// An option of `simulate` and its value; "" for a switch that is on.
struct OptionWord {
  std::string name;
  std::string value;
  friend bool operator==(const OptionWord&, const OptionWord&) = default;
};

// What has to be done again when a value changes: everything; lowering and pricing; a sum.
enum class SweepTier { Deployment, Layout, Load };

struct SweepVariable {
  std::string name;  // of its column: "batch", "model.moe.experts"
  std::string keep;  // "", "active", "total", "both"
  std::vector<std::string> values;
  SweepTier tier() const;
  bool is_option() const { return name.find('.') == std::string::npos; }
};

// Variables of one axis move together and have as many values.
struct SweepAxis {
  std::vector<SweepVariable> variables;
  std::size_t size() const { return variables.front().values.size(); }
  SweepTier tier() const;  // the outermost of its variables
};

// How the rows are drawn; empty parts are chosen.
struct SweepView {
  std::string x;                // an axis of numbers
  std::vector<std::string> y;   // metrics
  std::vector<std::string> by;  // axes that tell the lines apart
};

struct SweepStudy {
  std::string id;
  std::string question;
  std::string finding;  // what its rows show, asserted by a test
  std::string source;
  std::string as_of;
  std::vector<OptionWord> base;
  std::vector<SweepAxis> axes;
  std::vector<std::string> where;
  std::vector<std::string> metrics;  // empty = the usual ones
  std::vector<std::string> front;    // metrics of the Pareto front; empty = the usual ones
  SweepView view;
};

// A file of reports/studies is this kind of study (and not one of fronts, front_study.h).
bool is_sweep_study(const JsonDocument& document);
// "kind": "expert-count" (expert_count.h), and what such a file says it shows.
bool is_expert_count_study(const JsonDocument& document);
std::string finding_of(const JsonDocument& document);

// Throws InputError(InvalidInput) with every problem.
SweepStudy read_sweep_study(const JsonDocument& document);

// "PATH=VALUES" of --axis; several joined by "+" move together: "hardware=h200,b200+gpus=8,4".
// Throws InputError(Usage).
SweepAxis parse_axis(std::string_view text);

// The axis takes the place of those of its names, or comes last.
void set_axis(SweepStudy& study, SweepAxis axis);

// The option a name stands for: "load.batch" and "batch", "layout.dp" and "attention-dp".
std::string option_of(std::string_view name);

// The study in its own words: equal texts, equal sweeps.
std::string write_sweep_study(const SweepStudy& study);

}  // namespace moeplan
