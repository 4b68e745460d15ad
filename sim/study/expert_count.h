// SPDX-License-Identifier: Apache-2.0
// "At which expert count does routing overhead eat the benefit?" One model as a family over its
// number of experts, on one machine at one load: what a token costs at each size, in the parts
// of expert_overhead.h, and, when asked for, what the size is worth by a published law of
// training loss (scaling_law.h). Sizes that do not fit are priced all the same and say so.
//
// Every size is priced by the forms, none by a curve measured at its very shape: neighbours in
// the row differ by what they do, not by whether somebody measured them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/spec/catalog.h"
#include "sim/study/expert_overhead.h"
#include "sim/study/expert_sizes.h"
#include "sim/study/knee.h"
#include "sim/study/scaling_law.h"
#include "sim/study/simulate.h"
#include "sim/study/sweep_table.h"

namespace moeplan {

// What stays as it is while experts grow.
enum class ExpertGrowth : std::uint8_t {
  ActiveHeld,  // k and width: parameters in total grow with the experts
  TotalHeld,   // k and total: experts become narrower, so active parameters fall
  BothHeld     // active and total: narrower experts, k grows with them (granularity)
};
std::string_view word_of(ExpertGrowth growth);

struct ExpertCountAsk {
  std::string model = "olmoe-1b-7b";
  // Sizes whose totals are held; 0 = the model's own.
  Count experts_held = 0;
  Count top_k_held = 0;
  Count width_held = 0;
  ExpertGrowth growth = ExpertGrowth::ActiveHeld;
  std::vector<Count> experts;  // rising; empty = 8 to 16,384 in doublings

  std::string hardware = "h200-x8";  // a node or a device
  Count gpus = 8;
  std::string runtime = "sglang";  // "" = the device's default
  std::string weights = "native";
  // Of several devices: experts equally liked, tokens drawn, so that one is busier by chance. On one
  // device nobody waits for another.
  Skew skew = Skew::Uniform;
  Phase phase = Phase::Decode;
  Count batch = 32;      // sequences that decode, or prompts, on each device
  Count context = 2048;  // cached tokens of each, or length of the prompts

  bool law = false;  // by the routed law where the expansion changes, else by that of granularity
  Router router = Router::SinkhornBase;
  double training_tokens = 130e9;
};

// What a size is worth.
struct LawAnswer {
  double effective_parameters = 0;  // of a model without the benefit, at equal loss and training tokens
  double loss = 0;
  std::vector<std::string> outside;  // in which sizes the law was never fitted; empty = inside
};

struct ExpertCountRow {
  ExpertSizes sizes;
  PointStatus status = PointStatus::Ok;  // an invalid row has sizes and a reason only
  std::string reason;
  Layout layout;
  Count total_parameters = 0;
  Count active_parameters = 0;
  Bytes rank_bytes;  // of the fullest rank
  Bytes rank_budget;
  ExpertSplit split;
  double gpu_seconds_per_token = 0;
  std::optional<LawAnswer> law;
  double worth() const;  // effective parameters for a GPU-second per token; 0 without a law
};

// Where the curve turns, and which part did it.
struct ExpertTurn {
  std::size_t row = 0;  // the last one before it
  ExpertPart cause = ExpertPart::Rest;
  double cause_share = 0;  // of what a token costs more beyond the row
  bool outside_law = false;
  bool at_end = false;  // the last row: it has not turned yet
};

struct ExpertCountCurve {
  ExpertCountAsk ask;
  std::string hardware;
  std::string runtime;
  std::string law_source;
  std::vector<ExpertCountRow> rows;
  // By the law: the size with the most effective parameters for what a token costs. Beyond it the
  // cost of a token grows faster than the benefit.
  std::optional<ExpertTurn> best;
  // The same among sizes inside the law's range.
  std::optional<ExpertTurn> best_inside;
  // The last size where routing is less than half of the feed-forward time; none = already at
  // the first.
  std::optional<ExpertTurn> half;
  std::optional<Knee> knee;         // of the time per token over the experts, by index among `priced`
  std::vector<std::size_t> priced;  // rows that are not invalid
};

// Draws tokens once for all curves on as many devices.
class ExpertCountStudy {
 public:
  explicit ExpertCountStudy(const Catalog& catalog) : catalog_(&catalog) {}
  // Throws InputError for a model, machine or runtime that is not known, or a model without experts.
  ExpertCountCurve curve(const ExpertCountAsk& ask);

 private:
  const Catalog* catalog_;
  std::map<Count, LoadTables> drawn_;  // by devices
};

// The question in full: every growth on 8 H200, 64 GPUs of a GB200 NVL72 and a laptop, decoding at
// small and large batches and reading prompts; with_law: with what sizes are worth.
std::vector<ExpertCountAsk> expert_count_asks(bool with_law);

}  // namespace moeplan
