// SPDX-License-Identifier: Apache-2.0
#include "sim/cost/host.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace moeplan {
namespace {

// One socket of eight channels DDR5-4800 with 32 cores.
HostMachine socket() {
  HostMachine m;
  m.bandwidth = 307.2e9;
  m.cores = 32;
  m.flops = 32 * kHostCoreFlops;
  return m;
}

// A layer of DeepSeek-V3 in q4_k_m at one token: 8 experts of 26.5 MB.
HostPoint layer() {
  HostPoint p;
  p.bytes = 212e6;
  p.flops = 2 * 8 * 44.04e6;
  p.pieces = 24;
  return p;
}

double seconds(const HostPoint& p, const HostMachine& m) { return host_time(p, m).seconds; }

TEST(HostForm, ManyCoresWaitForMemoryFewForThemselves) {
  HostMachine m = socket();
  m.cores = 1000;
  // 212 MB / (0.8 x 307.2 GB/s) = 0.863 ms, and 0.06 ms to hand over.
  EXPECT_NEAR(seconds(layer(), m), 0.863e-3 + 0.06e-3, 0.01e-3);
  m.cores = 4;
  m.flops = 1e15;
  // 212 MB / (4 x 4.5 GB/s) = 11.8 ms
  EXPECT_NEAR(seconds(layer(), m), 11.8e-3, 0.1e-3);
}

TEST(HostForm, TwoSocketsOfOnePoolAreHardlyFasterThanOne) {
  HostMachine two = socket();
  two.bandwidth *= 2;
  two.sockets = 2;
  // Half of the reads at 0.38 of the speed: 1 / (0.5 + 0.5 / 0.38) = 0.551 of twice the bandwidth.
  EXPECT_NEAR(local_share(two, 0.38), 0.551, 0.001);
  two.own_memory = true;
  EXPECT_EQ(local_share(two, 0.38), 1);
}

TEST(HostForm, OneSocketHasNoRemoteMemory) { EXPECT_EQ(local_share(socket(), 0.38), 1); }

TEST(HostForm, CopiesAddToTheDeviceUnlessTheyRunAhead) {
  HostMachine m = socket();
  m.use = HostUse::Stream;
  HostPoint p = layer();
  p.device = 5e-3;
  const double copy = 212e6 / kAssumedHostLink;  // 8.15 ms
  EXPECT_NEAR(seconds(p, m), copy + 5e-3 + 1e-5, 1e-9);
  p.ahead = true;
  EXPECT_NEAR(seconds(p, m), std::pow(std::pow(copy, 4) + std::pow(5e-3, 4), 0.25) + 1e-5, 1e-9);
}

TEST(HostForm, ALinkIsNoFasterThanTheMemoryBehindIt) {
  HostMachine m = socket();
  m.use = HostUse::Stream;
  m.link = 450e9;
  EXPECT_GE(seconds(layer(), m), 212e6 / 307.2e9);
}

TEST(HostForm, PagesComeAtAShareOfTheLink) {
  HostMachine m = socket();
  m.use = HostUse::Page;
  EXPECT_NEAR(seconds(layer(), m), 212e6 / (0.45 * kAssumedHostLink), 1e-9);
  EXPECT_EQ(host_time(layer(), m).bound, Bound::Link);
}

TEST(HostForm, WhatTheDriveHoldsIsReadBeforeItIsComputed) {
  const HostMachine m = socket();
  HostPoint p = layer();
  const double warm = seconds(p, m);
  p.drive_bytes = p.bytes;
  // 212 MB at 7 GB/s; 203 reads of 1 MiB, 8 at a time, cost 2.5 ms and hide behind it.
  EXPECT_NEAR(seconds(p, m), warm + 212e6 / 7e9, 1e-9);
}

TEST(HostForm, SmallReadsOfADriveWaitForItsLatency) {
  HostMachine m = socket();
  HostPoint p = layer();
  p.drive_bytes = p.bytes;
  p.pieces = p.bytes / 4096;  // 51,758 pages
  m.drive_latency = 1e-4;
  EXPECT_NEAR(seconds(p, m) - seconds(layer(), m), 51758 * 1e-4 / 8, 1e-3);
}

TEST(HostForm, ThePageCacheAnswersItsShare) {
  HostMachine m = socket();
  HostPoint p = layer();
  p.drive_bytes = p.bytes;
  m.drive_cached = 0.75;
  EXPECT_NEAR(seconds(p, m), seconds(layer(), m) + 0.25 * 212e6 / 7e9, 1e-9);
}

// Every use, each argument doubled.
class HostBooks : public testing::TestWithParam<HostUse> {};

TEST_P(HostBooks, MoreWorkIsNeverFaster) {
  HostMachine m = socket();
  m.use = GetParam();
  HostPoint base = layer();
  base.drive_bytes = base.bytes / 2;
  base.device = 1e-4;
  base.sent = 1e4;
  const double t = seconds(base, m);
  for (double HostPoint::*member : {&HostPoint::bytes, &HostPoint::drive_bytes, &HostPoint::flops, &HostPoint::pieces,
                                    &HostPoint::sent, &HostPoint::handovers, &HostPoint::device}) {
    HostPoint more = base;
    more.*member *= 2;
    EXPECT_GE(seconds(more, m), t * (1 - 1e-12));
  }
}

TEST_P(HostBooks, ABetterHostIsNeverSlower) {
  HostMachine m = socket();
  m.use = GetParam();
  HostPoint p = layer();
  p.drive_bytes = p.bytes / 2;
  const double t = seconds(p, m);
  for (double HostMachine::*member :
       {&HostMachine::bandwidth, &HostMachine::cores, &HostMachine::flops, &HostMachine::link, &HostMachine::drive}) {
    HostMachine better = m;
    better.*member *= 2;
    EXPECT_LE(seconds(p, better), t * (1 + 1e-12));
  }
}

TEST_P(HostBooks, NothingBeatsTheMemoryLinkOrDriveItComesFrom) {
  HostMachine m = socket();
  m.use = GetParam();
  for (const double scale : {1e-6, 1e-3, 1.0, 1e3}) {
    HostPoint p = layer();
    p.bytes *= scale;
    p.drive_bytes = p.bytes;
    EXPECT_GE(seconds(p, m), host_floor(p, m));
  }
}

INSTANTIATE_TEST_SUITE_P(Uses, HostBooks, testing::Values(HostUse::Compute, HostUse::Stream, HostUse::Page));

}  // namespace
}  // namespace moeplan
