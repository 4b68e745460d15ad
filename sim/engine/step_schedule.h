// SPDX-License-Identifier: Apache-2.0
// Steps of a deployment as a schedule: every operator of every layer a piece of a task, every
// collective a meeting of the ranks that take part.
//
//   Without overlap a rank does one thing at a time, in the order of its program; a step begins
//   where the one before has ended. With two batches the halves of a step are independent and
//   share the lanes. A stage passes its micro-batch on when it is done with it.
//
// Actors are classes of ranks that do the same; where times differ from rank to rank
// (DrawnStep) the ranks themselves.
#pragma once

#include <optional>
#include <vector>

#include "sim/engine/op_order.h"
#include "sim/engine/timeline.h"
#include "sim/engine/two_batches.h"

namespace moeplan {

// Of one layer with experts: what takes another time on each rank of the stage.
struct RankTimes {
  std::vector<Picoseconds> experts;
  std::vector<Picoseconds> dispatch;  // empty: as priced
  std::vector<Picoseconds> combine;
  std::vector<Picoseconds> dispatch_links;  // of it on the rank's busiest port (Task::on_links)
  std::vector<Picoseconds> combine_links;
};

// By decoder layer of the model; a layer without entries is as priced.
struct DrawnStep {
  std::vector<RankTimes> layers;
};

struct Actor {
  std::uint32_t model = 0;  // of the step model's rank models
  Count stage = 0;
  Count rank = -1;  // of the stage; -1: the whole class
};

struct StepSchedule {
  Schedule schedule;
  std::vector<Actor> actors;
};

class StepScheduler {
 public:
  // Everything is kept by reference and must outlive the scheduler. by_rank: an actor for
  // each rank, as DrawnStep needs.
  StepScheduler(const StepModel& model, const ModelPlan& plan, bool by_rank);

  // A micro-batch through all stages, behind what was added before (stage by stage) and,
  // if asked, behind the end of an earlier pass: a sequence's next token needs its last one.
  // Returns the number of the pass. halves: `step` is one of two equal halves, both run.
  std::size_t add_pass(const Step& step, bool halves = false, std::optional<std::size_t> after = std::nullopt,
                       const DrawnStep* drawn = nullptr);

  // Ranks whose batches differ (by_rank, decode): sequences of each data-parallel rank, for all
  // passes. An idle rank runs a token of its own, collectives are padded to the largest batch,
  // as engines do (vLLM and SGLang: attention data parallelism in lockstep).
  void set_rank_sequences(std::vector<Count> sequences);

  // Tasks that end a pass: the pass is over with the last of them.
  const std::vector<std::uint32_t>& last_tasks(std::size_t pass) const { return passes_[pass]; }
  const StepSchedule& result() const { return result_; }
  Count stages() const { return static_cast<Count>(stages_.size()); }

 private:
  using Tasks = std::vector<std::uint32_t>;
  // What a rank of a class does between two points where it may wait for others.
  struct Item {
    const Op* op = nullptr;  // a collective, the experts, or what runs on another lane; null: operators in a row
    Lane lane = Lane::Compute;
    std::uint16_t layer = kNoLayer;  // of the class
    Picoseconds time{};
    Picoseconds on_links{};
    std::uint32_t pieces = 0;
    std::uint32_t piece_count = 0;
    double products = 0;         // seconds of `time` in matrix products
    Picoseconds copied_ahead{};  // beside what comes before it: copies of its experts
  };
  struct Stage {
    std::uint32_t first_actor = 0;
    std::uint32_t actors = 0;
    Count first_layer = 0;
    Tasks ends;  // of the last pass here, each actor's
  };
  // Of one micro-batch, or half of one, at one stage.
  struct Part {
    Step step;
    std::uint8_t batch = 0;
    bool half = false;
    Tasks before;  // what it comes after, as Tasks of a stage
    Tasks earlier;
    const DrawnStep* drawn = nullptr;
  };

  // own: sequences of the rank; nothing: its part of the step.
  std::vector<Item> items_of(const StepModel::RankModel& model, const Part& part, std::optional<Count> own);
  Step of_every_rank(const Step& step, Count sequences) const;
  Tasks add_part(const Stage& stage, const Part& part);
  std::uint32_t add_item(const Stage& stage, const Part& part, std::uint32_t actor, const Item& item,
                         std::uint32_t first_meeting, const Tasks& before);
  void set_drawn(Task& task, const Op& op, const RankTimes& times, std::uint32_t place);
  std::uint32_t add_copy(std::uint32_t actor, const Part& part, const Item& item, const Tasks& before);
  Count groups_of(const Op& op) const;
  Count group_of(const Op& op, Count rank) const;
  void append_befores(Tasks& to, const Tasks& tasks, std::uint32_t place) const;

  const StepModel& model_;
  const ModelPlan& plan_;
  bool by_rank_;
  HeldUnits held_;
  std::vector<Count> rank_sequences_;
  StepSchedule result_;
  std::vector<Stage> stages_;
  std::vector<Tasks> passes_;
};

}  // namespace moeplan
