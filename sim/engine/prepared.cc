// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/prepared.h"

#include <algorithm>
#include <cmath>

#include "sim/base/error.h"

namespace moeplan {
namespace {

constexpr Count kTile = 64;

// Tiles [first, until) have knots at their first row and at every `step` rows.
struct Region {
  Count first;
  Count until;
  Count step;
  Count knots_before;                                                             // of the tiles of earlier regions
  constexpr Count knots() const { return step == 1 ? kTile : 1 + kTile / step; }  // of one tile
};

constexpr Count kFineUntil = 4;
constexpr Count kMiddleUntil = 32;
constexpr std::array<Region, 3> kRegions = {
    {{1, kFineUntil, 1, 0},
     {kFineUntil, kMiddleUntil, 16, (kFineUntil - 1) * kTile},
     {kMiddleUntil, Count{1} << 40, 32, (kFineUntil - 1) * kTile + (kMiddleUntil - kFineUntil) * (1 + kTile / 16)}}};

constexpr const Region& region_of(Count tile) {
  return tile < kFineUntil ? kRegions[0] : tile < kMiddleUntil ? kRegions[1] : kRegions[2];
}

}  // namespace

std::vector<Count> RowTable::knots_up_to(Count most) {
  std::vector<Count> knots;
  for (Count rows = 0; rows <= kTile; ++rows) knots.push_back(rows);
  for (Count tile = 1; tile * kTile < most; ++tile) {
    knots.push_back(tile * kTile + 1);
    const Count step = region_of(tile).step;
    for (Count rows = step == 1 ? 2 : step; rows <= kTile; rows += step) knots.push_back(tile * kTile + rows);
  }
  return knots;
}

// Computed, not searched.
std::size_t RowTable::knot_below(Count rows) {
  if (rows < kTile) return static_cast<std::size_t>(rows);
  if (rows == kTile) return static_cast<std::size_t>(kTile - 1);
  const Count tile = (rows - 1) / kTile;
  const Count inside = rows - tile * kTile;  // 1..kTile
  const Region& region = region_of(tile);
  const Count before = kTile + 1 + region.knots_before + (tile - region.first) * region.knots();
  // Knots of a tile: 1, step, 2 step, ...; the last one is the end of an interval.
  const Count knot = region.step == 1 ? inside - 1 : inside / region.step;
  return static_cast<std::size_t>(before + std::min(knot, region.knots() - 2));
}

OpCost RowTable::at(double rows) const {
  CHECK(!rows_.empty() && rows <= rows_.back());
  const std::size_t below = knot_below(static_cast<Count>(rows));
  const double part = (rows - rows_[below]) / (rows_[below + 1] - rows_[below]);
  const OpCost& a = costs_[below];
  const OpCost& b = costs_[below + 1];
  return {a.seconds + part * (b.seconds - a.seconds), a.joules + part * (b.joules - a.joules)};
}

PreparedModel::PreparedModel(const StepModel& model, Count most_tokens, Count chunk) : model_(&model), chunk_(chunk) {
  for (const StepModel::RankModel& rank : model.rank_models()) {
    Rank prepared;
    std::array<std::vector<const PlannedOp*>, 4> by;
    for (std::size_t i = 0; i < rank.ops.count; ++i) {
      const PlannedOp& planned = rank.ops.ops[i];
      // How often a drafting module runs is in the segments, not in the rows.
      const bool drafts = planned.op >= rank.program.first_draft;
      const Depends depends = drafts ? Depends::Everything : depends_on(rank.program.op_array[planned.op]);
      if (depends == Depends::Everything)
        prepared.asked.push_back(static_cast<std::uint16_t>(i));
      else
        by[static_cast<std::size_t>(depends)].push_back(&planned);
    }
    const auto table = [&](Depends depends) {
      return RowTable(most_tokens, [&](Count rows) {
        Binding binding;
        binding.loads = model.loads();
        binding.cp = rank.program.cp;
        binding.tp = rank.program.tp;
        binding.tokens = binding.group_tokens = binding.sequences = binding.group_sequences = rows;
        OpCost sum;
        for (const PlannedOp* planned : by[static_cast<std::size_t>(depends)])
          sum += cost_of_runs(rank, *planned, binding);
        return sum;
      });
    };
    prepared.by_tokens = table(Depends::Tokens);
    prepared.by_group_tokens = table(Depends::GroupTokens);
    prepared.by_sequences = table(Depends::Sequences);
    prepared.by_group_sequences = table(Depends::GroupSequences);
    ranks_.push_back(std::move(prepared));
  }
  add_whole_chunks(most_tokens);
}

StepCost PreparedModel::rank_step(std::size_t index, const Step& step) const {
  const Rank& prepared = ranks_[index];
  const StepModel::RankModel& rank = model_->rank_models()[index];
  const Binding binding = model_->bind_step(rank, step);
  OpCost sum = prepared.by_tokens.at(static_cast<double>(binding.tokens));
  sum += prepared.by_group_tokens.at(static_cast<double>(binding.group_tokens));
  sum += prepared.by_sequences.at(static_cast<double>(binding.sequences));
  sum += prepared.by_group_sequences.at(static_cast<double>(binding.group_sequences));
  for (const std::uint16_t i : prepared.asked) sum += cost_of_runs(rank, rank.ops.ops[i], binding);
  const double engine = host_and_gaps(rank.kernels->engine, rank.engine, binding.sequences, drafts_of(rank, binding));
  const double seconds = sum.seconds + engine;
  return {.seconds = seconds, .slowest_stage = seconds, .joules = sum.joules + engine * rank.kernels->power.floor};
}

StepCost PreparedModel::step(const Step& step) const {
  return cost_through_stages(model_->rank_models(), [&](std::size_t index) { return rank_step(index, step); });
}

namespace {

// Of prompts on their way through the stages.
StepCost after(const StepCost& a, const StepCost& b) {
  return {.seconds = a.seconds + b.seconds,
          .slowest_stage = a.slowest_stage + b.slowest_stage,
          .joules = a.joules + b.joules};
}

Step chunk_of_prompt(Count tokens, Count context) {
  return Step{{.sequences = 1, .new_tokens = tokens, .context = context}};
}

}  // namespace

// A whole chunk is the same in every prompt that reaches that far: its cost is kept, summed up.
void PreparedModel::add_whole_chunks(Count most_tokens) {
  constexpr Count kMostChunks = 4096;
  const Count chunks = chunk_ == 0 ? 0 : std::min(kMostChunks, most_tokens / chunk_);
  whole_chunks_.push_back({});
  for (Count i = 0; i < chunks; ++i)
    whole_chunks_.push_back(after(whole_chunks_.back(), step(chunk_of_prompt(chunk_, i * chunk_))));
}

StepCost PreparedModel::prompt(Count length) const {
  const Count chunk = chunk_ == 0 ? length : chunk_;
  const Count known = std::min(length / std::max<Count>(1, chunk), static_cast<Count>(whole_chunks_.size()) - 1);
  StepCost cost = whole_chunks_[static_cast<std::size_t>(known)];
  for (Count done = known * chunk; done < length; done += chunk)
    cost = after(cost, step(chunk_of_prompt(std::min(chunk, length - done), done)));
  return cost;
}

}  // namespace moeplan
