// SPDX-License-Identifier: Apache-2.0
// Speed of the event engine: its queue beside others, whole steps.
//
//   Hold model: a queue of n events; each operation takes the next one out and puts it back
//   a random time later (exponential), as simulators do. 24-byte events in all queues, ordered by
//   (time, priority and sequence).
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <queue>
#include <vector>

#include "sim/base/rng.h"
#include "sim/engine/event_queue.h"
#include "sim/study/pricing.h"

namespace moeplan {
namespace {

std::vector<Count> delays() {
  CounterRng rng(7, 0);
  std::vector<Count> times(1 << 16);
  for (Count& time : times) time = static_cast<Count>(-std::log(1 - rng.uniform()) * 1e6);
  return times;
}

struct Later {
  bool operator()(const Event& a, const Event& b) const { return b < a; }
};

class StandardQueue {
 public:
  bool empty() const { return heap_.empty(); }
  void push(Picoseconds time, std::uint32_t what) { heap_.push({.time = time, .order = sequence_++, .what = what}); }
  Event pop() {
    const Event first = heap_.top();
    heap_.pop();
    return first;
  }

 private:
  std::priority_queue<Event, std::vector<Event>, Later> heap_;
  std::uint64_t sequence_ = 0;
};

// Brown's calendar queue: days of one width in a ring, each sorted; as many days as events and
// the width anew whenever their number has doubled or halved.
class CalendarQueue {
 public:
  CalendarQueue() { days_.resize(2); }
  bool empty() const { return size_ == 0; }

  void push(Picoseconds time, std::uint32_t what) {
    insert({.time = time, .order = sequence_++, .what = what});
    if (++size_ > 2 * days_.size()) resize(2 * days_.size());
  }
  Event pop() {
    for (std::size_t looked = 0;; ++looked) {
      std::vector<Event>& day = days_[today_];
      if (!day.empty() && day.back().time.count() < end_) return take(day);
      if (looked == days_.size()) return take_earliest();
      today_ = (today_ + 1) % days_.size();
      end_ += width_;
    }
  }

 private:
  std::size_t day_of(Picoseconds time) const { return static_cast<std::size_t>(time.count() / width_) % days_.size(); }
  void insert(const Event& event) {
    std::vector<Event>& day = days_[day_of(event.time)];
    day.insert(std::upper_bound(day.begin(), day.end(), event, Later()), event);  // latest first
  }
  Event take(std::vector<Event>& day) {
    const Event first = day.back();
    day.pop_back();
    last_ = first.time;
    --size_;
    if (days_.size() > 2 && size_ < days_.size() / 2) resize(days_.size() / 2);
    return first;
  }
  Event take_earliest() {
    std::size_t best = days_.size();
    for (std::size_t i = 0; i < days_.size(); ++i)
      if (!days_[i].empty() && (best == days_.size() || days_[i].back() < days_[best].back())) best = i;
    today_ = best;
    end_ = (days_[best].back().time.count() / width_ + 1) * width_;
    return take(days_[best]);
  }
  void resize(std::size_t days) {
    std::vector<Event> all;
    for (const std::vector<Event>& day : days_) all.insert(all.end(), day.begin(), day.end());
    Count least = last_.count();
    Count most = least;
    for (const Event& event : all) most = std::max(most, event.time.count());
    if (!all.empty()) width_ = std::max<Count>(1, 3 * (most - least) / static_cast<Count>(all.size()) / 2);
    days_.assign(days, {});
    for (const Event& event : all) insert(event);
    today_ = day_of(last_);
    end_ = (last_.count() / width_ + 1) * width_;
  }

