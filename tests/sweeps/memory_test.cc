// SPDX-License-Identifier: Apache-2.0
// Rows stream to disk: ten times as many need no more memory.
#include <gtest/gtest.h>

#include "tests/sweeps/sweep_words.h"

namespace moeplan::testing {
namespace {

// batches x 1000 contexts x prompts rows, all of which fit.
double peak_mib(int batches, int prompts) {
  const Scratch place;
  const Ended ended = run(place.path(), {"sweep",
                                         "--model",
                                         "gpt-oss-120b",
                                         "--hardware",
                                         "h200",
                                         "--axis",
                                         "batch=1:" + std::to_string(batches),
                                         "--axis",
                                         "context=1:1000",
                                         "--axis",
                                         "prompt=1:" + std::to_string(prompts),
                                         "--metrics",
                                         "tpot_s",
                                         "--rows",
                                         "csv",
                                         "--threads",
                                         "2",
                                         "--no-progress",
                                         "--out",
                                         kDirectory,
                                         "--max-points",
                                         "1e9"});
  EXPECT_EQ(ended.status, 0) << ended.err;
  return ended.peak_mib;
}

// A row kept would be at least 16 bytes of value and number: 137 MiB for nine million of them.
constexpr double kMostGrowthMib = 4;

#ifdef NDEBUG
constexpr int kBatchesOfDefault = 200;
#else
constexpr int kBatchesOfDefault = 20;
#endif

TEST(Memory, IsFlatWhileRowsStream) {
  EXPECT_LT(peak_mib(kBatchesOfDefault, 10) - peak_mib(kBatchesOfDefault, 1), kMostGrowthMib);
}

TEST(Memory, IsFlatWhileTenMillionPointsStream) { EXPECT_LT(peak_mib(1000, 10) - peak_mib(1000, 1), kMostGrowthMib); }

}  // namespace
}  // namespace moeplan::testing
