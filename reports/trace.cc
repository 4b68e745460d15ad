// SPDX-License-Identifier: Apache-2.0
#include "reports/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "sim/base/json.h"

namespace moeplan {
namespace {

constexpr std::array<std::string_view, kLanes> kLaneNames = {"compute", "communication", "copy", "host"};
constexpr std::size_t kLinkThread = kLanes;

class Trace {
 public:
  explicit Trace(const EventRun& run) : run_(run) {}

  std::string text(const std::string& title) {
    add("{{\"displayTimeUnit\":\"ns\",\"otherData\":{{\"title\":{}}},\"traceEvents\":[", quoted(title));
    name_threads();
    for (std::size_t t = 0; t < tasks().size(); ++t) add_task(t);
    out_ += "\n]}\n";
    return std::move(out_);
  }

 private:
  const StepSchedule& plan() const { return run_.shown.schedule; }
  const std::vector<Task>& tasks() const { return plan().schedule.tasks; }

  static std::string quoted(const std::string& text) {
    JsonWriter writer;
    writer.value(text);
    std::string json = writer.take();
    while (!json.empty() && json.back() == '\n') json.pop_back();
    return json;
  }

  template <class... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
  }
  void separate() {
    out_ += first_ ? "\n" : ",\n";
    first_ = false;
  }

  std::string actor_name(const Actor& actor) const {
    if (actor.rank >= 0) return fmt::format("stage {} rank {}", actor.stage, actor.rank);
    return fmt::format("stage {} ranks like {}", actor.stage, actor.model);
  }

  void name_threads() {
    std::vector<std::array<bool, kLanes + 1>> used(plan().actors.size());
    for (const Task& task : tasks()) {
      used[task.actor][static_cast<std::size_t>(task.lane)] = true;
      if (task.on_links.count() > 0) used[task.actor][kLinkThread] = true;
    }
    for (std::size_t a = 0; a < plan().actors.size(); ++a) {
      separate();
      add("{{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":{},\"args\":{{\"name\":\"{}\"}}}}", a,
          actor_name(plan().actors[a]));
      for (std::size_t lane = 0; lane <= kLanes; ++lane) {
        if (!used[a][lane]) continue;
        separate();
        add("{{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":{},\"tid\":{},\"args\":{{\"name\":\"{}\"}}}}", a, lane,
            lane == kLinkThread ? "busiest port" : kLaneNames[lane]);
      }
    }
  }

  static double microseconds(Picoseconds time) { return static_cast<double>(time.count()) / 1e6; }

  void add_slice(std::string_view name, std::string_view category, const Task& task, std::size_t thread,
                 Picoseconds begin, Picoseconds time) {
    separate();
    add("{{\"ph\":\"X\",\"name\":\"{}\",\"cat\":\"{}\",\"pid\":{},\"tid\":{},\"ts\":{:.6f},\"dur\":{:.6f},"
        "\"args\":{{\"batch\":{}",
        name, category, task.actor, thread, microseconds(begin), microseconds(time), task.batch);
    if (task.layer != kNoLayer) add(",\"layer\":{}", task.layer);
    out_ += "}}";
  }

  // An expert layer is one fused kernel here, planned under its first product.
  static std::string_view name_of(const Piece& piece, const std::vector<OpLabel>& labels) {
    if (piece.op == kNone) return "engine";
    return labels[piece.op].share == StepShare::Experts ? "experts" : word_of(labels[piece.op].name);
  }

  void add_task(std::size_t t) {
    const Task& task = tasks()[t];
    const Span& span = run_.shown.timeline.spans[t];
    const std::vector<OpLabel>& labels = run_.labels[plan().actors[task.actor].model];
    for_each_piece(plan().schedule, task, span.end - span.begin,
                   [&](const Piece& piece, Picoseconds begin, Picoseconds time) {
                     add_slice(name_of(piece, labels), piece.op == kNone ? "engine" : key_of(labels[piece.op].share),
                               task, static_cast<std::size_t>(task.lane), span.begin + begin, time);
                   });
    // Bytes are on the port at the end of the messages' time: what comes before is latency.
    if (const Picoseconds time = on_links(task, span); time.count() > 0)
      add_slice("bytes at peak", "link", task, kLinkThread, span.end - time, time);
  }

  const EventRun& run_;
  std::string out_;
  bool first_ = true;
};

}  // namespace

std::string trace_of(const EventRun& run, const std::string& title) { return Trace(run).text(title); }

}  // namespace moeplan
