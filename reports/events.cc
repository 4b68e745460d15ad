// SPDX-License-Identifier: Apache-2.0
#include "reports/events.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "reports/json_parts.h"
#include "reports/placement_gain.h"
#include "reports/time_words.h"
#include "reports/words.h"

namespace moeplan {
namespace {

constexpr std::array<std::string_view, kLanes> kLaneKeys = {"compute", "communication", "copy", "host"};

// Of one lane over all actors, seconds.
struct LaneUse {
  std::size_t lane = 0;
  double mean = 0;
  double busiest = 0;
};

std::vector<LaneUse> lanes_of(const EventRun& run) {
  const auto busy = busy_times(run.shown.schedule.schedule, run.shown.timeline);
  std::vector<LaneUse> lanes;
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    LaneUse use{.lane = lane};
    for (const auto& actor : busy) {
      const double seconds = actor[lane].seconds().base();
      use.mean += seconds / static_cast<double>(busy.size());
      use.busiest = std::max(use.busiest, seconds);
    }
    if (use.busiest > 0) lanes.push_back(use);
  }
  return lanes;
}

// Seconds that each actor's busiest port moves bytes at its peak.
std::vector<double> ports_of(const EventRun& run) {
  std::vector<double> ports(run.shown.schedule.actors.size());
  const std::vector<Task>& tasks = run.shown.schedule.schedule.tasks;
  for (std::size_t t = 0; t < tasks.size(); ++t)
    ports[tasks[t].actor] += on_links(tasks[t], run.shown.timeline.spans[t]).seconds().base();
  return ports;
}

// The largest first.
std::vector<std::size_t> busiest_first(const std::vector<double>& values, std::size_t most) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] > values[b]; });
  order.resize(std::min(order.size(), most));
  return order;
}

std::string actor_text(const EventRun& run, std::size_t actor) {
  const Actor& a = run.shown.schedule.actors[actor];
  return a.rank >= 0 ? fmt::format("rank {}", a.rank) : "every rank";
}

double played_seconds(const EventRun& run) { return run.shown.timeline.end.seconds().base(); }

Table lane_table(const EventRun& run) {
  Table table;
  if (run.shown.micro_batches > 1)
    table.caption = fmt::format("lanes over {} micro-batches that follow each other through the stages, {} in all",
                                run.shown.micro_batches, duration(played_seconds(run)));
  table.columns = {{"lane", "lane", true, 0},
                   {"mean_ms", "ms, mean rank", false, 0},
                   {"busiest_ms", "busiest rank", false, 0},
                   {"share", "% of the time", false, 0}};
  for (const LaneUse& use : lanes_of(run))
    table.rows.push_back({{{std::string(kLaneKeys[use.lane])},
                           {fmt::format("{:.3f}", use.mean * 1e3)},
                           {fmt::format("{:.3f}", use.busiest * 1e3)},
                           {fmt::format("{:.1f}", 100 * use.mean / played_seconds(run))}},
                          Tone::Plain});
  return table;
}

void add_spread(KeyValues& block, const char* what, const TimeSpread& spread, const std::string& over) {
  block.entries.push_back(
      {what,
       {fmt::format("median {}, mean {}, p99 {} over {}", duration(spread.median().seconds().base()),
                    duration(spread.mean().seconds().base()), duration(spread.p99().seconds().base()), over)}});
}

void add_drawn(KeyValues& block, const EventRun& run) {
  const DrawnLoads& loads = run.loads;
  add_spread(block, "step", run.steps, counted(run.draws, "draw"));
  add_spread(block, "MoE layer", run.layers,
             counted(static_cast<Count>(run.layers.sorted.size()), "layer") + " of these draws");
  block.entries.push_back(
      {"busiest rank of a layer",
       {fmt::format("{:.2f} x the mean rows on average, {:.2f} x at worst; {:.1f} distinct experts a rank",
                    loads.busiest_rows, loads.worst_rows, loads.distinct)}});
  const std::vector<std::size_t> order = busiest_first(loads.rows, 4);
  std::vector<std::string> ranks;
  for (const std::size_t r : order) ranks.push_back(fmt::format("{} ({:.0f} pairs a layer)", r, loads.rows[r]));
  block.entries.push_back({"busiest ranks", {fmt::format("{}", fmt::join(ranks, ", "))}});
  if (loads.bound_seconds == 0) return;
  block.entries.push_back(
      {"exchanges",
       {fmt::format("busiest port {:.2f} x the mean one; no schedule moves a step's bytes in less than {}",
                    loads.busiest_port, duration(loads.bound_seconds))}});
  if (loads.port_error)
    block.entries.push_back({"contention",
                             {fmt::format("from busiest ports: {:+.2f} % against every flow of the first exchange",
                                          100 * *loads.port_error)}});
}

