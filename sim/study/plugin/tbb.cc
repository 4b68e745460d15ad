// SPDX-License-Identifier: Apache-2.0
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_pipeline.h>
#include <oneapi/tbb/task_arena.h>

#include "sim/study/parallel_plugin.h"

namespace {

struct Token {
  std::int64_t piece;
  void* result;
};

}  // namespace

extern "C" void moeplan_tbb_pipeline(int threads, int most_in_flight, const MoeplanPipeline* p) {
  namespace tbb = oneapi::tbb;
  const auto next = [p](tbb::flow_control& control) {
    const std::int64_t piece = p->next(p->state);
    if (piece < 0) control.stop();
    return Token{piece, nullptr};
  };
  const auto work = [p](Token token) { return Token{token.piece, p->work(p->state, token.piece)}; };
  const auto take = [p](Token token) { p->take(p->state, token.piece, token.result); };
  // More threads than cores are allowed, without a word about it on stderr.
  const tbb::global_control allowed(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(threads));
  tbb::task_arena arena(threads);
  arena.execute([&] {
    tbb::parallel_pipeline(static_cast<std::size_t>(most_in_flight),
                           tbb::make_filter<void, Token>(tbb::filter_mode::serial_in_order, next) &
                               tbb::make_filter<Token, Token>(tbb::filter_mode::parallel, work) &
                               tbb::make_filter<Token, void>(tbb::filter_mode::serial_in_order, take));
  });
}
