// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/stream.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

namespace moeplan {
namespace {

Machine round_machine() {
  Machine m;
  m.bandwidth = 1e12;
  m.cache = 40e6;
  m.launch_graph = 1e-6;
  m.launch_stream = 3e-6;
  return m;
}

std::vector<double> starts() {
  std::vector<double> constants;
  for (const FormConstant& c : kStreamForm) constants.push_back(c.start);
  return constants;
}

double seconds(const StreamPoint& p, const Machine& m = round_machine()) { return stream_time(p, m, starts()).seconds; }

TEST(Stream, LargeCopiesTakeBytesOverNineTenthsOfTheBandwidth) {
  // 9 GB at 0.9 TB/s are 10 ms; launch and cache add under a thousandth.
  EXPECT_NEAR(seconds({.bytes = 9e9}), 10e-3, 1e-5);
}

TEST(Stream, SmallKernelsTakeTheirLaunch) {
  const double start = kStreamForm[StreamStart].start;
  EXPECT_NEAR(seconds({.bytes = 1, .kernels = 7}), 7 * (1e-6 + start), 1e-9);
  EXPECT_NEAR(seconds({.bytes = 1, .kernels = 7, .recorded = false}), 7 * (3e-6 + start), 1e-9);
  EXPECT_EQ(stream_time({.bytes = 1}, round_machine(), starts()).bound, Bound::Launch);
}

TEST(Stream, WhatFitsTheCacheIsFaster) {
  // 4 MB: a tenth of the cache, fill 0.4, resident 1 + 1 / 1.16.
  const double moving = 4e6 / (0.9e12 * (1 + 1 / 1.16));
  EXPECT_NEAR(seconds({.bytes = 4e6}), 1e-6 + kStreamForm[StreamStart].start + moving, 1e-12);
  EXPECT_EQ(stream_time({.bytes = 4e6}, round_machine(), starts()).bound, Bound::Cache);
}

TEST(Stream, MoreWorkOrWorseHardwareIsNeverFaster) {
  for (double bytes = 1e3; bytes < 1e11; bytes *= 1.17) {
    for (double kernels = 1; kernels < 50; kernels *= 3) {
      const StreamPoint p{.bytes = bytes, .kernels = kernels};
      const double before = seconds(p);
      ASSERT_GE(before, stream_floor(p, round_machine()));
      ASSERT_GE(seconds({.bytes = bytes * 1.1, .kernels = kernels}), before);
      Machine wider = round_machine();
      wider.bandwidth *= 1.1;
      ASSERT_LE(seconds(p, wider), before);
      Machine larger = round_machine();
      larger.cache *= 1.1;
      ASSERT_LE(seconds(p, larger), before);
    }
  }
}

}  // namespace
}  // namespace moeplan
