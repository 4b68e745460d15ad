// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/step_schedule.h"

#include <algorithm>
#include <map>
#include <utility>

#include "sim/base/error.h"
#include "sim/cost/host_price.h"

namespace moeplan {
namespace {

bool stands_alone(const Op& op) {
  return op.kind == OpKind::Collective || op.kind == OpKind::Moe || op.lane != Lane::Compute;
}

bool is_exchange(const Op& op) { return op.name == OpName::Dispatch || op.name == OpName::Combine; }

}  // namespace

StepScheduler::StepScheduler(const StepModel& model, const ModelPlan& plan, bool by_rank)
    : model_(model), plan_(plan), by_rank_(by_rank), held_(held_units_of(model)) {
  const std::vector<StepModel::RankModel>& models = model.rank_models();
  for (std::uint32_t m = 0; m < models.size();) {
    std::uint32_t next = m + 1;
    while (next < models.size() && models[next].rank_class.first_stage == models[m].rank_class.first_stage) ++next;
    const RankClass& c = models[m].rank_class;
    for (Count s = 0; s < c.stages; ++s) {
      Stage stage{.first_actor = static_cast<std::uint32_t>(result_.actors.size()),
                  .actors = by_rank ? static_cast<std::uint32_t>(model.ranks()) : next - m,
                  .first_layer = c.first_layer + s * c.layers,
                  .ends = {}};
      // The classes of a stage differ in their number of experts; ranks with more come first.
      Count before_next = c.ranks / c.stages;
      for (std::uint32_t a = 0, own = m; a < stage.actors; ++a) {
        if (!by_rank) own = m + a;
        if (by_rank && static_cast<Count>(a) == before_next && own + 1 < next) {
          ++own;
          before_next += models[own].rank_class.ranks / models[own].rank_class.stages;
        }
        result_.actors.push_back(
            {.model = own, .stage = c.first_stage + s, .rank = by_rank ? static_cast<Count>(a) : -1});
      }
      stages_.push_back(std::move(stage));
    }
    m = next;
  }
  result_.schedule.actors = static_cast<std::uint32_t>(result_.actors.size());
}

void StepScheduler::set_rank_sequences(std::vector<Count> sequences) {
  CHECK(by_rank_ && static_cast<Count>(sequences.size()) == model_.dp());
  rank_sequences_ = std::move(sequences);
}

// The step in which every data-parallel rank has so many sequences.
Step StepScheduler::of_every_rank(const Step& step, Count sequences) const {
  Step all = step;
  CHECK(all.size == 1);
  all.segments[0].sequences = std::max<Count>(1, sequences) * model_.dp();
  return all;
}

std::vector<StepScheduler::Item> StepScheduler::items_of(const StepModel::RankModel& model, const Part& part,
                                                         std::optional<Count> own) {
  Binding binding = model_.bind_step(model, part.step);
  std::vector<Price> padded;  // of collectives, where ranks differ
  if (own) {
    const Binding whole = binding;
    const Count most = *std::max_element(rank_sequences_.begin(), rank_sequences_.end());
    padded = model_.prices(model_.bind_step(model, of_every_rank(part.step, most)), PriceDetail::TimeOnly);
    binding = model_.bind_step(model, of_every_rank(part.step, *own));
    binding.group_tokens = whole.group_tokens;
    binding.group_sequences = whole.group_sequences;
  }
  const Binding singly = one_token_each(binding);
  const std::vector<Price> prices = model_.prices(binding, PriceDetail::TimeOnly);
  Schedule& schedule = result_.schedule;
  std::vector<Item> items;
  for (const OrderedOp& ordered : order_of(model, plan_, binding)) {
    const PlannedOp& planned = model.ops.ops[ordered.planned];
    const Op& op = model.program.op_array[planned.op];
    const bool is_padded = own && op.kind == OpKind::Collective;
    Picoseconds time = (is_padded ? padded : prices)[planned.price].time;
    if (ordered.single) time = price_op(planned, model.program, *model.kernels, singly, PriceDetail::TimeOnly).time;
    const bool product = op.kind == OpKind::Gemm || op.kind == OpKind::Moe;
    if (part.half && held_.whole_step && product) time = picoseconds_of(time.seconds().base() / (1 - held_.share));
    if (items.empty() || stands_alone(op) || items.back().op != nullptr || items.back().layer != ordered.layer)
      items.push_back({.op = stands_alone(op) ? &op : nullptr,
                       .lane = op.lane,
                       .layer = ordered.layer,
                       .pieces = static_cast<std::uint32_t>(schedule.pieces.size())});
    schedule.pieces.push_back({.time = time, .op = ordered.planned, .layer = ordered.layer});
    Item& item = items.back();
    item.time += time;
    item.products += product ? time.seconds().base() : 0;
    if (op.kind == OpKind::Host)
      item.copied_ahead = copy_ahead(planned, op, model.program, *model.kernels, ordered.single ? singly : binding);
    if (op.kind == OpKind::Collective)
      item.on_links = picoseconds_of(
          seconds_at_peak(sent_bytes(planned, model.program, *model.kernels, ordered.single ? singly : binding),
                          model.kernels->machine.link));
    ++item.piece_count;
  }
  if (const Picoseconds time = picoseconds_of(model_.engine_seconds(model, binding, prices)); time.count() > 0) {
    items.push_back({.lane = Lane::Compute,
                     .time = time,
                     .pieces = static_cast<std::uint32_t>(schedule.pieces.size()),
                     .piece_count = 1});
    schedule.pieces.push_back({.time = time, .op = kNone});
  }
  return items;
}

Count StepScheduler::groups_of(const Op& op) const {
  if (!by_rank_) return 1;
  const Program& p = model_.rank_models().front().program;
  switch (op.group) {
    case RankGroup::Tensor: return p.dp * p.cp;
    case RankGroup::Context: return p.dp * p.tp;
    case RankGroup::Data: return p.tp;
    case RankGroup::Stage: return 1;
    case RankGroup::NextStage: return p.dp * p.cp * p.tp;
  }
  return 1;
}

// Ranks lie tensor-parallel ones innermost, then context, then data.
Count StepScheduler::group_of(const Op& op, Count rank) const {
  if (!by_rank_) return 0;
  const Program& p = model_.rank_models().front().program;
  switch (op.group) {
    case RankGroup::Tensor: return rank / p.tp;
    case RankGroup::Context: return rank / (p.tp * p.cp) * p.tp + rank % p.tp;
    case RankGroup::Data: return rank % p.tp;
    case RankGroup::Stage: return 0;
    case RankGroup::NextStage: return rank;
  }
  return 0;
}

void StepScheduler::append_befores(Tasks& to, const Tasks& tasks, std::uint32_t place) const {
  if (tasks.empty()) return;
  if (by_rank_) {
    // One list after another, each of all ranks.
    const std::size_t ranks = static_cast<std::size_t>(model_.ranks());
    for (std::size_t i = place; i < tasks.size(); i += ranks) to.push_back(tasks[i]);
  } else {
    to.insert(to.end(), tasks.begin(), tasks.end());
  }
}

// The rank's own times of one layer, where it has them.
void StepScheduler::set_drawn(Task& task, const Op& op, const RankTimes& times, std::uint32_t place) {
  const std::vector<Picoseconds>* drawn = nullptr;
  const std::vector<Picoseconds>* on_links = nullptr;
  if (op.kind == OpKind::Moe) drawn = &times.experts;
  if (op.name == OpName::Dispatch) {
    drawn = &times.dispatch;
    on_links = &times.dispatch_links;
  } else if (op.name == OpName::Combine) {
    drawn = &times.combine;
    on_links = &times.combine_links;
  }
  if (on_links != nullptr && !on_links->empty()) task.on_links = (*on_links)[place];
  if (drawn == nullptr || drawn->empty()) return;
  Piece piece = result_.schedule.pieces[task.pieces];
  task.time = piece.time = (*drawn)[place];
  task.pieces = static_cast<std::uint32_t>(result_.schedule.pieces.size());
  result_.schedule.pieces.push_back(piece);
}

// What a predictor fetches of a layer's experts goes over the link once the layer before has what it
// needs, while the device goes on.
std::uint32_t StepScheduler::add_copy(std::uint32_t actor, const Part& part, const Item& item, const Tasks& before) {
  const Piece piece{.time = item.copied_ahead, .op = result_.schedule.pieces[item.pieces].op, .layer = item.layer};
  const Task task{.time = piece.time,
                  .actor = actor,
                  .lane = Lane::Copy,
                  .batch = part.batch,
                  .pieces = static_cast<std::uint32_t>(result_.schedule.pieces.size()),
                  .piece_count = 1};
  result_.schedule.pieces.push_back(piece);
  return result_.schedule.add(task, before);
}

std::uint32_t StepScheduler::add_item(const Stage& stage, const Part& part, std::uint32_t place, const Item& item,
                                      std::uint32_t first_meeting, const Tasks& before) {
  Schedule& schedule = result_.schedule;
  const std::uint32_t actor = stage.first_actor + place;
  Task task{.time = item.time,
            .on_links = item.on_links,
            .actor = actor,
            .lane = item.lane,
            .batch = part.batch,
            .layer = item.layer == kNoLayer ? kNoLayer : static_cast<std::uint16_t>(stage.first_layer + item.layer),
            .pieces = item.pieces,
            .piece_count = item.piece_count};
  if (item.op != nullptr && item.op->kind == OpKind::Collective) {
    task.meeting = first_meeting + static_cast<std::uint32_t>(group_of(*item.op, result_.actors[actor].rank));
    if (part.half && is_exchange(*item.op)) task.units = static_cast<float>(held_.share);
  }
  const double seconds = item.time.seconds().base();
  if (held_.whole_step && seconds > 0) task.slowed = static_cast<float>(1 - std::min(1.0, item.products / seconds));
  if (part.drawn != nullptr && item.op != nullptr && task.layer < part.drawn->layers.size())
    set_drawn(task, *item.op, part.drawn->layers[task.layer], place);
  return schedule.add(task, before);
}

StepScheduler::Tasks StepScheduler::add_part(const Stage& stage, const Part& part) {
  const Count sharers = model_.ranks() / model_.dp();  // ranks of a data-parallel one
  std::map<std::pair<std::uint32_t, Count>, std::vector<Item>> known;
  const auto items_for = [&](std::uint32_t place) -> const std::vector<Item>& {
    const Actor& actor = result_.actors[stage.first_actor + place];
    std::optional<Count> own;
    if (!rank_sequences_.empty()) own = rank_sequences_[static_cast<std::size_t>(actor.rank / sharers)];
    const auto [found, is_new] = known.try_emplace({actor.model, own.value_or(-1)});
    if (is_new) found->second = items_of(model_.rank_models()[actor.model], part, own);
    return found->second;
  };
  std::vector<std::uint32_t> meetings;  // first one of each collective
  for (const Item& item : items_for(0)) {
    if (item.op == nullptr || item.op->kind != OpKind::Collective) continue;
    meetings.push_back(result_.schedule.meetings);
    result_.schedule.meetings += static_cast<std::uint32_t>(groups_of(*item.op));
  }
  Tasks ends;
  for (std::uint32_t place = 0; place < stage.actors; ++place) {
    Tasks before;
    append_befores(before, part.before, place);
    append_befores(before, part.earlier, place);
    std::size_t collective = 0;
    std::uint32_t last = kNoTask;
    Tasks fetched = before;  // when the copies ahead may begin
    for (const Item& item : items_for(place)) {
      const bool meets = item.op != nullptr && item.op->kind == OpKind::Collective;
      if (item.copied_ahead.count() > 0) before.push_back(add_copy(stage.first_actor + place, part, item, fetched));
      CHECK(!meets || collective < meetings.size());
      last = add_item(stage, part, place, item, meets ? meetings[collective] : 0, before);
      collective += meets ? 1 : 0;
      before.assign(1, last);
      if (item.copied_ahead.count() > 0) fetched = before;
    }
    CHECK(collective == meetings.size());
    if (last != kNoTask) ends.push_back(last);
  }
  return ends;
}

std::size_t StepScheduler::add_pass(const Step& step, bool halves, std::optional<std::size_t> after,
                                    const DrawnStep* drawn) {
  Tasks arrivals = after ? passes_[*after] : Tasks{};
  for (Stage& stage : stages_) {
    Tasks ends;
    for (int batch = 0; batch < (halves ? 2 : 1); ++batch) {
      const Part part{.step = step,
                      .batch = static_cast<std::uint8_t>(batch),
                      .half = halves,
                      .before = arrivals,
                      .earlier = stage.ends,
                      .drawn = drawn};
      const Tasks own = add_part(stage, part);
      ends.insert(ends.end(), own.begin(), own.end());
    }
    stage.ends = ends;
    arrivals = std::move(ends);
  }
  passes_.push_back(std::move(arrivals));
  return passes_.size() - 1;
}

}  // namespace moeplan