void write_spread(JsonWriter& out, std::string_view key, const TimeSpread& spread) {
  out.key(key).compact(true).begin_object().member("median", spread.median().seconds().base());
  out.member("mean", spread.mean().seconds().base()).member("p99", spread.p99().seconds().base());
  out.end_object().compact(false);
}

void write_loads(JsonWriter& out, const EventRun& run) {
  const DrawnLoads& loads = run.loads;
  out.key("loads").begin_object().member("busiest_rank_over_mean", loads.busiest_rows);
  out.member("worst_rank_over_mean", loads.worst_rows).member("busiest_port_over_mean", loads.busiest_port);
  out.member("distinct_experts_per_rank", loads.distinct).member("exchange_lower_bound_s", loads.bound_seconds);
  write_optional(out, "port_model_relative_error", loads.port_error);
  out.key("ranks").begin_array();
  for (std::size_t r = 0; r < loads.rows.size(); ++r) {
    out.compact(true).begin_object().member("rank", static_cast<Count>(r)).member("pairs_per_layer", loads.rows[r]);
    out.member("received_bytes_per_layer", loads.received[r]).member("sent_bytes_per_layer", loads.sent[r]);
    out.end_object().compact(false);
  }
  out.end_array().end_object();
}

}  // namespace

void add_events(Document& document, const EventRun& run) {
  document.add(lane_table(run));
  KeyValues block;
  if (run.drawn) add_drawn(block, run);
  if (run.waited > 0)
    block.entries.push_back({"waiting",
                             {fmt::format("the mean rank waits {:.1f} % of the time for others to come to a collective",
                                          100 * run.waited)}});
  const std::vector<double> ports = ports_of(run);
  std::vector<std::string> words;
  for (const std::size_t a : busiest_first(ports, run.drawn ? 4 : 1))
    if (ports[a] > 0)
      words.push_back(fmt::format("{} {:.1f} %", actor_text(run, a), 100 * ports[a] / played_seconds(run)));
  if (!words.empty())
    block.entries.push_back({"busiest ports", {fmt::format("{} of the time at peak rate", fmt::join(words, ", "))}});
  const std::vector<Task>& tasks = run.shown.schedule.schedule.tasks;
  const bool overlaps = std::any_of(tasks.begin(), tasks.end(), [](const Task& task) { return task.batch > 0; });
  if (overlaps && run.shown.serial > run.shown.step.time)
    block.entries.push_back(
        {"hidden by overlap", {duration((run.shown.serial - run.shown.step.time).seconds().base())}});
  block.entries.push_back({"played",
                           {fmt::format("{} of {}", counted(static_cast<Count>(run.events), "event"),
                                        run.drawn ? counted(run.ranks, "rank") : "classes of equal ranks")}});
  document.add(block);
  if (run.gain)
    for (const Section& section : describe_placement_gain(*run.gain).sections) document.add(section);
}

void write_events(JsonWriter& out, const EventRun& run) {
  out.key("events").begin_object().member("drawn", run.drawn).member("draws", run.draws);
  out.member("micro_batches_played", run.shown.micro_batches).member("played_s", played_seconds(run));
  write_spread(out, "step_s", run.steps);
  write_spread(out, "moe_layer_s", run.layers);
  out.member("waiting_share", run.waited);
  out.member("serial_s", run.shown.serial.seconds().base());
  out.key("lanes").begin_array();
  const auto busy = busy_times(run.shown.schedule.schedule, run.shown.timeline);
  const std::vector<double> ports = ports_of(run);
  for (std::size_t a = 0; a < busy.size(); ++a) {
    const Actor& actor = run.shown.schedule.actors[a];
    out.compact(true).begin_object().member("stage", actor.stage).key("rank");
    if (actor.rank >= 0)
      out.value(actor.rank);
    else
      out.null();
    for (std::size_t lane = 0; lane < kLanes; ++lane)
      out.member(fmt::format("{}_s", kLaneKeys[lane]), busy[a][lane].seconds().base());
    out.member("port_s", ports[a]).end_object().compact(false);
  }
  out.end_array();
  if (run.drawn) write_loads(out, run);
  if (run.gain) write_placement_gain(out, *run.gain);
  out.member("events", static_cast<Count>(run.events)).end_object();
}

}  // namespace moeplan