  std::vector<std::vector<Event>> days_;
  std::size_t size_ = 0;
  std::uint64_t sequence_ = 0;
  Count width_ = 1'000'000;
  Count end_ = 1'000'000;
  std::size_t today_ = 0;
  Picoseconds last_;
};

template <class Queue>
void hold(benchmark::State& state) {
  const std::vector<Count> later = delays();
  Queue queue;
  std::size_t next = 0;
  const auto delay = [&] { return Picoseconds(later[next++ & (later.size() - 1)]); };
  for (std::uint32_t i = 0; i < state.range(0); ++i) queue.push(delay(), i);
  for (auto _ : state) {
    const Event event = queue.pop();
    queue.push(event.time + delay(), event.what);
  }
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK(hold<EventQueue>)->RangeMultiplier(16)->Range(16, 65536)->Name("events/moeplan");
BENCHMARK(hold<StandardQueue>)->RangeMultiplier(16)->Range(16, 65536)->Name("events/std_priority_queue");
BENCHMARK(hold<CalendarQueue>)->RangeMultiplier(16)->Range(16, 65536)->Name("events/calendar_queue");

// DeepSeek-V3 in decode, attention DP = EP = ranks, 128 sequences a rank.
struct Deployment {
  ModelPlan plan;
  RuntimeSpec runtime;
  Pricing pricing;
  LowerOptions options;
  StepModel model;
  Step step;

  Deployment(const Catalog& catalog, const std::string& device, Count ranks)
      : plan(plan_model(catalog.model("deepseek-v3"), catalog.formats(), "native")),
        runtime(catalog.runtime("sglang")),
        pricing(pricing_of(catalog, usual_cluster(catalog, device), runtime, catalog.formats())),
        options(options_over(ranks)),
        model(plan, runtime, options, pricing.kernels, Phase::Decode),
        step{{.sequences = 128 * ranks, .new_tokens = 1, .context = 4096}} {}

  LowerOptions options_over(Count ranks) const {
    LowerOptions made;
    made.layout = {.tp = 1, .dp = ranks, .moe_tp = 1, .ep = ranks, .pp = 1, .replicas = 1};
    made.kv_format = default_kv_format(plan, runtime);
    made.exchange = DispatchKind::DeepEpLowLatency;
    made.for_steps = true;
    return made;
  }
};

const Catalog& catalog() {
  static const Catalog kCatalog = Catalog::embedded();
  return kCatalog;
}

void even_step(benchmark::State& state) {
  const Deployment d(catalog(), "h200", state.range(0));
  std::uint64_t events = 0;
  for (auto _ : state) events += event_step(d.model, d.plan, d.step, {}).timeline.events;
  state.SetItemsProcessed(static_cast<Count>(events));
}
BENCHMARK(even_step)->Arg(8)->Arg(64)->Unit(benchmark::kMillisecond)->Name("deepseek_v3_decode/even/h200");

void analytic_step(benchmark::State& state) {
  const Deployment d(catalog(), "h200", state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(d.model.step(d.step));
}
BENCHMARK(analytic_step)->Arg(8)->Arg(64)->Unit(benchmark::kMillisecond)->Name("deepseek_v3_decode/analytic/h200");

Routing skewed() {
  Routing routing;
  routing.skew = Skew::Gini;
  routing.parameter = 0.3;
  return routing;
}

// Every rank played by itself, its tokens drawn anew in each of 58 layers: 116 exchanges.
void drawn_step(benchmark::State& state, const char* device) {
  const Deployment d(catalog(), device, state.range(0));
  const Routing routing = skewed();
  StepDrawer drawer(d.model, d.plan, routed_layers(d.plan.model, routing, d.options.layout, 1, {}));
  std::uint64_t number = 0;
  std::uint64_t events = 0;
  for (auto _ : state) {
    const DrawnStep drawn = drawer.draw(d.step, number++);
    events += event_step(d.model, d.plan, d.step, {.by_rank = true, .drawn = &drawn}).timeline.events;
  }
  state.SetItemsProcessed(static_cast<Count>(events));
}
BENCHMARK_CAPTURE(drawn_step, h200, "h200")
    ->Arg(8)
    ->Unit(benchmark::kMillisecond)
    ->Name("deepseek_v3_decode/drawn/h200");
BENCHMARK_CAPTURE(drawn_step, gb200, "gb200")
    ->Arg(72)
    ->Unit(benchmark::kMillisecond)
    ->Name("deepseek_v3_decode/drawn/gb200");

// The same without drawing: what playing 72 ranks takes.
void played_step(benchmark::State& state, const char* device) {
  const Deployment d(catalog(), device, state.range(0));
  const Routing routing = skewed();
  StepDrawer drawer(d.model, d.plan, routed_layers(d.plan.model, routing, d.options.layout, 1, {}));
  const DrawnStep drawn = drawer.draw(d.step, 0);
  std::uint64_t events = 0;
  for (auto _ : state)
    events += event_step(d.model, d.plan, d.step, {.by_rank = true, .drawn = &drawn}).timeline.events;
  state.SetItemsProcessed(static_cast<Count>(events));
}
BENCHMARK_CAPTURE(played_step, h200, "h200")
    ->Arg(8)
    ->Unit(benchmark::kMillisecond)
    ->Name("deepseek_v3_decode/played/h200");
BENCHMARK_CAPTURE(played_step, gb200, "gb200")
    ->Arg(72)
    ->Unit(benchmark::kMillisecond)
    ->Name("deepseek_v3_decode/played/gb200");

}  // namespace
}  // namespace moeplan

BENCHMARK_MAIN();
