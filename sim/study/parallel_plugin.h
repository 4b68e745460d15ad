// SPDX-License-Identifier: Apache-2.0
// What libmoeplan_tbb.so exports. Plain C, so that the program and the library may be built apart.
#pragma once

#include <cstdint>

struct MoeplanPipeline {
  void* state;
  std::int64_t (*next)(void* state);                            // the next piece, in order; -1 = no more
  void* (*work)(void* state, std::int64_t piece);               // several at a time
  void (*take)(void* state, std::int64_t piece, void* result);  // one at a time, in order
};

extern "C" void moeplan_tbb_pipeline(int threads, int most_in_flight, const MoeplanPipeline* pipeline);
