// SPDX-License-Identifier: Apache-2.0
#include "sim/study/parallel.h"

#include <dlfcn.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "sim/study/parallel_plugin.h"

namespace moeplan {
namespace {

constexpr int kInFlightPerThread = 4;

using PluginPipeline = decltype(&moeplan_tbb_pipeline);

// Beside the program, or where it is installed: ../lib.
PluginPipeline load_plugin() {
  std::array<char, 4096> path{};
  const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
  if (length <= 0) return nullptr;
  const std::string program(path.data(), static_cast<std::size_t>(length));
  const std::string folder = program.substr(0, program.rfind('/'));
  for (const char* place : {"/", "/../lib/"}) {
    void* handle = dlopen((folder + place + "libmoeplan_tbb.so").c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) continue;
    if (void* pipeline = dlsym(handle, "moeplan_tbb_pipeline")) return reinterpret_cast<PluginPipeline>(pipeline);
  }
  return nullptr;
}

PluginPipeline plugin() {
  static const PluginPipeline kPipeline = load_plugin();
  return kPipeline;
}

// The work as a pipeline sees it: nothing throws, and after a failure nothing begins.
class Guarded {
 public:
  explicit Guarded(const OrderedWork& work) : work_(work) {}

  // One caller at a time.
  Count next() { return next_ >= work_.count || failed() || work_.stopped() ? -1 : next_++; }
  OrderedWork::Result work(Count piece) noexcept {
    OrderedWork::Result result;
    guard([&] { result = work_.work(piece); });
    return result;
  }
  void take(Count piece, OrderedWork::Result result) noexcept {
    if (!failed()) guard([&] { work_.take(piece, std::move(result)); });
  }
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  template <class F>
  void guard(const F& f) {
    try {
      f();
    } catch (...) {
      const std::scoped_lock lock(mutex_);
      if (!error_) error_ = std::current_exception();
    }
  }
  bool failed() {
    const std::scoped_lock lock(mutex_);
    return error_ != nullptr;
  }

  const OrderedWork& work_;
  Count next_ = 0;
  std::mutex mutex_;
  std::exception_ptr error_;
};

void run_with_plugin(PluginPipeline run, int threads, Guarded& guarded) {
  const MoeplanPipeline pipeline = {
      .state = &guarded,
      .next = [](void* state) { return static_cast<Guarded*>(state)->next(); },
      .work =
          [](void* state, std::int64_t piece) {
            return static_cast<void*>(new OrderedWork::Result(static_cast<Guarded*>(state)->work(piece)));
          },
      .take =
          [](void* state, std::int64_t piece, void* result) {
            const std::unique_ptr<OrderedWork::Result> owned(static_cast<OrderedWork::Result*>(result));
            static_cast<Guarded*>(state)->take(piece, std::move(*owned));
          }};
  run(threads, threads * kInFlightPerThread, &pipeline);
}

// The same with nothing but threads: whoever finishes the piece whose turn it is takes it and
// those behind it; nobody begins a piece that is too far ahead.
void run_on_threads(int threads, Count count, Guarded& guarded) {
  const Count most_ahead = static_cast<Count>(threads) * kInFlightPerThread;
  std::mutex mutex;
  std::condition_variable moved;
  std::vector<std::pair<bool, OrderedWork::Result>> done(static_cast<std::size_t>(std::min(count, most_ahead)));
  Count taken = 0;
  const auto slot = [&](Count piece) -> auto& { return done[static_cast<std::size_t>(piece) % done.size()]; };
  const auto run = [&] {
    for (std::unique_lock lock(mutex);;) {
      const Count piece = guarded.next();
      if (piece < 0) return;
      moved.wait(lock, [&] { return piece - taken < static_cast<Count>(done.size()); });
      lock.unlock();
      OrderedWork::Result result = guarded.work(piece);
      lock.lock();
      slot(piece) = {true, std::move(result)};
      for (; slot(taken).first; ++taken) guarded.take(taken, std::exchange(slot(taken), {}).second);
      moved.notify_all();
    }
  };
  std::vector<std::jthread> others;
  for (int t = 1; t < threads; ++t) others.emplace_back(run);
  run();
}

}  // namespace

int usual_threads() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

void run_in_order(int threads, const OrderedWork& work) {
  if (threads <= 1 || work.count <= 1) {
    for (Count piece = 0; piece < work.count && !work.stopped(); ++piece) work.take(piece, work.work(piece));
    return;
  }
  Guarded guarded(work);
  if (const PluginPipeline pipeline = plugin())
    run_with_plugin(pipeline, threads, guarded);
  else
    run_on_threads(threads, work.count, guarded);
  guarded.rethrow();
}

std::string_view parallel_backend() { return plugin() != nullptr ? "oneTBB" : "threads"; }

}  // namespace moeplan
